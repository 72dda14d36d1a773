"""CPU time that was used before the run began: a program that profiles a part of itself has lived before it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from energyprof.collect.cpu_readers import CpuReader, cpu_reader


class CpuBefore:
    """Tells what each process and thread had used when the run began, so that it can be left out."""

    def __init__(
        self,
        root_pid: int,
        used_ns: Mapping[int, int],
        start_ns: int,
        started_ns: Callable[[int, int], int] | None = None,
    ) -> None:
        """`used_ns`: what the root said of its threads, by tid, and under 0 of itself as a whole.

        `started_ns` returns when a thread of a process was created, as CLOCK_MONOTONIC; raises OSError if it is gone.
        """
        self._root_pid = root_pid
        self._used_ns = dict(used_ns)
        self._start_ns = start_ns
        self._started_ns = started_ns or started_ns_by_proc()

    def used_ns(self, pid: int, tid: int, read_ns: Callable[[], int]) -> int:
        """Return what was used before the run; `tid` 0: by the whole process.

        A process that is older than the run, but not its root, said nothing: what it has used until now counts as
        used before. That is off by what it used since the run began, at most the time the collector takes to start.
        """
        if not self._used_ns:
            return 0
        if pid == self._root_pid:
            return self._used_ns.get(tid, 0)
        try:
            if self._started_ns(pid, tid or pid) < self._start_ns:
                return read_ns()
        except OSError:
            return 0  # it is gone, and what it used with it
        return 0


def cpu_used_by(pid: int, reader: CpuReader | None = None) -> dict[int, int]:
    """Return the CPU time that each thread of a process has used so far, by tid, and under 0 that of the process.

    Threads that the system does not tell, as where no file can be opened any more, are left out.
    """
    reader = reader or cpu_reader()
    used_ns = {0: reader.process_clock(pid)()}
    try:
        tids = reader.thread_ids(pid)
    except OSError:
        return used_ns
    for tid in tids:
        try:
            thread = reader.open_thread(pid, tid)
            try:
                used_ns[tid] = thread.read_ns()
            finally:
                thread.close()
        except (OSError, ValueError, IndexError):  # it has just ended
            continue
    return used_ns


def started_ns_by_proc(proc: str = "/proc") -> Callable[[int, int], int]:
    """Return what reads from proc(5) when a thread was created, as CLOCK_MONOTONIC, at most a tick (10 ms) late."""
    tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    # The kernel counts from boot, and unlike this clock while the machine sleeps.
    boot_clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    slept_ns = time.clock_gettime_ns(boot_clock) - time.monotonic_ns()

    def started_ns(pid: int, tid: int) -> int:
        with open(f"{proc}/{pid}/task/{tid}/stat", "rb") as file:
            text = file.read()
        fields = text[text.rindex(b")") + 2 :].split()
        return (int(fields[19]) + 1) * tick_ns - slept_ns

    return started_ns
