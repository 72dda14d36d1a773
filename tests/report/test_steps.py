"""Joules a step, a sample, and over time."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import Any

import numpy as np
import pytest

from energyprof.interfaces import RenderContext
from energyprof.model.attribution import StepEnergy
from energyprof.model.report import Report
from energyprof.model.trials import trial_facts
from energyprof.model.work_rows import BoundedJ
from energyprof.report.steps import step_row
from energyprof_plugins.exporters.json_report import JsonReport
from energyprof_plugins.exporters.terminal import Terminal

FOUND = StepEnergy(
    stage=2,
    steps=21,
    first_ns=500_000_000,
    first_j=4.0,
    first_low_j=3.0,
    first_high_j=5.0,
    rest_ns=2_000_000_000,
    rest_j=20.0,
    rest_low_j=19.0,
    rest_high_j=21.0,
    group_steps=np.array([10, 10]),
    group_j=np.array([8.0, 12.0]),
    group_low_j=np.array([7.0, 11.0]),
    group_high_j=np.array([9.0, 13.0]),
    resolution_ns=10_000_000,
)


def trained(sample: Any, found: StepEnergy = FOUND) -> Report:
    """A report of a training, with its steps."""
    parts = [sample.Part("loader", (1.0,)), sample.Part("Net", (9.0,)), sample.Part("AdamW.step", (9.0,))]
    report = sample.make_report([*parts, sample.Part("evaluation", (2.0,), (sample.Part("Net", (2.0,)),))])
    changed = {
        "loader": {"kind": "loader", "facts": {"epochs": 3, "batches": 21}},
        "Net": {"kind": "module", "facts": {"samples": 200}},
        "AdamW.step": {"kind": "optimizer"},
        "evaluation": {"kind": "evaluation"},
        "evaluation/Net": {"kind": "module", "facts": {"samples": 5000}},
    }
    stages = tuple(replace(row, **changed[row.stage]) for row in report.stages)
    attribution: Any = type("Found", (), {"steps": replace(found, stage=[s.name for s in stages].index("AdamW.step"))})
    return replace(report, stages=stages, steps=step_row(stages, attribution, "inferred"))


def test_steps_of_one_trial_of_several_say_of_which(sample: Any) -> None:
    def told(count: int) -> Report:
        trials = [
            sample.Part(f"trial {at}", (1.0,), (sample.Part("Net", (9.0,)), sample.Part("AdamW.step", (9.0,))))
            for at in range(count)
        ]
        report: Report = sample.make_report(trials)
        facts = {f"trial {at}": trial_facts(at, {}, "complete", None) for at in range(count)}
        stages = tuple(replace(row, facts=facts.get(row.name, {})) for row in report.stages)
        at = [row.stage for row in stages].index(f"trial {count - 1}/AdamW.step")
        attribution: Any = type("Found", (), {"steps": replace(FOUND, stage=at)})
        return replace(report, stages=stages, steps=step_row(stages, attribution, "inferred"))

    assert "(of trial 1 alone)" in Terminal().render(told(2), RenderContext())
    assert "alone)" not in Terminal().render(told(1), RenderContext())


def test_samples_of_another_training_in_the_same_run_are_none_of_these_steps(sample: Any) -> None:
    def training(name: str) -> Any:
        return sample.Part(name, (1.0,), (sample.Part("Net", (9.0,)), sample.Part("AdamW.step", (9.0,))))

    report = sample.make_report([training("teach"), training("prune")])
    changed = {"Net": {"facts": {"samples": 200}}, "AdamW.step": {"kind": "optimizer"}}
    stages = tuple(replace(row, **changed.get(row.name, {})) for row in report.stages)
    of_teach = [row.stage for row in stages].index("teach/AdamW.step")
    attribution: Any = type("Found", (), {"steps": replace(FOUND, stage=of_teach)})

    row = step_row(stages, attribution, "inferred")

    assert row is not None
    assert row.samples == 200


def test_samples_that_nobody_went_back_for_are_not_trained_on(sample: Any) -> None:
    def samples(**facts: int) -> int | None:
        report = trained(sample)
        of_net = {"Net": {"samples": 200, **facts}}
        stages = tuple(replace(row, facts={**row.facts, **of_net.get(row.stage, {})}) for row in report.stages)
        at = [row.stage for row in stages].index("AdamW.step")
        attribution: Any = type("Found", (), {"steps": replace(FOUND, stage=at)})
        row = step_row(stages, attribution, "inferred")
        assert row is not None
        assert row.per_sample is not None
        assert row.per_sample.energy_j == pytest.approx(21 / (row.samples or 0))
        return row.samples

    assert samples(trained_samples=160, gradient_calls=20, backward_calls=16) == 160
    assert samples() == 200


def test_the_first_step_is_told_apart_and_samples_are_those_of_the_training(sample: Any) -> None:
    row = trained(sample).steps

    assert row is not None
    assert (row.steps, row.epochs, row.samples, row.is_training) == (21, 3, 200, True)
    assert (row.first, row.per_step) == (BoundedJ(4.0, 3.0, 5.0), BoundedJ(1.0, 0.95, 1.05))
    assert row.total == BoundedJ(24.0, 22.0, 26.0)
    assert row.per_sample is not None
    assert astuple(row.per_sample) == pytest.approx((0.105, 0.09975, 0.11025))  # as a step, 21 / 200 of it


def test_epochs_are_those_of_the_loader_that_feeds_the_steps(sample: Any) -> None:
    parts = [sample.Part("loader", (1.0,)), sample.Part("loader#2", (1.0,)), sample.Part("AdamW.step", (9.0,))]
    changed: Any = {
        "loader": {"kind": "loader", "facts": {"epochs": 3, "batches": 21}},
        "loader#2": {"kind": "loader", "facts": {"epochs": 12, "batches": 48}},  # read four times an epoch
        "AdamW.step": {"kind": "optimizer"},
    }
    stages = tuple(replace(row, **changed[row.stage]) for row in sample.make_report(parts).stages)
    attribution: Any = type("Found", (), {"steps": replace(FOUND, stage=2)})

    row = step_row(stages, attribution, "inferred")

    assert row is not None
    assert row.epochs == 3


def test_the_course_is_joules_a_step_with_bounds(sample: Any) -> None:
    row = trained(sample).steps

    assert row is not None
    assert row.course == (BoundedJ(0.8, 0.7, 0.9), BoundedJ(1.2, 1.1, 1.3))
    assert (row.groups, row.group_steps, row.p50_j) == (2, 10, 1.0)


def test_what_was_not_read_is_nothing_and_not_zero(sample: Any) -> None:
    row = trained(sample, replace(FOUND, rest_j=None)).steps

    assert row is not None
    assert (row.per_step, row.total, row.per_sample) == (None, None, None)


def test_the_terminal_says_it_in_three_lines(sample: Any) -> None:
    lines = Terminal().render(trained(sample), RenderContext(width=120)).splitlines()

    at = lines.index("training")
    assert lines[at + 1 : at + 4] == [
        "  21 steps, 3 epochs, 200 samples (AdamW.step): 1.00 ±0.05 J a step, 105 ±5 mJ a sample",
        "  over time from 0.800 to 1.20 J a step in 2 groups of up to 10 steps",
        "  the first step, which warms up, is not among them: 4.0 ±1.0 J",
    ]


@pytest.mark.parametrize(
    ("group_j", "said"),
    [
        ([8.0], "no course over time: there is but one group of up to 10 steps"),
        ([8.0] * 3, "over time 800 mJ a step in 3 groups of up to 10 steps"),
        ([8.0, 9.0] * 4 + [9.5], "over time from 800 to 950 mJ a step in 9 groups of up to 10 steps"),
        ([8.0, 9.0] * 5, "over time 800 / 850 / 900 mJ a step (10th, 50th, 90th percentile of 10 groups of"),
    ],
)
def test_percentiles_are_told_of_ten_groups_and_more(sample: Any, group_j: list[float], said: str) -> None:
    column, steps = np.array(group_j), np.full(len(group_j), 10)
    found = replace(FOUND, group_steps=steps, group_j=column, group_low_j=column, group_high_j=column)

    assert said in Terminal().render(trained(sample, found), RenderContext(width=120))


def test_sensors_too_slow_for_a_course_are_said_to_be(sample: Any) -> None:
    none = np.zeros(0)
    slow = replace(FOUND, group_steps=none.astype(np.int64), group_j=none, group_low_j=none, group_high_j=none)

    text = Terminal().render(trained(sample, slow), RenderContext(width=120))

    assert "no course over time: the power sensors tell nothing apart within 10 ms" in text


def test_the_json_report_with_steps_keeps_to_the_schema(sample: Any) -> None:
    import json
    from importlib.resources import files

    import jsonschema

    schema = json.loads((files("energyprof_plugins.exporters") / "json_report.schema.json").read_text("utf-8"))
    document = json.loads(JsonReport().render(trained(sample), RenderContext()))

    jsonschema.validate(document, schema, jsonschema.Draft202012Validator)
    assert document["steps"]["per_step"] == {"energy_j": 1.0, "low_j": 0.95, "high_j": 1.05}
