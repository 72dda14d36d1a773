"""How far the mean of some runs may lie from what the program takes, and how far apart two such means.

Several runs tell how much they differ: the mean of n has the interval of Student's t with n - 1 degrees of freedom, the
change of two means that of Welch and Satterthwaite (Welch 1947, Biometrika 34, 28-35). A single run beside several is
taken to vary as they do, relative to its size: the interval of a prediction, t * s * sqrt(1 + 1/n). Two single runs
tell nothing of it. Each then reaches as far as its own interval, and as runs of a program differ: as wholes by
`ASSUMED_SD`, in a stage or layer by `ASSUMED_PART_SD`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, mean, stdev

from energyprof.report.figure import Figure
from energyprof.report.sums import weakest

TAIL = 0.025
"""On either side of a 95 % interval."""

Reach = tuple[float, float]
"""How far below and above a figure may lie."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """What runs have in common, and by how much they differ."""

    is_common: bool
    """What the sensor or model gets wrong of all joules is the same on both sides."""
    single_sd: float
    """By how much runs are taken to differ where there is one of each, relative."""


def mean_figure(figures: Sequence[Figure]) -> Figure:
    """Return the mean of some runs, in joules and so not below 0, with its interval; that of one run is as it is."""
    if len(figures) == 1:
        return figures[0]
    provenance = weakest([figure.provenance for figure in figures])
    below, above = max(figure.below for figure in figures), max(figure.above for figure in figures)
    value = mean_of(figures)
    if value is None:
        lows, highs = ([one for one in column if one is not None] for column in _bounds(figures))
        is_bounded = len(lows) == len(highs) == len(figures)
        low, high = (mean(lows), mean(highs)) if is_bounded else (None, None)
        return Figure(None, low, high, below, above, provenance)
    half = t(len(figures) - 1, TAIL) * stdev(known(figures)) / math.sqrt(len(figures))
    return Figure(value, max(value - half, min(value, 0.0)), value + half, below, above, provenance)


def mean_of(figures: Sequence[Figure]) -> float | None:
    """Return the mean; None: it is not known of all."""
    values = known(figures)
    return mean(values) if values and len(values) == len(figures) else None


def known(figures: Sequence[Figure]) -> list[float]:
    """Return the values that are known."""
    return [figure.value for figure in figures if figure.value is not None]


def change_reach(
    before: Sequence[Figure], after: Sequence[Figure], tail: float, weight: float, assumed: Assumed
) -> Reach | None:
    """Return how far `after - weight * before` may lie below and above; None: a run has no interval of its own.

    All values are known.
    """
    reaches = _reaches(before, after, tail, weight, assumed.single_sd)
    if reaches is None:
        return None
    old, new = reaches
    if not assumed.is_common:
        old, new = (_with_common(side, reach, tail) for side, reach in ((before, old), (after, new)))
    old, new = (_above_nothing(side, reach) for side, reach in ((before, old), (after, new)))
    return math.hypot(new[0], weight * old[1]), math.hypot(new[1], weight * old[0])


def _above_nothing(side: Sequence[Figure], reach: Reach) -> Reach:
    """Return the reach of a figure that is never less than 0: joules and seconds."""
    return min(reach[0], abs(mean(known(side)))), reach[1]


def _reaches(
    before: Sequence[Figure], after: Sequence[Figure], tail: float, weight: float, single_sd: float
) -> tuple[Reach, Reach] | None:
    sizes = [abs(mean(known(side))) for side in (before, after)]
    several = [side for side in (before, after) if len(side) > 1]
    if not several:
        old, new = (_single(side[0], tail, single_sd) for side in (before, after))
        return None if old is None or new is None else (old, new)
    if len(several) == 1:
        own = known(several[0])
        relative = stdev(own) / abs(mean(own)) if mean(own) else 0.0
        sds = [relative * size for size in sizes]
        degrees = float(len(own) - 1)
    else:
        sds = [stdev(known(side)) for side in (before, after)]
        degrees = _degrees([sds[0] * weight, sds[1]], [len(before), len(after)])
    quantile = t(degrees, tail) if any(sds) else 0.0
    halves = [quantile * sd / math.sqrt(len(side)) for sd, side in zip(sds, (before, after), strict=True)]
    return (halves[0], halves[0]), (halves[1], halves[1])


def _degrees(sds: Sequence[float], counts: Sequence[int]) -> float:
    """Return those of Welch and Satterthwaite."""
    parts = [sd**2 / count for sd, count in zip(sds, counts, strict=True)]
    spare = sum(part**2 / (count - 1) for part, count in zip(parts, counts, strict=True))
    return sum(parts) ** 2 / spare if spare > 0 else float(sum(counts) - len(counts))


def _single(figure: Figure, tail: float, sd: float) -> Reach | None:
    if figure.value is None or figure.low is None or figure.high is None:
        return None
    factor = (1 + sd) ** NormalDist().inv_cdf(1 - tail)  # as often a factor too much as too little: never below 0
    size = abs(figure.value)
    wider = _wider(tail)
    down, up = max(figure.value - figure.low, 0.0), max(figure.high - figure.value, 0.0)
    return math.hypot(wider * down, size * (1 - 1 / factor)), math.hypot(wider * up, size * (factor - 1))


def _with_common(side: Sequence[Figure], reach: Reach, tail: float) -> Reach:
    """Return how far a side reaches with what its own sensor or model gets wrong, which no number of runs shows."""
    value, wider = abs(mean(known(side))), _wider(tail)
    below, above = max(figure.below for figure in side), max(figure.above for figure in side)
    return math.hypot(reach[0], wider * below * value), math.hypot(reach[1], wider * above * value)


def _wider(tail: float) -> float:
    """Return by how much a 95 % interval grows to leave out `tail` on either side, errors taken to be normal."""
    normal = NormalDist()
    return normal.inv_cdf(1 - tail) / normal.inv_cdf(1 - TAIL)


def _bounds(figures: Sequence[Figure]) -> tuple[list[float | None], list[float | None]]:
    return [figure.low for figure in figures], [figure.high for figure in figures]


def t(degrees: float, tail: float) -> float:
    """Return the quantile of Student's t that leaves out `tail` above it."""
    from scipy.special import stdtrit  # here: a report waits for no scipy

    return float(stdtrit(degrees, 1 - tail))
