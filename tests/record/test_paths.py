"""What is open in a thread, as it is told to who marks boundaries elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter_ns
from typing import Any

import pytest

from energyprof.model.events import END_ANY, LANE, RESUME, SPAWN
from energyprof.record import lanes
from energyprof.record.paths import BASES_LIMIT, TIMED, Paths

A, B, C = 11, 12, 13


class Ear:
    """Keeps what is told: the path, and which base (counted from 1 as they come)."""

    def __init__(self) -> None:
        self.is_wanted = True
        self.ends_at_ns = 0
        self.told: list[tuple[int, tuple[int, ...]]] = []
        self.events: list[tuple[int, int]] = []
        self._bases: dict[int, int] = {}
        self.paths = Paths(self.boundary, lambda: self.is_wanted)
        self.thread = self.paths.around(self.events.append)

    def boundary(self, base: int, path: tuple[int, ...], t_ns: int) -> None:
        del t_ns
        self.told.append((self._bases.setdefault(base, len(self._bases) + 1), path))

    def hear(self, *codes: int, thread: Callable[[tuple[int, int]], None] | None = None) -> Any:
        """Return the last that was told."""
        for code in codes:
            (thread or self.thread)((code, 1))
        return self.told[-1]


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.mark.parametrize(
    ("codes", "path"),
    [
        ((A, B), (A, B)),
        ((A, B, -B), (A,)),
        ((A, RESUME + B), (A, B)),
        ((A, B, END_ANY), (A,)),
        ((A, B, C, -B), (A,)),
        ((A, A, -A), (A,)),
        ((A, B, A, -B), (A,)),
        ((A, -A), ()),
    ],
)
def test_the_path_is_what_the_converter_will_find_open(ear: Ear, codes: tuple[int, ...], path: tuple[int, ...]) -> None:
    assert ear.hear(*codes) == (1, path)


def test_all_events_go_on_and_a_base_is_announced_before_the_first(ear: Ear) -> None:
    ear.hear(A, -A)

    (spawn, *rest) = [code for code, _ in ear.events]
    assert spawn > SPAWN
    assert rest == [A, -A]


def test_an_end_of_what_began_before_anybody_listened_gives_a_new_base(ear: Ear) -> None:
    ear.hear(A)

    assert ear.hear(-B) == (2, ())
    assert [code < SPAWN for code, _ in ear.events] == [False, True, True, False]


def test_ends_that_never_began_make_no_bases_without_end(ear: Ear) -> None:
    for _ in range(BASES_LIMIT + 100):
        ear.hear(-A)

    assert sum(code > SPAWN for code, _ in ear.events) == BASES_LIMIT


def test_a_task_stands_below_the_stage_it_was_created_in(ear: Ear) -> None:
    ear.hear(A, SPAWN + 5, B, LANE + 5)

    assert ear.told[-1] == (1, (A,))
    assert ear.hear(C) == (1, (A, C))
    assert ear.hear(LANE) == (1, (A, B))
    assert ear.hear(-B, -A) == (1, ())
    assert ear.hear(LANE + 5) == (1, (A, C))
    assert ear.hear(-C) == (1, (A,))
    assert ear.hear(-A) == (1, (A,))  # what is not its own it does not end


def test_a_task_of_which_nothing_was_heard_has_a_base_of_its_own(ear: Ear) -> None:
    ear.hear(A)

    assert ear.hear(LANE + 9, B) == (2, (B,))
    assert ear.hear(LANE) == (1, (A,))
    assert ear.hear(LANE + 9) == (2, (B,))


def test_each_thread_has_a_base_of_its_own(ear: Ear) -> None:
    other = ear.paths.around(lambda _event: None)
    ear.hear(A)

    assert ear.hear(B, thread=other) == (2, (B,))
    assert ear.hear(C) == (1, (A, C))


def test_nothing_is_followed_before_it_is_wanted(ear: Ear) -> None:
    ear.is_wanted = False
    ear.thread((A, 1))
    assert (ear.told, ear.events) == ([], [(A, 1)])

    ear.is_wanted = True

    assert ear.hear(B) == (1, (B,))
    ear.is_wanted = False
    assert ear.hear(C) == (1, (B, C))  # once is enough


def test_an_end_is_dated_after_what_it_waits_for() -> None:
    waited: list[str] = []
    events: list[tuple[int, int]] = []
    paths = Paths(lambda *_: None, lambda: True, lambda: waited.append("waited"))
    thread = paths.around(events.append)

    thread((A, 1))
    thread((-A, 2))

    assert waited == ["waited"]
    assert [code for code, _ in events[1:]] == [A, -A]
    assert events[-1][1] > 2


@pytest.fixture
def untouched() -> Iterator[None]:
    before, own = lanes.around, lanes.local.ext
    yield
    lanes.around, lanes.local.ext = before, own


@pytest.mark.usefixtures("untouched")
def test_what_listens_to_this_thread_leaves_when_it_is_stopped(ear: Ear) -> None:
    ear.paths.listen()
    lanes.local.ext((A, 1))
    told = len(ear.told)
    ear.paths.stop()

    lanes.local.ext((-A, 2))

    assert told == 1
    assert len(ear.told) == told
    assert lanes.around is None
    del lanes.local.buffer[:]


def test_what_telling_costs_is_measured_on_the_way() -> None:
    def burn(*_told: object) -> None:
        until_ns = perf_counter_ns() + 200_000
        while perf_counter_ns() < until_ns:
            pass

    paths = Paths(burn, lambda: True)
    heard = paths.around([].append)
    before_ns = paths.event_cost_ns()

    for _ in range(TIMED):
        heard((A, 1))
        heard((-A, 2))

    assert before_ns == 0
    assert paths.event_cost_ns() >= 200_000
    paths.stop()
    assert paths.event_cost_ns() == 0
