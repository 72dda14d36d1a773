"""NVIDIA GPUs that fail: a refused read is a gap that says why, and costs neither more time nor other GPUs."""

from __future__ import annotations

import threading
import time

import nvml_world
import pytest
from nvml_world import (
    AVERAGE,
    GPU_IS_LOST,
    MS,
    NO_PERMISSION,
    NOT_SUPPORTED,
    RESET_REQUIRED,
    SECOND,
    TIMEOUT,
    UNKNOWN,
    Gpu,
    NvmlWorld,
)

from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import ReadStatus
from energyprof_plugins.power.nvml import Nvml
from energyprof_plugins.power.nvml_gpu import REFUSALS

START_NS = 1_000 * SECOND
NO_COUNTER = {"counter": None}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (NOT_SUPPORTED, ReadStatus.NOT_SUPPORTED),
        (NO_PERMISSION, ReadStatus.NO_PERMISSION),
        (TIMEOUT, ReadStatus.TIMEOUT),
        (UNKNOWN, ReadStatus.UNKNOWN),
        (GPU_IS_LOST, ReadStatus.LOST),
        (RESET_REQUIRED, ReadStatus.RESET),
        (2, ReadStatus.UNKNOWN),
        (4711, ReadStatus.UNKNOWN),
    ],
)
@pytest.mark.parametrize(("channel", "call"), [("counter", "energy"), ("instant", "instant"), ("usage", "usage")])
def test_refused_read_is_a_failure_that_says_what_it_is(machine, channel, call, code, status):
    it = machine(Gpu())
    it.open(channel)
    it.world.fail(call, code)

    (answer,) = it.read(SECOND)

    assert isinstance(answer, ReadFailure)
    assert (answer.domain, answer.status) == ("gpu:0", status)
    assert answer.message


def test_whole_call_for_fields_may_fail_too(machine):
    it = machine(Gpu())
    it.open("instant")
    it.world.fail("fields", TIMEOUT)

    assert [answer.status for answer in it.read(SECOND)] == [ReadStatus.TIMEOUT]


def test_passing_fault_costs_its_own_reads_only(machine):
    it = machine(Gpu())
    it.open()
    it.world.fail("energy", UNKNOWN, since_ns=START_NS + SECOND, until_ns=START_NS + 2 * SECOND)

    answers = [it.read(500 * MS)[0] for _ in range(5)]

    assert [isinstance(answer, Reading) for answer in answers] == [True, False, False, True, True]


def test_lost_gpu_is_not_asked_again_and_the_others_are(machine):
    it = machine(Gpu(), Gpu())
    it.open()
    it.world.fail("energy", GPU_IS_LOST, gpu=1)
    it.read(SECOND)
    asked = it.world.calls("energy")

    answers = [it.read(SECOND) for _ in range(5)]

    assert it.world.calls("energy") == asked + 5
    assert {type(pair[0]) for pair in answers} == {Reading}
    assert {pair[1].status for pair in answers} == {ReadStatus.LOST}
    assert it.facts().keys() == {"gpu:0"}


def test_counter_that_ceases_to_exist_is_a_gap_and_never_becomes_watts(machine):
    it = machine(Gpu())
    it.open()
    it.world.fail("energy", NOT_SUPPORTED)

    answers = [answer for _ in range(REFUSALS + 3) for answer in it.read(SECOND)]

    assert {answer.status for answer in answers} == {ReadStatus.NOT_SUPPORTED}


def test_power_that_ceases_to_exist_is_read_another_way_that_means_the_same_after_a_marked_gap(machine):
    it = machine(Gpu(**NO_COUNTER))
    it.open()
    it.world.fail("instant", NOT_SUPPORTED)

    answers = [answer for _ in range(REFUSALS + 2) for answer in it.read(SECOND)]

    assert [type(answer) for answer in answers] == [ReadFailure] * REFUSALS + [Reading] * 2


def test_power_is_never_replaced_by_a_mean_over_another_time(machine):
    it = machine(Gpu(name="RTX 3090", capability=(8, 6), **NO_COUNTER, usage=AVERAGE))
    it.open()
    it.world.fail("instant", NOT_SUPPORTED)

    answers = [answer for _ in range(REFUSALS + 2) for answer in it.read(SECOND)]

    assert {type(answer) for answer in answers} == {ReadFailure}


def test_counter_that_stands_still_while_power_flows_is_a_gap_that_breaks_it_and_not_zero(machine):
    it = machine(Gpu(steps=((0, 250.0),)))
    it.open()
    it.world.freeze(START_NS + 2 * SECOND, START_NS + 5 * SECOND)

    answers = [(it.world.now_ns() - START_NS, one) for _ in range(700) for one in it.read(10 * MS)]

    failures = [(t_ns, one) for t_ns, one in answers if isinstance(one, ReadFailure)]
    assert {(one.status, one.message) for _, one in failures} == {
        (ReadStatus.RESET, "the counter stands still while 250 W flow")
    }
    assert 2.4 * SECOND <= failures[0][0] <= 2.8 * SECOND
    assert 4 <= len(failures) <= 7
    silent_ns = [t_ns for t_ns, one in answers if isinstance(one, Reading) and failures[0][0] < t_ns < 5 * SECOND]
    assert silent_ns == []


def test_counter_of_a_gpu_that_is_off_may_stand(machine):
    it = machine(Gpu(steps=((0, 0.0),), usage=None, average=None))
    it.open("counter")

    assert {type(one) for _ in range(400) for one in it.read(10 * MS)} == {Reading}


def test_gpu_whose_driver_hangs_delays_no_other_part(tmp_path):
    world = NvmlWorld.create(tmp_path / "world", [Gpu(), Gpu()])
    world.use_here()
    source = Nvml({})
    source.open(SourceContext(now_ns=time.monotonic_ns))
    fast, slow = source.parts()
    world.fail("energy", 0, gpu=1, delay_ns=SECOND)
    thread = threading.Thread(target=slow.read)
    asked = world.calls("energy")

    thread.start()
    while world.calls("energy") == asked:
        pass
    (answer,) = fast.read()
    hung = thread.is_alive()
    thread.join()
    source.close()
    nvml_world.use_here(None)

    assert isinstance(answer, Reading)
    assert hung


def test_slow_call_only_takes_its_time(machine):
    it = machine(Gpu())
    it.open()
    it.world.fail("energy", 0, delay_ns=3 * SECOND)

    answers = it.read()

    assert isinstance(answers[0], Reading)
    assert it.world.now_ns() == START_NS + 3 * SECOND
