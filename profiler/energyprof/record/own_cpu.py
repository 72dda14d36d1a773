"""What the threads of a child have used: read by themselves at its first events, and of all when it writes.

Nobody outside sees a new process at once, and one that lives for some milliseconds is never seen. The program's first
process is read from outside since its beginning, so it reads nothing itself.
"""

from __future__ import annotations

import struct
import sys
from time import perf_counter_ns, process_time_ns, thread_time_ns

from energyprof.model.frame import CPU, pack_frame
from energyprof.record.lanes import local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_NS = 1_000_000_000
"""By then the collector reads it: it looks for new processes ten times a second, less often where there are many."""
FIRST_READINGS = 2_000
"""A reading costs 1 us, 8 us in a sandbox that has system calls checked."""
APART_NS = 50_000
"""Events of one thread that come faster are not read one by one."""
ALL_APART_NS = 100_000_000
"""Time between two readings of all threads; a worker writes at each message."""
_INT64S = "%dq" if sys.byteorder == "little" else "<%dq"


class OwnCpu:
    """Readings not written yet: t_ns (`perf_counter_ns`), thread id, its CPU time, that of the whole process."""

    __slots__ = ("_all_ns", "_left", "_rows", "_until_ns")

    def __init__(self) -> None:
        self._rows: list[int] = []
        self._left = FIRST_READINGS
        self._until_ns = perf_counter_ns() + FIRST_NS
        self._all_ns = 0

    def read(self, t_ns: int) -> int:
        """Read the clocks of the calling thread at its event of `t_ns`; return when its next is due, 0: never."""
        if t_ns > self._until_ns or self._left <= 0:
            return 0
        self._left -= 1
        self._rows.extend((t_ns, local.lane.tid, thread_time_ns(), process_time_ns()))
        return t_ns + APART_NS

    def waited(self, start: tuple[int, int, int], end: tuple[int, int, int]) -> None:
        """Take (t_ns, thread's CPU time, process's) of the calling thread when a wait began and when it ended."""
        tid = local.lane.tid
        self._rows.extend((start[0], tid, *start[1:], end[0], tid, *end[1:]))

    def frame(self, tids: Iterable[int], last: bool) -> bytes:
        """Return the readings not written yet, with new ones of these threads if the time has come or it is the `last`.

        Nothing where there are none.
        """
        rows = self._rows[:]
        del self._rows[: len(rows)]
        now_ns = perf_counter_ns()
        if last or now_ns - self._all_ns > ALL_APART_NS:
            self._all_ns = now_ns
            for tid in tids:
                cpu_ns = _thread_ns(tid)
                if cpu_ns is not None:
                    rows += (perf_counter_ns(), tid, cpu_ns, process_time_ns())
        return pack_frame(CPU, 0, struct.pack(_INT64S % len(rows), *rows)) if rows else b""


def _thread_ns(tid: int) -> int | None:
    """Return the CPU time of a thread of this process, None where it has ended or the system does not tell."""
    if sys.platform != "linux":
        return None
    from time import clock_gettime_ns

    try:
        # The clock of a thread as pthread_getcpuclockid(3) makes it of its id; that call must not meet an ended one.
        return clock_gettime_ns((~tid << 3) | 6)
    except OSError:
        return None
