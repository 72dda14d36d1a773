"""Tasks of uvloop as lanes: its handles are C, so each task gets a coroutine that marks the steps of the user's own."""

from __future__ import annotations

import sys
from time import perf_counter_ns as now_ns

from energyprof.model.events import LANE, SPAWN
from energyprof.record.lanes import LANE_KEY, guests, local, new_lane_number
from energyprof.record.patch import Patch, take_us_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class UvloopTasks:
    """The wrap of `uvloop.Loop.create_task`; task factories, the user's own ones too, get the marking coroutine."""

    def __init__(self) -> None:
        self._patches: list[Patch] = []

    def install(self) -> None:
        """Mark the tasks created from now on."""
        self._patches = [Patch(sys.modules["uvloop"].Loop, "create_task", _announcing_create_task)]

    def remove(self) -> None:
        """Undo it; tasks that are there go on being marked. A second call does nothing."""
        while self._patches:
            self._patches.pop().undo()


class _Steps:
    """A coroutine of the user's, each step of which is marked; all else of it shows through."""

    __slots__ = ("__weakref__", "_code", "_coroutine")

    def __init__(self, coroutine: Any, code: int) -> None:
        self._coroutine = coroutine
        self._code = code

    def send(self, value: Any) -> Any:
        before = _switch(self._code)
        try:
            return self._coroutine.send(value)
        except BaseException as error:  # StopIteration, too: that is how a coroutine returns
            take_us_out(error)
            raise
        finally:
            _switch(before)

    def throw(self, *raised: Any) -> Any:
        before = _switch(self._code)
        try:
            return self._coroutine.throw(*raised)
        except BaseException as error:
            take_us_out(error)
            raise
        finally:
            _switch(before)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Any:
        return self._coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)


def _switch(code: int) -> int:
    """Mark that this lane runs in this thread from now on; return what ran before."""
    mine = local.__dict__
    before: int = mine["running"]
    mine["running"] = code
    mine["ext"]((code, now_ns()))
    return before


def _announcing_create_task(original: Callable[..., Any]) -> tuple[Any, Callable[[], None]]:
    is_silent = False

    def create_task(self: Any, coro: Any, *args: Any, **kwargs: Any) -> Any:
        if is_silent or not hasattr(coro, "send"):
            return original(self, coro, *args, **kwargs)
        number = new_lane_number()
        local.ext((SPAWN + number, now_ns()))
        try:
            task = original(self, _Steps(coro, LANE + number), *args, **kwargs)
        except BaseException as error:
            take_us_out(error)
            raise
        guests.append((number, str(task.get_name()) if hasattr(task, "get_name") else ""))
        try:
            object.__setattr__(task, LANE_KEY, LANE + number)  # for a name that it is given later
        except (AttributeError, TypeError):
            return task  # a factory's own kind, which takes nothing
        return task

    def silence() -> None:
        nonlocal is_silent
        is_silent = True

    return create_task, silence
