"""CPU time of other processes and of their threads, as the operating system tells it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from energyprof.collect.cpu_children import Kin

THREAD_FILES_KEPT_OPEN = 400
"""Beyond it a thread's file is opened for each read: the usual limit is 1024 open files."""


class CpuReader(Protocol):
    """Read CPU times in nanoseconds; what it hands out raises OSError when the process or thread is gone."""

    def process_clock(self, pid: int) -> Callable[[], int]:
        """Return what reads the CPU time of a process with all of its threads, ended ones included."""
        ...

    def kin(self, pid: int) -> Kin | None:
        """Return what is told of a process's parent and children; None where the system does not tell."""
        ...

    def thread_ids(self, pid: int) -> Sequence[int]:
        """Return the threads alive in a process; none where the system does not tell."""
        ...

    def open_thread(self, pid: int, tid: int) -> ThreadReader:
        """Get ready to read the CPU time of one thread again and again."""
        ...


class ThreadReader(Protocol):
    """One thread's CPU time."""

    def read_ns(self) -> int:
        """Return the CPU time since the thread began; raises OSError when it has ended."""
        ...

    def waited_ns(self) -> int | None:
        """Return how long it had stood in the run queue at the last `read_ns`; None: the system does not tell."""
        ...

    def close(self) -> None:
        """Release what is held open."""
        ...


def cpu_reader(proc: str = "/proc") -> CpuReader:
    """Return what this system offers: /proc on Linux, else psutil."""
    return ProcReader(proc) if sys.platform == "linux" else PsutilReader()


def _posix_clock(pid: int) -> Callable[[], int]:
    # The clock id of another process, as clock_getcpuclockid(3) makes it: exact to the nanosecond, no file is read.
    # A partial of a C function runs no Python code, of which each line is dear after a wake-up.
    return partial(time.clock_gettime_ns, (~pid << 3) | 2)


class ProcReader:
    """Read process clocks by `clock_gettime`, thread times from schedstat, else from stat (in ticks of 10 ms)."""

    def __init__(self, proc: str = "/proc", process_clock: Callable[[int], Callable[[], int]] = _posix_clock) -> None:
        self._proc = proc
        self._process_clock = process_clock
        self._has_schedstat = os.path.exists(f"{proc}/self/schedstat")
        self._tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
        self._kept_open: list[int] = []

    def process_clock(self, pid: int) -> Callable[[], int]:
        """Return what reads the CPU time of a process with all of its threads."""
        return self._process_clock(pid)

    def kin(self, pid: int) -> Kin:
        """Return what proc(5) says of a process's parent and of the children it has waited for."""
        descriptor = os.open(f"{self._proc}/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = os.pread(descriptor, 1024, 0)
        finally:
            os.close(descriptor)
        fields = text[text.rindex(b")") + 2 :].split(None, 15)
        return Kin(int(fields[1]), fields[0] in b"ZX", (int(fields[13]) + int(fields[14])) * self._tick_ns)

    def thread_ids(self, pid: int) -> Sequence[int]:
        """Return the threads alive in a process."""
        return [int(name) for name in os.listdir(f"{self._proc}/{pid}/task")]

    def open_thread(self, pid: int, tid: int) -> ThreadReader:
        """Get ready to read one thread's CPU time."""
        # schedstat's first figure is sum_exec_runtime in ns (Linux, Documentation/scheduler/sched-stats.rst).
        name, parse = ("schedstat", _schedstat_ns) if self._has_schedstat else ("stat", self._stat_ns)
        path = f"{self._proc}/{pid}/task/{tid}/{name}"
        return _ThreadFile(path, parse, _schedstat_waited_ns if self._has_schedstat else _not_told, self._kept_open)

    def _stat_ns(self, text: bytes) -> int:
        fields = text[text.rindex(b")") + 2 :].split()
        return (int(fields[11]) + int(fields[12])) * self._tick_ns


def _schedstat_ns(text: bytes) -> int:
    return int(text.split(None, 1)[0])


def _schedstat_waited_ns(text: bytes) -> int | None:
    return int(text.split(None, 2)[1]) if text else 0


def _not_told(_text: bytes) -> int | None:
    return None


class _ThreadFile:
    """A thread's file, kept open while few enough are: reading it again is 15 times cheaper than opening it."""

    def __init__(
        self,
        path: str,
        parse: Callable[[bytes], int],
        parse_waited: Callable[[bytes], int | None],
        kept_open: list[int],
    ) -> None:
        self._path = path
        self._parse = parse
        self._parse_waited = parse_waited
        self._text = b""
        self._kept_open = kept_open
        self._fd: int | None = os.open(path, os.O_RDONLY)
        if len(kept_open) < THREAD_FILES_KEPT_OPEN:
            kept_open.append(self._fd)
        else:
            os.close(self._fd)
            self._fd = None

    def read_ns(self) -> int:
        text = self._opened_and_read() if self._fd is None else os.pread(self._fd, 512, 0)
        used_ns = self._parse(text)
        self._text = text
        return used_ns

    def waited_ns(self) -> int | None:
        # Parsed when it is asked for, not at each of the reads, of which there are 50 as many.
        return self._parse_waited(self._text)

    def _opened_and_read(self) -> bytes:
        fd = os.open(self._path, os.O_RDONLY)
        try:
            return os.pread(fd, 512, 0)
        finally:
            os.close(fd)

    def close(self) -> None:
        if self._fd is not None:
            self._kept_open.remove(self._fd)
            os.close(self._fd)
            self._fd = None


class PsutilReader:
    """Read process times through psutil; threads are not told apart (macOS tells them to root only)."""

    def process_clock(self, pid: int) -> Callable[[], int]:
        """Return what reads the CPU time of a process with all of its threads."""
        import psutil

        def read_ns() -> int:
            try:
                times = psutil.Process(pid).cpu_times()
            except psutil.Error as error:
                raise ProcessLookupError(str(error)) from error
            used_s: float = times.user + times.system
            return round(used_s * 1e9)

        return read_ns

    def kin(self, pid: int) -> Kin | None:  # noqa: ARG002
        """Return None."""
        return None

    def thread_ids(self, pid: int) -> Sequence[int]:  # noqa: ARG002
        """Return no threads."""
        return ()

    def open_thread(self, pid: int, tid: int) -> ThreadReader:
        """Never called, for no thread is announced."""
        raise ProcessLookupError(f"thread {tid} of process {pid} cannot be read on this system")
