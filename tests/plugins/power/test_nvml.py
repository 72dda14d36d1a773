"""NVIDIA GPUs through the real pynvml, over a stand-in of the driver's library: channels, choice, facts."""

from __future__ import annotations

import nvml_world
import pytest
from nvml_world import (
    AVERAGE,
    MS,
    NOT_SUPPORTED,
    SECOND,
    UNKNOWN,
    Gpu,
    Sensor,
)

from energyprof.errors import SourceError
from energyprof.interfaces import FactSource, KeepingPart, PartedSource, Reading, ShareSource
from energyprof.model.domain import Domain, ReadStatus

START_NS = 1_000 * SECOND
V100 = Gpu(name="Tesla V100", capability=(7, 0))
GH200 = Gpu(name="NVIDIA GH200 480GB", capability=(9, 0), module=AVERAGE, rest=((0, 100.0),))
NO_COUNTER = {"counter": None}
ONE_SECOND = {"counter": None, "instant": None, "usage": AVERAGE}


def test_energy_counter_is_read_in_the_drivers_own_integers(machine):
    it = machine(Gpu(counter=Sensor(100 * MS), counter_start=5_000, steps=((START_NS, 60.0),)))
    domains = it.open()

    answers = it.read(250 * MS)

    assert domains == {
        "gpu:0": Domain(
            id="gpu:0",
            source="nvml energy counter (NVIDIA A100-SXM4-80GB, GPU-00000000)",
            provenance="sensor",
            quantity="energy",
            scale=1e-3,
            driver="device",
            period_ns=100 * MS,
            lag_ns=(0, 100 * MS),
            gain_error=(0.05, 0.05),
            max_power_w=1200.0,
            serial="GPU-00000000-aaaa-bbbb-cccc-000000000000",
            timing="by class",
        )
    }
    assert answers == [Reading("gpu:0", 5_000 + 12_000)]


@pytest.mark.parametrize(
    ("gpu", "text", "period_ms", "window_ms", "lag_ms"),
    [
        (Gpu(**NO_COUNTER), "power, 25 of every 100 ms", 100, 25, 100),
        (Gpu(**NO_COUNTER, instant=None), "power, 25 of every 100 ms", 100, 25, 100),
        (Gpu(name="Tesla T4", capability=(7, 5), **NO_COUNTER, instant=None), "power", 100, 100, 100),
        (Gpu(name="Tesla V100", capability=(7, 0), **NO_COUNTER, instant=None), "power, 10 of every 20 ms", 20, 10, 20),
        (Gpu(name="Tesla K40", capability=(3, 5), **NO_COUNTER, instant=None), "power", 20, None, 20),
        (Gpu(name="Tesla M40", capability=(5, 2), **NO_COUNTER, instant=None), "power", 20, None, 200),
        (Gpu(name="RTX 3090", capability=(8, 6), **NO_COUNTER), "power", 100, 100, 100),
        (Gpu(name="RTX 3090", capability=(8, 6), **ONE_SECOND), "power, mean of 1 s", 100, 1000, 100),
        (Gpu(name="H100", capability=(9, 0), **NO_COUNTER), "power, 25 of every 100 ms", 100, 25, 100),
        (Gpu(name="H100", capability=(9, 0), **ONE_SECOND), "power, mean of 1 s", 100, 1000, 100),
        (Gpu(name="GH200", capability=(9, 0), **NO_COUNTER), "power, 20 of every 100 ms", 100, 20, 100),
        (Gpu(name="of 2030", capability=(19, 0), **ONE_SECOND), "power, mean of 1 s", 100, 1000, 100),
    ],
)
def test_without_a_counter_power_is_read_and_what_it_averages_depends_on_the_architecture(
    machine, gpu, text, period_ms, window_ms, lag_ms
):
    domain = machine(gpu).open()["gpu:0"]

    assert domain.source == f"nvml {text} ({gpu.name}, GPU-00000000)"
    assert (domain.quantity, domain.scale) == ("power", 1e-3)
    assert (domain.period_ns, domain.window_ns) == (period_ms * MS, None if window_ms is None else window_ms * MS)
    assert domain.lag_ns == (0, lag_ms * MS)
    assert domain.response_ns == {"Tesla K40": 840 * MS, "Tesla M40": 91 * MS}.get(gpu.name)


def test_power_is_the_mean_of_the_sensors_window(machine):
    it = machine(Gpu(**NO_COUNTER, steps=((0, 100.0), (START_NS + 90 * MS, 300.0))))
    it.open()

    before, after = it.read(50 * MS), it.read(60 * MS)

    assert before == [Reading("gpu:0", 100_000)]
    assert after == [Reading("gpu:0", 100_000 + 80_000)]


def test_driver_samples_bring_their_own_times_and_come_once_and_never_from_before_the_run(machine):
    it = machine(Gpu(**NO_COUNTER, instant=None, average=None, usage=None, buffer=Sensor(20 * MS, window_ns=20 * MS)))
    domain = it.open()["gpu:0"]

    first, again, later = it.read(50 * MS), it.read(), it.read(30 * MS)

    assert (domain.quantity, domain.period_ns, domain.lag_ns) == ("power", None, (0, 20 * MS))
    assert first == [Reading("gpu:0", 60_000, START_NS + at_ms * MS) for at_ms in (0, 20, 40)]
    assert again == []
    assert later == [Reading("gpu:0", 60_000, START_NS + at_ms * MS) for at_ms in (60, 80)]


KEPT = Sensor(20 * MS, window_ns=20 * MS)


def test_samples_that_the_driver_keeps_are_a_part_beside_the_counter_and_tell_its_course(machine):
    it = machine(Gpu(buffer=KEPT, steps=((START_NS - 5 * SECOND, 60.0),)))

    domains = it.open()
    counter, samples = it.source.parts()
    it.world.advance(50 * MS)

    assert list(domains) == ["gpu:0", "gpu:0:samples"]
    assert (domains["gpu:0:samples"].shape_of, domains["gpu:0:samples"].parent) == ("gpu:0", "gpu:0")
    assert (domains["gpu:0:samples"].quantity, domains["gpu:0:samples"].window_ns) == ("power", 20 * MS)
    assert isinstance(samples, KeepingPart)
    assert not isinstance(counter, KeepingPart)
    assert samples.keeps_ns == 119 * 20 * MS
    assert [one.domain for one in counter.read()] == ["gpu:0"]
    assert samples.read() == [Reading("gpu:0:samples", 60_000, START_NS + at_ms * MS) for at_ms in (0, 20, 40)]


def test_samples_of_a_driver_that_has_kept_few_yet_are_fetched_often(machine):
    it = machine(Gpu(buffer=KEPT, steps=((START_NS - 70 * MS, 60.0),)))
    it.open()

    assert it.source.parts()[1].keeps_ns == SECOND


@pytest.mark.parametrize("argument", ["counter", "instant", "counter+samples"])
def test_channels_that_were_chosen_get_no_part_of_samples(machine, argument):
    it = machine(Gpu(buffer=KEPT))

    domains = it.open(argument)

    assert all(domain.shape_of is None for domain in domains.values())
    assert len(it.source.parts()) == 1


def test_samples_of_a_gpu_that_is_lost_are_not_asked_for_again(machine):
    it = machine(Gpu(buffer=KEPT))
    it.open()
    samples = it.source.parts()[1]
    it.world.fail("buffer", nvml_world.GPU_IS_LOST)

    first, again = samples.read(), samples.read()

    assert [one.status for one in first] == [ReadStatus.LOST]
    assert again == first
    assert it.world.calls("buffer") == 2 + 1  # twice to learn how many are kept


@pytest.mark.parametrize("code", [nvml_world.NOT_SUPPORTED, nvml_world.NO_PERMISSION, nvml_world.UNKNOWN])
def test_driver_that_refuses_its_samples_leaves_the_counter_alone(machine, code):
    it = machine(Gpu(buffer=KEPT))
    it.world.fail("buffer", code)

    assert list(it.open()) == ["gpu:0"]


@pytest.mark.parametrize("by_s", [-3600, 3600])
def test_wall_clock_that_is_set_costs_no_driver_sample_and_moves_none(machine, by_s):
    it = machine(Gpu(**NO_COUNTER, instant=None, average=None, usage=None, buffer=Sensor(20 * MS, window_ns=20 * MS)))
    it.open()
    it.read(50 * MS)

    it.world.set_wall_clock(by_s * SECOND)

    assert it.read(30 * MS) == [Reading("gpu:0", 60_000, START_NS + at_ms * MS) for at_ms in (60, 80)]


def test_channel_can_be_chosen(machine):
    assert machine(Gpu()).open("average")["gpu:0"].window_ns == SECOND


def test_second_channel_is_contained_in_the_first_and_so_never_added(machine):
    it = machine(Gpu())

    domains = it.open("counter+instant")

    assert {id_: (domain.quantity, domain.parent) for id_, domain in domains.items()} == {
        "gpu:0": ("energy", None),
        "gpu:0:instant": ("power", "gpu:0"),
    }
    assert {answer.domain for answer in it.read(SECOND)} == set(domains)


@pytest.mark.parametrize("argument", ["joules", "counter+", "counter+counter"])
def test_unknown_or_repeated_channel_is_refused_with_those_there_are(machine, argument):
    assert "known are counter, instant, usage, average, samples" in machine(Gpu()).why(argument)


def test_channel_that_the_gpu_does_not_have_is_refused_with_the_remedy(machine):
    it = machine(Gpu(**NO_COUNTER))

    assert it.why("counter") == (
        "gpu:0 (NVIDIA A100-SXM4-80GB) does not tell counter (Not Supported); leave the choice to nvml: --source nvml"
    )


def test_power_of_zero_is_no_answer(machine):
    it = machine(Gpu(**NO_COUNTER))
    it.world.spike("instant", 0, 0, nvml_world.ALWAYS)

    assert it.open()["gpu:0"].source.startswith("nvml power, 25 of every 100 ms")
    assert it.read(SECOND) == [Reading("gpu:0", 60_000)]


# --- which devices ---------------------------------------------------------------------------------------------------


def test_only_gpus_left_to_the_program_are_read_under_the_numbers_of_nvml(machine):
    it = machine(Gpu(), Gpu(), Gpu(), environment={"CUDA_VISIBLE_DEVICES": "2,1"})

    domains = it.open()

    assert list(domains) == ["gpu:1", "gpu:2"]
    assert [part.name for part in it.source.parts()] == ["gpu:1", "gpu:2"]


@pytest.mark.parametrize("visible", ["", "-1", "7"])
def test_program_that_may_use_no_gpu_has_none_to_be_read(machine, visible):
    it = machine(Gpu(), environment={"CUDA_VISIBLE_DEVICES": visible})

    reason = it.why()

    assert reason is not None
    assert reason.startswith(f"CUDA_VISIBLE_DEVICES={visible!r} hides every GPU from the program")


def test_mig_instance_is_read_as_its_whole_gpu_which_the_source_says(machine):
    it = machine(Gpu(), Gpu(migs=("MIG-11", "MIG-22")), environment={"CUDA_VISIBLE_DEVICES": "MIG-22"})

    domains = it.open()

    assert domains["gpu:1"].source == "nvml energy counter (NVIDIA A100-SXM4-80GB, GPU-00000001, divided by MIG)"
    assert list(domains) == ["gpu:1"]
    assert it.source.remarks


def test_module_of_a_superchip_contains_its_gpu(machine):
    it = machine(GH200)

    domains = it.open()

    assert {id_: domain.parent for id_, domain in domains.items()} == {"gpu:0": "module:0", "module:0": None}
    assert it.read(2 * SECOND)[1] == Reading("module:0", 160_000)


def test_gpu_without_module_scope_has_no_module(machine):
    assert list(machine(Gpu()).open()) == ["gpu:0"]


def test_module_that_two_gpus_may_share_is_left_out_lest_it_counts_twice(machine):
    twin = Gpu(name="NVIDIA GB200", capability=(10, 0), module=AVERAGE)

    assert list(machine(twin, twin).open()) == ["gpu:0", "gpu:1"]


def test_sixteen_gpus_are_sixteen_parts(machine):
    it = machine(*[Gpu()] * 16)
    it.open()

    assert len(it.source.parts()) == 16
    assert [answer.domain for answer in it.read(SECOND)] == [f"gpu:{index}" for index in range(16)]


def test_gpu_that_tells_nothing_is_left_out_with_a_remark_while_the_others_are_read(machine):
    it = machine(Gpu(), Gpu(**NO_COUNTER, instant=None, average=None, usage=None))

    assert list(it.open()) == ["gpu:0"]
    assert it.source.remarks[0].startswith("gpu:1 (NVIDIA A100-SXM4-80GB) tells neither energy nor power (Not Supp")


def test_doors_beyond_reading_are_there(machine):
    it = machine(Gpu())
    it.open()

    assert isinstance(it.source, PartedSource)
    assert all(isinstance(part, FactSource) and isinstance(part, ShareSource) for part in it.source.parts())


# --- opening and closing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "code", "fact"),
    [
        ("init", 9, "the NVIDIA kernel driver is not loaded; try: sudo modprobe nvidia"),
        ("init", 18, "of different versions"),
        ("init", 4, "sudo usermod -aG GROUP $USER"),
        ("init", 17, "docker run --gpus all"),
        ("init", 15, "fallen off the bus"),
        ("init", 999, "NVML cannot be initialised (Unknown Error, error 999); see what nvidia-smi"),
        ("count", 999, "NVML cannot be initialised (Unknown Error, error 999)"),
        ("handle", 15, "gpu:0 does not answer and is left out (GPU is lost); see nvidia-smi"),
        ("energy usage fields buffer", 4, "gpu:0 (NVIDIA A100-SXM4-80GB): NVML may not open the GPUs' device files"),
        ("energy usage fields buffer", 3, "such as hwmon on a Jetson"),
        ("energy usage fields buffer", 999, "tells neither energy nor power (Unknown Error)"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_its_remedy_and_open_agrees(machine, call, code, fact):
    it = machine(Gpu())
    for one in call.split():
        it.world.fail(one, code)

    reason = it.why()

    assert reason is not None
    assert fact in reason
    assert "; " in reason
    assert "\n" not in reason
    with pytest.raises(SourceError) as raised:
        it.open()
    assert str(raised.value) == reason
    assert it.world.calls("shutdown") == it.world.calls("init") - 2 * (call == "init")


def test_driver_that_shows_no_gpu_says_how_a_container_gets_one(machine):
    assert "docker run --gpus all" in machine().why()


def test_driver_is_initialised_once_for_asking_and_opening_and_given_back_once(machine):
    it = machine(Gpu())

    it.why()
    it.why()
    it.open()
    it.source.close()
    it.source.close()

    assert (it.world.calls("init"), it.world.calls("shutdown")) == (1, 1)


def test_closed_source_answers_nothing_and_can_be_opened_again(machine):
    it = machine(Gpu())
    it.open()
    it.source.close()

    assert (it.read(SECOND), list(it.source.parts())) == ([], [])
    assert list(it.open()) == ["gpu:0"]


# --- facts and processes ---------------------------------------------------------------------------------------------


def test_facts_of_each_gpu_in_si_units(machine):
    it = machine(Gpu())
    it.open()

    assert it.facts() == {
        "gpu:0": {
            "power_limit_w": 400.0,
            "sm_clock_hz": 1.41e9,
            "mem_clock_hz": 1.593e9,
            "temperature_c": 41.0,
            "utilization_ratio": 0.87,
        }
    }


def test_fact_that_the_gpu_does_not_have_is_left_out_and_not_asked_for_again(machine):
    it = machine(Gpu())
    it.open()
    it.world.fail("temperature", NOT_SUPPORTED)

    facts = [it.facts()["gpu:0"] for _ in range(3)]

    assert "temperature_c" not in facts[0]
    assert it.world.calls("temperature") == 1


def test_shares_are_parts_of_the_work_done_and_stand_until_the_driver_renews_them(machine):
    it = machine(Gpu(processes=((100, 60), (200, 20), (300, 0))))
    it.open()

    first, second = it.shares(), it.shares()
    it.world.processes(0, (100, 10))
    it.world.advance(SECOND)

    assert first == second == {"gpu:0": {100: 0.75, 200: 0.25}}
    assert it.shares() == {"gpu:0": {100: 1.0}}


def test_without_utilisation_a_process_that_is_alone_has_all_and_several_are_not_known(machine):
    it = machine(Gpu(processes=((100, 60),)), Gpu(processes=((100, 60), (200, 20))))
    it.open()
    it.world.fail("process", NOT_SUPPORTED, until_ns=START_NS + 1)
    it.shares()
    it.world.advance(SECOND)

    assert it.shares() == {"gpu:0": {100: 1.0}}


def test_process_that_has_gone_is_no_longer_said_to_work(machine):
    it = machine(Gpu(processes=((100, 60),)))
    it.open()
    it.shares()
    it.world.fail("process", UNKNOWN)

    assert it.shares() == {}
