"""`stage`: mark a part of a program by a `with` block or a decorator; without a recorder it does next to nothing.

The hot path is laid out by measurement (tests/benchmarks/bench_stage.py). `with` looks `__enter__` and `__exit__` up on
the type; here they are slots of the instance, so that what is called is a plain function with its code baked in:
a bound method costs 18 ns more, a closure's cell 16 ns. The type attribute points at the pair of slots that
records or at the pair that does nothing, and starting or stopping a recorder moves it: no event asks `if active`.

A recorded program imports this file when it first wants a stage, not at its start.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from functools import lru_cache
from itertools import repeat
from time import perf_counter_ns as now_ns

from energyprof.record import lanes
from energyprof.record.ends import CODE, STAGE, baked, begin, end
from energyprof.record.lanes import local
from energyprof.record.names import NAMES, Name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Literal, TypeAlias, TypeVar, overload

    Function = TypeVar("Function", bound=Callable[..., Any])
    Value = TypeVar("Value")
    After: TypeAlias = "str | Stage | tuple[str | Stage, ...]"

CACHED_STAGES = 4_096


def _nothing(_kind: object, _error: object, _traceback: object) -> None:
    pass


class _Doors:
    """Hold the two pairs of slots; `__enter__` and `__exit__` are set to one of them by `set_active`."""

    __slots__ = ("_active_enter", "_active_exit", "_idle_enter", "_idle_exit")


class _Unbound(type):
    """Answer `type(stage).__enter__`, which ExitStack calls with the stage; a slot cannot be called like that."""

    @property
    def __enter__(cls) -> Callable[[Stage], Stage]:
        return lambda stage: stage.__enter__()

    @property
    def __exit__(cls) -> Callable[..., None]:  # noqa: PLE0302, PYI036 - the property that gives it
        return lambda stage, *raised: stage.__exit__(*raised)


class Stage(_Doors, metaclass=_Unbound):
    """One named part of the program: `with stage:`, or a decorator. One object serves all threads and recursion."""

    __slots__ = ("__weakref__", "after", "name")

    def __init__(self, name: Name, shift: int = 0) -> None:
        """`shift` is added to the code of the event that begins it: `RESUME`, where it goes on with a generator."""
        self.name = name.name
        self.after = name.after
        self._active_enter = baked(begin, {CODE: shift + name.code, STAGE: self})
        self._active_exit = baked(end, {CODE: -name.code})
        self._idle_enter = repeat(self).__next__  # gives the stage back, and is C
        self._idle_exit = _nothing

    if TYPE_CHECKING:

        def __enter__(self) -> Stage: ...  # noqa: PYI034 - Self is no part of Python 3.10's typing
        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
        ) -> None: ...

    def output(self, value: Value) -> Value:
        """Say that this block hands `value` out, and return it: what receives it is drawn as the flow of data.

        Inside the block, as in `with stage("load") as load: docs = load.output(read(path))`. Without a profiler it
        does nothing. Functions that are stages say so of what they return by themselves.
        """
        gives = wrapper_globals["_ep_gives"]
        if gives is not None:
            gives(value)
        return value

    def input(self, value: Value) -> Value:
        """Say that this block receives `value`, and return it; as `output`."""
        takes = wrapper_globals["_ep_takes"]
        if takes is not None:
            takes((value,))
        return value

    def receives(self, args: tuple[object, ...], kwargs: dict[str, object]) -> Any:
        """Say that this stage, which is open, receives these arguments; return what `came_back` is to be handed."""
        takes = wrapper_globals["_ep_takes"]
        return None if takes is None else takes((*args, *kwargs.values()))

    def came_back(self, asked: Any, result: object, function: object) -> None:
        """Say that the function that this stage stands for, which is open, returns this."""
        again = wrapper_globals["_ep_again"]
        if again is not None and asked is not None:
            again(asked, result, (), function)

    def __call__(self, function: Function) -> Function:
        """Return `function` recorded as this stage each time it is called."""
        from energyprof.record.decorate import decorated

        return decorated(function, self.name, self.after)

    def __repr__(self) -> str:
        return f"energyprof.stage({self.name!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self.name, self.after)


_stages: dict[int, Stage] = {}


def stage_of(name: Name) -> Stage:
    """Return the one Stage of a name. They are kept, and bounded as names are: code objects hold them unseen by gc."""
    return _stages.get(name.code) or _stages.setdefault(name.code, Stage(name))


def _again(name: str, after: tuple[str, ...]) -> Stage:
    return stage_of(NAMES.intern(name, after=after))


wrapper_globals: dict[str, Any] = {
    "_ep_active": False,
    "_ep_local": local,
    "_ep_now_ns": now_ns,
    "_ep_gives": None,
    "_ep_takes": None,
    "_ep_returned": None,
    "_ep_again": None,
}
"""Globals of decorated functions' generated wrappers, which do ask: a function cannot be swapped under its callers."""


def set_active(active: bool) -> None:
    """Have every stage record from now on, or do nothing."""
    doors: Any = _Doors  # mypy knows nothing of the descriptors of slots
    doors.__enter__ = doors._active_enter if active else doors._idle_enter
    doors.__exit__ = doors._active_exit if active else doors._idle_exit
    gives = takes = returned = again = None
    if active and lanes.watches_flow:
        from energyprof.record import same_inputs
        from energyprof.record.dropped import DROPPED
        from energyprof.record.flow import WATCH

        gives, takes, returned = WATCH.gives, same_inputs.takes, DROPPED.returned
        again = same_inputs.SAME.returned
    wrapper_globals.update(_ep_active=active, _ep_returned=returned, _ep_gives=gives, _ep_takes=takes, _ep_again=again)


set_active(lanes.is_recording)


class _Passing:
    """A key equal to one function, once and in one thread: takes its place in the cache of `stage`, see there."""

    __slots__ = ("function", "hash", "thread")

    def __init__(self, function: object) -> None:
        self.function: object = function
        self.hash = hash(function)
        self.thread = get_ident()

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        if other is self.function and self.thread == get_ident():
            self.function = None
            return True
        return self is other


def _stage(name: str | Callable[..., Any] | None = None, *, after: After = (), repeatable: bool = False) -> object:
    """Mark a part of the program: `with stage("asr"):`, `@stage`, `@stage("name")`; without a recorder, do nothing.

    `after` names the stages whose output this one receives: a name or a stage, or a tuple of them. A list is refused by
    Python itself ("unhashable type"): calls are looked up by their arguments, and looking at those first costs 0.15 us.

    `repeatable=True`
    (a decorator only): the function does the same work again when called again with the same arguments, and changes
    nothing outside; `energyprof run --repeat` may then call it, by itself, to find out what one call costs.
    """
    if repeatable:
        return _repeatable(name, after)
    if isinstance(name, str):
        file = line = None
        if wrapper_globals["_ep_active"]:
            caller = sys._getframe(1)
            file, line = caller.f_code.co_filename, caller.f_lineno
        return stage_of(NAMES.intern(name, after=_after(after), file=file, line=line))
    if isinstance(name, _Passing):
        return None
    if after != ():
        raise TypeError("a stage with `after` needs a name, as in stage('name', after='other')")
    from energyprof.record.decorate import decorated

    function = decorated(name)  # type: ignore[type-var]  # which refuses None
    # The cache keeps what it is asked for, and must not keep functions alive. It does not store a result if the key
    # has come into the cache meanwhile (as the comment in functools says, another thread may have been faster): so
    # put a key there that is equal for just this one check.
    stage(_Passing(name))  # type: ignore[call-overload]  # seen by nobody but _stage
    return function


def _repeatable(name: object, after: After) -> Callable[[Function], Function]:
    """Return the decorator of a function that may be called again."""
    if name is not None and not isinstance(name, str):
        raise TypeError("repeatable=True stands in @stage('name', repeatable=True), or without a name")
    names = _after(after)

    def decorator(function: Function) -> Function:
        from energyprof.record.decorate import decorated

        return decorated(function, name, names, repeatable=True)

    return decorator


def _after(after: After) -> tuple[str, ...]:
    names = []
    for item in after if isinstance(after, tuple) else (after,):
        if not isinstance(item, (str, Stage)):
            raise TypeError(f"`after` takes names or stages, or a tuple of them, not {type(item).__name__}")
        names.append(NAMES.intern(item).name if isinstance(item, str) else item.name)
    return tuple(names)


if TYPE_CHECKING:

    @overload
    def stage(name: str, *, after: After = ()) -> Stage: ...
    @overload
    def stage(name: Function) -> Function: ...
    @overload
    def stage(
        name: str | None = None, *, after: After = (), repeatable: Literal[True]
    ) -> Callable[[Function], Function]: ...
    def stage(name: object = None, *, after: object = (), repeatable: object = False) -> object: ...

else:
    _stage.__name__ = _stage.__qualname__ = "stage"
    stage = lru_cache(maxsize=CACHED_STAGES)(_stage)  # a hit is one C call
