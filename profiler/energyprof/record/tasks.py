"""Coroutine tasks are lanes: the task that runs is marked around each of its steps, so that who awaits is not billed.

`asyncio.Handle._run`, pure Python in every version, is what an event loop calls for each step. It is wrapped, and
`BaseEventLoop.create_task` too, which knows below which stage a task is created. No ContextVar: that would cost twice
as much, and could not tell when a task runs.
"""

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


class TaskLanes:
    """The wraps of `Handle._run` and `BaseEventLoop.create_task`; asyncio has been imported."""

    def __init__(self) -> None:
        self._patches: list[Patch] = []

    def install(self) -> None:
        """Mark tasks from now on; the running one, if there is one, from here."""
        tasks, events = sys.modules["asyncio.tasks"], sys.modules["asyncio.events"]
        kinds = (tasks.Task, tasks._PyTask)  # loops made to nest use the latter
        self._patches = [
            Patch(events.Handle, "_run", lambda original: _marking_run(original, kinds)),
            Patch(
                sys.modules["asyncio.base_events"].BaseEventLoop,
                "create_task",
                lambda original: _announcing_create_task(original, kinds),
            ),
        ]
        if hasattr(tasks, "_set_task_name"):  # until Python 3.12 `create_task` names a task that is there already
            self._patches.append(Patch(tasks, "_set_task_name", _announcing_name))
        loop = events._get_running_loop()
        task = None if loop is None else tasks.current_task(loop)
        if task is not None:
            _enter_midway(loop, task)

    def remove(self) -> None:
        """Undo it; a second call does nothing."""
        while self._patches:
            self._patches.pop().undo()


def _marking_run(original: Callable[[Any], Any], kinds: tuple[type, ...]) -> tuple[Any, Callable[[], None]]:
    usual: type | None = kinds[0]

    def _run(self: Any) -> Any:
        task = getattr(self._callback, "__self__", None)
        # Most are tasks of one type, which is told at once; `isinstance` costs 40 ns.
        if type(task) is not usual and not isinstance(task, kinds):
            try:
                return original(self)
            except BaseException as error:  # only SystemExit and KeyboardInterrupt leave a step
                take_us_out(error)
                raise
        try:
            code = task._energyprof_lane  # type: ignore[attr-defined]  # LANE_KEY; getattr costs twice as much
        except AttributeError:
            code = adopt(task)
        mine = local.__dict__  # a thread-local's attributes cost twice as much
        before, extend = mine["running"], mine["ext"]
        mine["running"] = code
        extend((code, now_ns()))
        try:
            result = original(self)
        except BaseException as error:  # as above
            mine["running"] = before
            extend((before, now_ns()))
            take_us_out(error)
            raise
        mine["running"] = before
        extend((before, now_ns()))
        return result

    def silence() -> None:
        nonlocal kinds, usual
        kinds, usual = (), None

    return _run, silence


def _announcing_create_task(original: Callable[..., Any], kinds: tuple[type, ...]) -> tuple[Any, Callable[[], None]]:
    def create_task(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not kinds:
            return original(self, *args, **kwargs)
        number = new_lane_number()
        code, before = LANE + number, local.running
        local.ext((SPAWN + number, now_ns()))
        # A factory may run the first step at once (eager tasks): that is the task's already.
        is_eager = getattr(self, "_task_factory", None) is not None or kwargs.get("eager_start")
        if is_eager:
            local.running = code
            local.ext((code, now_ns()))
        try:
            task = original(self, *args, **kwargs)
        except BaseException as error:
            take_us_out(error)
            raise
        finally:
            if is_eager:
                local.running = before
                local.ext((before, now_ns()))
        if isinstance(task, kinds):
            name_lane(task, number)
            trace = getattr(task, "_source_traceback", None)  # there in debug mode, for the user to read
            if trace:
                trace[:] = [frame for frame in trace if frame.filename != create_task.__code__.co_filename]
        return task

    def silence() -> None:
        nonlocal kinds
        kinds = ()

    return create_task, silence


def _announcing_name(original: Callable[..., Any]) -> tuple[Any, Callable[[], None]]:
    is_silent = False

    def _set_task_name(task: Any, name: object) -> Any:
        try:
            named = original(task, name)
        except BaseException as error:
            take_us_out(error)
            raise
        code = getattr(task, LANE_KEY, None)
        if name is not None and code is not None and not is_silent:
            guests.append((code - LANE, str(task.get_name())))  # the later one counts
        return named

    def silence() -> None:
        nonlocal is_silent
        is_silent = True

    return _set_task_name, silence


def name_lane(task: Any, number: int) -> int:
    """Have `task` be lane `number`; return the code that says it runs."""
    object.__setattr__(task, LANE_KEY, LANE + number)  # past any __setattr__ of a subclass
    guests.append((number, str(task.get_name())))
    return LANE + number


def adopt(task: Any) -> int:
    """Give a lane to a task made behind our back, by its class or before we came; where that was is not known."""
    return name_lane(task, new_lane_number())


def _enter_midway(loop: Any, task: Any) -> None:
    """Mark the step that called us, whose end will not be marked: the loop does that as soon as it gets to it."""

    def leave() -> None:
        local.running = LANE
        local.ext((LANE, now_ns()))

    local.running = adopt(task)
    local.ext((local.running, now_ns()))
    loop.call_soon(leave)
