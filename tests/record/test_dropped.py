"""Which results the line that called a stage drops."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from textwrap import indent
from typing import Any

import pytest

from energyprof.model.events import work_code
from energyprof.record.decorate import _factory, _signature
from energyprof.record.dropped import HANDS_ON, KEEPS, UNSEEN, DroppedResults
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
    watch = DroppedResults(tell=lambda _code, _facts: None)
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


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], set[str]]:
    """Return what runs a program that calls the stages `step` (1) and `take` (2), and tells the facts of `step`."""
    facts: dict[int, dict[str, str | int]] = {1: {}, 2: {}}
    watch = DroppedResults(tell=lambda code, more: facts[code].update(more))
    monkeypatch.setitem(wrapper_globals, "_ep_returned", watch.returned)
    monkeypatch.setitem(wrapper_globals, "_ep_gives", lambda _result: None)

    def of(program: str) -> set[str]:
        def step(x: object = 1) -> object:
            return f"a text that is made of {x}"

        def take(x: object, much: int = 1, *, more: int = 2) -> int:
            return much + more

        stages = {"step": staged(step), "take": staged(take, 2)}
        before = len(local.buffer)
        exec(compile(program, "program.py", "exec"), {**stages, "through": through(stages["step"])})
        del local.buffer[before:]
        return set(facts[1])

    return of


def staged(function: Callable[..., Any], code: int = 1) -> Callable[..., Any]:
    parameters, arguments, received = _signature(function)
    wrapper = _factory(parameters, arguments, received)(function, code, -code)
    wrapper.__defaults__ = function.__defaults__  # type: ignore[attr-defined]  # a plain function
    wrapper.__kwdefaults__ = function.__kwdefaults__  # type: ignore[attr-defined]
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


@pytest.mark.parametrize(
    "program",
    [
        "kept = step(1)\nfor _ in (): take(kept)",
        "take(step(1))",
        "take(step(1), 3, more=4)",
        in_function("kept = step(1)\nif not take:\n    take(kept)"),
        in_function("kept = step(1)\ntake(much=2, x=kept)\ntake(kept)"),
    ],
    ids=["by a name", "at once", "among others", "perhaps", "by keyword, twice"],
)
def test_result_that_only_stages_get_is_told(told: Any, program: str) -> None:
    assert told(program) == {HANDS_ON}


@pytest.mark.parametrize(
    "program",
    [
        "total = 0\nkept = step(1)\nif total: take(kept)\nelse: total += len(kept)",
        "kept = step(1)\ntake(kept)\nif kept: pass",
        "kept = step(1)\ntake(kept[0])",
        "kept = step(1)\ntake(kept)\ndef later():\n    return kept",
        "kept = step(1)\ntake(kept)\nglobals()",
        "print(step(1), end='')",
        "several = [step(1)]\ntake(several)",
        "several = list(map(step, [1]))",
        "take(len(step(1)))",
        in_function("kept = step(1)\ntake(kept)\nreturn kept"),
        in_function("kept = step(1)\ntake(kept)\nreturn lambda: kept"),
        in_function("return step(1)"),
        "through(1)",
    ],
    ids=[
        "plain code counts it", "asked", "a part of it", "read by a function", "read by its name", "printed",
        "in a list", "mapped", "measured", "returned", "read by an inner function", "returned at once",
        "kept by a decorator",
    ],
)  # fmt: skip
def test_result_that_plain_code_gets_is_told(told: Any, program: str) -> None:
    assert told(program) == {KEEPS}


@pytest.mark.parametrize("program", ["for _ in map(step, [1]): pass", "sorted([1, 2], key=step)", "[*map(step, [1])]"])
def test_where_nobody_can_tell_that_is_told_or_that_it_is_kept(told: Any, program: str) -> None:
    assert told(program) <= {UNSEEN, KEEPS}
    assert told(program)
