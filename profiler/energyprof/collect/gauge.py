"""What the live line shows of one power domain: joules so far and watts of late. Analysis never uses it."""

from __future__ import annotations

from collections import deque

from energyprof.model.domain import Domain

MARK_NS = 100_000_000
SPAN_NS = 500_000_000
STALE_NS = 2_000_000_000


class Gauge:
    """Follow one domain's readings; an energy counter is unwrapped, watts are held from one reading to the next."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._energy_j = 0.0
        self._last: tuple[int, int] | None = None
        self._seen_ns: int | None = None
        self._has_gained = False
        self._marks: deque[tuple[int, float]] = deque()

    def take(self, t_ns: int, raw: int) -> None:
        """Take one good reading; one not later than the last is ignored."""
        if self._last is not None:
            last_ns, last_raw = self._last
            if t_ns <= last_ns:
                return
            self._energy_j += self._gained_j(last_raw, raw, (t_ns - last_ns) * 1e-9)
            self._has_gained = True
        self._last = (t_ns, raw)
        self._seen_ns = t_ns
        if not self._marks or t_ns - self._marks[-1][0] >= MARK_NS:
            self._marks.append((t_ns, self._energy_j))
        while len(self._marks) > 2 and t_ns - self._marks[1][0] >= SPAN_NS:
            self._marks.popleft()

    def gap(self) -> None:
        """Note a failed read: watts are not held across it, and no recent power is claimed beyond it."""
        if self._domain.quantity == "power":
            self._last = None
        self._marks.clear()

    def energy_j(self) -> float | None:
        """Return the joules seen so far; None where no two readings say how many."""
        return self._energy_j if self._has_gained else None

    def power_w(self, now_ns: int) -> float | None:
        """Return the mean power of about the last half second; None where nothing was read of late."""
        if self._last is None or self._seen_ns is None or now_ns - self._seen_ns > STALE_NS or not self._marks:
            return None
        since_ns, since_j = self._marks[0]
        if self._seen_ns > since_ns:
            return (self._energy_j - since_j) / ((self._seen_ns - since_ns) * 1e-9)
        return self._last[1] * self._domain.scale if self._domain.quantity == "power" else None

    def _gained_j(self, last_raw: int, raw: int, elapsed_s: float) -> float:
        scale = self._domain.scale
        if self._domain.quantity == "power":
            return last_raw * scale * elapsed_s
        if raw >= last_raw:
            return (raw - last_raw) * scale
        # A counter that goes down without a stated wrap was reset: what it lost is unknown, never negative.
        return 0.0 if self._domain.wrap is None else ((raw - last_raw) % self._domain.wrap) * scale
