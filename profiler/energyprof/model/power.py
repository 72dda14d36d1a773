"""What the sensors and the scheduler said, as read-only columns: readings, CPU times, who used the machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.model.span import Codes, Index, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """The readings of one domain in order of time; times are CLOCK_MONOTONIC nanoseconds."""

    t_before_ns: Ints
    t_after_ns: Ints
    """The poll happened between the two; equal where the sensor itself gave the time."""
    raw: Ints
    """The integer as read; meaningless where status is not OK."""
    status: Codes
    """ReadStatus."""

    def __len__(self) -> int:
        return len(self.raw)


@dataclass(frozen=True, slots=True, eq=False)
class ThreadCpu:
    """CPU time of the program's threads, ordered by (pid, tid, t_ns); a row only where the value changed.

    `tid == 0` rows give the whole process `pid` with all of its threads, ended ones included; `tid ==
    ids.UNSEEN_CHILDREN` rows what it had waited for; about `ids.OWN_READING`, what children have read themselves.
    """

    pid: Index
    tid: Index
    t_ns: Ints
    cpu_ns: Ints
    """CPU time used since the thread began, in nanoseconds; never decreases within a thread."""

    def __len__(self) -> int:
        return len(self.pid)


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """Who used the processors of the host, or one device, added up since the first row; in order of time.

    CPU time in nanoseconds, or the part of the device used times the time.
    """

    t_ns: Ints
    own_ns: Ints
    """Of the program."""
    others_ns: Ints
    profiler_ns: Ints
    """Of our own processes: neither the program's nor others'."""

    def __len__(self) -> int:
        return len(self.t_ns)

    @staticmethod
    def none() -> Use:
        """Return no rows: nothing is known."""
        empty = np.zeros(0, np.int64)
        return Use(empty, empty, empty, empty)
