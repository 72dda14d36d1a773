"""Sources with several devices: each part is read by itself, and none waits for another, nor the run for any."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from energyprof.collect.allowance import ALWAYS
from energyprof.collect.company import Company
from energyprof.collect.devices import Device, open_source, parts_of
from energyprof.collect.pace import fair_shares
from energyprof.collect.poller import Poller
from energyprof.collect.sampler import Sampler
from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.sampling import Figure
from energyprof.testing import SECOND, FakeClock, ScriptedSource

LIMIT_S = 20.0


def domain(number: int) -> Domain:
    return Domain(DomainId(f"gpu:{number}"), "gpus", "sensor", "energy", 1.0, "device")


class Gpu:
    """One part: counts its reads, and hangs in the second where it is told to."""

    def __init__(self, number: int, hangs: threading.Event | None = None) -> None:
        self.name = f"gpu {number}"
        self.domains: Sequence[Domain] = (domain(number),)
        self.reads = 0
        self.hung = threading.Event()
        self.read_enough = threading.Event()
        self._let_go = hangs

    def read(self) -> Iterable[Reading | ReadFailure]:
        self.reads += 1
        if self.reads == 2 and self._let_go is not None:
            self.hung.set()
            self._let_go.wait(LIMIT_S)
        if self.reads >= 5:
            self.read_enough.set()
        return [Reading(self.domains[0].id, self.reads)]


class Gpus(ScriptedSource):
    """A source of several parts."""

    def __init__(self, parts: Sequence[Gpu]) -> None:
        super().__init__([domain for part in parts for domain in part.domains], [], "gpus")
        self._parts = parts

    def parts(self) -> Sequence[Gpu]:
        return self._parts


def devices_of(parts: Sequence[Gpu]) -> Sequence[Device]:
    source = Gpus(parts)
    return open_source(source, source.open(None), parts).devices  # type: ignore[arg-type]


def sampler_of(source: ScriptedSource, max_hz: float = 1000.0) -> Sampler:
    domains = source.open(None)  # type: ignore[arg-type]
    return Sampler([open_source(source, domains, parts_of(source))], max_hz=max_hz)


def test_a_part_that_hangs_delays_neither_the_other_parts_nor_the_end_and_nobody_closes_under_it() -> None:
    let_go = threading.Event()
    hanging, healthy = Gpu(0, let_go), Gpu(1)
    source = Gpus([hanging, healthy])
    sampler = sampler_of(source)

    sampler.start()
    assert hanging.hung.wait(LIMIT_S)
    assert healthy.read_enough.wait(LIMIT_S)
    began_s = time.monotonic()
    sampler.stop(timeout_s=0.05)
    waited_s = time.monotonic() - began_s
    closed_meanwhile = source.closings
    drained = sampler.drain()
    warnings = sampler.facts().warnings
    let_go.set()

    assert waited_s < LIMIT_S / 2
    assert len(drained[DomainId("gpu:1")]) >= 5
    assert drained[DomainId("gpu:0")].raw.tolist() == [1]
    assert closed_meanwhile == 0
    assert warnings == ("gpus gpu 0 did not answer within 0.05 s at the end of the run; its last readings are missing",)


def test_a_source_of_parts_is_closed_once_when_all_of_them_have_ended() -> None:
    parts = [Gpu(number) for number in range(3)]
    source = Gpus(parts)
    sampler = sampler_of(source)

    sampler.start()
    assert all(part.read_enough.wait(LIMIT_S) for part in parts)
    sampler.stop(LIMIT_S)

    assert source.closings == 1
    assert sampler.drain().keys() == {"gpu:0", "gpu:1", "gpu:2"}


def test_a_domain_that_another_source_is_read_for_is_left_out_without_a_word() -> None:
    both, told = (domain(0), domain(1)), threading.Event()

    def read() -> Iterable[Reading]:
        told.set()
        return [Reading(both[0].id, 1), Reading(both[1].id, 2)]

    source = ScriptedSource(both, [read])
    sampler = Sampler([open_source(source, both, kept=frozenset({both[1].id}))])

    sampler.start()
    assert told.wait(LIMIT_S)
    sampler.stop(LIMIT_S)

    facts = sampler.facts()
    assert facts.domains.keys() == {"gpu:1"}
    assert [line for line in facts.warnings if "announced" in line] == []


class Telling(ScriptedSource):
    """A source with figures besides power, a new temperature at each question."""

    def __init__(self, ask: Callable[[int], float] = lambda count: 40.0 + count) -> None:
        super().__init__((domain(0),), [7] * 1000)
        self.asked = 0
        self.threads: set[int] = set()
        self._ask = ask

    def facts(self) -> Mapping[DomainId, Mapping[str, float]]:
        self.asked += 1
        self.threads.add(threading.get_ident())
        return {DomainId("gpu:0"): {"temperature_c": self._ask(self.asked), "power_limit_w": 300.0}}


def polled(source: ScriptedSource, polls: int) -> Sampler:
    """Return a sampler of one device that was polled every two seconds."""
    clock = FakeClock()
    sampler = Sampler([open_source(source, (domain(0),))], now_ns=clock.now_ns)
    for _ in range(polls):
        assert sampler._pollers[0].poll()
        clock.advance(2 * SECOND)
    return sampler


def test_figures_are_kept_as_first_least_mean_most_and_last() -> None:
    source = Telling(lambda count: [40.0, 70.0, 60.0, 30.0][count - 1])

    figures = polled(source, 4).facts().domains[DomainId("gpu:0")].figures
    assert figures == {
        "temperature_c": Figure(first=40.0, min=30.0, mean=50.0, max=70.0, last=30.0),
        "power_limit_w": Figure(300.0, 300.0, 300.0, 300.0, 300.0),
    }


def test_figures_that_are_no_numbers_or_a_source_that_fails_to_tell_them_cost_no_reading() -> None:
    def broken(count: int) -> float:
        if count == 2:
            raise OSError("gone")
        return float("nan")

    facts = polled(Telling(broken), 3).facts()

    assert facts.domains[DomainId("gpu:0")].figures.keys() == {"power_limit_w"}
    assert facts.domains[DomainId("gpu:0")].reads == 3
    assert facts.warnings == ("power source 'scripted' failed to tell facts: OSError: gone",)


def test_figures_of_all_parts_together_are_asked_for_in_a_thread_that_no_poll_waits_for() -> None:
    let_go, asked = threading.Event(), threading.Event()

    class Both(Gpus):
        def facts(self) -> Mapping[DomainId, Mapping[str, float]]:
            asked.set()
            let_go.wait(LIMIT_S)
            return {}

    parts = [Gpu(0), Gpu(1)]
    sampler = sampler_of(Both(parts))

    sampler.start()
    assert asked.wait(LIMIT_S)
    read = all(part.read_enough.wait(LIMIT_S) for part in parts)
    sampler.stop(0.05)
    warnings = sampler.facts().warnings
    let_go.set()

    assert read
    assert warnings == ("gpus facts did not answer within 0.05 s at the end of the run; its last readings are missing",)


def test_cpu_time_goes_to_whom_it_is_useful_and_else_in_equal_parts() -> None:
    assert fair_shares([0.001, 0.5, 0.5], 0.007) == [0.001, 0.003, 0.003]
    assert fair_shares([0.0, 0.001], 0.005) == [0.002, 0.003]


def test_sixteen_parts_together_may_use_no_more_than_one_and_share_a_thread() -> None:
    sampler = sampler_of(Gpus([Gpu(number) for number in range(16)]))

    assert [loop.pace.share for loop in sampler._source_loops] == [ALWAYS]


def test_device_that_keeps_its_readings_is_asked_twice_in_the_time_it_keeps_them() -> None:
    class Keeping(Gpu):
        keeps_ns = SECOND

    sampler = sampler_of(Gpus([Gpu(0), Keeping(1)]))

    assert [loop.pace.interval_ns for loop in sampler._source_loops] == [SECOND // 1000, SECOND // 2]


def test_samples_of_a_counter_that_another_source_is_read_for_are_left_out() -> None:
    counter, samples = domain(0), replace(domain(1), quantity="power", shape_of=DomainId("gpu:0"))
    source = ScriptedSource([counter, samples], [], "gpus")

    both, one = (open_source(source, [counter, samples], kept=kept) for kept in (None, frozenset({samples.id})))

    assert both.domains == (counter, samples)
    assert one.domains == ()


def test_devices_get_what_all_may_take_together_once_it_is_allowed() -> None:
    clock = FakeClock(SECOND)
    source = Gpus([Gpu(0)])
    sampler = Sampler([(source, source.open(SourceContext()))], now_ns=clock.now_ns)

    sampler.allow(0.02)
    clock.advance(SECOND)
    sampler.drain()

    assert [loop.pace.share for loop in sampler._source_loops] == [0.02]


def test_of_parts_that_share_a_thread_only_the_one_that_hangs_is_no_longer_read() -> None:
    let_go = threading.Event()
    parts = [Gpu(number, let_go if number == 1 else None) for number in range(4)]
    source = Gpus(parts)
    sampler = sampler_of(source)
    healthy = [part for part in parts if part is not parts[1]]

    sampler.start()
    assert parts[1].hung.wait(LIMIT_S)
    deadline_s = time.monotonic() + LIMIT_S
    while not all(part.read_enough.is_set() for part in healthy) and time.monotonic() < deadline_s:
        sampler.drain()
        time.sleep(0.01)
    sampler.stop(timeout_s=0.3)
    closed_meanwhile = source.closings
    warnings = sampler.facts().warnings
    let_go.set()

    assert all(part.read_enough.is_set() for part in healthy)
    assert parts[1].reads == 2
    assert closed_meanwhile == 0
    assert warnings == ("gpus gpu 1 did not answer within 0.3 s at the end of the run; its last readings are missing",)


def test_the_end_of_a_run_reads_and_waits_for_those_behind_a_part_that_hangs_then() -> None:
    let_go = threading.Event()
    parts = [Gpu(number, let_go if number == 0 else None) for number in range(3)]
    sampler = sampler_of(Gpus(parts), max_hz=0.01)

    sampler.start()
    sampler.await_first(LIMIT_S)
    sampler.stop(timeout_s=1.0)
    let_go.set()

    assert [part.reads for part in parts] == [2, 2, 2]
    assert len(sampler.facts().warnings) == 1


def test_part_that_is_much_slower_than_the_others_is_read_by_itself_and_they_as_often_as_before() -> None:
    clock = FakeClock()

    class Slow(Gpu):
        def read(self) -> Iterable[Reading | ReadFailure]:
            clock.advance(5_000_000)
            return super().read()

    parts = [Gpu(0), Slow(1), Gpu(2), Gpu(3)]
    company = Company([Poller(device, clock.now_ns) for device in devices_of(parts)], clock.now_ns)

    company.poll()
    kept_ns = company.call_ns()
    (alone,) = company.leaving()

    assert kept_ns == 0
    assert [poller.device.name for poller in alone] == ["gpus gpu 1"]
    company.poll()
    assert [part.reads for part in parts] == [2, 1, 2, 2]


def test_parts_that_are_all_slow_stay_together() -> None:
    clock = FakeClock()

    class Slow(Gpu):
        def read(self) -> Iterable[Reading | ReadFailure]:
            clock.advance(5_000_000)
            return super().read()

    company = Company(
        [Poller(device, clock.now_ns) for device in devices_of([Slow(0), Slow(1), Slow(2)])], clock.now_ns
    )

    company.poll()

    assert company.call_ns() == 5_000_000
    assert company.leaving() == []


def test_facts_of_a_part_whose_driver_hangs_keep_those_of_the_others_from_nobody() -> None:
    let_go, asked = threading.Event(), threading.Event()

    class TellingPart(Gpu):
        def facts(self) -> Mapping[DomainId, Mapping[str, float]]:
            if self.name == "gpu 0":
                asked.set()
                let_go.wait(LIMIT_S)
            return {self.domains[0].id: {"temperature_c": 50.0}}

    parts = [TellingPart(number) for number in range(4)]
    sampler = sampler_of(Gpus(parts))

    sampler.start()
    assert asked.wait(LIMIT_S)
    deadline_s = time.monotonic() + LIMIT_S
    told: set[str] = set()
    while len(told) < 3 and time.monotonic() < deadline_s:
        sampler.drain()
        told = {id_ for id_, facts in sampler.facts().domains.items() if facts.figures}
        time.sleep(0.01)
    reads = parts[0].reads
    sampler.stop(0.05)
    let_go.set()

    assert told == {"gpu:1", "gpu:2", "gpu:3"}
    assert reads > 0
