"""How much of the time something went on: counted once, however many did it, and in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energyprof.collect.time_cover import CELL_NS, CELLS, TimeCover

START_NS = 5_000_000_000


def add(cover: TimeCover, *stretches: tuple[int, int]) -> None:
    start, end = np.array(stretches, np.int64).reshape(-1, 2).T
    cover.add(start + START_NS, end + START_NS)


def test_stretches_that_overlap_count_once() -> None:
    cover = TimeCover(START_NS)

    add(cover, (30, 50), (10, 20), (15, 35), (12, 13))

    assert cover.until_ns(START_NS + 1000) == 40


def test_what_is_told_twice_is_no_more_than_the_time_it_lies_in() -> None:
    cover = TimeCover(START_NS)
    for _ in range(5):
        add(cover, (CELL_NS, 9 * CELL_NS))

    assert cover.until_ns(START_NS + 100 * CELL_NS) == 8 * CELL_NS


def test_what_still_goes_on_counts_since_it_began() -> None:
    cover = TimeCover(START_NS)
    add(cover, (0, CELL_NS), (3 * CELL_NS, 4 * CELL_NS))

    cover.open_since_ns = lambda: START_NS + 2 * CELL_NS

    assert cover.until_ns(START_NS + 10 * CELL_NS) == 9 * CELL_NS


def test_what_went_on_before_the_start_does_not_count() -> None:
    cover = TimeCover(START_NS)

    add(cover, (-100, 20))

    assert cover.until_ns(START_NS + 50) == 20


def test_a_long_run_takes_no_more_room_and_keeps_its_sum() -> None:
    cover = TimeCover(START_NS)
    day_ns = 86_400 * 10**9

    for hour in range(24):
        add(cover, (hour * day_ns // 24, hour * day_ns // 24 + 600 * 10**9))

    assert cover.until_ns(START_NS + day_ns) == pytest.approx(24 * 600e9)
    assert len(cover._covered_ns) == CELLS


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**8)), max_size=20))
def test_the_sum_is_that_of_the_union(rows: list[tuple[int, int]]) -> None:
    cover, union, reached = TimeCover(START_NS), 0, 0

    add(cover, *((start, start + length) for start, length in rows))

    for start, length in sorted(rows):
        union += max(0, start + length - max(start, reached))
        reached = max(reached, start + length)
    assert cover.until_ns(START_NS + 2 * 10**9) == pytest.approx(union, abs=1)
