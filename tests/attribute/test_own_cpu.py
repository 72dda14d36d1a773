"""Children that read themselves: their stages get their CPU time, and it counts once."""

from __future__ import annotations

import numpy as np
import pytest

from energyprof.attribute.cpu_time import CpuTimes, cpu_times
from energyprof.model.ids import OWN_READING, UNSEEN_CHILDREN
from energyprof.model.power import ThreadCpu
from energyprof.model.span import Lanes

MS = 1_000_000
PARENT, CHILD, SERVER = 100, 200, 300
Row = tuple[int, int, int, int]
"""pid, tid, milliseconds, milliseconds of CPU time."""


def times_of(*rows: Row, lanes: Lanes | None = None) -> CpuTimes:
    table = np.array(sorted(rows), np.int64).reshape(-1, 4)
    cpu = ThreadCpu(*(table[:, at].astype(np.int32) for at in (0, 1)), table[:, 2] * MS, table[:, 3] * MS)
    return cpu_times(cpu, 0, lanes)


def made(child_maker: int) -> Lanes:
    """Return the lanes of the parent, of the server and of a child created on the lane of `child_maker`."""
    pid = np.array([PARENT, SERVER, CHILD], np.int32)
    parent = np.array([-1, 0, 0 if child_maker == PARENT else 1], np.int32)
    none = np.full(3, -1, np.int32)
    return Lanes(pid, pid, np.ones(3, np.int64), np.zeros(3, np.uint8), parent, none, none)


def total_ms(times: CpuTimes) -> float:
    return float(times.of_all(np.array([0.0]), np.array([1000.0 * MS]))[0]) / MS


def own(pid: int, made_by: int, *points: tuple[int, int]) -> list[Row]:
    thread = [(pid, OWN_READING + pid, t_ms, cpu_ms) for t_ms, cpu_ms in points]
    return [*thread, *((made_by, OWN_READING - pid, t_ms, cpu_ms) for t_ms, cpu_ms in points)]


def polled(pid: int) -> list[Row]:
    return [(pid, 0, t_ms, 0 if t_ms < 500 else 1) for t_ms in range(0, 1010, 10)]


def test_a_child_that_nobody_saw_has_what_it_read_itself():
    times = times_of(*polled(PARENT), *own(CHILD, PARENT, (100, 1), (106, 7), (110, 7)))

    used_ns = np.diff(times.threads[CHILD, CHILD].at(np.array([100, 103, 106, 110]) * 1.0 * MS))
    assert used_ns.tolist() == [3 * MS, 3 * MS, 0]


def test_its_time_is_taken_off_what_its_parent_had_used_unseen():
    waited = [(PARENT, UNSEEN_CHILDREN, 0, 0), (PARENT, UNSEEN_CHILDREN, 200, 9)]

    times = times_of(*polled(PARENT), *waited, *own(CHILD, PARENT, (100, 1), (106, 7)))

    assert total_ms(times) == pytest.approx(1 + 9)  # the child's 7 are among the 9
    assert times.children[PARENT].value[-1] == 2 * MS


@pytest.mark.parametrize("wait_ms", [107, 300, 900])
def test_it_is_taken_off_whenever_the_parent_waits(wait_ms):
    waited = [(PARENT, UNSEEN_CHILDREN, 0, 0), (PARENT, UNSEEN_CHILDREN, wait_ms, 7)]

    times = times_of(*polled(PARENT), *waited, *own(CHILD, PARENT, (100, 1), (106, 7)))

    assert times.children[PARENT].value.max() == 0
    assert total_ms(times) == pytest.approx(1 + 7)


def test_a_child_that_the_collector_saw_is_in_nobodys_unseen_part():
    waited = [(PARENT, UNSEEN_CHILDREN, 0, 0), (PARENT, UNSEEN_CHILDREN, 200, 9)]
    seen = [(CHILD, 0, 90, 0), (CHILD, 0, 110, 7), (CHILD, 0, 400, 20)]

    times = times_of(*polled(PARENT), *waited, *seen, *own(CHILD, PARENT, (100, 1), (106, 7)))

    assert total_ms(times) == pytest.approx(1 + 9 + 20)


def test_what_the_collector_read_later_goes_on_from_what_the_child_read():
    seen = [(CHILD, tid, t_ms, cpu_ms) for tid in (0, CHILD) for t_ms, cpu_ms in ((90, 0), (300, 7), (310, 12))]

    times = times_of(*polled(PARENT), *seen, *own(CHILD, PARENT, (100, 1), (106, 7)))

    used_ns = np.diff(times.threads[CHILD, CHILD].at(np.array([100, 106, 290, 300, 310]) * 1.0 * MS))
    assert used_ns.tolist() == [6 * MS, 0, 0, 5 * MS]


def test_the_child_of_a_server_is_taken_off_the_server_that_waits_for_it():
    waited = [(pid, UNSEEN_CHILDREN, t_ms, cpu_ms) for pid in (PARENT, SERVER) for t_ms, cpu_ms in ((0, 0), (200, 9))]

    times = times_of(*polled(PARENT), *waited, *own(CHILD, SERVER, (100, 1), (106, 7)), lanes=made(PARENT))

    assert [times.children[pid].value[-1] / MS for pid in (PARENT, SERVER)] == [9, 2]


def test_a_child_of_a_shell_is_taken_off_who_waited_for_the_shell():
    waited = [(PARENT, UNSEEN_CHILDREN, 0, 0), (PARENT, UNSEEN_CHILDREN, 200, 9)]
    shell = 150

    times = times_of(*polled(PARENT), *waited, *own(CHILD, shell, (100, 1), (106, 7)), lanes=made(PARENT))

    assert times.children[PARENT].value[-1] == 2 * MS


def test_readings_as_dense_as_events_do_not_shift_what_others_were_read_at():
    rare = [(PARENT, 5, 10, 10), (PARENT, 5, 150, 16), (PARENT, 5, 200, 17)]
    dense = own(CHILD, PARENT, *((t_ms, t_ms) for t_ms in range(1, 400)))

    times = times_of(*polled(PARENT), *rare, *dense)

    used_ns = np.diff(times.threads[PARENT, 5].at(np.array([10, 140, 150]) * 1.0 * MS))
    assert used_ns.tolist() == [0, 6 * MS]


def test_what_children_had_used_does_not_grow_beyond_the_last_poll():
    waited = [(PARENT, UNSEEN_CHILDREN, 0, 0), (PARENT, UNSEEN_CHILDREN, 1000, 9)]

    times = times_of(*polled(PARENT), *waited)

    assert times.children[PARENT].at(np.array([2000.0 * MS])).tolist() == [9 * MS]
