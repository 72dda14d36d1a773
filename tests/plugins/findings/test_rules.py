"""What rules make of rows that no short program shows: training again on one batch, too few workers, devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from energyprof.interfaces import FinishedRun
from energyprof.model.report import Report
from energyprof.model.span import LANE_KINDS
from energyprof_plugins.findings.gradients_in_inference import GradientsInInference
from energyprof_plugins.findings.repeated_preparation import RepeatedPreparation
from energyprof_plugins.findings.same_inputs import SameInputs
from energyprof_plugins.findings.train_mode_in_inference import TrainModeInInference
from energyprof_plugins.findings.unused_outputs import UnusedOutputs
from energyprof_plugins.findings.waiting_for_loader import WaitingForLoader
from energyprof_plugins.findings.wide_products import WideProducts


@pytest.fixture
def report_of(sample: Any) -> Any:
    """Return what makes a report of parts, with facts by stage."""

    def make(parts: list[Any], facts: Mapping[str, Mapping[str, str | int]], **more: Any) -> Report:
        report: Report = sample.make_report(parts, **more)
        rows = tuple(replace(row, facts=dict(facts.get(row.stage, {}))) for row in report.stages)
        return replace(report, stages=rows)

    return make


def test_a_function_that_trains_again_on_one_batch_does_other_work_each_time(sample: Any, report_of: Any) -> None:
    step = sample.Part("SGD.step", (5.0,), kind="optimizer", calls=10)
    fit = sample.Part("fit", (10.0,), (step,), kind="function", calls=10)
    predict = sample.Part("predict", (10.0,), kind="function", calls=10)
    facts = {name: {"calls_on_same_inputs": 4} for name in ("fit", "predict")}

    (finding,) = SameInputs().find(FinishedRun(report_of([fit, predict], facts)))

    assert finding.offenders == ("predict",)
    assert finding.saving_j == pytest.approx((2.0, 6.0))


@pytest.mark.parametrize(
    ("more", "most_j"), [({}, 9.0), ({"calls_not_looked_at": 1}, 9.9)], ids=["all looked at", "some came too fast"]
)
def test_calls_on_the_same_tensors_save_no_more_than_their_part_but_for_what_was_not_looked_at(
    sample: Any, report_of: Any, more: dict[str, int], most_j: float
) -> None:
    model = sample.Part("Net", (10.0,), kind="module", calls=100)

    (finding,) = SameInputs().find(FinishedRun(report_of([model], {"Net": {"calls_on_same_tensors": 80, **more}})))

    assert finding.saving_j == pytest.approx((4.0, most_j))


def test_functions_whose_results_differ_on_the_same_inputs_are_not_accused(sample: Any, report_of: Any) -> None:
    draw, like = (sample.Part(name, (10.0,), kind="function", calls=10) for name in ("draw", "like"))
    facts = {
        "draw": {"calls_on_same_inputs": 4, "results_on_same_inputs_differ": 1},
        "like": {"calls_on_like_inputs": 4},
    }

    (finding,) = SameInputs().find(FinishedRun(report_of([draw, like], facts)))

    assert finding.offenders == ("like",)
    assert finding.saving_j == pytest.approx((0.0, 6.0))
    assert "of 4 of them only samples of large arrays, or no results, were compared" in finding.evidence


def test_with_workers_all_of_the_wait_may_be_saved_else_what_the_loop_computes_meanwhile(
    sample: Any, report_of: Any
) -> None:
    def saving_j(workers: int) -> Any:
        parts = [sample.Part("loader", (3000.0,), kind="loader"), sample.Part("work", (1500.0,))]
        report = report_of(parts, {"loader": {"workers": workers}}, wall_s=90.0)
        (domain,) = report.domains
        report = replace(report, domains=(replace(domain, baseline_w=2.0),))
        (finding,) = WaitingForLoader().find(FinishedRun(report, lambda: _at_work(report, None)))
        return finding.saving_j

    assert saving_j(2) == pytest.approx((0.0, 120.0))
    assert saving_j(0) == pytest.approx((0.0, 60.0))


def test_where_idle_power_is_not_known_waiting_is_a_hint(sample: Any, report_of: Any) -> None:
    report = report_of([sample.Part("loader", (3000.0,), kind="loader")], {})
    report = replace(report, domains=tuple(replace(row, baseline_w=None) for row in report.domains))

    (finding,) = WaitingForLoader().find(FinishedRun(report, lambda: _at_work(report, None)))

    assert finding.is_hint


def test_on_a_device_gradients_may_cost_nothing(sample: Any, report_of: Any) -> None:
    net = sample.Part("Net", (10.0, 30.0), kind="module", calls=100)
    report = report_of([net], {"Net": {"gradient_calls": 100}}, domains=(sample.CPU, sample.GPU))

    (finding,) = GradientsInInference().find(FinishedRun(report))

    assert finding.saving_j == (0.0, pytest.approx(16.0))


def test_models_with_gradients_in_some_calls_only_may_save_nothing(sample: Any, report_of: Any) -> None:
    report = report_of([sample.Part("Net", (10.0,), kind="module", calls=10)], {"Net": {"gradient_calls": 2}})

    (finding,) = GradientsInInference().find(FinishedRun(report))

    assert finding.evidence.startswith("2 of 10 calls of Net ")
    assert finding.saving_j == (0.0, pytest.approx(0.4 * 0.4 * 10))


FORGOTTEN = {"unlearnt_calls": 20, "unlearnt_rows": 2, "unlearnt_ns": 5_000_000_000, "backward_calls": 60}
"""Of a validation between steps, that took 5 s of the 20 of all 80 calls."""


@pytest.fixture
def with_validation(sample: Any, report_of: Any) -> Any:
    """Return what makes a finished run of a training that validates between its steps; facts are the model's."""

    def make(**facts: str | int) -> FinishedRun:
        dropout = sample.Part("Net.0", (4.0,), kind="module", calls=80)
        net = sample.Part("Net", (16.0,), (dropout,), kind="module", calls=80)
        parts = [net, sample.Part("backward", (30.0,), kind="backward", calls=60)]
        told = {"Net": {"gradient_calls": 80, **FORGOTTEN, **facts}, "Net.0": {"module_class": "Dropout"}}
        report = report_of(parts, {**told, "Net/Net.0": told["Net.0"]})
        rows = tuple(replace(row, wall_s=20.0) if row.stage == "Net" else row for row in report.stages)
        return FinishedRun(replace(report, stages=rows))

    return make


def test_validation_between_steps_is_found_with_its_part_of_the_energy(with_validation: Any) -> None:
    (finding,) = GradientsInInference().find(with_validation())

    assert finding.offenders == ("Net",)
    assert finding.evidence == (
        "20 of 80 calls of Net, in 2 rows between the steps of its training, ran with gradients enabled, and autograd "
        "recorded them; a backward pass came to 60 others and to none of these"
    )
    assert finding.now_j == pytest.approx(5.0)
    assert finding.saving_j == (pytest.approx(80 * 1e-6 * 20 / 20 / 4), pytest.approx(2.0))


def test_what_is_divided_by_time_is_no_measurement(with_validation: Any) -> None:
    run = with_validation()
    rows = tuple(replace(row, total_sum=replace(row.total_sum, provenance="measured")) for row in run.report.stages)

    (finding,) = GradientsInInference().find(FinishedRun(replace(run.report, stages=rows)))

    assert finding.provenance == "inferred"


@pytest.mark.parametrize(
    ("training_calls", "in_training_mode"), [(80, 20), (70, 10), (60, 0)], ids=["all", "half", "none of them"]
)
def test_only_so_many_validations_are_in_training_mode_as_must_be(
    with_validation: Any, training_calls: int, in_training_mode: int
) -> None:
    run = with_validation(training_calls=training_calls, training_layers="Dropout")

    found = list(TrainModeInInference().find(run))

    part = in_training_mode / 80
    assert [one.evidence.partition(" of ")[0] for one in found] == [str(in_training_mode)] * bool(in_training_mode)
    assert [one.now_j for one in found] == [pytest.approx(20 * part)] * bool(in_training_mode)
    assert [one.saving_j for one in found] == [pytest.approx((0.3 * 4 * part, 4 * part))] * bool(in_training_mode)


def test_results_of_one_call_that_share_their_work_may_save_nothing(sample: Any) -> None:
    report, known = sample.make_report([sample.Part("embed", (10.0,), calls=1)]), {"results_only_handed_on": 1}
    report = replace(report, stages=(replace(report.stages[0], outputs=2, unused_outputs=1, facts=known),))

    (finding,) = UnusedOutputs().find(FinishedRun(report))

    assert finding.saving_j == (0.0, 5.0)


def test_cheap_loaders_are_not_worth_a_word(sample: Any, report_of: Any) -> None:
    parts = [sample.Part("loader", (1.0,), kind="loader"), sample.Part("work", (99.0,))]

    assert list(RepeatedPreparation().find(FinishedRun(report_of(parts, {"loader": {"epochs": 3}})))) == []


def test_samples_that_lie_in_memory_are_not_prepared_anew(sample: Any, report_of: Any) -> None:
    parts = [sample.Part("loader", (50.0,), kind="loader"), sample.Part("work", (50.0,))]

    def count(**more: int) -> int:
        report = report_of(parts, {"loader": {"epochs": 3, **more}})
        return len(list(RepeatedPreparation().find(FinishedRun(report))))

    assert (count(), count(samples_in_memory=1)) == (1, 0)


@pytest.mark.parametrize(
    ("facts", "learns", "is_found"),
    [
        ({}, True, True),
        ({"training_calls": 10}, True, False),
        ({}, False, False),
        ({"backward_calls": 1}, True, False),
    ],
    ids=["in eval mode", "in training mode", "nothing else learns", "it learns elsewhere"],
)
def test_a_teacher_in_eval_mode_called_with_gradients_beside_a_student_that_learns(
    sample: Any, report_of: Any, facts: dict[str, int], learns: bool, is_found: bool
) -> None:
    teacher, student = (sample.Part(name, (10.0,), kind="module", calls=100) for name in ("Teacher", "Student"))
    parts = [teacher, student, sample.Part("backward", (10.0,), kind="backward")]
    known = {"Teacher": {"gradient_calls": 100, **facts}, "Student": {"gradient_calls": 100, "training_calls": 100}}
    if learns:
        known["Student"]["backward_calls"] = 100

    found = list(GradientsInInference().find(FinishedRun(report_of(parts, known))))

    assert [finding.offenders for finding in found] == ([("Teacher",)] if is_found else [])


@pytest.fixture
def with_products(sample: Any, report_of: Any) -> Any:
    """Return what finds float32 products in a run whose model tells some facts; `device_s`: how long it was at them."""

    def find(device_s: float | None = None, **facts: str | int) -> list[Any]:
        layer = sample.Part("Net.0", (0.0, 80.0), kind="module", calls=100)
        parts = [sample.Part("Net", (0.0, 20.0), (layer,), kind="module", calls=100)]
        inner = {"module_class": "Linear", "flops_of_first_call": 335 * 10**9}
        report = report_of(parts, {"Net": facts, "Net.0": inner}, domains=(sample.CPU, sample.GPU))
        return list(WideProducts().find(FinishedRun(report, lambda: _at_work(report, device_s))))

    return find


def _at_work(report: Report, device_s: float | None) -> Any:
    """Return as much of a trace as the rule asks for: a device's lane with one span of the last stage."""
    rows = 0 if device_s is None else 1
    return SimpleNamespace(
        stages=[SimpleNamespace(id=row.stage) for row in report.stages],
        lanes=SimpleNamespace(kind=np.array([LANE_KINDS.index("device")])),
        spans=SimpleNamespace(
            stage=np.full(rows, len(report.stages) - 1),
            lane=np.zeros(rows, np.int32),
            start_ns=np.zeros(rows, np.int64),
            end_ns=np.full(rows, round((device_s or 0.0) * 1e9)),
        ),
        counted=None,
    )


GPU_FACTS = {"matmul_runs_in": "float32", "device": "cuda", "compute_capability": "9.0"}


def test_products_that_use_float32_units_well_save_what_the_peaks_say(with_products: Any) -> None:
    # 33.5 TFLOP in a second: half of the peak of 67, a fifteenth of that of TF32.
    (finding,) = with_products(device_s=1.0, **GPU_FACTS)

    fastest = 33.5 / 494
    assert finding.offenders == ("Net",)
    assert finding.now_j == pytest.approx(80.0)
    assert finding.saving_j == pytest.approx((80 * (1 - 1.3 * fastest / 0.3), 80 * (1 - 0.7 * fastest)))
    assert "33.5 of 67 TFLOP/s" in finding.evidence


@pytest.mark.parametrize("device_s", [None, 10.0], ids=["nobody knows", "badly"])
def test_products_that_use_float32_units_badly_may_save_nothing(with_products: Any, device_s: float | None) -> None:
    (finding,) = with_products(device_s=device_s, **GPU_FACTS)

    assert finding.saving_j[0] == 0.0
    assert finding.saving_j[1] > 75.0


@pytest.mark.parametrize(
    "facts",
    [
        {**GPU_FACTS, "compute_capability": "8.9"},
        {**GPU_FACTS, "compute_capability": "7.5"},
        {"matmul_runs_in": "float32", "device": "cpu", "bfloat16_unit": "amx_bf16"},
    ],
)
def test_devices_whose_peaks_support_no_number_are_hinted_at(with_products: Any, facts: dict[str, str]) -> None:
    (finding,) = with_products(device_s=1.0, **facts)

    assert finding.is_hint


@pytest.mark.parametrize(
    "facts",
    [
        {**GPU_FACTS, "matmul_runs_in": "tf32"},
        {**GPU_FACTS, "matmul_runs_in": "bfloat16"},
        {**GPU_FACTS, "matmul_runs_in": "some"},
        {**GPU_FACTS, "compute_capability": "6.1"},
        {"matmul_runs_in": "float32", "device": "cpu"},
        {"matmul_runs_in": "float32", "device": "mps"},
    ],
)
def test_products_in_less_or_without_a_cheaper_unit_are_no_fault(with_products: Any, facts: dict[str, str]) -> None:
    assert with_products(device_s=1.0, **facts) == []
