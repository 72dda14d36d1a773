"""Tell an energy counter that stands still although power flows: what it shows then is a gap and not 0 J."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

LEAST_W: Final = 1.0
"""A GPU that draws less is taken to be off, and its counter may stand."""
PATIENCE_NS: Final = (500_000_000, 2_000_000_000)
"""At least and at most so long may a counter stand before power is asked for: the longest known period is 0.1 s."""
PERIODS: Final = 5


class Motion(Enum):
    """What a reading of a counter is worth."""

    MOVES = 0
    STANDS = 1
    """It has just been found to stand still though power flows."""
    STILL_STANDS = 2


class Standstill:
    """Follow one counter; power is asked for only while it stands, and rarely."""

    def __init__(self, power_w: Callable[[], float | None]) -> None:
        """Take how to ask for the power of now; None: it is not known, and then nothing is held against a counter."""
        self._power_w = power_w
        self._raw: int | None = None
        self._since_ns = 0
        self._asked_ns = 0
        self._changes = 0
        self._longest_ns = 0
        """Longest time between two changes while it moved."""
        self._stands = False
        self.power_w = 0.0
        """What flowed when it was last found standing."""

    def judge(self, raw: int, now_ns: int) -> Motion:
        """Take the counter's value of now and return what it is worth."""
        if raw != self._raw:
            if self._changes > 1 and not self._stands:
                self._longest_ns = max(self._longest_ns, now_ns - self._since_ns)
            self._changes += 1
            self._raw, self._since_ns, self._asked_ns, self._stands = raw, now_ns, now_ns, False
            return Motion.MOVES
        if now_ns - self._asked_ns < self._patience_ns():
            return Motion.STILL_STANDS if self._stands else Motion.MOVES
        self._asked_ns = now_ns
        power_w = self._power_w()
        self._stands = power_w is not None and power_w >= LEAST_W
        if power_w is None or not self._stands:
            return Motion.MOVES
        self.power_w = power_w
        return Motion.STANDS

    def _patience_ns(self) -> int:
        least_ns, most_ns = PATIENCE_NS
        return max(least_ns, min(PERIODS * self._longest_ns, most_ns)) if self._longest_ns else most_ns
