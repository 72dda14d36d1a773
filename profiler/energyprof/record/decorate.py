"""Functions as stages: wrappers that keep the signature, the kind of function and the results."""

from __future__ import annotations

import sys
from functools import lru_cache, partial, update_wrapper
from types import FunctionType, coroutine

from energyprof.model.events import RESUME
from energyprof.record.names import NAMES, Name
from energyprof.record.stage import Stage, stage_of, wrapper_globals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
    from types import CodeType
    from typing import Any, TypeVar

    Function = TypeVar("Function", bound=Callable[..., Any])

# Bits of `co_flags`, from the documentation of `inspect`, whose import would cost 15 ms.
_VARARGS, _VARKEYWORDS, _GENERATOR, _COROUTINE, _ITERABLE_COROUTINE, _ASYNC_GENERATOR = 4, 8, 32, 128, 256, 512


def decorated(
    function: Function, name: str | None = None, after: tuple[str, ...] = (), *, repeatable: bool = False
) -> Function:
    """Return `function` recorded as a stage of kind `function` each time it runs; by default under its own name.

    `repeatable`: under `--repeat` one of its calls is kept, see `kept_calls`.

    Raises TypeError for what is no function: a class, or anything that cannot be called.
    """
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(decorated(function.__func__, name, after, repeatable=repeatable))
    if isinstance(function, type) or not callable(function):
        what = f"class {function.__name__}" if isinstance(function, type) else type(function).__name__
        raise TypeError(f"a stage takes a name (str) or a function, not {what}")
    code = _code(function)
    known = NAMES.intern(
        name if name is not None else _own_name(function),
        kind="function",
        after=after,
        file=None if code is None else code.co_filename,
        line=None if code is None else code.co_firstlineno,
    )
    flags = 0 if code is None else code.co_flags
    wrapper: Any
    keeps = repeatable and _is_repeating()
    if keeps and flags & (_COROUTINE | _ASYNC_GENERATOR | _GENERATOR):
        _refuse(known.name, flags)
    if flags & _COROUTINE:
        wrapper = _coroutine(function, stage_of(known))
    elif flags & _ASYNC_GENERATOR:
        wrapper = _async_generator(function, stage_of(known), Stage(known, RESUME))
    elif flags & _GENERATOR:
        wrapper = _generator(function, stage_of(known), Stage(known, RESUME))
        if flags & _ITERABLE_COROUTINE:
            wrapper = coroutine(wrapper)
    else:
        wrapper = _plain(function, known, keeps=keeps)
    update_wrapper(wrapper, function)
    return wrapper  # type: ignore[no-any-return]  # called and declared like `function`


def _own_name(function: Callable[..., Any]) -> str:
    name = getattr(function, "__qualname__", None) or type(function).__name__
    return str(name).rpartition("<locals>.")[2]


def _code(function: Any) -> CodeType | None:
    while isinstance(function, partial):
        function = function.func
    code: CodeType | None = getattr(function, "__code__", None)
    return code


def _is_repeating() -> bool:
    repeats = sys.modules.get("energyprof.record.repeats")
    return repeats is not None and repeats.Active.phase is not None


def _refuse(name: str, flags: int) -> None:
    from energyprof.record.kept_calls import KEPT

    kind = "a generator" if flags & _GENERATOR else "a coroutine" if flags & _COROUTINE else "an async generator"
    KEPT.refuse(name, f"{kind} function: it does not do its work in one call")


def _plain(function: Callable[..., Any], name: Name, *, keeps: bool = False) -> Callable[..., Any]:
    parameters, arguments, received = _signature(function)
    keepers: tuple[Callable[..., None], ...] = ()
    if keeps:
        from energyprof.record.kept_calls import KEPT

        keepers = (KEPT.keeper(name.code, name.name, function),)
    wrapper = _factory(parameters, arguments, received, keeps)(function, name.code, -name.code, *keepers)
    if isinstance(function, FunctionType):
        wrapper.__defaults__ = function.__defaults__
        wrapper.__kwdefaults__ = function.__kwdefaults__
    return wrapper


def _signature(function: object) -> tuple[str, str, str]:
    """Return as source the parameters, the arguments of a call that hands them on, and what was received."""
    if not isinstance(function, FunctionType):
        return "*_ep_args, **_ep_kwargs", "*_ep_args, **_ep_kwargs", "*_ep_args, *_ep_kwargs.values()"
    code = function.__code__
    names = iter(code.co_varnames)
    plain = [next(names) for _ in range(code.co_argcount)]
    keyword = [next(names) for _ in range(code.co_kwonlyargcount)]
    rest = f"*{next(names)}" if code.co_flags & _VARARGS else "*" if keyword else ""
    rest_keyword = f"**{next(names)}" if code.co_flags & _VARKEYWORDS else ""
    only = code.co_posonlyargcount
    positional = [*plain[:only], "/", *plain[only:]] if only else plain
    parameters = [*positional, rest, *keyword, rest_keyword]
    arguments = [*plain, rest if rest != "*" else "", *(f"{name}={name}" for name in keyword), rest_keyword]
    received = [*plain, rest if rest != "*" else "", *keyword, f"*{rest_keyword[2:]}.values()" if rest_keyword else ""]
    as_tuple = "".join(f"{item}, " for item in received if item)
    return ", ".join(filter(None, parameters)), ", ".join(filter(None, arguments)), as_tuple


@lru_cache(maxsize=256)
def _factory(parameters: str, arguments: str, received: str, keeps: bool = False) -> Callable[..., FunctionType]:
    """Return a maker of wrappers with these parameters; `keeps`: that show each call's arguments to `_ep_keep` first.

    Generated, as dataclasses are, for speed (a quarter of the cost of `*args, **kwargs`) and so that a wrong call
    raises the function's own TypeError. An exception leaves without the wrapper's frame (Python 3.11 on; 3.10 puts
    it back, always with the same line), so a traceback reads the same whether the program is recorded or not.
    """
    keep = f"\n        if _ep_active:\n            _ep_keep({arguments})" if keeps else ""
    source = f"""\
def _ep_factory(_ep_function, _ep_begin, _ep_end, _ep_keep=None):
    def wrapper({parameters}):{keep}
        _ep_ext = _ep_local.ext if _ep_active else None
        _ep_asked = None
        if _ep_ext is not None:
            _ep_ext((_ep_begin, _ep_now_ns()))
        try:
            if _ep_takes is not None:
                _ep_asked = _ep_takes(({received}))
            _ep_result = _ep_function({arguments})
            if _ep_gives is not None:
                _ep_gives(_ep_result)
                _ep_returned(_ep_begin, _ep_result, _ep_function, ({received}))
                if _ep_asked is not None:
                    _ep_again(_ep_asked, _ep_result, ({received}), _ep_function)
        except BaseException as _ep_error:
            if _ep_ext is not None:
                _ep_ext((_ep_end, _ep_now_ns()))
            _ep_error.__traceback__ = _ep_error.__traceback__.tb_next
            raise
        if _ep_ext is not None:
            _ep_ext((_ep_end, _ep_now_ns()))
        return _ep_result
    return wrapper
"""
    made: dict[str, Any] = {}
    exec(compile(source, "<energyprof.stage>", "exec"), wrapper_globals, made)
    factory: Callable[..., FunctionType] = made["_ep_factory"]
    return factory


def _coroutine(function: Callable[..., Any], stage: Stage) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with stage:
            asked = stage.receives(args, kwargs)
            result = stage.output(await function(*args, **kwargs))
            stage.came_back(asked, result, function)
            return result

    return wrapper


def _generator(function: Callable[..., Any], stage: Stage, again: Stage) -> Callable[..., Generator[Any, Any, Any]]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inner = function(*args, **kwargs)
        resume, value, running = inner.send, None, stage
        while True:
            with running:
                try:
                    if running is stage:
                        stage.receives(args, kwargs)
                    item = stage.output(resume(value))
                except StopIteration as end:
                    return end.value
            running = again
            try:
                value = yield item
                resume = inner.send
            except BaseException as error:  # GeneratorExit of close() too: the inner one may clean up, or refuse
                value, resume = error, inner.throw

    return wrapper


def _async_generator(
    function: Callable[..., Any], stage: Stage, again: Stage
) -> Callable[..., AsyncGenerator[Any, Any]]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inner = function(*args, **kwargs)
        resume, value, running = inner.asend, None, stage
        while True:
            with running:
                try:
                    if running is stage:
                        stage.receives(args, kwargs)
                    item = stage.output(await resume(value))
                except StopAsyncIteration:
                    return
            running = again
            try:
                value = yield item
                resume = inner.asend
            except BaseException as error:  # GeneratorExit of aclose() too
                value, resume = error, inner.athrow

    return wrapper
