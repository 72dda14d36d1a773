"""CPU time used before the run is nobody's: a program may have lived long before it profiles a part of itself."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from energyprof.collect.cpu_before import CpuBefore, cpu_used_by, started_ns_by_proc
from energyprof.collect.cpu_clock import CpuClock
from energyprof.collect.process_tree import ProcTree, process_tree

ROOT, OLD, NEW = 10, 20, 30
START_NS = 1_000


class Machine:
    """A root, a child older than the run and one that is younger; tree and reader in one. {pid: {tid: CPU time}}"""

    def __init__(self) -> None:
        self.cpu_ns = {ROOT: {10: 700, 11: 50}, OLD: {20: 400}, NEW: {30: 5}}
        self.created = 0

    def births(self) -> int:
        self.created += 1
        return self.created

    def adopt(self, pid: int) -> None:
        raise AssertionError(pid)

    def refresh(self) -> tuple[int, ...]:
        return tuple(self.cpu_ns)

    def process_clock(self, pid: int):
        def read_ns() -> int:
            if pid not in self.cpu_ns:
                raise ProcessLookupError(pid)
            return sum(self.cpu_ns[pid].values())

        return read_ns

    def kin(self, pid: int) -> None:
        return None

    def thread_ids(self, pid: int) -> list[int]:
        return list(self.cpu_ns[pid])

    def open_thread(self, pid: int, tid: int):
        return Thread(lambda: self.cpu_ns[pid][tid])


class Thread:
    def __init__(self, read_ns) -> None:
        self.read_ns = read_ns

    def waited_ns(self) -> None:
        return None

    def close(self) -> None:
        pass


def clock_of(machine: Machine, said: dict[int, int]) -> CpuClock:
    started = {(OLD, 20): 900, (NEW, 30): 1_100}
    before = CpuBefore(ROOT, said, START_NS, lambda pid, tid: started[pid, tid])
    now = iter(range(2_000_000_000, 10**12, 200_000_000))
    return CpuClock(
        machine, start_ns=START_NS, reader=machine, now_ns=lambda: next(now), spent_ns=lambda: 0, before=before
    )


def last_rows(clock: CpuClock) -> dict[tuple[int, int], int]:
    rows = clock.drain()
    columns = (rows.pid.tolist(), rows.tid.tolist(), rows.cpu_ns.tolist())
    return {(pid, tid): cpu_ns for pid, tid, cpu_ns in zip(*columns, strict=True)}


def test_only_what_was_used_since_the_run_began_counts() -> None:
    machine = Machine()
    clock = clock_of(machine, {0: 600, 10: 560, 11: 40})
    clock.poll()

    machine.cpu_ns[ROOT][10] += 7
    machine.cpu_ns[ROOT][12] = 3  # a new thread
    machine.cpu_ns[OLD][20] += 11
    clock.poll()

    assert clock.total_ns() == (750 - 600) + 7 + 3 + 11 + 5
    assert last_rows(clock) == {
        (ROOT, 0): 160,
        (ROOT, 10): 147,
        (ROOT, 11): 10,
        (ROOT, 12): 3,
        (OLD, 0): 11,
        (OLD, 20): 0,  # found only now that it ran; the whole process was read from the first poll on
        (NEW, 0): 5,
        (NEW, 30): 5,
    }


def test_a_program_started_by_the_run_had_used_nothing_before() -> None:
    clock = clock_of(Machine(), {})

    clock.poll()

    assert clock.total_ns() == 750 + 400 + 5


def test_the_final_total_knows_old_children_only_whole() -> None:
    machine = Machine()
    clock = clock_of(machine, {0: 750, 10: 700, 11: 50})
    clock.poll()
    machine.cpu_ns[OLD][20] += 30
    clock.total_ns()
    del machine.cpu_ns[OLD]
    clock.poll()

    clock.finish(100 + 430 + 5)  # the root's own 100, its waited-for children whole

    assert clock.total_ns() == 100 + 30 + 5


def test_an_old_child_that_has_just_ended_counts_only_from_the_start_of_the_run() -> None:
    machine = Machine()
    clock = clock_of(machine, {0: 750, 10: 700, 11: 50})
    clock.poll()
    machine.cpu_ns[OLD][20] += 30
    clock.total_ns()
    del machine.cpu_ns[OLD]  # and the run ends before the processes are looked at again

    clock.finish(100 + 430 + 5)

    assert clock.total_ns() == 100 + 30 + 5


def test_the_kernel_tells_when_a_thread_began() -> None:
    before_ns = time.monotonic_ns()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        after_ns = time.monotonic_ns()
        started_ns = started_ns_by_proc()(child.pid, child.pid)
        child.communicate(b"\n")

    tick_ns = 10_000_000
    assert before_ns - tick_ns <= started_ns <= after_ns + tick_ns


def test_the_collector_below_the_program_is_no_part_of_it() -> None:
    tree = process_tree(os.getppid())

    assert os.getppid() in tree.refresh()
    assert os.getpid() not in tree.refresh()


def test_what_descends_from_the_process_left_out_is_left_out_too(tmp_path: Path) -> None:
    for pid, parent in [(10, 1), (11, 10), (12, 11), (13, 10)]:
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "stat").write_text(f"{pid} (x) S {parent} {' '.join(['0'] * 17)} {pid} 0 0\n")
    (tmp_path / "loadavg").write_text("0 0 0 1/1 13\n")

    assert set(ProcTree(10, str(tmp_path), left_out=11).refresh()) == {10, 13}


def test_what_a_program_uses_after_the_run_does_not_count() -> None:
    machine = Machine()
    clock = clock_of(machine, {0: 600, 10: 560, 11: 40})
    clock.poll()
    machine.cpu_ns[ROOT][10] += 1_000

    clock.settle(ROOT, 155)

    assert clock.total_ns() == 155 + 5


def test_a_process_says_what_its_threads_have_used() -> None:
    used_ns = cpu_used_by(os.getpid())

    assert 0 < used_ns[threading.get_native_id()] <= used_ns[0]
    assert used_ns[0] <= time.process_time_ns()
