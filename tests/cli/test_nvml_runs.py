"""Whole runs whose only sensor is a GPU with known true power: what the ledger says against what was spent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise

import pytest
from nvml_run import run_pipeline
from nvml_world import GPU_IS_LOST, MS, NOT_SUPPORTED, SECOND, Gpu, NvmlWorld, Sensor

from energyprof.model.domain import ReadStatus

POWER_ONLY = {"counter": None, "instant": None, "average": None}
COUNTER_20 = Gpu(name="Tesla V100", capability=(7, 0), counter=Sensor(20 * MS, phase_ns=7 * MS))
COUNTER_100 = Gpu(counter=Sensor(100 * MS, phase_ns=37 * MS, lag_ns=40 * MS))
PART_TIME = Gpu(counter=None, instant=Sensor(100 * MS, phase_ns=37 * MS, window_ns=25 * MS))
MEAN_1_S = Gpu(name="RTX 3090", capability=(8, 6), **POWER_ONLY, usage=Sensor(100 * MS, 13 * MS, SECOND))
FAST_POWER = Gpu(name="Tesla V100", capability=(7, 0), **POWER_ONLY, usage=Sensor(20 * MS, 7 * MS, 10 * MS))
MAXWELL = Gpu(name="Tesla M40", capability=(5, 2), **POWER_ONLY, usage=Sensor(20 * MS, 7 * MS, response_ns=90 * MS))
SAMPLES = Gpu(**POWER_ONLY, usage=None, buffer=Sensor(20 * MS, 7 * MS, 20 * MS))
FULL_TIME_ERROR = 0.005
MEAN_ERROR = 0.02
"""Of a mean over a second in a run of some seconds: what it shows at both ends is of before and after, too."""
RESPONSE_ERROR = 0.01
"""Of a sensor that follows the power with 90 ms of delay: likewise, where a busy machine puts an end beside a step."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gpu", "window_s"),
    [(COUNTER_20, 0.1), (COUNTER_100, 0.2), (MEAN_1_S, 1.2), (FAST_POWER, 0.1), (MAXWELL, 0.4), (SAMPLES, 0.1)],
    ids=["counter-20ms", "counter-100ms", "mean-1s", "power-10-of-20ms", "first-order", "driver-samples"],
)
def test_energy_of_the_gpu_is_the_true_one_within_half_a_per_cent(tmp_path, gpu, window_s):
    outcome = run_pipeline(tmp_path, [gpu], window_s=window_s)

    # Where a busy machine polled too late for an update, its interval says so: what was not seen nobody can know.
    error = {MEAN_1_S: MEAN_ERROR, MAXWELL: RESPONSE_ERROR}.get(gpu, FULL_TIME_ERROR)
    bound_j = max(error * outcome.covered_truth_j, outcome.unseen_j)
    assert outcome.measured_j == pytest.approx(outcome.covered_truth_j, abs=bound_j)
    assert outcome.unseen_j < 0.03 * outcome.covered_truth_j
    assert outcome.covered_truth_j > 0.9 * outcome.truth_j


DEAR = Gpu(
    name="NVIDIA H200",
    capability=(9, 0),
    counter=Sensor(100 * MS, phase_ns=37 * MS),
    buffer=Sensor(20 * MS, 7 * MS, 20 * MS),
    steps=((0, 100.0),),
)
TURNS = """
import sys, time
import energyprof
from nvml_world import NvmlWorld
world = NvmlWorld(sys.argv[1])
world.cost("energy", 3_500_000)
while world.calls("buffer") < 3:
    time.sleep(0.01)
for turn in range(14):
    for name, watts, length_s in (("strong", 600.0, 0.09), ("weak", 200.0, 0.11)):
        with energyprof.stage(name):
            world.power(0, watts)
            time.sleep(length_s)
            world.power(0, 100.0)
    time.sleep(0.013 * (turn % 4))
"""
"""Stages of a tenth of a second on a GPU whose counter takes 3.5 ms of CPU time to read, as that of an H200 does."""


@pytest.mark.slow
def test_gpu_whose_counter_is_dear_to_read_tells_stages_apart_by_the_samples_that_its_driver_keeps(tmp_path):
    outcome = run_pipeline(tmp_path, [DEAR], program=TURNS)

    report = outcome.run.report()
    found = {row.name: row.self_energy[0] for row in report.stages}
    (gpu,) = report.domains
    assert gpu.achieved_hz < 12  # 3.5 ms each: 36 Hz would be an eighth of a core
    assert any("its course is told by the power samples" in note for note in gpu.notes)
    assert outcome.measured_j == pytest.approx(outcome.truth_j, rel=0.05)
    for name, watts in (("strong", 600.0), ("weak", 200.0)):
        steps = pairwise(outcome.world.steps(0))
        truth_j = sum(watts * (until - since) * 1e-9 for (since, own_w), (until, _) in steps if own_w == watts)
        assert found[name].energy_j == pytest.approx(truth_j, rel=0.03)  # the factor's error is common to both
        assert found[name].high_j - found[name].low_j < 0.4 * truth_j


@pytest.mark.slow
def test_energy_of_a_gpu_that_is_looked_at_part_of_the_time_is_true_within_the_printed_error(tmp_path):
    outcome = run_pipeline(tmp_path, [PART_TIME])

    (row,) = outcome.run.report().domains
    below, above = row.gain_error
    assert outcome.measured_j * (1 - below) <= outcome.covered_truth_j <= outcome.measured_j * (1 + above)


@pytest.mark.slow
def test_a_gpu_that_can_be_read_beside_a_cpu_that_cannot_leaves_the_cpu_to_the_model(tmp_path):
    program = """
import sys, time
import energyprof
from nvml_world import NvmlWorld
world = NvmlWorld(sys.argv[1])
while world.calls("energy") < 8:
    time.sleep(0.01)
with energyprof.stage("burn"):
    until_s = time.thread_time() + 1.0
    while time.thread_time() < until_s:
        pass
"""
    nothing = tmp_path / "nothing"
    nothing.mkdir()

    outcome = run_pipeline(
        tmp_path, [Gpu()], source=None, program=program, environment={"ENERGYPROF_SYSROOT": str(nothing)}
    )

    report = outcome.run.report()
    (burn,) = (row for row in report.stages if row.name == "burn")
    burnt = {row.domain: row for row in burn.self_energy}
    assert {row.domain: (row.provenance, row.counts) for row in report.domains} == {
        "cpu": ("estimated (model)", True),
        "gpu:0": ("measured", True),
    }
    assert outcome.measured_j == pytest.approx(
        outcome.covered_truth_j, rel=0.08
    )  # a second of it: edges are known to a poll
    assert burnt["cpu"].provenance == "estimated (model)"
    assert burnt["cpu"].energy_j > 1.0  # the least thread of the table takes more than a watt when busy
    assert report.measured.provenance == "estimated (model)"
    assert "gpu:0 measured, cpu estimated (model): sums of both are partly estimated" in str(outcome.run.render())
    assert any("of sensors only gpu:0 could be read: cpu estimated by load_model" in line for line in report.warnings)


def test_doctor_promises_the_gpu_by_its_sensor_and_the_cpu_by_the_model(tmp_path):
    world = NvmlWorld.create(tmp_path / "world", [Gpu()])

    done = subprocess.run(
        [sys.executable, "-m", "energyprof", "doctor", "--json"],
        env={**os.environ, **world.environment(), "ENERGYPROF_SYSROOT": str(tmp_path)},
        stdout=subprocess.PIPE,
        timeout=60.0,
        check=False,
    )

    choices = {one["domain"]: (one["source"], one["why"]) for one in json.loads(done.stdout)["choices"]}
    assert choices == {"gpu:0": ("nvml", "the only sensor of it"), "cpu": ("load_model", "no sensor covers it")}
    assert done.returncode == 0


@pytest.mark.slow
def test_gpu_lost_in_the_middle_ends_in_a_gap_and_a_warning_and_the_other_is_read_on(tmp_path):
    program = """
import sys, time
from nvml_world import GPU_IS_LOST, NvmlWorld
world = NvmlWorld(sys.argv[1])
while world.calls("energy") < 30:
    time.sleep(0.01)
time.sleep(0.5)
world.fail("energy", GPU_IS_LOST, gpu=0, since_ns=time.monotonic_ns())
time.sleep(1.5)
"""

    outcome = run_pipeline(tmp_path, [Gpu(), Gpu()], program=program)

    lost, other = (outcome.trace.readings[id_].status for id_ in ("gpu:0", "gpu:1"))
    assert set(lost.tolist()) == {ReadStatus.OK, ReadStatus.LOST}
    assert set(other.tolist()) == {ReadStatus.OK}
    assert any("fallen off the bus" in line for line in outcome.trace.warnings)
    assert outcome.measured_j == pytest.approx(outcome.covered_truth_j, rel=0.08)  # as above


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["freeze", "restart"])
def test_counter_that_stands_or_begins_anew_costs_that_time_and_no_more(tmp_path, fault):
    program = f"""
import sys, time
from nvml_world import NvmlWorld
world = NvmlWorld(sys.argv[1])
while world.calls("energy") < 30:
    time.sleep(0.01)
time.sleep(1.0)
now_ns = time.monotonic_ns()
world.freeze(now_ns, now_ns + 1_500_000_000) if {fault!r} == "freeze" else world.restart(now_ns)
time.sleep(3.0)
"""

    outcome = run_pipeline(tmp_path, [COUNTER_100], program=program)

    # How long the collector takes to begin is another matter.
    lost_s = (outcome.truth_since_read_j - outcome.covered_truth_j) / 20.0
    assert outcome.measured_j == pytest.approx(outcome.covered_truth_j, rel=0.02)
    assert lost_s < (1.5 if fault == "freeze" else 0.0) + 1.5


@pytest.mark.slow
def test_energy_that_can_no_longer_be_read_is_missing_and_never_zero(tmp_path):
    program = """
import sys, time
from nvml_world import NOT_SUPPORTED, NvmlWorld
world = NvmlWorld(sys.argv[1])
while world.calls("energy") < 30:
    time.sleep(0.01)
time.sleep(0.5)
world.fail("energy", NOT_SUPPORTED, since_ns=time.monotonic_ns())
time.sleep(1.0)
"""

    outcome = run_pipeline(tmp_path, [Gpu()], program=program)

    assert outcome.measured_j == pytest.approx(outcome.covered_truth_j, rel=0.04)
    assert any("reads failed (NOT_SUPPORTED" in line for line in outcome.trace.warnings)


def test_codes_are_those_of_the_driver():
    import pynvml

    assert (GPU_IS_LOST, NOT_SUPPORTED) == (pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_NOT_SUPPORTED)
