"""Steps of a loop: what each took by the readings of that time, and how that changed, never finer than they tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from energyprof.attribute.fit import attribute
from energyprof.model.attribution import StepEnergy
from energyprof.model.trace import Trace


def loop(
    make: Any, step_ms: Sequence[float], power_w: Sequence[float], period_ms: float = 1.0, **changes: Any
) -> Trace:
    """A training whose steps end with an optimizer's; the sensor updates every period."""
    spans, at = [], 10.0
    for length in step_ms:
        spans += [("net", at, at + 0.6 * length), ("SGD.step", at + 0.8 * length, at + length)]
        at += length
    domain = make.domain(period_ns=round(period_ms * make.ms), **changes)
    trace = make.trace([spans], [(domain, make.counter(power_w, period_ms))], end_ms=len(power_w) * period_ms)
    facts = {"net": {"module_class": "Net", "samples": 100}}
    kinds = {"SGD.step": "optimizer", "net": "module"}
    stages = tuple(replace(one, kind=kinds[one.name], facts=facts.get(one.name, {})) for one in trace.stages)
    return replace(trace, stages=stages)


def found(trace: Trace) -> StepEnergy:
    steps = attribute(trace).steps
    assert steps is not None
    return steps


def test_the_first_step_stands_apart_and_all_energy_of_the_loop_is_in_the_steps(make: Any) -> None:
    power_w = [5.0] * 10 + [50.0] * 40 + [10.0] * 200 + [5.0] * 50

    steps = found(loop(make, [40.0, *[10.0] * 20], power_w))

    assert (steps.steps, steps.first_ns, steps.rest_ns) == (21, 40_000_000, 200_000_000)
    assert steps.first_j == pytest.approx(2.0)
    assert steps.rest_j == pytest.approx(2.0)


def test_the_course_over_time_is_seen_in_groups_of_steps(make: Any) -> None:
    power_w = [5.0] * 20 + [10.0] * 1000 + [30.0] * 1000 + [5.0] * 50

    steps = found(loop(make, [10.0] * 201, power_w))

    assert steps.group_steps.tolist() == [10] * 20
    assert np.allclose(steps.group_j / steps.group_steps, [0.1] * 10 + [0.3] * 10)
    assert steps.group_j.sum() == pytest.approx(steps.rest_j)
    assert (steps.group_low_j <= steps.group_j).all()
    assert (steps.group_j <= steps.group_high_j).all()


def test_groups_are_as_long_as_a_slow_sensor_asks_for(make: Any) -> None:
    steps = found(loop(make, [10.0] * 201, [10.0] * 42, period_ms=50.0))

    assert len(steps.group_steps) == steps.rest_ns // (10 * steps.resolution_ns) == 4
    assert steps.group_steps.sum() == 200


def test_below_the_resolution_there_is_no_course_and_the_bounds_say_how_little_is_known(make: Any) -> None:
    steps = found(loop(make, [1.0] * 30, [10.0] * 20, period_ms=20.0))

    assert len(steps.group_steps) == 0
    assert steps.first_j is not None
    assert steps.first_low_j == 0.0
    assert steps.first_high_j > 10 * steps.first_j


@pytest.mark.parametrize("seed", range(5))
def test_bounds_hold_whatever_happens_within_a_window(make: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    fine_w = rng.choice([2.0, 80.0], 400)
    trace = loop(make, rng.uniform(2.0, 9.0, 50).tolist(), np.mean(fine_w.reshape(-1, 20), axis=1), period_ms=20.0)

    steps = found(trace)

    start, end = 10 + steps.first_ns / 1e6, 10 + (steps.first_ns + steps.rest_ns) / 1e6
    until = np.append(0.0, np.cumsum(fine_w)) * 1e-3
    true_j = np.interp(end, np.arange(401), until) - np.interp(start, np.arange(401), until)
    assert steps.rest_low_j - 1e-6 <= true_j <= steps.rest_high_j + 1e-6


def test_a_time_that_was_not_read_has_no_figure(make: Any) -> None:
    trace = loop(make, [10.0] * 20, [10.0] * 50)

    steps = found(trace)

    assert steps.steps == 20
    assert (steps.rest_j, len(steps.group_steps)) == (None, 0)


def test_gain_errors_of_a_model_are_in_the_bounds(make: Any) -> None:
    trace = loop(make, [100.0] * 10, [10.0] * 1100, provenance="model", gain_error=(0.4, 0.8))

    steps = found(trace)

    assert steps.rest_j == pytest.approx(9.0)
    assert steps.rest_low_j == pytest.approx(9.0 * 0.6, rel=0.01)
    assert steps.rest_high_j == pytest.approx(9.0 * 1.8, rel=0.01)


def test_without_training_a_step_is_a_call_of_the_model(make: Any) -> None:
    trace = loop(make, [10.0] * 20, [10.0] * 300)
    stages = tuple(replace(one, kind="stage" if one.name == "SGD.step" else one.kind) for one in trace.stages)

    steps = found(replace(trace, stages=stages))

    assert (trace.stages[steps.stage].name, steps.steps) == ("net", 20)


def test_the_first_step_of_a_later_training_begins_with_that_training(make: Any) -> None:
    def steps_from(name: str, at: float, count: int) -> list[tuple[str, float, float]]:
        begin = [at + 10.0 * step for step in range(count)]
        nets = [(f"{name}/net", start, start + 6.0) for start in begin]
        return [*nets, *((f"{name}/SGD.step", start + 8.0, start + 10.0) for start in begin)]

    spans = [*steps_from("teach", 10.0, 5), *steps_from("prune", 100.0, 20)]
    spans += [("teach", 10.0, 60.0), ("prune", 100.0, 300.0)]
    trace = make.trace(
        [sorted(spans, key=lambda row: (row[1], -row[2]))], [(make.domain(), make.counter([10.0] * 310))]
    )
    changed = {"net": {"kind": "module", "facts": {"samples": 100}}, "SGD.step": {"kind": "optimizer"}}
    trace = replace(trace, stages=tuple(replace(one, **changed.get(one.name, {})) for one in trace.stages))

    steps = found(trace)

    assert (trace.stages[steps.stage].id, steps.steps) == ("prune/SGD.step", 20)
    assert steps.first_ns == 10_000_000


def test_a_generation_is_no_loop_of_steps(make: Any) -> None:
    calls = [(path, 10.0 * at, 10.0 * at + 8) for at in range(20) for path in ("decode", "decode/net")]
    trace = make.trace([calls], [(make.domain(), make.counter([1.0] * 30))], end_ms=300.0)
    kinds = {"decode": {"kind": "generation", "facts": {"tokens": 20}}, "net": {"facts": {"samples": 20}}}

    generated = replace(trace, stages=tuple(replace(one, **kinds[one.name]) for one in trace.stages))
    called = replace(trace, stages=tuple(replace(one, facts={"samples": 20}) for one in trace.stages))

    assert attribute(generated).steps is None
    assert found(called).steps == 20


def test_a_run_without_a_loop_has_no_steps(make: Any) -> None:
    domain = make.domain()

    assert attribute(make.trace([[("a", 10.0, 20.0)]], [(domain, make.counter([1.0] * 10))])).steps is None
