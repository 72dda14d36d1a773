from __future__ import annotations

import gc
import weakref
from collections import UserDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from energyprof.model.events import GIVE, LIKE, PASS, SIZE, TAKE
from energyprof.record import flow
from energyprof.record.flow import KNOWN_LIMIT, ObjectWatch
from energyprof.record.lanes import local
from energyprof_plugins.instruments.numpy_arrays import memory_of


@pytest.fixture
def watch() -> Iterator[ObjectWatch]:
    """A watch whose faults fail the test; this thread's buffer is left as it was."""

    def fault() -> None:
        raise AssertionError("the watch has turned itself off")

    before = len(local.buffer)
    yield ObjectWatch(fault)
    del local.buffer[before:]


def told(call: Any, *arguments: object) -> list[tuple[str, int]]:
    """What a call tells of objects: kind of event and number, sizes in bytes."""
    before = len(local.buffer)
    call(*arguments)
    names = ((SIZE, "bytes"), (LIKE, "like"), (PASS, "pass"), (TAKE, "take"), (GIVE, "give"))
    codes = local.buffer[before::2]
    return [next((name, code - base) for base, name in names if code >= base) for code in codes]


class Thing:
    pass


@dataclass
class Pair:
    left: Thing
    right: Thing


class Point(NamedTuple):
    x: object
    y: object


def test_an_object_given_is_known_when_it_is_received(watch: ObjectWatch) -> None:
    thing = Thing()

    assert told(watch.gives, thing) == [("give", 1)]
    assert told(watch.takes, (thing, Thing())) == [("take", 1)]


@pytest.mark.parametrize("value", [None, True, 7, 1.5, "short", (), [], {}, len, Thing, np.ndarray])
def test_what_everybody_shares_is_not_followed(watch: ObjectWatch, value: object) -> None:
    assert told(watch.gives, value) == []
    assert told(watch.takes, (value,)) == []


@pytest.mark.parametrize(
    "value",
    ["a text that is long enough", b"bytes that are long enough", ["a", "list"], [1, 2, 3], {"of": "texts"}, [None]],
)
def test_texts_lists_and_dicts_are_known_though_nothing_can_refer_to_them_weakly(
    watch: ObjectWatch, value: object
) -> None:
    ((kind, number), *_) = told(watch.gives, value)
    assert kind == "give"
    assert told(watch.takes, (value,)) == [("take", number)]


def test_a_list_that_has_grown_is_the_same_and_another_in_its_place_is_not(watch: ObjectWatch) -> None:
    documents = ["one", "two", "three"]
    told(watch.gives, documents)

    documents.append("four")
    assert told(watch.takes, (documents,)) == [("take", 1)]

    documents[0] = "another"
    assert told(watch.takes, (documents,)) == []


def test_what_containers_and_batches_hold_is_known_one_level_deep(watch: ObjectWatch) -> None:
    # Given a stage for each way to hold things
    things = [Thing() for _ in range(9)]
    batch = UserDict({"ids": things[6]})
    told(watch.gives, (things[0], things[1]))
    told(watch.gives, {"a": things[2]})
    told(watch.gives, Pair(things[3], things[4]))
    told(watch.gives, Point(things[5], 0))
    told(watch.gives, batch)
    told(watch.gives, [things[7], things[8]])

    # Then each thing is known as it was given: of tuples and dicts by itself, else with what holds it
    numbers = [dict(told(watch.takes, (thing,)))["take"] for thing in things]
    assert numbers == [1, 2, 3, 4, 4, 5, 6, 7, 7]
    # And what is received may be held in turn
    assert told(watch.takes, ([things[0]], {"b": things[2]}, Pair(things[5], Thing()))) == [
        ("take", 1),
        ("take", 3),
        ("take", 5),
    ]


def test_handing_on_what_another_stage_gave_renames_it(watch: ObjectWatch) -> None:
    thing = Thing()
    told(watch.gives, thing)

    assert told(watch.gives, thing) == [("pass", 1), ("give", 2)]
    assert told(watch.takes, (thing,)) == [("take", 2)]


def test_a_long_text_or_list_in_the_place_of_an_equal_one_may_be_another_and_a_short_text_is_kept(
    watch: ObjectWatch,
) -> None:
    for value, kind in ((97 * "a", "like"), ([1, 2], "like"), ({"score": 1}, "like"), (96 * "a", "pass")):
        ((_, number), *_) = told(watch.gives, value)

        assert told(watch.gives, value)[0] == (kind, number)


def test_views_of_an_array_are_the_array(watch: ObjectWatch) -> None:
    watch.readers[np.ndarray] = memory_of
    array = np.arange(100.0)

    assert told(watch.gives, array) == [("give", 1), ("bytes", 800)]
    assert told(watch.takes, (array[10:20].reshape(2, 5),)) == [("take", 1)]
    assert told(watch.takes, (array.copy(),)) == []


def test_nothing_is_kept_alive_and_no_number_outlives_its_object(watch: ObjectWatch) -> None:
    thing = Thing()
    reference = weakref.ref(thing)
    told(watch.gives, [thing, {"held": thing}])

    address = id(thing)
    del thing
    gc.collect()

    assert reference() is None
    things = [Thing() for _ in range(1000)]  # one of them comes to lie in its place, as a rule
    assert all(told(watch.takes, (other,)) == [] for other in things), address


def test_no_code_of_the_programs_runs(watch: ObjectWatch) -> None:
    class Hostile:
        def __eq__(self, other: object) -> bool:
            raise AssertionError

        def __hash__(self) -> int:
            raise AssertionError

        def __getattr__(self, name: str) -> object:
            raise AssertionError(name)

        def __len__(self) -> int:
            raise AssertionError

        def __bool__(self) -> bool:
            raise AssertionError

        def __iter__(self) -> Iterator[object]:
            raise AssertionError

    class HostileList(list[object]):
        def __len__(self) -> int:
            raise AssertionError

        def __getitem__(self, _at: object) -> Any:
            raise AssertionError

    class HostileDict(dict[str, object]):
        def values(self) -> Any:
            raise AssertionError

    hostile, items, named = Hostile(), HostileList([1]), HostileDict(a=Thing())

    for value in (hostile, items, named, [hostile], (hostile,), {"h": hostile}):
        told(watch.gives, value)
        assert told(watch.takes, (value,))


def test_at_most_so_many_objects_are_known_the_dead_go_first(
    watch: ObjectWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "KNOWN_LIMIT", 100)
    first = Thing()
    told(watch.gives, first)

    for _ in range(1_000):
        told(watch.gives, Thing())
    assert told(watch.takes, (first,)) == [("take", 1)]

    kept = [Thing() for _ in range(1_000)]
    for thing in kept:
        told(watch.gives, thing)
    assert len(watch) <= 100 < KNOWN_LIMIT
    assert told(watch.takes, (first,)) == []
    assert told(watch.takes, (kept[-1],)) == [("take", 2001)]


def test_a_fault_turns_the_watch_off_and_breaks_nothing() -> None:
    faults: list[int] = []
    watch = ObjectWatch(lambda: faults.append(1))

    def broken(_thing: object) -> tuple[int, int]:
        raise RuntimeError("a reader of somebody's")

    watch.readers[Thing] = broken

    assert told(watch.gives, Thing()) == []
    assert told(watch.gives, Thing()) == []
    assert faults == [1]


def test_memory_of_what_is_handed_out_is_read_once(watch: ObjectWatch) -> None:
    read: list[object] = []

    def memory_of(thing: object) -> tuple[int, int]:
        read.append(thing)
        return -1, 8

    watch.readers[Thing] = memory_of
    thing = Thing()

    assert told(watch.gives, thing) == [("give", 1), ("bytes", 8)]
    assert read == [thing]
