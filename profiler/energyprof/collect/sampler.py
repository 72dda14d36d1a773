"""Sample devices, and the CPU clocks, in threads of their own: a hanging driver delays nobody, or not for long.

    tree = process_tree(root_pid)                                  # collect.process_tree
    clock = CpuClock(tree, start_ns=start_ns)                      # collect.cpu_clock
    context = SourceContext(argument, start_ns, time.monotonic_ns, clock.total_ns)
    opened = [open_source(source, source.open(context)), ...]      # by the caller, who chose the sources
    sampler = Sampler(opened, start_ns=start_ns, max_hz=100.0, cpu_clock=clock)
    sampler.start()
    while running:                                                 # about every 0.25 s
        readings = sampler.drain()                                 # {DomainId: Readings}, domains with new rows only
        thread_cpu = clock.drain()                                 # ThreadCpu, perhaps of length 0
        power_w, energy_j, estimated = sampler.live()              # floats, or None where nothing is known
    clock.finish(cpu_ns)                                           # the foreground's rusage, before the last reads
    sampler.stop(timeout_s=1.0)                                    # last reads, sources closed; hung ones abandoned
    sampler.drain(); clock.drain(); sampler.facts()                # what the last reads brought; SamplerFacts

A device has a thread of its own, unless its source has several more (company): those share one, and where one of them
hangs the others go on in another within 0.35 s.

Processes that left a spool but cannot be found as descendants are handed over by `clock.adopt(pid)`. The caller
should lower `sys.setswitchinterval` to 0.5 ms: with Python's 5 ms a converting main thread delays every poll. Its
process should have a session of its own: Linux shares cores out between sessions (sched(7), autogroup), and within the
session of a program that keeps all cores busy 20-50 % of the polls came 5 ms late, in one of its own under 1 %.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from energyprof.collect.allowance import ALWAYS
from energyprof.collect.company import ALONE, Company
from energyprof.collect.cpu_clock import CpuClock
from energyprof.collect.devices import OpenSource, open_source, parts_of
from energyprof.collect.loop import Loop
from energyprof.collect.pace import Pace, fair_shares, fetch_interval_ns, interval_ns, wrap_limit_ns
from energyprof.collect.poller import FACTS_NS, Poller
from energyprof.errors import SourceError
from energyprof.interfaces import PowerSource
from energyprof.model.domain import Domain, counted_ids
from energyprof.model.ids import DomainId
from energyprof.model.sampling import DomainFacts

if TYPE_CHECKING:
    from energyprof.model.power import Readings

CLOCKS_SHARE = 0.0022
"""CPU time allowed to the CPU clocks, likewise."""
JOIN_NS = 50_000_000
SHARES_NS = 1_000_000_000
"""So often the CPU time allowed is divided anew by what each device has turned out to need."""

ToOpen: TypeAlias = "OpenSource | tuple[PowerSource, Sequence[Domain]]"
"""An open source; as a tuple with all of the domains it announced."""


class LivePower(NamedTuple):
    """What the live line shows: the sum over the domains contained in no other."""

    power_w: float | None
    """Mean of about the last half second; None: no domain was readable of late."""
    energy_j: float | None
    """Since the first reading; None: there is no second one."""
    estimated: bool = False
    """True: a domain that is added up has a model instead of a sensor."""


@dataclass(frozen=True, slots=True)
class SamplerFacts:
    """What sampling did and cost."""

    polls: int = 0
    """Polls of power sources; a round of several devices is one."""
    late_polls: int = 0
    """Polls more than 5 ms behind schedule."""
    cpu_s: float = 0.0
    """CPU time of all sampling threads, CPU clocks included."""
    domains: Mapping[DomainId, DomainFacts] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class Sampler:
    """Poll the opened sources until stopped. `start` and `stop` are called once; all methods from one thread."""

    def __init__(
        self,
        opened: Sequence[ToOpen],
        *,
        start_ns: int = 0,
        max_hz: float = 100.0,
        cpu_clock: CpuClock | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Take open sources; raises SourceError on a domain offered twice."""
        self._now_ns = now_ns
        self._start_ns = start_ns
        self._max_hz = max_hz
        self._pollers: list[Poller] = []
        self._top: list[tuple[Poller, DomainId]] = []
        self._source_loops: list[Loop] = []
        self._loops: list[Loop] = []
        self._companies: dict[Loop, Company] = {}
        self._is_ending = False
        self._share = ALWAYS
        self._shared_ns = now_ns()
        self._take_on(opened)
        if cpu_clock is not None:
            self._loops.append(self._clock_loop(cpu_clock))
        self._hung: tuple[str, ...] = ()

    def start(self) -> None:
        """Start the threads; the first reads come at once."""
        for loop in self._loops:
            loop.thread.start()

    def await_first(self, timeout_s: float) -> None:
        """Wait until every source there is has been read once, but no longer than `timeout_s`."""
        deadline_ns = time.monotonic_ns() + round(timeout_s * 1e9)
        for loop in self._source_loops:
            loop.polled_once.acquire(timeout=max(0, deadline_ns - time.monotonic_ns()) * 1e-9)

    def add(self, opened: Sequence[ToOpen]) -> None:
        """Poll sources that were opened after the start, too; raises SourceError as the constructor does."""
        for loop in self._take_on(opened):
            loop.thread.start()

    def follow(self, cpu_clock: CpuClock) -> None:
        """Poll the CPU clocks of a program that was started after the sampling."""
        self._loops.append(self._clock_loop(cpu_clock))
        self._loops[-1].thread.start()

    def _clock_loop(self, cpu_clock: CpuClock) -> Loop:
        pace = Pace(interval_ns(None, self._max_hz), CLOCKS_SHARE, self._now_ns())
        return Loop(cpu_clock, "cpu clocks", pace, self._now_ns)

    def _take_on(self, opened: Sequence[ToOpen]) -> list[Loop]:
        sources = [_as_open(one) for one in opened]
        pollers = [
            (number, Poller(device, self._now_ns, self._start_ns))
            for number, one in enumerate(sources)
            for device in one.devices
        ]
        self._top = _top_level([*self._pollers, *(poller for _, poller in pollers)])
        self._pollers += [poller for _, poller in pollers]
        loops = [
            loop
            for number, one in enumerate(sources)
            for loop in map(self._loop_of, _threads_of([mine for at, mine in pollers if at == number], self._max_hz))
        ]
        self._share_out()
        return loops

    def _loop_of(self, pollers: Sequence[Poller]) -> Loop:
        """Return the thread that is to read these devices, not yet started."""
        share = self._share / (1 + len(self._source_loops))
        pace = _pace(pollers, self._max_hz, share, self._now_ns())
        first, *others = pollers
        if others:
            company = Company(pollers, self._now_ns)
            name = f"{first.device.name} and {len(others)} more"
            loop = Loop(company, name, pace, self._now_ns, company.call_ns)
            self._companies[loop] = company
        else:
            loop = Loop(first, first.device.name, pace, self._now_ns, first.call_ns)
        self._source_loops.append(loop)
        self._loops.append(loop)
        return loop

    def _part(self) -> None:
        """Give devices that wait for another one, or keep others waiting, a thread of their own."""
        for company in tuple(self._companies.values()):
            for pollers in company.leaving():
                loop = self._loop_of(pollers)
                if self._is_ending:
                    loop.end()
                loop.thread.start()
                self._share_out()

    def allow(self, share: float) -> None:
        """Let all devices together take this share of one core from the next drain on."""
        self._share = share

    def _share_out(self) -> None:
        """Give every device what it needs, as far as all can have it, else an equal part."""
        needs = [loop.pace.need() for loop in self._source_loops]
        equal = self._share / max(1, len(needs))
        shares = fair_shares([equal if need is None else need for need in needs], self._share)
        for loop, share in zip(self._source_loops, shares, strict=True):
            loop.pace.share = share
        self._shared_ns = self._now_ns()

    def drain(self) -> Mapping[DomainId, Readings]:
        """Return the readings since the last drain, of the domains that have any; each reading is handed out once."""
        self._part()
        if self._now_ns() - self._shared_ns >= SHARES_NS:
            self._share_out()
        return {id_: readings for poller in self._pollers for id_, readings in poller.drain().items()}

    def live(self) -> LivePower:
        """Return the power of late and the energy so far of the domains that are contained in no other."""
        now_ns = self._now_ns()
        figures = [poller.live(id_, now_ns) for poller, id_ in self._top]
        powers = [power_w for power_w, _ in figures if power_w is not None]
        energies = [energy_j for _, energy_j in figures if energy_j is not None]
        added = {id_ for _, id_ in self._top}
        domains = (domain for poller in self._pollers for domain in poller.domains if domain.id in added)
        estimated = any(domain.provenance == "model" for domain in domains)
        return LivePower(sum(powers) if powers else None, sum(energies) if energies else None, estimated)

    def facts(self) -> SamplerFacts:
        """Return what sampling did and cost so far."""
        return SamplerFacts(
            polls=sum(loop.polls for loop in self._source_loops),
            late_polls=sum(loop.late_polls for loop in self._source_loops),
            cpu_s=sum(loop.cpu_ns for loop in self._loops) * 1e-9,
            domains=self._domain_facts(),
            warnings=tuple(line for poller in self._pollers for line in poller.warnings()) + self._hung,
        )

    def _domain_facts(self) -> dict[DomainId, DomainFacts]:
        found = {id_: facts for poller in self._pollers for id_, facts in poller.facts().items()}
        for poller in self._pollers:
            if poller.device.facts is not None:
                told = poller.figures()
                for id_ in found.keys() - poller.device.left_out:
                    if told.of(id_):
                        found[id_] = replace(found[id_], figures=told.of(id_))
        return found

    def stop(self, timeout_s: float) -> None:
        """Have every source read a last time and closed; one that does not answer in time is abandoned and named.

        All sources together are waited for at most `timeout_s`.
        """
        self._is_ending = True
        for loop in self._loops:
            loop.end()
        deadline_ns = time.monotonic_ns() + round(timeout_s * 1e9)
        while (left_ns := deadline_ns - time.monotonic_ns()) > 0:
            alive = next((loop for loop in self._loops if loop.thread.is_alive()), None)
            if alive is None:
                break
            alive.thread.join(min(left_ns, JOIN_NS) * 1e-9)
            self._part()
        self._hung = tuple(
            f"{self._name_of(loop)} did not answer within {timeout_s:g} s at the end of the run; its last readings are "
            "missing"
            for loop in self._loops
            if loop.thread.is_alive()
        )

    def _name_of(self, loop: Loop) -> str:
        company = self._companies.get(loop)
        return (company.name() if company is not None else "") or loop.name


def _as_open(one: ToOpen) -> OpenSource:
    return one if isinstance(one, OpenSource) else open_source(*one, parts_of(one[0]))


def _threads_of(pollers: Sequence[Poller], max_hz: float) -> list[tuple[Poller, ...]]:
    """Return the devices of a source by thread: those of one pace together where they are more than a few."""
    by_pace: dict[int, list[Poller]] = {}
    for poller in pollers:
        by_pace.setdefault(_useful_ns([poller], max_hz), []).append(poller)
    groups = [tuple(same) for same in by_pace.values()]
    return [part for same in groups for part in ([same] if len(same) > ALONE else [(one,) for one in same])]


def _useful_ns(pollers: Sequence[Poller], max_hz: float) -> int:
    """Return how often the quickest of their sensors has news, or how often facts are asked for."""
    periods = [
        interval_ns(domain.period_ns, max_hz)
        if poller.device.keeps_ns is None
        else max(fetch_interval_ns(poller.device.keeps_ns), round(1e9 / max_hz))
        for poller in pollers
        for domain in poller.domains
    ]
    return min(periods, default=FACTS_NS)


def _pace(pollers: Sequence[Poller], max_hz: float, share: float, now_ns: int) -> Pace:
    """Return the pace of devices read together: as often as is useful, and before any counter wraps."""
    domains = [domain for poller in pollers for domain in poller.domains]
    limits_ns = [limit_ns for domain in domains if (limit_ns := wrap_limit_ns(domain)) is not None]
    longest_ns = max(min(limits_ns), round(1e9 / max_hz)) if limits_ns else None
    return Pace(_useful_ns(pollers, max_hz), share, now_ns, longest_ns)


def _top_level(pollers: Sequence[Poller]) -> list[tuple[Poller, DomainId]]:
    """Return the domains contained in no other that is measured too."""
    offered: dict[DomainId, str] = {}
    for poller in pollers:
        for domain in poller.domains:
            if domain.id in offered:
                raise SourceError(
                    f"power domain {domain.id!r} is offered by {offered[domain.id]!r} and {poller.device.name!r}; "
                    "choose one of them with --source"
                )
            offered[domain.id] = poller.device.name
    counted = counted_ids(domain for poller in pollers for domain in poller.domains)
    return [(poller, domain.id) for poller in pollers for domain in poller.domains if domain.id in counted]
