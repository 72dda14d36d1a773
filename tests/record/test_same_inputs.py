"""Which calls are on inputs that the stage has had before."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from energyprof.model.events import work_code
from energyprof.record.fingerprints import HEAD_START_NS, ITEMS, LONGEST_TEXT, Fingerprints
from energyprof.record.flow import PARTS, WATCH
from energyprof.record.same_inputs import DIFFER, KEPT, SameInputs
from energyprof.testing import FakeClock

TEXT = "a text that is long enough"
SAME, LIKE = work_code("calls_on_same_inputs", 1), work_code("calls_on_like_inputs", 1)
RANDOM = random.Random(0)


class Tensor:
    """Stands for a type whose objects are known by their memory, with a version."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._version = 0


class Watched:
    """A stage's watch, and what it has told and counted."""

    def __init__(self, byte_ns: float = 0.1) -> None:
        clock = FakeClock(1)
        looks = Fingerprints(lambda item, _kind: getattr(item, "number", 5), clock.now_ns, byte_ns)
        self.told: dict[str, str | int] = {}
        self.same = SameInputs(looks, lambda _code, facts: self.told.update(facts), clock.now_ns)

    def call(self, function: Callable[..., object], *arguments: object, code: int = 7) -> int:
        """Return the event of a call; 0: none."""
        asked = self.same.received(code, arguments)
        result = function(*arguments)
        return 0 if asked is None else self.same.event_of(asked, result, arguments, function)

    def counted(self, function: Callable[..., object], *calls: tuple[object, ...]) -> list[int]:
        """Return the number of each call that counts."""
        return [number for number, arguments in enumerate(calls) if self.call(function, *arguments)]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setitem(WATCH.readers, Tensor, lambda item: (-item.number, 8))
    return Watched()


def embed(*_arguments: object) -> float:
    return 0.25


def test_equal_texts_and_numbers_are_the_same_inputs(watched: Watched) -> None:
    assert watched.counted(embed, (TEXT, 1), (TEXT, 2), ("".join(TEXT), 1), ("a",), ("a",), (-1, "a"), (-2, "a")) == [
        2,
        4,
    ]


def test_equal_paths_are_the_same_inputs(watched: Watched) -> None:
    assert watched.counted(embed, (Path("a"),), (Path("b"),), (Path("a"),), ("a",), ([Path("b")],)) == [2]


def test_stages_have_inputs_of_their_own(watched: Watched) -> None:
    assert (watched.call(embed, TEXT), watched.call(embed, TEXT, code=8)) == (0, 0)


def test_equal_numbers_of_other_types_are_other_inputs(watched: Watched) -> None:
    assert watched.counted(embed, (TEXT, 1), (TEXT, 1.0), (TEXT, True)) == []


def test_tensor_is_the_same_until_it_is_changed(watched: Watched) -> None:
    tensor = Tensor(3)
    assert watched.counted(embed, (tensor,), (tensor,)) == [1]

    tensor._version += 1
    assert watched.counted(embed, (tensor,)) == []


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0), np.arange(12).reshape(3, 4).T, np.arange(20)[::2], np.array([1 + 2j]), np.array(["a", "bc"]),
        np.float32(1.5), bytearray(b"abc"), [[1, 2], ("a", 0.5)], {"ids": np.arange(3)},
    ],
    ids=["array", "turned", "strided", "complex", "texts", "scalar", "bytearray", "list", "dict"],
)  # fmt: skip
def test_what_holds_the_same_is_the_same_input(watched: Watched, array: Any) -> None:
    from copy import deepcopy

    other = deepcopy(array)

    assert watched.counted(embed, (array, "a"), (other, "a"), (np.zeros(12), "a")) == [1]
    assert watched.call(embed, array, "a") == SAME


@pytest.mark.parametrize("byte_ns", [0.1, 1e6], ids=["as a whole", "by pieces"])
def test_buffer_that_is_filled_in_place_is_another_input_each_time(byte_ns: float) -> None:
    watched, frame, fill = Watched(byte_ns), np.empty((200, 300)), np.random.default_rng(0)

    for _ in range(5):
        frame[:] = fill.random(frame.shape)
        assert watched.call(embed, frame) == 0


def test_a_single_changed_number_is_seen_where_arrays_are_read_as_a_whole(watched: Watched) -> None:
    array = np.zeros(100_000)
    watched.call(embed, array)
    array[77_777] = 1.0

    assert watched.call(embed, array) == 0


def test_large_arrays_are_known_by_their_memory_and_pieces_and_make_less_sure() -> None:
    watched, array = Watched(byte_ns=1e6), np.arange(100_000)

    events = [watched.call(embed, each) for each in (array, array, array.copy())]

    assert events == [0, LIKE, 0]


def test_looks_at_arrays_are_bounded_and_divided_among_stages() -> None:
    watched, array = Watched(byte_ns=1.0), np.zeros(100_000, np.uint8)
    for _ in range(1_000):
        watched.call(embed, array)
    watched.call(embed, array, code=8)

    assert watched.same.looks.spent_ns <= 2 * HEAD_START_NS
    assert watched.call(embed, array, code=8) != 0


@pytest.mark.parametrize(
    "arguments",
    [
        (), (TEXT, object()), (np.array([object()]),), (Tensor(0),), (TEXT,) * (PARTS + 1), ([0] * (ITEMS + 1),),
        (type("Array", (np.ndarray,), {})(3),), ("a" * (LONGEST_TEXT + 1),), ([object()],),
    ],
    ids=[
        "none", "object", "objects", "unknown tensor", "too many", "long list", "an array's subclass", "long text",
        "list of objects",
    ],
)  # fmt: skip
def test_inputs_that_may_have_changed_tell_nothing(watched: Watched, arguments: tuple[object, ...]) -> None:
    assert watched.counted(embed, arguments, arguments) == []


def test_nothing_is_kept_alive(watched: Watched) -> None:
    from weakref import ref

    array = np.zeros(10)
    seen = ref(array)
    watched.call(embed, array)
    del array

    assert seen() is None


def test_results_that_differ_clear_a_stage_for_good(watched: Watched) -> None:
    def count(_text: str, seen: list[int] = []) -> float:  # noqa: B006 - what is to be found out
        seen.append(1)
        return float(len(seen))

    assert watched.counted(count, (TEXT,), (TEXT,), (TEXT,)) == []
    assert watched.told == {DIFFER: 1}


def draw(_text: str) -> float:
    return 0.0 * random.random()


def say(text: str) -> bool:
    print(text)
    return True


def is_late(_text: str) -> bool:
    return time.time() < 0


def hand_back(text: str) -> str:
    return text


def say_nothing(_text: str) -> None:
    return None


def made(_text: str) -> object:
    return object()


def made_at(_text: str) -> object:
    return (time.time, object())


@pytest.mark.parametrize("function", [draw, say, is_late, hand_back, say_nothing, made_at])
def test_functions_that_draw_act_or_look_at_clocks_are_not_counted(watched: Watched, function: Any) -> None:
    assert watched.counted(function, (TEXT,), (TEXT,), (TEXT,)) == []


def test_results_that_cannot_be_compared_make_less_sure(watched: Watched) -> None:
    assert [watched.call(made, TEXT) for _ in range(2)] == [0, LIKE]


def test_mere_numbers_count_where_the_result_is_more_than_a_number_of_something(watched: Watched) -> None:
    assert watched.counted(embed, (3,), (3,)) == [1]
    assert watched.counted(lambda number: number + 1, (3,), (3,)) == []
    assert watched.counted(made, (3,), (3,)) == []


def test_what_is_kept_is_bounded(watched: Watched) -> None:
    watched.counted(embed, *[(f"text of number {number}",) for number in range(KEPT + 1)])

    assert watched.counted(embed, (f"text of number {KEPT}",)) == []
    assert watched.counted(embed, ("text of number 0",)) == [0]
