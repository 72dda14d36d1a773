"""Keep time with a camera: a frame is due every period, and its result before the next one is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class FrameClock:
    """Give the numbers of the frames to look at, each when it is due, and count those whose time was missed.

    A frame is `late` if the loop comes back for another one after the next was due. One that a newer frame has replaced
    by then is `skipped`: an old picture is no use to anybody who must react. The clock and the waiting are handed in.
    """

    frames: int
    period_s: float
    now_s: Callable[[], float]
    wait_until_s: Callable[[float], None]
    late: int = field(default=0, init=False)
    skipped: int = field(default=0, init=False)

    @property
    def missed(self) -> int:
        """How many frames had no result in time."""
        return self.late + self.skipped

    def __iter__(self) -> Iterator[int]:
        start_s = self.now_s()
        number = 0
        while number < self.frames:
            self.wait_until_s(start_s + number * self.period_s)
            yield number
            periods = (self.now_s() - start_s) / self.period_s
            self.late += periods > number + 1
            following = min(max(number + 1, math.floor(periods)), self.frames)
            self.skipped += following - number - 1
            number = following
