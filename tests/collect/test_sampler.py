"""The sampling threads: each source alone, a hanging or dying one hurts nobody, and the end is bounded.

These tests run real threads; they wait for events, with a time limit that only a failure reaches.
"""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest

from energyprof.collect.loop import pause_ns
from energyprof.collect.sampler import Sampler
from energyprof.interfaces import Reading
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.ids import DomainId
from energyprof.testing import ScriptedSource

CPU, GPU = DomainId("cpu"), DomainId("gpu:0")
LIMIT_S = 20.0
MS = 1_000_000


def domain(id_):
    return Domain(id_, "test", "sensor", "energy", 1.0, "cpu")


class Counting(ScriptedSource):
    """Counts its reads; tells when it was read `enough` times."""

    def __init__(self, id_=CPU, enough=3, name="counting"):
        super().__init__((domain(id_),), [], name)
        self.enough = enough
        self.read_enough = threading.Event()
        self.threads = set()

    def read(self):
        self.reads += 1
        self.threads.add(threading.get_ident())
        if self.reads >= self.enough:
            self.read_enough.set()
        return [Reading(self._domains[0].id, self.reads)]

    def close(self):
        super().close()
        self.threads.add(threading.get_ident())


class Hanging(Counting):
    """Hangs in its first read until let go."""

    def __init__(self):
        super().__init__(GPU, name="hanging")
        self.entered = threading.Event()
        self.let_go = threading.Event()

    def read(self):
        self.entered.set()
        self.let_go.wait(LIMIT_S)
        return super().read()


def opened(*sources):
    return [(source, source.open(None)) for source in sources]


def test_source_is_read_until_stopped_then_a_last_time_and_closed_all_in_one_thread():
    source = Counting()
    sampler = Sampler(opened(source), max_hz=1000.0)

    sampler.start()
    assert source.read_enough.wait(LIMIT_S)
    before = source.reads
    sampler.stop(LIMIT_S)

    assert source.reads > before
    assert (source.closings, len(source.threads)) == (1, 1)
    assert sampler.drain()[CPU].raw.tolist() == list(range(1, source.reads + 1))
    assert sampler.facts().polls == source.reads


def test_source_with_a_slow_sensor_is_still_read_at_the_end():
    slow = Domain(CPU, "test", "sensor", "energy", 1.0, "cpu", period_ns=10**12)
    source = Counting(enough=1)
    sampler = Sampler([(source, (slow,))])

    sampler.start()
    assert source.read_enough.wait(LIMIT_S)
    sampler.stop(LIMIT_S)

    assert sampler.drain()[CPU].raw.tolist() == list(range(1, source.reads + 1))
    assert source.reads >= 2


def test_hanging_source_delays_neither_the_others_nor_the_end():
    hanging, healthy = Hanging(), Counting(enough=5)
    sampler = Sampler(opened(hanging, healthy), max_hz=1000.0)

    sampler.start()
    assert hanging.entered.wait(LIMIT_S)
    assert healthy.read_enough.wait(LIMIT_S)
    began = time.monotonic()
    sampler.stop(timeout_s=0.05)
    waited_s = time.monotonic() - began
    drained, warnings = sampler.drain(), sampler.facts().warnings
    hanging.let_go.set()

    assert waited_s < LIMIT_S / 2
    assert drained.keys() == {CPU}
    assert warnings == ("hanging did not answer within 0.05 s at the end of the run; its last readings are missing",)


def test_source_that_raises_goes_on_being_asked():
    recovered = threading.Event()

    def recover():
        recovered.set()
        return [Reading(CPU, 9)]

    source = ScriptedSource((domain(CPU),), [OSError("once"), OSError("twice"), recover])
    sampler = Sampler(opened(source), max_hz=1000.0)

    sampler.start()
    assert recovered.wait(LIMIT_S)
    sampler.stop(LIMIT_S)

    readings = sampler.drain()[CPU]
    assert readings.status.tolist()[:3] == [ReadStatus.UNKNOWN, ReadStatus.UNKNOWN, ReadStatus.OK]
    assert readings.raw.tolist()[2] == 9


@pytest.mark.parametrize(
    ("failures", "expected_ns"),
    [(0, 0), (2, 0), (3, 10 * MS), (4, 20 * MS), (6, 80 * MS), (10, 250 * MS), (10**6, 250 * MS)],
)
def test_source_that_keeps_failing_is_left_alone_longer_and_longer(failures, expected_ns):
    assert pause_ns(failures, 10 * MS) == expected_ns


def test_sampling_counts_its_own_cpu_time():
    source = Counting(enough=20)
    sampler = Sampler(opened(source), max_hz=1000.0)

    sampler.start()
    assert source.read_enough.wait(LIMIT_S)
    sampler.stop(LIMIT_S)

    assert 0.0 < sampler.facts().cpu_s < 1.0


def test_costly_reads_are_made_more_rarely_than_asked_for():
    class Costly(Counting):
        def read(self):
            until = time.thread_time() + 0.0005
            while time.thread_time() < until:
                pass
            return super().read()

    source = Costly(enough=10)
    sampler = Sampler(opened(source), max_hz=100.0)

    sampler.start()
    assert source.read_enough.wait(LIMIT_S)
    sampler.stop(LIMIT_S)

    # 0.5 ms of CPU time is 0.6 % of a core when spent every 83 ms, which a few polls lead to.
    times = sampler.drain()[CPU].t_before_ns.tolist()
    gaps_ns = [later - sooner for sooner, later in pairwise(times)]
    assert max(gaps_ns) > 50 * MS
