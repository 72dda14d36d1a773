"""What `energyprof scale` says of a prediction that is far off."""

from __future__ import annotations

from argparse import Namespace

from energyprof.cli.scale_command import page
from energyprof.footprint.layer_groups import LayerGroup, ShapedRun
from energyprof.footprint.scaling import HeldOut, Prediction
from energyprof.model.range import Range


def recorded(name: str, batch: float, energy_j: float) -> ShapedRun:
    return ShapedRun(name, {"b": batch}, (LayerGroup("fc", "Linear", energy_j, (1.0, 1.0, 1.0)),))


def said(energy_j: float, misses: tuple[float, ...]) -> str:
    tests = tuple(HeldOut("large", "small", 4.0, miss) for miss in misses)
    found = Prediction(
        Range(energy_j, energy_j / 20, energy_j * 20), (("Linear", energy_j),), tests, 2.0, True, None, ()
    )
    runs = [recorded("small", 16, 0.05), recorded("large", 250, 0.2)]
    return " ".join(page(found, runs, {"b": 1000}, Namespace(width=100, phase="total")).split())


def test_a_large_miss_is_told_as_how_many_times_as_much_was_measured() -> None:
    text = said(1.0, (-0.93,))

    assert "missed large by -93 % (14.3 times as much was measured), the only test, which gives the bounds" in text
    assert "times as much was measured" not in said(1.0, (-0.1, 0.2))
    assert "missed large by +20 %, the worst of 2 tests" in said(1.0, (-0.1, 0.2))


def test_less_than_a_smaller_shape_took_is_warned_about() -> None:
    assert "warning: large took 200 mJ, more than is told here of a shape no smaller" in said(0.1, (0.1,))
    assert "warning: small" not in said(0.1, (0.1,))
    assert "warning" not in said(0.3, (0.1,))
