"""Work items of thread pools are lanes below the stage in which they were submitted, whichever thread runs them.

`ThreadPoolExecutor` makes a `_WorkItem` in the thread that submits and runs it in one of its own; both are wrapped
there, inside the `try` that catches what the user's function raises, so that no traceback shows us.
"""

from __future__ import annotations

import sys
from functools import partial
from time import perf_counter_ns as now_ns
from types import BuiltinFunctionType, FunctionType, MethodType

from energyprof.record.lanes import LANE_KEY, announce_guest, local
from energyprof.record.patch import Patch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class WorkItems:
    """The wraps of `_WorkItem.__init__` and `_WorkItem.run`; `concurrent.futures.thread` has been imported."""

    def __init__(self) -> None:
        self._patches: list[Patch] = []

    def install(self) -> None:
        """Mark the items submitted from now on."""
        item = getattr(sys.modules["concurrent.futures.thread"], "_WorkItem", None)
        if item is not None:  # a later Python may have another
            self._patches = [Patch(item, "__init__", _announcing_init), Patch(item, "run", _marking_run)]

    def remove(self) -> None:
        """Undo it; a second call does nothing."""
        while self._patches:
            self._patches.pop().undo()


def _announcing_init(original: Callable[..., None]) -> tuple[Any, Callable[[], None]]:
    is_silent = False

    def init(self: Any, *args: Any) -> None:
        original(self, *args)
        if not is_silent:
            vars(self)[LANE_KEY] = announce_guest(_name(_function(self)))

    def silence() -> None:
        nonlocal is_silent
        is_silent = True

    return init, silence


def _marking_run(original: Callable[..., None]) -> tuple[Any, Callable[[], None]]:
    is_silent = False

    def run(self: Any, *args: Any) -> None:
        code = 0 if is_silent else getattr(self, LANE_KEY, 0)
        if not code:
            original(self, *args)
            return
        before, local.running = local.running, code
        local.ext((code, now_ns()))
        try:
            original(self, *args)
        finally:
            local.running = before
            local.ext((before, now_ns()))

    def silence() -> None:
        nonlocal is_silent
        is_silent = True

    return run, silence


def _function(item: Any) -> object:
    """Return what an item is to call: from Python 3.14 on it is the first part of its task."""
    task = getattr(item, "task", None)
    return task[0] if isinstance(task, tuple) and task else getattr(item, "fn", None)


def _name(function: object) -> str:
    """Return what a person calls it; nothing is asked of an object whose class may answer in its own way."""
    while isinstance(function, partial):
        function = function.func
    if isinstance(function, (FunctionType, MethodType, BuiltinFunctionType)):
        return function.__qualname__
    return type(function).__name__
