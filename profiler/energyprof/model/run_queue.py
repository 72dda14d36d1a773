"""How long the program's threads stood in the run queue: ready to work, and no processor was free for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class QueuePeriod(NamedTuple):
    """A stretch of the run; figures of all threads that could be read."""

    start_ns: int
    end_ns: int
    worked_ns: int
    """CPU time used."""
    waited_ns: int
    """Time in the run queue."""
    pooled_ns: int
    """Part of `waited_ns` in processes of which several threads wanted a processor: those may wait for each other."""
    threads: int
    """Threads that wanted a processor for a good part of the time, at most at once."""
    processes: int
    """Those they were of."""

    def wanted(self) -> float:
        """Return how many threads wanted a processor at once, on average."""
        return (self.worked_ns + self.waited_ns) / max(self.end_ns - self.start_ns, 1)

    def joined(self, later: QueuePeriod) -> QueuePeriod:
        """Return this and a later one as one."""
        most = max((self, later), key=lambda one: one.threads)
        return QueuePeriod(
            self.start_ns,
            later.end_ns,
            self.worked_ns + later.worked_ns,
            self.waited_ns + later.waited_ns,
            self.pooled_ns + later.pooled_ns,
            most.threads,
            most.processes,
        )


@dataclass(frozen=True, slots=True)
class RunQueue:
    """A run's periods in order of time, and what the program may use."""

    cpus: float
    """Processors that the program is allowed: the fewer of its affinity and its control groups' quota."""
    periods: tuple[QueuePeriod, ...]

    def __post_init__(self) -> None:
        if not self.cpus > 0:
            raise ValueError(f"a program cannot run on {self.cpus} processors")
