"""Sample every device, and the CPU clocks, each in a thread of its own: a hanging driver delays nobody.

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

Processes that left a spool but cannot be found as descendants are handed over by `clock.adopt(pid)`. The caller
should lower `sys.setswitchinterval` to 0.5 ms: with Python's 5 ms a converting main thread delays every poll. Its
process should have a session of its own: Linux shares cores out between sessions (sched(7), autogroup), and within the
session of a program that keeps all cores busy 20-50 % of the polls came 5 ms late, in one of its own under 1 %.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from energyprof.collect.cpu_clock import CpuClock
from energyprof.collect.devices import OpenSource, open_source, parts_of
from energyprof.collect.pace import Pace, fair_shares, interval_ns, wrap_limit_ns
from energyprof.collect.poller import FACTS_NS, Poller
from energyprof.collect.wakeup import ask_prompt_wakeups
from energyprof.errors import SourceError
from energyprof.interfaces import PowerSource
from energyprof.model.domain import Domain, counted_ids
from energyprof.model.ids import DomainId
from energyprof.model.sampling import DomainFacts

if TYPE_CHECKING:
    from energyprof.model.power import Readings

LATE_NS = 5_000_000
SOURCES_SHARE = 0.006
"""CPU time allowed to all devices together, as a share of one core; they are polled more rarely to keep it.

Waking up alone costs 5 us on bare metal and 60-80 us in a virtual machine whose cores are busy: 100 Hz is 0.8 % there.
"""
CLOCKS_SHARE = 0.0022
"""CPU time allowed to the CPU clocks, likewise."""
POLLS_PER_ACCOUNT = 8
"""To know the CPU time costs a system call: it is asked for once in so many polls."""
RARE_NS = 30_000_000
"""Polls further apart than this are accounted for one by one, so that their pace recovers soon."""
FAILURES_BEFORE_PAUSE = 3
LONGEST_PAUSE_NS = 250_000_000
"""A source that answers again is missed for no longer than this; what its failed reads cost `Pace` limits as any."""
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
    """Polls of power sources."""
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
        self._source_loops: list[_Loop] = []
        self._loops: list[_Loop] = []
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

    def _clock_loop(self, cpu_clock: CpuClock) -> _Loop:
        pace = Pace(interval_ns(None, self._max_hz), CLOCKS_SHARE, self._now_ns())
        return _Loop(cpu_clock, "cpu clocks", pace, self._now_ns)

    def _take_on(self, opened: Sequence[ToOpen]) -> list[_Loop]:
        sources = [_as_open(one) for one in opened]
        pollers = [Poller(device, self._now_ns, self._start_ns) for one in sources for device in one.devices]
        self._top = _top_level([*self._pollers, *pollers])
        self._pollers += pollers
        share = SOURCES_SHARE / max(1, len(self._pollers))
        loops = [
            _Loop(poller, poller.device.name, pace, self._now_ns, poller.call_ns)
            for poller in pollers
            for pace in [_pace(poller, self._max_hz, share, self._now_ns())]
        ]
        self._source_loops += loops
        self._loops += loops
        self._share_out()
        return loops

    def _share_out(self) -> None:
        """Give every device what it needs, as far as all can have it, else an equal part."""
        needs = [loop.pace.need() for loop in self._source_loops]
        equal = SOURCES_SHARE / max(1, len(needs))
        shares = fair_shares([equal if need is None else need for need in needs], SOURCES_SHARE)
        for loop, share in zip(self._source_loops, shares, strict=True):
            loop.pace.share = share
        self._shared_ns = self._now_ns()

    def drain(self) -> Mapping[DomainId, Readings]:
        """Return the readings since the last drain, of the domains that have any; each reading is handed out once."""
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
        for loop in self._loops:
            loop.end()
        deadline_ns = time.monotonic_ns() + round(timeout_s * 1e9)
        for loop in self._loops:
            loop.thread.join(max(0, deadline_ns - time.monotonic_ns()) * 1e-9)
        self._hung = tuple(
            f"{loop.name} did not answer within {timeout_s:g} s at the end of the run; its last readings are missing"
            for loop in self._loops
            if loop.thread.is_alive()
        )


class _Polled(Protocol):
    def poll(self) -> bool: ...

    def close(self) -> None: ...


class _Loop:
    """One sampling thread: wait for the slot, poll, count; a last poll and the closing belong to it as well."""

    def __init__(
        self,
        polled: _Polled,
        name: str,
        pace: Pace,
        now_ns: Callable[[], int],
        call_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        self.name = name
        self.polls = 0
        self.late_polls = 0
        self.cpu_ns = 0
        self.pace = pace
        self._accounted = 0
        self.thread = threading.Thread(target=self._run, name=f"energyprof {name}", daemon=True)
        self._polled = polled
        self._now_ns = now_ns
        self._call_ns = call_ns
        # A lock that `end` releases: an Event makes a lock of its own for each wait.
        self._ended = threading.Lock()
        self._ended.acquire()
        self.polled_once = threading.Lock()
        """Released with the first poll."""
        self.polled_once.acquire()

    def end(self) -> None:
        """Have the thread poll a last time, close and end."""
        if self._ended.locked():
            self._ended.release()

    def _run(self) -> None:
        poll, now_ns, wait, pace = self._polled.poll, self._now_ns, self._ended.acquire, self.pace
        due_ns = now_ns()
        failures = 0
        while not wait(True, max(0, due_ns - now_ns()) * 1e-9):
            began_ns = now_ns()
            answered = poll()
            self.polls += 1
            if self.polls == 1:
                ask_prompt_wakeups()  # the first poll is as early as can be
                self.polled_once.release()
            if began_ns - due_ns > LATE_NS:
                self.late_polls += 1
            if self.polls <= POLLS_PER_ACCOUNT or self.polls % POLLS_PER_ACCOUNT == 0 or pace.interval_ns >= RARE_NS:
                self._account()
            due_ns = pace.next_due_ns(due_ns, now_ns())
            failures = 0 if answered else failures + 1
            if failures:
                due_ns += pause_ns(failures, pace.interval_ns)
        poll()
        self._polled.close()
        self.polls += 1
        self.cpu_ns = time.thread_time_ns()

    def _account(self) -> None:
        spent_ns = time.thread_time_ns()
        if self.polls > 1:  # The first poll warms everything up; it says nothing about the next.
            polls, cost_ns = self.polls - self._accounted, spent_ns - self.cpu_ns
            self.pace.account(polls, cost_ns, self._now_ns(), self._call_ns())
        self._accounted = self.polls
        self.cpu_ns = spent_ns


def pause_ns(failures: int, interval_ns: int) -> int:
    """Return how long to leave alone a source that failed `failures` times in a row: doubling, at most 0.25 s."""
    if failures < FAILURES_BEFORE_PAUSE:
        return 0
    doublings = min(failures - FAILURES_BEFORE_PAUSE, 30)
    return min(LONGEST_PAUSE_NS, interval_ns << doublings)


def _as_open(one: ToOpen) -> OpenSource:
    return one if isinstance(one, OpenSource) else open_source(*one, parts_of(one[0]))


def _pace(poller: Poller, max_hz: float, share: float, now_ns: int) -> Pace:
    """Return the pace of a device: as often as the quickest of its sensors has news, and before any counter wraps."""
    useful_ns = [interval_ns(domain.period_ns, max_hz) for domain in poller.domains]
    if not poller.domains:
        useful_ns = [FACTS_NS]
    limits_ns = [limit_ns for domain in poller.domains if (limit_ns := wrap_limit_ns(domain)) is not None]
    return Pace(min(useful_ns), share, now_ns, max(min(limits_ns), round(1e9 / max_hz)) if limits_ns else None)


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
