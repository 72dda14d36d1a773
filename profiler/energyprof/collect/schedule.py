"""When to poll next: slots of an absolute grid, thinned out where polling would cost more CPU time than allowed."""

from __future__ import annotations

SLOWEST_NS = 1_000_000_000
"""No source is polled more rarely than this, so that the live line moves and a dying sensor is noticed."""
POLLS_PER_PERIOD = 10
"""Enough to place a sensor's update within a twentieth of its period; more adds cost, not knowledge."""


def interval_ns(period_ns: int | None, max_hz: float) -> int:
    """Return how often to poll a sensor that updates every `period_ns` (None: unknown, poll at `max_hz`)."""
    fastest_ns = round(1e9 / max_hz)
    if period_ns is None:
        return fastest_ns
    return max(fastest_ns, min(period_ns // POLLS_PER_PERIOD, SLOWEST_NS))


class Schedule:
    """Hand out the slots `start + n * interval`; a late poll loses the slots it slept through, it never bunches up.

    The CPU time of the polls is a debt that is paid off at `share` of the time elapsed. As long as it stays below
    `burst_ns` every slot is given; above it, slots are left out until it is paid.
    """

    def __init__(self, start_ns: int, interval_ns: int, share: float, burst_ns: int = 5_000_000) -> None:
        if interval_ns <= 0:
            raise ValueError(f"interval must be positive, got {interval_ns} ns")
        self.due_ns = start_ns
        """The slot of the next poll."""
        self._start_ns = start_ns
        self._interval_ns = interval_ns
        self._share = share
        self._burst_ns = burst_ns
        self._debt_ns = 0.0
        self._paid_ns = start_ns

    def advance(self, now_ns: int, cost_ns: int, pause_ns: int = 0) -> None:
        """Move `due_ns` to the first slot after `now_ns + pause_ns`, later if the CPU time spent so demands."""
        paid_ns = (now_ns - self._paid_ns) * self._share
        self._debt_ns = max(0.0, self._debt_ns + cost_ns - paid_ns)
        self._paid_ns = now_ns
        wait_ns = max(pause_ns, round((self._debt_ns - self._burst_ns) / self._share))
        after_ns = now_ns + max(0, wait_ns)
        self.due_ns = self._start_ns + ((after_ns - self._start_ns) // self._interval_ns + 1) * self._interval_ns
