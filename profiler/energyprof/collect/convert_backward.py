"""Which calls of models a backward pass came to: counted for the stage in which the call was, wherever it goes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from energyprof.collect.convert_spans import Handled
from energyprof.collect.convert_unlearnt import Call, Passes, Place
from energyprof.model.events import BACK, BATCH, CALL, SAMPLES

if TYPE_CHECKING:
    from energyprof.model.events import WorkUnit

Found: TypeAlias = "tuple[Place, WorkUnit, int]"
"""So many more of a unit for a place; less, where what has been told before turns out to be otherwise."""
KNOWN_LIMIT = 131_072
"""Calls known at a time that no backward pass has come to, per process; the oldest go first."""
WAITING_LIMIT = 10_000


class BackwardCalls:
    """The calls of all processes. A backward pass may be met before its call, which another thread wrote: it waits."""

    def __init__(self) -> None:
        self._known: dict[str, dict[int, Call]] = {}
        """By process (its spool) and number."""
        self._passes: dict[str, Passes] = {}
        self._waiting: dict[str, list[int]] = {}

    def take(self, spool: str, handled: Handled, stored: Callable[[int], int]) -> Iterator[Found]:
        """Yield what one piece of events adds to which place; `stored` gives the lane under which one is stored."""
        waiting = self._waiting.pop(spool, [])
        if not len(handled.code) and not waiting:
            return
        known = self._known.setdefault(spool, {})
        passes = self._passes.setdefault(spool, Passes())
        begun, came = _read(handled, passes, stored)
        for number, call in begun.items():
            known[number] = call
            yield call.place, "gradient_calls", 1
        left = []
        for at, number in enumerate((*waiting, *came)):
            found = known.pop(number, None)  # it counts once, however often a graph that is kept is gone through
            if found is not None:
                passes.learn(found)
                yield found.place, "backward_calls", 1
                if found.samples:
                    yield found.place, "trained_samples", found.samples
            elif at >= len(waiting):
                left.append(number)
        if left:
            self._waiting[spool] = left[:WAITING_LIMIT]
        for number in list(known)[: max(0, len(known) - KNOWN_LIMIT)]:
            del known[number]

    def settle(self) -> Iterator[Found]:
        """Yield how what is known so far of calls that no backward pass came to differs from what was told before."""
        for passes in self._passes.values():
            yield from passes.settle()

    def forget(self, spool: str) -> Iterator[Found]:
        """Forget the calls of a process that ended, having told the rest of them."""
        self._known.pop(spool, None)
        self._waiting.pop(spool, None)
        passes = self._passes.pop(spool, None)
        return iter(()) if passes is None else passes.settle()


def _read(handled: Handled, passes: Passes, stored: Callable[[int], int]) -> tuple[dict[int, Call], list[int]]:
    """Return the calls by number, and the numbers of calls that a backward pass came to; `passes` learns the order."""
    begun: dict[int, Call] = {}
    came: list[int] = []
    columns = (handled.lane, handled.stage, handled.code, handled.open_ns)
    for lane, stage, code, open_ns in zip(*(one.tolist() for one in columns), strict=True):
        if code >= BATCH:
            passes.gave(lane, stage)
        elif code >= SAMPLES:
            passes.had(lane, code - SAMPLES)
        elif code > BACK:
            came.append(code - BACK)
        elif code == BACK:
            passes.begin(lane)
        elif stage >= 0:
            begun[code - CALL] = passes.call(lane, (stored(lane), stage), open_ns)
    return begun, came
