"""Notice that the computer slept: CLOCK_MONOTONIC, which all goes by, stood still while CLOCK_BOOTTIME went on."""

from __future__ import annotations

import time
from collections.abc import Callable

from energyprof.model.sampling import Sleep

SHORTEST_NS = 1_000_000
"""Less is the time that passes between two looks at clocks, not a sleep."""


def boottime_ns() -> int:
    """Return the time since boot, sleeps included; where the system has no such clock, sleeps are not noticed."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if clock is None else time.clock_gettime_ns(clock)


class SleepWatch:
    """Looks at both clocks now and then. Not thread-safe."""

    def __init__(
        self, monotonic_ns: Callable[[], int] = time.monotonic_ns, boottime_ns: Callable[[], int] = boottime_ns
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._boottime_ns = boottime_ns
        self._seen_ns, _, self._ahead_ns = self._look()

    def look(self) -> Sleep | None:
        """Return the sleep since the last look; None: there was none."""
        before_ns, after_ns, ahead_ns = self._look()
        least_ahead_ns = ahead_ns - (after_ns - before_ns)
        seen_ns, self._seen_ns = self._seen_ns, before_ns
        asleep_ns = least_ahead_ns - self._ahead_ns
        if asleep_ns < SHORTEST_NS:
            self._ahead_ns = min(self._ahead_ns, ahead_ns)
            return None
        self._ahead_ns = ahead_ns
        return Sleep(seen_ns, after_ns, asleep_ns)

    def _look(self) -> tuple[int, int, int]:
        """Return CLOCK_MONOTONIC before and after, and by how much the other clock is ahead of it at most."""
        before_ns = self._monotonic_ns()
        boottime_ns = self._boottime_ns()
        return before_ns, self._monotonic_ns(), boottime_ns - before_ns
