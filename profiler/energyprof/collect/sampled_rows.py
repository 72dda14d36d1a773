"""Hand on to the capture what was sampled: all of it, or, once the recording nears its bound, what thinning leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from energyprof.collect.bursts import Bursts
from energyprof.collect.thinning import Thinning
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId

if TYPE_CHECKING:
    from energyprof.model.power import Readings, ThreadCpu, Use
    from energyprof.model.tally import PowerSums


class SampledSink(Protocol):
    """Where it goes: the capture's writer."""

    def add_readings(self, readings: Mapping[DomainId, Readings]) -> None:
        """Take readings, each domain's in order of time."""
        ...

    def add_power_sums(self, sums: Mapping[DomainId, PowerSums]) -> None:
        """Take what stands for readings that are left out."""
        ...

    def add_cpu(self, cpu: ThreadCpu) -> None:
        """Take CPU times of threads."""
        ...

    def add_use(self, use: Use, domain: DomainId | None = None) -> None:
        """Take who used the host's processors, or a domain."""
        ...


class SampledRows:
    """Readings, CPU times and use of one recording on their way; one thread calls."""

    def __init__(self, sink: SampledSink, bursts: Bursts | None) -> None:
        """`bursts`: the plan of a recording that has a bound; None: it has none."""
        self._sink = sink
        self._bursts = bursts
        self._thinning = None if bursts is None else Thinning(bursts)

    def take(self, domains: Sequence[Domain], readings: Mapping[DomainId, Readings], cpu: ThreadCpu) -> None:
        """Hand on readings and CPU times."""
        thinning = self._active()
        if thinning is not None:
            readings, sums = thinning.readings({domain.id: domain for domain in domains}, readings)
            cpu = thinning.cpu(cpu)
            self._sink.add_power_sums(sums)
        self._sink.add_readings(readings)
        self._sink.add_cpu(cpu)

    def take_use(self, host: Use, devices: Mapping[DomainId, Use]) -> None:
        """Hand on who used the processors and the devices."""
        self._sink.add_use(self._thinned(host, ""))
        for domain, use in devices.items():
            self._sink.add_use(self._thinned(use, domain), domain)

    def take_held_back(self) -> None:
        """Hand on what was kept back until it would be known whether it is needed."""
        if self._thinning is not None:
            readings, cpu, sums = self._thinning.rest()
            self._sink.add_readings(readings)
            self._sink.add_cpu(cpu)
            self._sink.add_power_sums(sums)

    def _active(self) -> Thinning | None:
        return None if self._bursts is None or not self._bursts.is_counting else self._thinning

    def _thinned(self, use: Use, of: str) -> Use:
        thinning = self._active()
        return use if thinning is None or not len(use) else thinning.use(use, of)
