"""`stage` inside one process: what it accepts, what it leaves alone, and that results never change."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import pickle
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

import energyprof
from energyprof import stage
from energyprof.model.events import RESUME
from energyprof.record.lanes import local
from energyprof.record.names import NAMES
from energyprof.record.stage import set_active


@pytest.fixture(params=[False, True], ids=["idle", "active"])
def told(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Run the test without and with recording; yield what was recorded, filled in by `tell`."""
    local.buffer.clear()
    set_active(request.param)
    yield _Told(request.param)
    set_active(False)
    local.buffer.clear()


class _Told(list[str]):
    def __init__(self, active: bool) -> None:
        super().__init__()
        self.active = active

    def check(self, *expected: str) -> None:
        names = {name.code: name.name for name in NAMES.since(0)}
        begins = [code for code in local.buffer[::2] if code > RESUME]  # told with ++
        told = [
            ("++" if code in begins else "+" if code > 0 else "-") + names[abs(code) % RESUME]
            for code in local.buffer[::2]
        ]
        assert told == (list(expected) if self.active else [])


@stage
def decorated_function(x: int, /, y: int = 2, *rest: int, z: int = 3, **more: int) -> tuple[object, ...]:
    """Say what it was called with."""
    return x, y, rest, z, more


class Net:
    @stage
    def method(self, value: int) -> int:
        return value + 1

    @stage("named")
    @staticmethod
    def static(value: int) -> int:
        return value + 2

    @classmethod
    @stage
    def of_class(cls, value: int) -> tuple[type, int]:
        return cls, value


def test_with_blocks_nest_and_recur(told: _Told) -> None:
    outer = stage("outer")

    with outer as given, stage("inner"), outer:
        pass

    assert given is outer
    told.check("+outer", "+inner", "+outer", "-outer", "-inner", "-outer")


def test_an_exception_passes_and_ends_the_stage(told: _Told) -> None:
    with pytest.raises(KeyError, match="lost"), stage("failing"):
        raise KeyError("lost")

    told.check("+failing", "-failing")


def test_exit_stack_enters_a_stage(told: _Told) -> None:
    with ExitStack() as stack:
        entered = stack.enter_context(stage("stacked"))

    assert entered is stage("stacked")
    told.check("+stacked", "-stacked")


def test_every_kind_of_argument_reaches_a_decorated_function(told: _Told) -> None:
    result = decorated_function(1, 5, 6, 7, z=8, other=9)

    assert result == (1, 5, (6, 7), 8, {"other": 9})
    assert decorated_function(1) == (1, 2, (), 3, {})
    told.check(*["+decorated_function", "-decorated_function"] * 2)


def test_a_wrong_call_raises_the_functions_own_error(told: _Told) -> None:
    with pytest.raises(TypeError, match=r"decorated_function\(\) missing 1 required positional argument: 'x'"):
        decorated_function()  # type: ignore[call-arg]  # that is the point

    told.check()


def test_methods_static_and_class_methods_are_stages(told: _Told) -> None:
    net = Net()

    results = (net.method(1), Net.static(1), Net.of_class(1))

    assert results == (2, 3, (Net, 1))
    told.check("+Net.method", "-Net.method", "+named", "-named", "+Net.of_class", "-Net.of_class")


def test_a_decorated_function_looks_like_itself(told: _Told) -> None:
    assert decorated_function.__name__ == "decorated_function"
    assert decorated_function.__doc__ == "Say what it was called with."
    assert decorated_function.__module__ == __name__
    assert "y: 'int' = 2" in str(inspect.signature(decorated_function))


def test_a_decorated_function_pickles_and_copies(told: _Told) -> None:
    assert pickle.loads(pickle.dumps(decorated_function)) is decorated_function
    assert copy.deepcopy(decorated_function) is decorated_function
    assert pickle.loads(pickle.dumps(stage("again", after="first"))) is stage("again", after="first")
    assert copy.deepcopy(stage("again")) is stage("again")


def test_partials_and_builtins_can_be_stages(told: _Told) -> None:
    add = stage("add")(partial(sum, start=10))
    longest = stage(max)

    results = (add([1, 2]), longest([1, 3, 2]), longest(1, 2, key=lambda value: -value))

    assert results == (13, 3, 1)
    told.check("+add", "-add", "+max", "-max", "+max", "-max")


def test_each_resume_of_a_generator_is_a_span_below_its_consumer_and_no_call(told: _Told) -> None:
    @stage("numbers")
    def numbers() -> Iterator[int]:
        received = yield 1
        yield received

    generator = numbers()
    with stage("consumer"):
        first = next(generator)
        second = generator.send(7)

    assert (first, second, list(generator)) == (1, 7, [])
    resume = ["++numbers", "-numbers"]
    told.check("+consumer", "+numbers", "-numbers", *resume, "-consumer", *resume)
    assert inspect.isgeneratorfunction(numbers)
    assert inspect.isgenerator(generator)


def test_a_generator_keeps_throw_close_and_return(told: _Told) -> None:
    seen = []

    @stage
    def stubborn() -> Iterator[str]:
        try:
            yield "start"
        except ValueError as error:
            seen.append(str(error))
            yield "caught"
        except GeneratorExit:
            seen.append("closed")
            raise
        return "result"

    thrown = stubborn()
    values = [next(thrown), thrown.throw(ValueError("thrown"))]
    with pytest.raises(StopIteration) as end:
        next(thrown)
    closed = stubborn()
    next(closed)
    closed.close()

    assert (values, end.value.value, seen) == (["start", "caught"], "result", ["thrown", "closed"])


def test_coroutines_and_async_generators_give_their_results(told: _Told) -> None:
    @stage
    async def double(value: int) -> int:
        await asyncio.sleep(0)
        return 2 * value

    @stage
    async def stream(count: int) -> AsyncIterator[int]:
        for index in range(count):
            await asyncio.sleep(0)
            yield index

    async def main() -> tuple[list[int], list[int]]:
        doubled = await asyncio.gather(*(double(value) for value in range(5)))
        return list(doubled), [item async for item in stream(3)]

    assert asyncio.run(main()) == ([0, 2, 4, 6, 8], [0, 1, 2])
    assert inspect.iscoroutinefunction(double)
    assert inspect.isasyncgenfunction(stream)


def test_an_async_generator_is_closed_and_thrown_into(told: _Told) -> None:
    seen = []

    @stage
    async def stream() -> AsyncIterator[str]:
        try:
            yield "start"
        except ValueError:
            yield "caught"
        finally:
            seen.append("finally")

    async def main() -> list[str]:
        thrown = stream()
        values = [await anext(thrown), await thrown.athrow(ValueError())]
        await thrown.aclose()
        closed = stream()
        values.append(await anext(closed))
        await closed.aclose()
        return values

    assert asyncio.run(main()) == ["start", "caught", "start"]
    assert seen == ["finally", "finally"]
    once, again = ["+stream", "-stream"], ["++stream", "-stream"]
    told.check(*once, *again, *again, *once, *again)


@pytest.mark.parametrize("wrong", [3, None, b"bytes", 1.5])
def test_what_is_no_name_and_no_function_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"a stage takes a name \(str\) or a function, not "):
        stage(wrong)  # type: ignore[call-overload]  # that is the point


def test_a_class_is_refused() -> None:
    with pytest.raises(TypeError, match="not class Net"):
        stage(Net)


def test_after_takes_names_and_stages_and_nothing_else() -> None:
    declared = stage("fusion", after=("asr", stage("vision")))

    assert declared.after == ("asr", "vision")
    with pytest.raises(TypeError, match="`after` takes names or stages, or a tuple of them, not int"):
        stage("fusion", after=3)  # type: ignore[call-overload]  # that is the point
    with pytest.raises(TypeError, match="a stage with `after` needs a name"):
        stage(Net.of_class, after="asr")  # type: ignore[call-overload]  # that is the point


def test_a_decorated_function_is_not_kept_alive() -> None:
    def build() -> weakref.ref[object]:
        payload = [0] * 10

        @stage
        def closure() -> int:
            return len(payload)

        assert closure() == 10
        return weakref.ref(closure)

    references = [build() for _ in range(3)]
    gc.collect()

    assert [reference() for reference in references] == [None, None, None]


def test_decorating_the_same_function_twice_wraps_it_twice() -> None:
    def plain() -> int:
        return 1

    first, second = stage(plain), stage(plain)

    assert first is not second
    assert (first(), second()) == (1, 1)


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'energyprof' has no attribute 'nonsense'"):
        energyprof.nonsense  # noqa: B018 - the access is what fails
    assert {"stage", "load", "__version__"} <= set(dir(energyprof))
