"""CPU time of the program: one total that never decreases, and rows per process and thread for the attribution."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from energyprof.collect.cpu_before import CpuBefore
from energyprof.collect.cpu_children import UnseenChildren
from energyprof.collect.cpu_readers import CpuReader, ThreadReader, cpu_reader
from energyprof.collect.process_tree import Tree
from energyprof.collect.run_queue import Looked, QueueLog
from energyprof.model.ids import UNSEEN_CHILDREN

if TYPE_CHECKING:
    from energyprof.model.power import ThreadCpu
    from energyprof.model.run_queue import QueuePeriod

TREE_EVERY_NS = 100_000_000
THREADS_EVERY_NS = 50_000_000
DISCOVERY_SHARE = 0.0005
"""CPU time allowed to looking for processes, and as much again to looking for threads, as a share of one core.

Nothing is looked for while no process and no thread was created on the host, which costs one short read to know.
"""
CHILDREN_SHARE = 0.003
"""CPU time allowed to looking for children that ended unseen, likewise: 60 us a look make one in 20 ms."""
PARENTS_PER_LOOK = 4
"""Of many processes those are asked whose last look is longest ago."""
ENDED_KEPT = 1 << 16
"""Ended processes, and ended threads, that are remembered: an id is given out again after as many others, at least."""
OPENED_PER_POLL = 64
"""New threads taken up in one poll; a pool of hundreds comes in over several instead of stalling one."""


@dataclass(slots=True, eq=False)
class _Clock:
    """CPU time of a process or thread; a reused id goes on from where its predecessor stood."""

    base_ns: int
    before_ns: int
    """What it had used before the run, which does not count."""
    last_ns: int = 0
    written_ns: int = -1

    def advance(self, cpu_ns: int) -> bool:
        """Take a new value; return whether it is one that has not been written yet."""
        self.last_ns = max(self.last_ns, cpu_ns - self.before_ns)
        return self.last_ns != self.written_ns


@dataclass(slots=True, eq=False)
class _Thread:
    reader: ThreadReader
    clock: _Clock
    looked: Looked = field(default_factory=Looked)


@dataclass(slots=True, eq=False)
class _Process:
    pid: int
    clock: _Clock
    read_ns: Callable[[], int]
    threads_seen_ns: int
    """When its threads were last looked for."""
    threads_due_ns: int = 0
    threads_births: int | None = None
    ended_ns: int | None = None
    """When its clock could not be read any more."""
    looked_ns: int = 0
    """When it was last asked for its children; `looked_cpu_ns`: what it had used itself then."""
    looked_cpu_ns: int = -1
    children: _Clock | None = None
    """What its children have used unseen."""
    threads: dict[int, _Thread] = field(default_factory=dict)


class CpuClock:
    """Read the CPU clocks of a process tree; `poll` and `close` belong to one thread, the rest to any."""

    def __init__(  # noqa: PLR0913 - two clocks and three views of the system, by keyword
        self,
        tree: Tree,
        *,
        start_ns: int = 0,
        reader: CpuReader | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
        spent_ns: Callable[[], int] = time.thread_time_ns,
        before: CpuBefore | None = None,
    ) -> None:
        """Follow `tree`; the run began at `start_ns`, with its root or, if there is something `before`, later.

        `spent_ns` is the CPU time of the polling thread.
        """
        self._tree = tree
        self._reader = reader or cpu_reader()
        self._now_ns = now_ns
        self._spent_ns = spent_ns
        self._lock = threading.Lock()
        self._processes: dict[int, _Process] = {}
        self._before = before
        self._ended_ns = 0
        self._ended_before_ns = 0
        self._least_ns = 0
        self._tree_seen_ns = start_ns
        self._tree_due_ns = 0
        self._tree_births: int | None = None
        self._unseen = UnseenChildren(self._reader.kin)
        self._looking = threading.Lock()
        self._children_due_ns = 0
        self._has_ends = False
        self._ends: dict[int, list[int]] = {}
        """By pid, which may have been given out again: when its processes ended."""
        self._written: dict[tuple[int, int], int] = {}
        self._rows: list[int] = []
        self._queue = QueueLog(start_ns)

    def adopt(self, pid: int) -> None:
        """Count a process to the program that is no visible descendant of it (its spool says that it is ours)."""
        self._tree.adopt(pid)

    def pids(self) -> tuple[int, ...]:
        """Return the processes that are followed now."""
        return tuple(self._processes)

    def total_ns(self) -> int:
        """Return the CPU time used by the program and its descendants so far, read now; never decreases."""
        births = self._tree.births()
        with self._lock:
            for process in self._processes.values():
                self._read(process)
        if births is not None and births != self._tree_births:
            self._look_for_children()
        with self._lock:
            return self._total_ns()

    def ended_ns(self, pid: int, since_ns: int) -> int | None:
        """Return when the process that was there at `since_ns` ended, that time itself if it was not seen after it.

        None: it is alive.
        """
        with self._lock:
            process = self._processes.get(pid)
            last = [] if process is None or process.ended_ns is None else [process.ended_ns]
            ends = [t_ns for t_ns in (*self._ends.get(pid, ()), *last) if t_ns >= since_ns]
        if not ends and process is not None and process.ended_ns is None:
            return None
        return min(ends, default=since_ns)

    def finish(self, total_cpu_ns: int) -> None:
        """Take the final total from the program's own resource usage; it also knows children that were never seen."""
        with self._lock:
            gone = [process for process in self._processes.values() if self._is_gone(process)]
            # Of a child that was there before the run, the program knows but the whole.
            before_ns = self._ended_before_ns + sum(process.clock.before_ns for process in gone)
            self._least_ns = max(self._least_ns, total_cpu_ns - before_ns)

    def settle(self, pid: int, used_ns: int) -> None:
        """Take what a process that lives on had used when the run ended; what it uses from then on does not count."""
        with self._lock:
            process = self._processes.get(pid)
            if process is not None:
                process.read_ns = lambda: process.clock.before_ns + used_ns
                process.clock.last_ns = used_ns
                self._least_ns = 0

    def poll(self) -> bool:
        """Read every clock once and keep what changed; looks for processes and threads when that is due."""
        births = self._tree.births()
        is_unseen = births is not None and births != self._tree_births
        if (births is None or births != self._tree_births) and self._now_ns() >= self._tree_due_ns:
            self._find_processes(births)
        rows: list[int] = []
        for process in tuple(self._processes.values()):
            self._poll_process(process, births, rows)
        with self._lock:
            self._rows.extend(rows)
        if is_unseen or self._has_ends:
            self._look_for_children()
        if self._queue.is_due(self._now_ns()):
            self._look_at_queue()
        return True

    def queue_periods(self) -> tuple[QueuePeriod, ...]:
        """Return how long threads have waited for a processor so far; empty: the system does not tell."""
        return self._queue.periods()

    def close(self) -> None:
        """Release the files held open."""
        self._look_at_queue()
        for process in self._processes.values():
            for thread in process.threads.values():
                thread.reader.close()
            process.threads.clear()

    def drain(self) -> ThreadCpu:
        """Return the rows since the last drain, ordered by (pid, tid, t_ns); each is handed out once."""
        # Not at the top: sensors are being read before numpy is loaded, which takes 100 ms and more.
        import numpy as np

        from energyprof.model.power import ThreadCpu

        with self._lock:
            rows, self._rows = self._rows, []
        table = np.array(rows, np.int64).reshape(-1, 4)
        table = table[np.lexsort((table[:, 2], table[:, 1], table[:, 0]))]
        pid, tid = table[:, 0].astype(np.int32), table[:, 1].astype(np.int32)
        t_ns, cpu_ns = np.ascontiguousarray(table[:, 2]), np.ascontiguousarray(table[:, 3])
        for column in (pid, tid, t_ns, cpu_ns):
            column.flags.writeable = False
        return ThreadCpu(pid, tid, t_ns, cpu_ns)

    def _total_ns(self) -> int:
        alive_ns = sum(_used_ns(process) for process in self._processes.values())
        self._least_ns = max(self._least_ns, self._ended_ns + alive_ns)
        return self._least_ns

    def _read(self, process: _Process) -> bool:
        """Read a process clock; an ended process keeps its last value. Returns whether there is a new value."""
        try:
            return process.clock.advance(process.read_ns())
        except OSError:
            if process.ended_ns is None:
                process.ended_ns = self._now_ns()
                self._has_ends = True
            return process.clock.last_ns != process.clock.written_ns

    def _is_gone(self, process: _Process) -> bool:
        self._read(process)
        return process.ended_ns is not None

    def _look_for_children(self) -> None:
        """Have it done if it is due and nobody does it."""
        if self._now_ns() >= self._children_due_ns and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()

    def _look(self) -> None:
        """Ask those that have run since for what their children used; who waits for a child runs."""
        now_ns, spent_ns = self._now_ns(), self._spent_ns()
        rows: list[int] = []
        with self._lock:
            processes = tuple(self._processes.values())
        ran = [process for process in processes if process.clock.last_ns != process.looked_cpu_ns]
        asked = sorted(ran, key=lambda process: process.looked_ns)[:PARENTS_PER_LOOK]
        self._has_ends = len(asked) < len(ran)
        for process in asked:
            process.looked_cpu_ns = process.clock.last_ns
            self._unseen.look(process.pid)
        with self._lock:  # who is gone is found out after the look, so that nobody is counted twice
            gone = [process for process in processes if self._is_gone(process)]
        gone_ns = {process.pid: process.clock.before_ns + process.clock.last_ns for process in gone}
        for process in asked:
            unseen_ns = self._unseen.unseen_ns(process.pid, gone_ns)
            if unseen_ns:
                with self._lock:
                    key = (process.pid, UNSEEN_CHILDREN)
                    clock = process.children = process.children or self._new_clock(key, None, process.looked_ns, rows)
                    clock.advance(unseen_ns)
                self._write(process.pid, UNSEEN_CHILDREN, clock, now_ns, rows)
            process.looked_ns = now_ns
        with self._lock:
            self._rows.extend(rows)
        self._children_due_ns = now_ns + round((self._spent_ns() - spent_ns) / CHILDREN_SHARE)

    def _find_processes(self, births: int | None) -> None:
        began_ns, spent_ns = self._now_ns(), self._spent_ns()
        alive = self._tree.refresh()
        rows: list[int] = []
        with self._looking, self._lock:
            ended = [self._processes.pop(pid) for pid in self._processes.keys() - set(alive)]
            for process in ended:
                self._end(process, rows)
            self._unseen.forget({process.pid: process.clock.before_ns + process.clock.last_ns for process in ended})
            for pid in alive:
                if pid not in self._processes:
                    # When the tree was last looked at it did not exist, hence had used nothing.
                    read_ns = self._reader.process_clock(pid)
                    clock = self._new_clock((pid, 0), read_ns, self._tree_seen_ns, rows)
                    self._processes[pid] = _Process(pid, clock, read_ns, self._tree_seen_ns, looked_ns=began_ns)
                    self._unseen.take_up(pid, had_lived=clock.before_ns > 0)
            self._rows.extend(rows)
        self._tree_seen_ns = began_ns
        # The first look is at all processes there are and paid once; what follows looks at the new ones.
        pause_ns = TREE_EVERY_NS if self._tree_births is None else self._pause_ns(TREE_EVERY_NS, spent_ns)
        self._tree_births = births
        self._tree_due_ns = began_ns + pause_ns

    def _end(self, process: _Process, rows: list[int]) -> None:
        self._read(process)
        self._ends.setdefault(process.pid, []).append(process.ended_ns or self._now_ns())
        _keep_latest(self._ends)
        self._ended_ns += _used_ns(process)
        self._ended_before_ns += process.clock.before_ns
        self._write(process.pid, 0, process.clock, self._now_ns(), rows)
        for tid, thread in process.threads.items():
            self._leave(process.pid, tid, thread)
        self._written[process.pid, 0] = process.clock.base_ns + process.clock.last_ns
        if process.children is not None:
            self._written[process.pid, UNSEEN_CHILDREN] = process.children.base_ns + process.children.last_ns
        _keep_latest(self._written)

    def _poll_process(self, process: _Process, births: int | None, rows: list[int]) -> None:
        with self._lock:
            changed = self._read(process)
        now_ns = self._now_ns()
        if not changed:
            # None of its threads has run since, so none of their times has changed either.
            return
        self._write(process.pid, 0, process.clock, now_ns, rows)
        if (births is None or births != process.threads_births) and now_ns >= process.threads_due_ns:
            self._find_threads(process, births, rows)
        for tid, thread in tuple(process.threads.items()):
            try:
                new = thread.clock.advance(thread.reader.read_ns())
            except (OSError, ValueError, IndexError):  # Ended; some kernels then give an empty text.
                self._end_thread(process, tid)
                continue
            if new:
                self._write(process.pid, tid, thread.clock, self._now_ns(), rows)

    def _find_threads(self, process: _Process, births: int | None, rows: list[int]) -> None:
        began_ns, spent_ns = self._now_ns(), self._spent_ns()
        try:
            alive = self._reader.thread_ids(process.pid)
        except OSError:
            return
        new = [tid for tid in alive if tid not in process.threads]
        for tid in new[:OPENED_PER_POLL]:
            try:
                reader = self._reader.open_thread(process.pid, tid)
            except OSError:
                continue
            clock = self._new_clock((process.pid, tid), reader.read_ns, process.threads_seen_ns, rows)
            process.threads[tid] = _Thread(reader, clock, Looked.at_the_start(reader, is_older=clock.before_ns > 0))
        if len(new) <= OPENED_PER_POLL:
            process.threads_seen_ns = began_ns
            process.threads_births = births
            process.threads_due_ns = began_ns + self._pause_ns(THREADS_EVERY_NS, spent_ns)

    def _end_thread(self, process: _Process, tid: int) -> None:
        self._leave(process.pid, tid, process.threads.pop(tid))
        _keep_latest(self._written)

    def _leave(self, pid: int, tid: int, thread: _Thread) -> None:
        self._queue.note(pid, thread.looked, thread.clock.last_ns, thread.reader.waited_ns())
        self._written[pid, tid] = thread.clock.base_ns + thread.clock.last_ns
        thread.reader.close()

    def _look_at_queue(self) -> None:
        for process in self._processes.values():
            for thread in process.threads.values():
                self._queue.note(process.pid, thread.looked, thread.clock.last_ns, thread.reader.waited_ns())
        self._queue.close_period(self._now_ns())

    def _new_clock(
        self, key: tuple[int, int], read_ns: Callable[[], int] | None, since_ns: int, rows: list[int]
    ) -> _Clock:
        """Return the clock of a process or thread; `read_ns` None: nothing of it can be from before the run."""
        pid, tid = key
        base_ns, before_ns = self._written.pop(key, None), 0
        if self._before is not None and base_ns is None and read_ns is not None:
            before_ns = self._before.used_ns(pid, tid, read_ns)
        clock = _Clock(base_ns or 0, before_ns)
        if base_ns is None:
            clock.written_ns = 0
            rows.extend((pid, tid, since_ns, 0))
        return clock

    def _write(self, pid: int, tid: int, clock: _Clock, t_ns: int, rows: list[int]) -> None:
        if clock.last_ns != clock.written_ns:
            rows.extend((pid, tid, t_ns, clock.base_ns + clock.last_ns))
            clock.written_ns = clock.last_ns

    def _pause_ns(self, least_ns: int, spent_before_ns: int) -> int:
        return max(least_ns, round((self._spent_ns() - spent_before_ns) / DISCOVERY_SHARE))


def _used_ns(process: _Process) -> int:
    """Return what a process has used during the run, with its unseen children."""
    return process.clock.last_ns + (0 if process.children is None else process.children.last_ns)


def _keep_latest(by_id: dict[Any, Any]) -> None:
    """Remove the oldest of what was remembered."""
    while len(by_id) > ENDED_KEPT:
        del by_id[next(iter(by_id))]
