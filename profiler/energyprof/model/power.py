"""What the sensors and the scheduler said, as read-only columns: raw readings and CPU time per thread."""

from __future__ import annotations

from dataclasses import dataclass

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
    ids.UNSEEN_CHILDREN` rows what it had waited for.
    """

    pid: Index
    tid: Index
    t_ns: Ints
    cpu_ns: Ints
    """CPU time used since the thread began, in nanoseconds; never decreases within a thread."""

    def __len__(self) -> int:
        return len(self.pid)
