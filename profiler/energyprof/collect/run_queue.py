"""Periods of how long threads wanted a processor and got none, in bounded memory: two are joined when there are many.

Linux counts it for every thread, as the second figure of /proc/PID/schedstat (Documentation/scheduler/sched-stats.rst),
which is read for its CPU time anyway. A thread held back by its control group's quota waits in a run queue, too.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from energyprof.model.run_queue import QueuePeriod

if TYPE_CHECKING:
    from energyprof.collect.cpu_readers import ThreadReader

EVERY_NS = 500_000_000
MOST_PERIODS = 128
"""Stored with the facts of the run again and again: 10 KB at most."""
LEAST_SHARE = 0.1
"""Of a period, that a thread wants a processor to count as one of those that do."""


@dataclass(slots=True, eq=False)
class Looked:
    """What a thread had used and waited at the last look."""

    used_ns: int = 0
    waited_ns: int = 0

    @staticmethod
    def at_the_start(reader: ThreadReader, *, is_older: bool) -> Looked:
        """Return that of a thread just found; what one that `is_older` than the run has waited does not count."""
        if is_older:
            with suppress(OSError, ValueError, IndexError):  # it has just ended
                reader.read_ns()
        return Looked(0, (reader.waited_ns() or 0) if is_older else 0)


class QueueLog:
    """The periods so far. `periods` is for any thread, all else for one."""

    def __init__(self, start_ns: int) -> None:
        self._lock = threading.Lock()
        self._periods: list[QueuePeriod] = []
        self._length_ns = 0
        """A period shorter than this goes on; doubled when there are too many."""
        self._since_ns = start_ns
        self._gains: list[tuple[int, int, int]] = []
        """Process, CPU time and wait of each thread that had any since the last period was closed."""
        self._is_told = False

    def is_due(self, now_ns: int) -> bool:
        """Return whether it is time to look at all threads and close the period."""
        return now_ns - self._since_ns >= EVERY_NS

    def note(self, pid: int, looked: Looked, used_ns: int, waited_ns: int | None) -> None:
        """Take what a thread has used and waited so far; None: the system does not tell."""
        if waited_ns is None:
            return
        self._is_told = True
        worked, waited = max(used_ns - looked.used_ns, 0), max(waited_ns - looked.waited_ns, 0)
        if worked or waited:
            self._gains.append((pid, worked, waited))
            looked.used_ns, looked.waited_ns = used_ns, waited_ns

    def close_period(self, now_ns: int) -> None:
        """Make a period of what has been noted since the last one."""
        least_ns = LEAST_SHARE * (now_ns - self._since_ns)
        wanting = Counter(pid for pid, worked, waited in self._gains if worked + waited >= least_ns)
        new = QueuePeriod(
            self._since_ns,
            now_ns,
            sum(worked for _, worked, _ in self._gains),
            sum(waited for _, _, waited in self._gains),
            sum(waited for pid, _, waited in self._gains if wanting[pid] > 1),
            wanting.total(),
            len(wanting),
        )
        self._since_ns, self._gains = now_ns, []
        if self._is_told:
            with self._lock:
                self._take(new)

    def periods(self) -> tuple[QueuePeriod, ...]:
        """Return them in order of time; empty: nothing was ever told."""
        with self._lock:
            return tuple(self._periods)

    def _take(self, new: QueuePeriod) -> None:
        last = self._periods[-1] if self._periods else None
        if last is not None and last.end_ns - last.start_ns < self._length_ns:
            self._periods[-1] = last.joined(new)
            return
        self._periods.append(new)
        if len(self._periods) > MOST_PERIODS:
            pairs = [self._periods[at : at + 2] for at in range(0, len(self._periods), 2)]
            self._periods = [pair[0].joined(pair[-1]) if len(pair) > 1 else pair[0] for pair in pairs]
            self._length_ns = 2 * max(self._length_ns, EVERY_NS)
