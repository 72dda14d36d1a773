"""What the threads of a child have used: read by themselves at its first events, and of all when it writes.

Nobody outside sees a new process at once, and one that lives for some milliseconds is never seen. The program's first
process is read from outside since its beginning, so it reads nothing itself.
"""

from __future__ import annotations

import struct
import sys
from _thread import get_native_id
from time import perf_counter_ns, process_time_ns, thread_time_ns

from energyprof.model.frame import CPU, pack_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_NS = 1_000_000_000
"""By then the collector reads it: it looks for new processes ten times a second, less often where there are many."""
FIRST_EVENTS = 4_000
"""A reading costs about 1 us."""
_INT64S = "%dq" if sys.byteorder == "little" else "<%dq"


class OwnCpu:
    """Readings not written yet: t_ns (`perf_counter_ns`), thread id, its CPU time, that of the whole process."""

    __slots__ = ("_left", "_rows", "_until_ns")

    def __init__(self) -> None:
        self._rows: list[int] = []
        self._left = FIRST_EVENTS
        self._until_ns = perf_counter_ns() + FIRST_NS

    def read(self, t_ns: int) -> bool:
        """Read the clocks of the calling thread at its event of `t_ns`; False: its later ones need no reading."""
        if t_ns > self._until_ns or self._left <= 0:
            return False
        self._left -= 1
        self._rows.extend((t_ns, get_native_id(), thread_time_ns(), process_time_ns()))
        return True

    def frame(self, tids: Iterable[int]) -> bytes:
        """Return all readings, and one more of each of these threads that is alive; they are kept no longer."""
        rows = self._rows[:]
        del self._rows[: len(rows)]
        for tid in tids:
            cpu_ns = _thread_ns(tid)
            if cpu_ns is not None:
                rows += (perf_counter_ns(), tid, cpu_ns, process_time_ns())
        return pack_frame(CPU, 0, struct.pack(_INT64S % len(rows), *rows))


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
