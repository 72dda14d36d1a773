"""The run's end as its clocks see it: where the program lives on, what is read afterwards is of somebody else's time.

Sensors are read beyond it, for they speak late. A model does not: it is asked once more what it says of that instant.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from energyprof.collect.cpu_clock import CpuClock
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId

if TYPE_CHECKING:
    from energyprof.model.power import Readings, ThreadCpu

_NEVER_NS = 2**63 - 1


class Horizon:
    """The clocks that models go by, stopped at the end of the run, and what the samplers bring cut off there."""

    def __init__(self, clock: CpuClock, root_pid: int, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._root_pid = root_pid
        self._now_ns = now_ns
        self._end_ns = _NEVER_NS
        self._end_cpu_ns = 0
        self._said: Mapping[int, int] = {}
        self._lives_on = False
        self._last_ns: dict[DomainId, int] = {}

    def now_ns(self) -> int:
        """Return the time, or that of the end once it is over."""
        return min(self._now_ns(), self._end_ns)

    def cpu_time_ns(self) -> int:
        """Return the CPU time of the program and its descendants, or that at the end once it is over."""
        return self._clock.total_ns() if self._end_ns == _NEVER_NS else self._end_cpu_ns

    def ended_ns(self, pid: int, since_ns: int) -> int | None:
        """Return when the process that was there at `since_ns` ended, None: it is alive; once the run is over.

        The program's own process ended with the run, whose end its parent saw; others as `CpuClock` has seen them.
        """
        ended_ns = self._clock.ended_ns(pid, since_ns)
        return self._end_ns if pid == self._root_pid and ended_ns is not None else ended_ns

    def end(self, t_ns: int, cpu_ns: int, said: Mapping[int, int]) -> None:
        """Stop at `t_ns`, when the program and the children it had waited for had used `cpu_ns`.

        `said`: what a program that lives on had used by then, by tid, and as a whole under 0.
        """
        if said:
            self._clock.settle(self._root_pid, said[0])
        self._clock.finish(cpu_ns)
        self._said, self._lives_on = said, bool(said)
        self._end_cpu_ns = self._clock.total_ns()
        self._end_ns = t_ns

    def readings(self, domains: Sequence[Domain], readings: Mapping[DomainId, Readings]) -> Mapping[DomainId, Readings]:
        """Return the readings without those of models that came after the end, the one of the end itself last."""
        if self._end_ns == _NEVER_NS:
            self._last_ns.update({id_: int(rows.t_before_ns[-1]) for id_, rows in readings.items()})
            return readings
        models = {domain.id for domain in domains if domain.provenance == "model"}
        return {
            id_: rows if id_ not in models else self._until_the_end(rows, self._last_ns.get(id_, 0))
            for id_, rows in readings.items()
        }

    def cpu(self, rows: ThreadCpu) -> ThreadCpu:
        """Return CPU times of threads; of a program that lives on, those until the end, then what it said itself."""
        if not self._lives_on:
            return rows
        # Not at the top: the sensors are read before numpy is loaded.
        import numpy as np

        from energyprof.model.power import ThreadCpu

        said, self._said = self._said, {}
        late = (rows.pid == self._root_pid) & (rows.t_ns > self._end_ns)
        tids, used_ns = np.array(list(said), np.int32), np.array(list(said.values()), np.int64)
        pids = np.full(len(tids), self._root_pid, np.int32)
        at_ns = np.full(len(tids), self._end_ns, np.int64)
        kept = ThreadCpu(*(getattr(rows, column.name)[~late] for column in fields(ThreadCpu)))
        return ThreadCpu(
            np.concatenate((kept.pid, pids)),
            np.concatenate((kept.tid, tids)),
            np.concatenate((kept.t_ns, at_ns)),
            np.concatenate((kept.cpu_ns, used_ns)),
        )

    def _until_the_end(self, rows: Readings, last_ns: int) -> Readings:
        """Return the rows of a model that belong to the run; time never goes back, whatever was read before."""
        from energyprof.model.power import Readings

        kept = (rows.t_after_ns <= self._end_ns) & (rows.t_before_ns >= last_ns)
        return Readings(*(getattr(rows, column.name)[kept] for column in fields(Readings)))
