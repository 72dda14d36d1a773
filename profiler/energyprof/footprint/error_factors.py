"""Relative errors that do not depend on each other, as factors: how far several of them reach together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Final

from energyprof.model.range import Range

NONE: Final = (0.0, 0.0)
Error = tuple[float, float]
"""Relative, how far below (0..1) and above (0 or more)."""


def of_deviation(sd: float) -> Error:
    """Return the 95 % reach of a relative standard deviation: as often a factor too much as too little."""
    factor = (1 + sd) ** NormalDist().inv_cdf(0.975)
    return 1 - 1 / factor, factor - 1


def together(*errors: Error) -> Error:
    """Return how far independent errors reach together: the squares of the logarithms of their factors are added."""
    below = math.hypot(*(-math.log1p(-one) if one < 1 else math.inf for one, _ in errors))
    above = math.hypot(*(math.log1p(one) for _, one in errors))
    return -math.expm1(-below), math.expm1(above)


def rest(error: Error, part: Error) -> Error:
    """Return the error that is left of one when a factor that is part of it is taken out; nothing below 0."""
    below = 1 - (1 - error[0]) / (1 - part[0]) if part[0] < 1 else 0.0
    return max(below, 0.0), max((1 + error[1]) / (1 + part[1]) - 1, 0.0)


def widened(figure: Range, error: Error) -> Range:
    """Return a figure whose own bounds and another, independent error reach together; one of 0 stays as it is."""
    if figure.value <= 0 or error == NONE:
        return figure
    value = figure.value
    below, above = together((1 - max(figure.low, 0.0) / value, figure.high / value - 1), error)
    return Range(value, min(value, value * (1 - below)), max(value, value * (1 + above)))


def of_mix(mix_j: Mapping[str, float], errors: Mapping[str, Error]) -> Error:
    """Return the error of a sum of energies by domain, each with its own, all at the same end; of nothing: none."""
    whole_j = sum(mix_j.values())
    if whole_j <= 0:
        return NONE
    parts = [(energy_j / whole_j, errors.get(name, NONE)) for name, energy_j in mix_j.items()]
    return sum(share * below for share, (below, _) in parts), sum(share * above for share, (_, above) in parts)
