"""Larger shapes from smaller ones: exact where layers follow the law, an error where they do not, refusals by name."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from energyprof.errors import InputError
from energyprof.footprint.layer_groups import LayerGroup, ShapedRun, shaped_run
from energyprof.footprint.scaling import predict
from energyprof.model.report import LayerPhase, LayerRow, SumRow

CALLS = 10
SHAPES = {"a": (2, 64), "b": (2, 128), "c": (4, 128), "d": (4, 256)}


def rows(
    name: str, parent: str | None, kind: str, energy_j: float | None, flops: int, parameters: int
) -> tuple[LayerRow, LayerRow]:
    """Return a layer in the two phases that are looked at; flops and parameters with those of the layers it calls."""

    def in_phase(phase: LayerPhase) -> LayerRow:
        figure = SumRow(energy_j, energy_j, energy_j, "inferred", None)
        return LayerRow(
            layer=name, phase=phase, parent=parent, depth=0 if parent is None else 1, module_class=kind, calls=CALLS,
            wall_s=1.0, self_wall_s=1.0, off_cpu_s=0.0, self_sum=figure, total_sum=figure, per_call_j=None,
            per_sample_j=None, mean_power_w=None, parameters=parameters, flops=flops if phase == "forward" else None,
            joules_per_gflop=None,
        )  # fmt: skip

    return in_phase("forward"), in_phase("total")


def model(layers: int, width: int, cost: Callable[[float, float], float]) -> list[LayerRow]:
    """Return a net of linear layers and norms; a linear layer costs what `cost` makes of its operations and bytes."""
    found: list[LayerRow] = []
    flops, parameters = 2 * width * width * 100, width * width
    for place in range(layers):
        found += rows(
            f"Net.{place}.fc", "Net", "Linear", cost(flops, 4 * parameters) * CALLS, flops * CALLS, parameters
        )
        found += rows(f"Net.{place}.norm", "Net", "LayerNorm", 1e-6 * width * CALLS, 0, width)
    whole = rows("Net", None, "Net", 0.5 * CALLS, flops * layers * CALLS, (parameters + width) * layers)
    return [*whole, *found]


def linear(flops: float, size: float) -> float:
    return 2e-9 * flops + 1e-7 * size + 0.01


def recorded(name: str, cost: Callable[[float, float], float] = linear) -> ShapedRun:
    layers, width = SHAPES[name]
    return shaped_run(name, {"layers": layers, "width": width}, model(layers, width, cost))


def energy_of(layers: int, width: int) -> float:
    return 0.5 + layers * (linear(200.0 * width * width, 4.0 * width * width) + 1e-6 * width)


def test_a_shape_that_follows_the_law_is_met_exactly() -> None:
    found = predict([recorded(name) for name in SHAPES], {"layers": 48, "width": 1600})

    assert found.energy_j.value == pytest.approx(energy_of(48, 1600), rel=1e-6)
    assert [(one.name, one.fitted_to) for one in found.held_out] == [("d", "c")]
    assert found.held_out[0].miss == pytest.approx(0.0, abs=1e-6)
    assert found.not_powers == ()
    assert dict(found.by_kind_j)["LayerNorm"] == pytest.approx(48 * 1600e-6, rel=1e-6)


def dearer_d() -> list[ShapedRun]:
    largest = recorded("d", lambda flops, size: 1.5 * linear(flops, size))
    return [recorded("a"), recorded("b"), recorded("c"), largest]


def test_the_miss_of_a_larger_shape_is_the_bound() -> None:
    runs = dearer_d()

    found = predict(runs, {"layers": 4, "width": 280})

    (one,) = found.held_out
    assert one.miss == pytest.approx(energy_of(4, 256) / runs[3].energy_j - 1)
    assert one.miss < -0.1
    assert found.factor < found.tested_factor
    assert found.energy_j.high == pytest.approx(found.energy_j.value / (1 + one.miss))
    assert found.energy_j.low == pytest.approx(found.energy_j.value * (1 + one.miss))


def test_bounds_widen_beyond_what_was_tested_and_are_not_known_far_away() -> None:
    runs = dearer_d()

    farther, too_far = (predict(runs, {"layers": 4, "width": width}) for width in (700, 16000))

    (one,) = farther.held_out
    assert farther.factor > farther.tested_factor
    assert farther.has_bounds
    times = math.log(farther.factor) / math.log(farther.tested_factor)
    assert farther.energy_j.high / farther.energy_j.value == pytest.approx((1 / (1 + one.miss)) ** times)
    assert not too_far.has_bounds


def test_with_too_few_recordings_the_error_is_not_known() -> None:
    found = predict([recorded(name) for name in "abc"], {"layers": 48, "width": 1600})

    assert (found.held_out, found.worst, found.has_bounds) == ((), None, False)
    assert found.energy_j.value == pytest.approx(energy_of(48, 1600), rel=1e-6)


def test_all_recordings_of_a_shape_are_left_out_together() -> None:
    once = dearer_d()

    twice = predict([*once, *once], {"layers": 8, "width": 512})

    assert twice.held_out[-1].miss == pytest.approx(predict(once, {"layers": 8, "width": 512}).held_out[-1].miss)
    assert twice.held_out[-1].miss < -0.1
    assert twice.repeat_spread == 0.0


def test_bounds_add_what_recordings_of_one_shape_differ_by() -> None:
    once = dearer_d()
    other = recorded("a", lambda flops, size: 1.2 * linear(flops, size))
    target = {"layers": 4, "width": 280}

    found = predict([*once, once[0], other], target)

    assert found.repeat_spread == pytest.approx(other.energy_j / once[0].energy_j - 1)
    assert found.worst is not None
    apart = max(1 + found.worst.miss, 1 / (1 + found.worst.miss))
    assert found.energy_j.high / found.energy_j.value == pytest.approx(apart * (1 + found.repeat_spread))


def test_what_all_joules_share_is_in_the_bounds_and_told_apart() -> None:
    runs = [replace(run, common_error=(0.5, 1.0)) for run in dearer_d()]
    target = {"layers": 4, "width": 280}

    found, apart = predict(runs, target), predict(dearer_d(), target)

    assert found.fit_j == apart.energy_j == apart.fit_j
    assert found.energy_j.low == pytest.approx(0.5 * apart.energy_j.low)
    assert found.energy_j.high == pytest.approx(2.0 * apart.energy_j.high)


def test_a_smaller_shape_than_any_is_bounded_by_how_smaller_ones_were_missed() -> None:
    dearer_a = recorded("a", lambda flops, size: 1.4 * linear(flops, size))
    runs = [dearer_a, recorded("b"), recorded("c"), recorded("d")]

    found = predict(runs, {"layers": 1, "width": 16})

    (one,) = found.held_out
    assert (found.is_smaller, one.name, one.fitted_to) == (True, "a", "b")
    assert one.miss < 0
    assert found.factor < one.factor < 1
    times = math.log(found.factor) / math.log(one.factor)
    assert found.energy_j.high / found.energy_j.value == pytest.approx((1 / (1 + one.miss)) ** times)


def attention(sequence: float, width: float) -> float:
    return 0.001 + 1e-6 * sequence * width + 1e-8 * sequence * sequence * width


def test_what_a_call_without_a_formula_costs_grows_from_a_constant() -> None:
    def run(sequence: int, width: int) -> ShapedRun:
        group = LayerGroup("Net.*", "Attention", 2 * attention(sequence, width), (0.0, 0.0, 2.0))
        return ShapedRun(f"{sequence}x{width}", {"sequence": sequence, "width": width}, (group,))

    runs = [run(sequence, width) for sequence in (64, 256, 512, 1024) for width in (64, 128)]

    found = predict(runs, {"sequence": 4096, "width": 512})

    assert found.energy_j.value == pytest.approx(2 * attention(4096, 512), rel=0.01)


@pytest.mark.parametrize(
    ("names", "target", "said"),
    [
        ("ac", {"layers": 8, "width": 512}, "2 recordings do not tell apart what layers and width do"),
        ("ab", {"layers": 8, "width": 512}, "layers is 2 in all recordings: record one in which it differs"),
        ("abc", {"layers": 8}, "width differs among the recordings; say with --scale-to which"),
        ("abc", {"layers": 8, "width": 512, "batch": 4}, "a does not say its batch"),
    ],
)
def test_what_the_recordings_do_not_say_is_refused(names: str, target: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        predict([recorded(name) for name in names], target)


def test_another_family_is_refused() -> None:
    other = model(2, 128, linear) + list(rows("Net.0.gate", "Net", "Linear", 1.0, 100, 10))
    runs = [recorded("a"), shaped_run("x", {"layers": 2, "width": 128}, other), recorded("c")]

    with pytest.raises(InputError, match=r"x is not of the family of a: only one has Net\.\*\.gate"):
        predict(runs, {"layers": 8, "width": 512})


def test_what_grows_by_no_power_is_told() -> None:
    runs = []
    for place, name in enumerate("abcd"):
        layers, width = SHAPES[name]
        more = rows("Net.odd", "Net", "Odd", 1.0, 1000 * (7, 2, 9, 1)[place] * CALLS, 10)
        runs.append(shaped_run(name, {"layers": layers, "width": width}, [*model(layers, width, linear), *more]))

    assert predict(runs, {"layers": 8, "width": 512}).not_powers == ("Net.odd",)


def test_a_layer_that_cannot_be_told_apart_is_refused_and_not_counted_as_nothing() -> None:
    layers = model(2, 64, linear) + list(rows("Net.9.fc", "Net", "Linear", None, 100, 10))

    with pytest.raises(InputError, match=r"a: the energy of 1 layers cannot be told apart \(Net.9.fc\)"):
        shaped_run("a", {"layers": 2}, layers)


def test_a_recording_without_modules_is_refused() -> None:
    with pytest.raises(InputError, match="has no call of a torch module"):
        shaped_run("a", {"layers": 2}, [])


def recorded_shapes() -> list[ShapedRun]:
    """Return the recordings of a small GPT in nine shapes, two of each, as they were measured."""
    content = json.loads(Path(__file__).with_name("gpt_shapes.json").read_text())
    return [
        ShapedRun(
            run["name"],
            run["shape"],
            tuple(LayerGroup(name, kind, energy_j, tuple(amounts)) for name, kind, energy_j, amounts in run["groups"]),
        )
        for run in content["runs"]
    ]


@pytest.mark.parametrize(("layers", "width"), [(8, 384), (4, 512), (12, 512)])
@pytest.mark.parametrize("turns", ["1", "2", "12"])
def test_bounds_hold_larger_shapes_that_were_measured(layers: int, width: int, turns: str) -> None:
    runs = [run for run in recorded_shapes() if run.name[-1] in turns]
    measured = [run.energy_j for run in runs if run.shape == {"layers": layers, "d_model": width}]
    smaller = [run for run in runs if run.shape["layers"] <= 6 and run.shape["d_model"] <= 256]

    found = predict(smaller, {"layers": layers, "d_model": width})

    measured_j = sum(measured) / len(measured)
    assert found.has_bounds
    assert found.energy_j.low < measured_j < found.energy_j.high
    assert turns != "12" or abs(found.energy_j.value / measured_j - 1) < 0.1
