"""Random delays between iterations, so that a loop in step with a power sensor falls out of step with it.

A loop whose period is a multiple of the sensor's shows the sensor the same part of each iteration, and no algorithm can
tell its stages apart. A delay before an iteration begins is slept with no stage open: stages around it end and go on
afterwards (`RESUME`), so that it is nobody's time, and what it costs is idle energy. An iteration begins

* where the program says so: `for batch in energyprof.iterations(loader)`; once it does, only there,
* else where an outermost stage of a thread begins again, or one whose name matches `--dephase-stage`.

Delays are uniform and come from a generator of our own: the program's random numbers stay as they are. While a
coroutine's or work item's lane runs, and inside a running event loop, nothing is delayed: others would wait as well.
Without `--dephase` nothing of this is imported, and events go straight into their buffers.
"""

from __future__ import annotations

import os
import sys
from _thread import get_native_id
from time import perf_counter_ns as now_ns
from time import sleep

from energyprof.model.events import END_ANY, LANE, RESUME, SPAWN, STAGE_LIMIT
from energyprof.record import lanes
from energyprof.record.names import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

SEED = 0x9E3779B97F4A7C15
"""Of the first thread's delays; the same program gets the same ones again."""
_MASK = (1 << 64) - 1


class Uniform:
    """Whole numbers drawn evenly from a range: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def bits(self) -> int:
        """Return 64 random bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((self._state ^ (self._state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def between(self, low: int, high: int) -> int:
        """Return a number in low..high, both included."""
        return low + self.bits() * (high - low + 1) // (_MASK + 1)


class Dephaser:
    """Delays iterations in every thread of this process."""

    def __init__(self, low_ns: int, high_ns: int, stage: str = "", pause: Callable[[int], None] | None = None) -> None:
        """`stage` is a regular expression that stage names are searched for; empty: outermost stages are delayed.

        `pause` sleeps so many nanoseconds; tests hand in another.
        """
        self._range_ns = (low_ns, high_ns)
        self._pattern: Any = None
        if stage:
            import re

            self._pattern = re.compile(stage)
        self._matches: dict[int, bool] = {}
        self.pause = pause or _sleep
        self.is_marked = False
        """The program says where its iterations begin."""
        self._threads: list[ThreadDelays] = []

    def extend_of(self, buffer: list[int]) -> Callable[[tuple[int, int]], None]:
        """Return what events of a thread go through."""
        thread = ThreadDelays(self, buffer.extend, SEED + len(self._threads))
        self._threads.append(thread)
        return thread.extend

    def forget(self) -> None:
        """In a forked child: what was delayed so far is the parent's to tell."""
        del self._threads[:-1]
        for thread in self._threads:
            thread.delays = thread.delay_ns = 0

    def draw_ns(self, source: Uniform) -> int:
        """Return the length of the next delay."""
        return source.between(*self._range_ns)

    def is_iteration(self, code: int, depth: int) -> bool:
        """Return whether an iteration begins with this stage, `depth` others of the thread being open."""
        if self._pattern is None:
            return depth == 0 and not self.is_marked
        known = self._matches.get(code)
        if known is None:
            name = next((one.name for one in NAMES.since(0) if one.code == code), "")
            known = self._matches[code] = self._pattern.search(name) is not None
        return known

    def figures(self) -> dict[str, int]:
        """Return what was delayed so far, as the `dephase` of a CURES frame."""
        threads = list(self._threads)
        low_ns, high_ns = self._range_ns
        return {
            "low_ns": low_ns,
            "high_ns": high_ns,
            "delays": sum([thread.delays for thread in threads]),
            "delay_ns": sum([thread.delay_ns for thread in threads]),
            "main_ns": sum([thread.delay_ns for thread in threads if thread.is_main]),
        }


class ThreadDelays:
    """Lets one thread's events through, knows by them which of its stages are open, and delays its iterations."""

    __slots__ = ("_begun", "_dephaser", "_extend", "_is_own", "_open", "_source", "delay_ns", "delays", "is_main")

    def __init__(self, dephaser: Dephaser, extend: Callable[[tuple[int, int]], None], seed: int) -> None:
        self._dephaser = dephaser
        self._extend = extend
        self._source = Uniform(seed)
        self._open: list[int] = []
        self._begun: set[int] = set()
        self._is_own = True
        """The thread's own lane runs in it."""
        self.delays = 0
        self.delay_ns = 0
        self.is_main = get_native_id() == os.getpid()

    def extend(self, event: tuple[int, int]) -> None:
        """Let an event through, later where an iteration begins with it."""
        code = event[0]
        if LANE <= code < SPAWN:
            self._is_own = code == LANE
        elif self._is_own and 0 < code < LANE:
            if code < STAGE_LIMIT and self._dephaser.is_iteration(code, len(self._open)):
                if code in self._begun:
                    self.delay()
                    event = (code, now_ns())
                self._begun.add(code)
            self._open.append(code % RESUME)
        elif self._is_own and code < 0:
            self._end(code)
        self._extend(event)

    def delay(self) -> None:
        """Sleep with no stage open."""
        if not self._is_own or _has_running_loop():
            return
        around = self._open[:]
        begun_ns = now_ns()
        for code in reversed(around):
            self._extend((-code, begun_ns))
        try:
            self._dephaser.pause(self._dephaser.draw_ns(self._source))
        finally:  # a signal handler may raise
            ended_ns = now_ns()
            for code in around:
                self._extend((RESUME + code, ended_ns))
            self.delays += 1
            self.delay_ns += ended_ns - begun_ns

    def _end(self, code: int) -> None:
        """End the innermost stage of this code and what is open inside, as the converter will."""
        if code == END_ANY:
            del self._open[-1:]
        elif -code in self._open:
            while self._open.pop() != -code:
                pass


class Iterations:
    """An iterable whose iterations begin after a delay, the first one excepted."""

    def __init__(self, iterable: Any) -> None:
        self._iterable = iterable

    def __iter__(self) -> Iterator[Any]:
        is_first = True
        for item in self._iterable:
            delays = getattr(lanes.local.own_ext, "__self__", None)
            if not is_first and isinstance(delays, ThreadDelays):
                delays.delay()
            is_first = False
            yield item

    def __len__(self) -> int:
        return len(self._iterable)


def begin(dephaser: Dephaser) -> None:
    """Delay the iterations of this thread and of those to come; before the recorder starts."""
    Active.dephaser = dephaser
    lanes.extend_of = dephaser.extend_of
    lanes.local.own_ext = lanes.local.ext = dephaser.extend_of(lanes.local.buffer)


def end() -> None:
    """Delay nothing more."""
    if Active.dephaser is not None:
        Active.dephaser.pause = lambda _delay_ns: None
    Active.dephaser = None
    lanes.extend_of = lanes.plain_extend


class Active:
    """What delays the iterations of this process."""

    dephaser: Dephaser | None = None


def _sleep(delay_ns: int) -> None:
    sleep(delay_ns * 1e-9)


def _has_running_loop() -> bool:
    events = sys.modules.get("asyncio.events")
    return events is not None and events._get_running_loop() is not None
