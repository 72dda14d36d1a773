"""The stand-in itself: what its sensors show of a scripted truth, for everything else is judged by it."""

from __future__ import annotations

import math

import nvml_world
import pynvml
import pytest
from nvml_world import MS, SECOND, Gpu, NvmlWorld, Sensor

STEPS = ((0, 100.0), (SECOND, 300.0), (2 * SECOND, 50.0))


@pytest.fixture
def shown(tmp_path):
    """Return how to ask a GPU of a scripted truth at some times: shown(gpu, call, times)."""

    def ask(gpu, call, times, change=lambda world: None):
        world = NvmlWorld.create(tmp_path / "world", [gpu], fake_ns=0)
        change(world)
        world.use_here()
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        values = []
        for t_ns in times:
            world.set_clock(t_ns)
            values.append(call(handle))
        pynvml.nvmlShutdown()
        return values

    yield ask
    nvml_world.use_here(None)


def energy(handle):
    return pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)


def usage(handle):
    return pynvml.nvmlDeviceGetPowerUsage(handle)


def test_counter_shows_the_energy_up_to_its_last_update_less_its_lag(shown):
    sensor = Sensor(100 * MS, phase_ns=30 * MS, lag_ns=20 * MS)
    gpu = Gpu(counter=sensor, counter_start=7, steps=STEPS)

    values = shown(gpu, energy, [1_229 * MS, 1_230 * MS, 1_329 * MS, 1_330 * MS])

    # Updates at 1130, 1230 and 1330 ms show 1110, 1210 and 1310 ms.
    assert values == [7 + 100_000 + 33_000, 7 + 100_000 + 63_000, 7 + 100_000 + 63_000, 7 + 100_000 + 93_000]


def test_counter_has_its_quantum_and_gain(shown):
    gpu = Gpu(counter=Sensor(100 * MS, quantum=1000.0, gain=1.04), counter_start=0, steps=STEPS)

    assert shown(gpu, energy, [900 * MS]) == [93_000]


def test_frozen_counter_loses_what_flows_and_a_restarted_one_begins_at_zero(shown):
    gpu = Gpu(counter=Sensor(100 * MS), counter_start=5, steps=STEPS)
    times = [400 * MS, 600 * MS, 800 * MS, 1000 * MS]

    frozen = shown(gpu, energy, times, lambda world: world.freeze(500 * MS, 800 * MS))
    restarted = shown(gpu, energy, times, lambda world: world.restart(500 * MS))

    assert frozen == [40_005, 50_005, 50_005, 70_005]
    assert restarted == [40_005, 10_000, 30_000, 50_000]


def test_power_is_the_exact_mean_of_the_window_across_a_step(shown):
    gpu = Gpu(usage=Sensor(100 * MS, phase_ns=10 * MS, window_ns=25 * MS), steps=STEPS)

    assert shown(gpu, usage, [1_009 * MS, 1_010 * MS, 1_110 * MS]) == [100_000, 180_000, 300_000]


def test_response_is_a_first_order_filter(shown):
    gpu = Gpu(usage=Sensor(20 * MS, response_ns=90 * MS), steps=STEPS)

    (value,) = shown(gpu, usage, [1_180 * MS])

    assert value == pytest.approx(1000 * (300 - 200 * math.exp(-2)), abs=1)


def test_spike_and_fault_hold_for_their_time_and_gpu(shown):
    def change(world):
        world.spike("usage", 4_000_000, 200 * MS, 300 * MS)
        world.fail("usage", nvml_world.TIMEOUT, gpu=1)

    assert shown(Gpu(steps=STEPS), usage, [100 * MS, 200 * MS, 300 * MS], change) == [100_000, 4_000_000, 100_000]


def test_truth_is_integrated_between_any_two_instants(tmp_path):
    world = NvmlWorld.create(tmp_path / "world", [Gpu(steps=STEPS)], fake_ns=0)

    assert world.energy_j(0, 500 * MS, 2_500 * MS) == pytest.approx(50 + 300 + 25)


def test_power_cannot_be_stated_of_an_earlier_time(tmp_path):
    world = NvmlWorld.create(tmp_path / "world", [Gpu(steps=STEPS)])

    with pytest.raises(ValueError, match="comes before the last"):
        world.power(0, 10.0, SECOND)
