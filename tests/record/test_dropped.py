"""Which results the line that called a stage drops."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from textwrap import indent
from typing import Any

import pytest

from energyprof.model.events import work_code
from energyprof.record.decorate import _factory, _signature
from energyprof.record.dropped import DroppedResults
from energyprof.record.lanes import local
from energyprof.record.stage import wrapper_globals

DROPPED = work_code("dropped_results", 1)


class Model:
    """One whose method is a stage."""

    @staticmethod
    def weigh(model: object, x: object) -> object:
        return [x]


@pytest.fixture
def dropped(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Return what counts the dropped results of a program that calls stages of the name `step`."""
    watch = DroppedResults()
    monkeypatch.setitem(wrapper_globals, "_ep_returned", watch.returned)
    monkeypatch.setitem(wrapper_globals, "_ep_gives", lambda _result: None)

    def count(program: str, result: Callable[[object], object] = lambda x: [x], **scope: object) -> int:
        def step(x: object = 1, *more: object) -> object:
            return result(x)

        before = len(local.buffer)
        names = {"step": staged(step), "cached": cache(staged(step)), "Model": model_of(step), **scope}
        exec(program, {**names, "through": through(names["step"])})
        counted = local.buffer[before::2].count(DROPPED)
        del local.buffer[before:]
        return counted

    return count


def staged(function: Callable[..., Any]) -> Callable[..., Any]:
    parameters, arguments, received = _signature(function)
    wrapper = _factory(parameters, arguments, received)(function, 1, -1)
    wrapper.__defaults__ = function.__defaults__  # type: ignore[attr-defined]  # a plain function
    wrapper.__wrapped__ = function
    return wrapper


def through(step: Any) -> Callable[..., Any]:
    """Return a decorator's work around a stage."""

    @wraps(step)
    def around(*args: object) -> object:
        return step(*args)

    return around


def model_of(step: Callable[..., Any]) -> type:
    def method(self: object, x: object) -> object:
        return [x]

    return type("Model", (), {"step": staged(method)})


def in_function(body: str) -> str:
    return f"def main():\n{indent(body, '    ')}\nmain()"


@pytest.mark.parametrize(
    "program",
    [
        "step(1)",
        "step(*[1])",
        "for _ in range(1): step(2)",
        "_ = step(1)",
        in_function("step(1)"),
        in_function("kept = step(1)"),
        in_function("x = 1\nkept = step(1); return x"),
        "Model().step(1)",
        in_function("model = Model()\nmodel.step(x=1)"),
    ],
    ids=[
        "statement",
        "star",
        "loop",
        "underscore",
        "in a function",
        "never read",
        "on one line",
        "method",
        "method by keyword",
    ],
)
def test_result_that_nobody_keeps_is_dropped(dropped: Any, program: str) -> None:
    assert dropped(program) == 1


@pytest.mark.parametrize(
    "program",
    [
        "kept = step(1)",
        "print(step(1), end='')",
        "[1, 2].sort(key=step)",
        "list(map(step, [1, 2]))",
        "[step(1) for _ in range(2)]",
        "cached(1)",
        "step = cached\nstep(1)",
        "through(1)",
        "if step(1): pass",
        in_function("kept = step(1)\nreturn kept"),
        in_function("return step(1)"),
        in_function("kept = step(1)\ndef later():\n    return kept"),
    ],
    ids=[
        "kept", "handed on", "sorts by it", "mapped", "listed", "kept in a cache", "a cache by its name",
        "kept by a decorator", "asked", "read", "returned", "read by an inner function",
    ],
)  # fmt: skip
def test_result_that_somebody_gets_is_not(dropped: Any, program: str) -> None:
    assert dropped(program) == 0


@pytest.mark.parametrize("value", [None, True, 3, 0.5, "written", b"bytes"])
def test_what_says_how_it_went_is_no_result(dropped: Any, value: object) -> None:
    assert dropped("step(1)", lambda _: value) == 0


def test_argument_handed_back_is_no_result(dropped: Any) -> None:
    assert dropped("step(seen)", lambda x: x, seen=[]) == 0


def test_function_that_acts_is_called_for_that(dropped: Any) -> None:
    seen: list[object] = []

    def collect(x: object) -> object:
        seen.append(x)
        return [x]

    assert dropped("collect(1)", collect=staged(collect)) == 0
    assert seen == [1]
