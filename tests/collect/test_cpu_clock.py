"""The program's CPU time: never decreasing, nobody forgotten, rows only where something changed."""

from __future__ import annotations

import pytest

from energyprof.collect.cpu_before import CpuBefore
from energyprof.collect.cpu_children import Kin
from energyprof.collect.cpu_clock import OPENED_PER_POLL, THREADS_EVERY_NS, TREE_EVERY_NS, CpuClock
from energyprof.model.ids import UNSEEN_CHILDREN
from energyprof.testing import FakeClock

MS = 1_000_000


class Machine:
    """Processes and threads with CPU times set by hand; it is tree and reader in one."""

    def __init__(self):
        self.cpu_ns = {}
        self.parents = {}
        self.waited_ns = {}
        self.queued_ns = {}
        self.ending = set()
        self.adopted = []
        self.created = 0
        self.refreshes = 0
        self.opened = 0
        self.closed = 0

    def run(self, pid, tid, cpu_ns):
        """Let a thread have used `cpu_ns`; a new one is created."""
        if tid not in self.cpu_ns.setdefault(pid, {}):
            self.created += 1
        self.cpu_ns[pid][tid] = cpu_ns

    def births(self):
        return self.created

    def adopt(self, pid):
        self.adopted.append(pid)

    def refresh(self):
        self.refreshes += 1
        return tuple(self.cpu_ns)

    def process_clock(self, pid):
        def read_ns():
            if pid not in self.cpu_ns:
                raise ProcessLookupError(pid)
            return sum(self.cpu_ns[pid].values())

        return read_ns

    def kin(self, pid):
        if pid not in self.cpu_ns:
            raise ProcessLookupError(pid)
        return Kin(self.parents.get(pid, 1), pid in self.ending, self.waited_ns.get(pid, 0))

    def wait_for(self, pid, parent):
        """Have a process end and its parent wait for it."""
        self.waited_ns[parent] = self.waited_ns.get(parent, 0) + sum(self.cpu_ns.pop(pid).values())
        self.waited_ns[parent] += self.waited_ns.pop(pid, 0)

    def thread_ids(self, pid):
        return list(self.cpu_ns[pid])

    def open_thread(self, pid, tid):
        self.opened += 1
        return MachineThread(self, pid, tid)


class MachineThread:
    def __init__(self, machine, pid, tid):
        self.machine, self.pid, self.tid = machine, pid, tid

    def read_ns(self):
        try:
            return self.machine.cpu_ns[self.pid][self.tid]
        except KeyError as error:
            raise ProcessLookupError(self.tid) from error

    def waited_ns(self):
        return self.machine.queued_ns.get((self.pid, self.tid), 0)

    def close(self):
        self.machine.closed += 1


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def time():
    return FakeClock(1_000 * MS)


@pytest.fixture
def clock(machine, time):
    return CpuClock(machine, start_ns=900 * MS, reader=machine, now_ns=time.now_ns, spent_ns=lambda: 0)


def rows(clock):
    cpu = clock.drain()
    return list(zip(cpu.pid.tolist(), cpu.tid.tolist(), cpu.t_ns.tolist(), cpu.cpu_ns.tolist(), strict=True))


def poll(clock, time, after_ns=TREE_EVERY_NS):
    clock.poll()
    time.advance(after_ns)


def test_process_and_threads_begin_with_nothing_when_the_program_started(machine, time, clock):
    machine.run(10, 10, 30 * MS)
    machine.run(10, 11, 20 * MS)

    poll(clock, time)

    assert rows(clock) == [
        (10, 0, 900 * MS, 0),
        (10, 0, 1_000 * MS, 50 * MS),
        (10, 10, 900 * MS, 0),
        (10, 10, 1_000 * MS, 30 * MS),
        (10, 11, 900 * MS, 0),
        (10, 11, 1_000 * MS, 20 * MS),
    ]


def test_rows_are_written_only_where_the_value_changed(machine, time, clock):
    machine.run(10, 10, 30 * MS)
    machine.run(10, 11, 20 * MS)
    poll(clock, time)
    clock.drain()

    poll(clock, time)
    machine.run(10, 11, 25 * MS)
    poll(clock, time)

    assert rows(clock) == [(10, 0, 1_200 * MS, 55 * MS), (10, 11, 1_200 * MS, 25 * MS)]


def test_thread_found_later_used_nothing_when_threads_were_last_looked_for(machine, time, clock):
    machine.run(10, 10, 10 * MS)
    poll(clock, time)
    clock.drain()

    machine.run(10, 12, 40 * MS)
    poll(clock, time)

    assert rows(clock)[1:] == [(10, 12, 1_000 * MS, 0), (10, 12, 1_100 * MS, 40 * MS)]


def test_total_sums_the_tree_and_keeps_ended_processes(machine, time, clock):
    machine.run(10, 10, 30 * MS)
    machine.run(11, 11, 50 * MS)
    poll(clock, time)

    del machine.cpu_ns[11]
    machine.run(12, 12, 1 * MS)
    poll(clock, time)

    assert clock.total_ns() == 81 * MS


def test_total_is_read_at_once_and_never_decreases(machine, time, clock):
    machine.run(10, 10, 30 * MS)
    poll(clock, time)

    machine.run(10, 10, 44 * MS)
    risen = clock.total_ns()
    del machine.cpu_ns[10]

    assert (risen, clock.total_ns()) == (44 * MS, 44 * MS)


def test_time_of_an_ended_process_up_to_its_last_reading_is_written(machine, time, clock):
    machine.run(10, 10, 30 * MS)
    machine.run(11, 11, 50 * MS)
    poll(clock, time)
    clock.drain()

    machine.run(11, 11, 60 * MS)
    clock.total_ns()
    del machine.cpu_ns[11]
    machine.run(12, 12, 0)
    poll(clock, time)

    assert (11, 0, 1_100 * MS, 60 * MS) in rows(clock)


@pytest.mark.parametrize(("final_ns", "expected_ns"), [(90 * MS, 90 * MS), (10 * MS, 30 * MS)])
def test_final_usage_counts_where_it_is_larger(machine, time, clock, final_ns, expected_ns):
    machine.run(10, 10, 30 * MS)
    poll(clock, time)

    clock.finish(final_ns)

    assert clock.total_ns() == expected_ns


def test_reused_ids_go_on_from_where_their_predecessors_stood(machine, time, clock):
    machine.run(10, 10, 30 * MS)
    poll(clock, time)
    del machine.cpu_ns[10]
    machine.run(11, 11, 0)
    poll(clock, time)
    clock.drain()

    machine.run(10, 10, 5 * MS)
    poll(clock, time)

    assert rows(clock) == [(10, 0, 1_200 * MS, 35 * MS), (10, 10, 1_200 * MS, 35 * MS)]
    assert clock.total_ns() == 35 * MS


def test_nobody_is_looked_for_while_nothing_was_created(machine, time, clock):
    machine.run(10, 10, 1 * MS)

    for used_ms in range(2, 20):
        machine.run(10, 10, used_ms * MS)
        poll(clock, time)

    assert (machine.refreshes, machine.opened) == (1, 1)


def test_looking_for_processes_keeps_its_distance(machine, time, clock):
    for pid in range(10, 30):
        machine.run(pid, pid, 0)
        poll(clock, time, after_ns=TREE_EVERY_NS // 10)

    assert machine.refreshes == 2


def test_costly_looking_is_done_more_rarely_after_the_first_time(machine, time):
    spent = iter(range(0, 10**12, 100 * MS))
    clock = CpuClock(machine, reader=machine, now_ns=time.now_ns, spent_ns=lambda: next(spent))

    for pid in range(10, 30):
        machine.run(pid, pid, 0)
        poll(clock, time, after_ns=5 * 1000 * MS)

    assert machine.refreshes == 2


def test_crowd_of_threads_is_taken_up_over_several_polls(machine, time, clock):
    for tid in range(10, 10 + 2 * OPENED_PER_POLL):
        machine.run(10, tid, 1 * MS)

    opened = []
    for used_ms in (2, 3, 4):
        poll(clock, time, after_ns=THREADS_EVERY_NS)
        machine.run(10, 10, used_ms * MS)
        opened.append(machine.opened)

    assert opened == [OPENED_PER_POLL, 2 * OPENED_PER_POLL, 2 * OPENED_PER_POLL]


def test_files_of_ended_threads_and_at_the_end_of_all_are_closed(machine, time, clock):
    for tid in (10, 11, 12):
        machine.run(10, tid, 1 * MS)
    poll(clock, time)

    del machine.cpu_ns[10][12]
    machine.run(10, 10, 5 * MS)
    poll(clock, time)
    closed_then = machine.closed
    clock.close()

    assert (closed_then, machine.closed) == (1, 3)


def pass_unseen(machine, parent, cpu_ns, pid=99):
    """Have a child come and go between two looks at the processes."""
    machine.created += 1
    machine.waited_ns[parent] = machine.waited_ns.get(parent, 0) + cpu_ns
    machine.run(parent, parent, sum(machine.cpu_ns[parent].values()) + 1 * MS)  # who waits for it runs


def children(clock):
    return [row for row in rows(clock) if row[1] == UNSEEN_CHILDREN]


def test_children_that_end_unseen_are_counted_with_who_waited_for_them(machine, time, clock):
    machine.run(10, 10, 30 * MS)
    poll(clock, time, after_ns=10 * MS)

    pass_unseen(machine, 10, 5 * MS)
    poll(clock, time, after_ns=10 * MS)
    pass_unseen(machine, 10, 7 * MS)
    poll(clock, time, after_ns=10 * MS)

    assert clock.total_ns() == 32 * MS + 12 * MS
    assert children(clock) == [
        (10, -1, 1_000 * MS, 0),
        (10, -1, 1_010 * MS, 5 * MS),
        (10, -1, 1_020 * MS, 12 * MS),
    ]


def test_a_child_with_a_clock_of_its_own_is_not_counted_again(machine, time, clock):
    machine.parents = {11: 10, 12: 11}
    for pid in (10, 11, 12):
        machine.run(pid, pid, 20 * MS)
    poll(clock, time)

    machine.run(12, 12, 23 * MS)  # 3 ms of it after the last reading
    machine.wait_for(12, 11)
    machine.run(11, 11, 21 * MS)
    poll(clock, time, after_ns=10 * MS)
    machine.wait_for(11, 10)
    pass_unseen(machine, 10, 0)
    poll(clock, time, after_ns=10 * MS)
    machine.run(10, 10, 22 * MS)
    poll(clock, time)

    assert clock.total_ns() == (22 + 21 + 23) * MS


def test_a_child_being_waited_for_at_this_instant_is_not_counted_twice(machine, time, clock):
    machine.parents = {11: 10}
    machine.run(10, 10, 20 * MS)
    machine.run(11, 11, 20 * MS)
    poll(clock, time)

    machine.ending.add(11)
    pass_unseen(machine, 10, 20 * MS)  # the kernel has added it, and its clock can still be read
    poll(clock, time, after_ns=10 * MS)
    del machine.cpu_ns[11]
    machine.run(10, 10, 22 * MS)
    poll(clock, time)

    assert clock.total_ns() == 42 * MS
    assert children(clock) == []


def test_children_waited_for_before_the_run_do_not_count(machine, time):
    machine.run(10, 10, 30 * MS)
    machine.waited_ns[10] = 500 * MS
    before = CpuBefore(10, {0: 30 * MS, 10: 30 * MS}, 0)
    clock = CpuClock(machine, reader=machine, now_ns=time.now_ns, spent_ns=lambda: 0, before=before)
    poll(clock, time)

    pass_unseen(machine, 10, 5 * MS)
    poll(clock, time)

    assert clock.total_ns() == 1 * MS + 5 * MS


def test_nobody_is_asked_for_children_while_nothing_was_created(machine, time, clock):
    machine.run(10, 10, 1 * MS)
    poll(clock, time)
    machine.waited_ns[10] = 5 * MS

    machine.run(10, 10, 2 * MS)
    poll(clock, time)

    assert children(clock) == []


def test_adoption_reaches_the_tree(machine, clock):
    clock.adopt(77)

    assert machine.adopted == [77]


def test_drained_columns_are_typed_and_read_only(machine, time, clock):
    machine.run(10, 10, 1 * MS)
    poll(clock, time)

    cpu = clock.drain()

    assert [column.dtype.name for column in (cpu.pid, cpu.tid, cpu.t_ns, cpu.cpu_ns)] == [
        "int32",
        "int32",
        "int64",
        "int64",
    ]
    assert not cpu.cpu_ns.flags.writeable
    assert len(clock.drain()) == 0


def test_waits_of_threads_are_kept_when_they_end(clock, machine, time):
    machine.run(10, 10, 0)
    machine.run(10, 11, 0)
    poll(clock, time)
    machine.run(10, 10, 40 * MS)
    machine.run(10, 11, 30 * MS)
    machine.queued_ns.update({(10, 10): 5 * MS, (10, 11): 70 * MS})
    poll(clock, time)
    del machine.cpu_ns[10][11]
    machine.run(10, 10, 80 * MS)
    machine.queued_ns[10, 10] = 8 * MS
    poll(clock, time)
    clock.close()

    (period,) = clock.queue_periods()
    assert (period.start_ns, period.worked_ns, period.waited_ns) == (900 * MS, 110 * MS, 78 * MS)
