"""Which calls of models a backward pass came to: counted for the stage in which the call was, wherever it goes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from energyprof.collect.convert_spans import Handled
from energyprof.model.events import BACK, CALL

if TYPE_CHECKING:
    from energyprof.model.events import WorkUnit

KNOWN_LIMIT = 131_072
"""Calls known at a time that no backward pass has come to, per process; the oldest go first."""
WAITING_LIMIT = 10_000

Place = tuple[int, int]
"""Lane as stored, and lane-relative stage."""


class BackwardCalls:
    """The calls of all processes. A backward pass may be met before its call, which another thread wrote: it waits."""

    def __init__(self) -> None:
        self._known: dict[str, dict[int, Place]] = {}
        """By process (its spool) and number."""
        self._waiting: dict[str, list[int]] = {}

    def take(self, spool: str, handled: Handled, stored: Callable[[int], int]) -> Iterator[tuple[Place, WorkUnit]]:
        """Yield what one piece of events adds to which place; `stored` gives the lane under which one is stored."""
        waiting = self._waiting.pop(spool, [])
        if not len(handled.code) and not waiting:
            return
        known = self._known.setdefault(spool, {})
        came: list[int] = []
        for lane, stage, code in zip(
            *(one.tolist() for one in (handled.lane, handled.stage, handled.code)), strict=True
        ):
            if code >= BACK:
                came.append(code - BACK)
            elif stage >= 0:
                place = known[code - CALL] = stored(lane), stage
                yield place, "gradient_calls"
        left = []
        for at, number in enumerate((*waiting, *came)):
            found = known.pop(number, None)  # it counts once, however often a graph that is kept is gone through
            if found is not None:
                yield found, "backward_calls"
            elif at >= len(waiting):
                left.append(number)
        if left:
            self._waiting[spool] = left[:WAITING_LIMIT]
        for number in list(known)[: max(0, len(known) - KNOWN_LIMIT)]:
            del known[number]

    def forget(self, spool: str) -> None:
        """Forget the calls of a process that ended."""
        self._known.pop(spool, None)
        self._waiting.pop(spool, None)
