"""Which calls are on inputs that the stage has had before."""

from __future__ import annotations

from typing import Any

import pytest

from energyprof.record.flow import PARTS, WATCH
from energyprof.record.same_inputs import KEPT, LONGEST_TEXT, SameInputs

TEXT = "a text that is long enough"


class Tensor:
    """Stands for a type whose objects are known by their memory, with a version."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._version = 0


class Array:
    """As that, without one."""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> tuple[SameInputs, list[int]]:
    """A counter, and what it tells of stage 7."""
    monkeypatch.setitem(WATCH.readers, Tensor, lambda item: (-item.number, 8))
    monkeypatch.setitem(WATCH.readers, Array, lambda _item: (-1, 8))
    counts: list[int] = []
    return SameInputs(
        lambda item, _kind: getattr(item, "number", 5), lambda _code, facts: counts.extend(facts.values())
    ), counts  # type: ignore[arg-type]


def received(told: Any, *calls: tuple[object, ...]) -> list[int]:
    same, counts = told
    for arguments in calls:
        same.received(7, arguments)
    return list(counts)


def test_equal_texts_and_numbers_are_the_same_inputs(told: Any) -> None:
    assert received(told, (TEXT, 1), (TEXT, 2), ("".join(TEXT), 1)) == [1]


def test_count_is_told_each_time_it_has_doubled(told: Any) -> None:
    assert received(told, *[(TEXT,)] * 10) == [1, 2, 4, 8]


def test_stages_have_inputs_of_their_own(told: Any) -> None:
    same, counts = told

    same.received(7, (TEXT,))
    same.received(8, (TEXT,))

    assert counts == []


def test_equal_numbers_of_other_types_are_other_inputs(told: Any) -> None:
    assert received(told, (TEXT, 1), (TEXT, 1.0), (TEXT, True)) == []


def test_tensor_is_the_same_until_it_is_changed(told: Any) -> None:
    tensor = Tensor(3)
    assert received(told, (tensor,), (tensor,)) == [1]

    tensor._version += 1
    assert received(told, (tensor,)) == [1]


@pytest.mark.parametrize(
    "arguments",
    [(), (1, 2.5, None), ("short",), (TEXT, [1]), (TEXT, object()), (Array(),), (Tensor(0),), (TEXT,) * (PARTS + 1)],
    ids=["none", "numbers", "short text", "list", "object", "array", "unknown tensor", "too many"],
)
def test_inputs_that_may_have_changed_or_decide_nothing_tell_nothing(told: Any, arguments: tuple[object, ...]) -> None:
    assert received(told, arguments, arguments) == []


def test_very_long_texts_are_not_looked_at(told: Any) -> None:
    assert received(told, ("a" * (LONGEST_TEXT + 1),), ("a" * (LONGEST_TEXT + 1),)) == []


def test_what_is_kept_is_bounded(told: Any) -> None:
    received(told, *[(f"text of number {number}",) for number in range(KEPT + 1)])

    assert received(told, (f"text of number {KEPT}",)) == []
    assert received(told, ("text of number 0",)) == [1]
