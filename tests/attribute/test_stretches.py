"""Where the time that is known as sums is laid."""

from __future__ import annotations

import numpy as np
import pytest

from energyprof.attribute.stretches import Between
from energyprof.model.span import Lanes
from energyprof.model.tally import Counted

STRETCHES = 12
LENGTH_NS = 1000
MAIN_NS, WORKER_NS = 700, 300


def laid_out(prefix: int) -> tuple[Between, np.ndarray, np.ndarray]:
    """Return the worker's pieces of stretches in which the main thread was in a stage at the front, as start and end.

    `prefix` is the stage in which the worker was made.
    """
    columns = [np.tile(column, STRETCHES) for column in ([0, 1], [0, 1], [MAIN_NS, WORKER_NS], [0, 0])]
    lane, stage, own, under = (column.astype(np.int64) for column in columns)
    starts, none = LENGTH_NS * np.arange(STRETCHES), np.zeros(0, np.int64)
    counted = Counted(
        starts,
        starts + LENGTH_NS,
        np.repeat(np.arange(STRETCHES), 2),
        lane,
        stage,
        own,
        under,
        *(none,) * 9,
        is_counted=np.zeros(0, np.bool_),
    )
    zero, nowhere = np.zeros(2, np.int64), np.full(2, -1)
    lanes = Lanes(zero, zero, np.arange(2), zero.astype(np.uint8), nowhere, np.array([-1, prefix]), nowhere)
    between = Between.of(counted, 0)
    pieces = between.laid_out(lanes)
    worker = pieces.lane == 1
    return between, pieces.start_ns[worker], pieces.end_ns[worker]


@pytest.mark.parametrize("prefix", [-1, 0])
def test_all_of_a_threads_time_lies_in_its_stretch(prefix: int) -> None:
    between, start_ns, end_ns = laid_out(prefix)

    at = between.burst(start_ns)
    at[start_ns >= between.start_ns[-1]] = STRETCHES - 1
    assert np.bincount(at, end_ns - start_ns) == pytest.approx(WORKER_NS)
    assert (end_ns <= between.end_ns[at]).all()


def test_a_thread_made_in_a_stage_works_while_that_is_open() -> None:
    _, _, end_ns = laid_out(prefix=0)

    assert (end_ns % LENGTH_NS <= MAIN_NS).all()
    assert (end_ns % LENGTH_NS > 0).all()


def test_a_thread_made_outside_works_at_any_time() -> None:
    _, _, end_ns = laid_out(prefix=-1)

    assert ((end_ns % LENGTH_NS > MAIN_NS) | (end_ns % LENGTH_NS == 0)).any()
