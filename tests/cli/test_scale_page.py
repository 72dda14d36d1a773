"""What `energyprof scale` says of a prediction that is far off."""

from __future__ import annotations

from dataclasses import replace

from energyprof.cli.scale_page import page
from energyprof.footprint.layer_groups import LayerGroup, ShapedRun
from energyprof.footprint.scaling import HeldOut, Prediction
from energyprof.model.range import Range


def recorded(name: str, batch: float, energy_j: float) -> ShapedRun:
    return ShapedRun(name, {"b": batch}, (LayerGroup("fc", "Linear", energy_j, (1.0, 1.0, 1.0)),))


def prediction(energy_j: float, tests: tuple[HeldOut, ...]) -> Prediction:
    return Prediction(
        energy_j=Range(energy_j, energy_j / 20, energy_j * 20), fit_j=Range(energy_j, energy_j / 2, energy_j * 2),
        common_error=(0.5, 1.0), by_kind_j=(("Linear", energy_j),), held_out=tests, factor=2.0, is_smaller=False,
        has_bounds=True, repeat_spread=None, not_powers=(),
    )  # fmt: skip


def said(energy_j: float, misses: tuple[float, ...]) -> str:
    found = prediction(energy_j, tuple(HeldOut("large", "small", 4.0, miss) for miss in misses))
    runs = [recorded("small", 16, 0.05), recorded("large", 250, 0.2)]
    return " ".join(page(found, runs, {"b": 1000}, "total", 100).split())


def test_a_large_miss_is_told_as_how_many_times_as_much_was_measured() -> None:
    text = said(1.0, (-0.93,))

    assert "missed large by -93 % (14.3 times as much was measured), the only test, which gives the bounds" in text
    assert "times as much was measured" not in said(1.0, (-0.1, 0.2))
    assert "missed large by +20 %, the worst of 2 tests" in said(1.0, (-0.1, 0.2))


def test_less_than_a_smaller_shape_took_is_warned_about() -> None:
    assert "warning: large took 200 mJ, more than is told here of a shape no smaller" in said(0.1, (0.1,))
    assert "warning: small" not in said(0.1, (0.1,))
    assert "warning" not in said(0.3, (0.1,))


def test_bounds_with_and_without_what_all_joules_share_are_both_told() -> None:
    text = said(1.0, (0.1,))

    assert "energy 1.00 J (0.0500 to 20.0)" in text
    assert "may be off together by -50 to +100 %" in text
    assert "without it, beside other joules of this machine: 1.00 J (0.500 to 2.00)" in text


def test_a_shape_below_all_recorded_is_said_to_be_outside_of_them() -> None:
    down = replace(prediction(0.01, (HeldOut("small", "large", 0.25, -0.1),)), is_smaller=True, factor=0.2)
    runs = [recorded("small", 16, 0.05), recorded("large", 250, 0.2)]

    text = " ".join(page(down, runs, {"b": 4}, "total", 100).split())

    assert "fitted to shapes down to large, missed small by -10 %" in text
    assert "beyond what was tested: 0.2 times as much as the smallest recording, tested down to 0.25 times" in text
    assert "outside of what was recorded: b 4 (recorded: 16 to 250)" in text
    assert "outside" not in said(1.0, (0.1,))
