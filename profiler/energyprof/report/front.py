"""Who is on the Pareto front of joules and a metric, as far as repeated runs can tell.

A way is beaten where another is told apart from it as better in one of the two and is no worse, by means, in the other.
One that is not beaten is surely on the front if it is told apart as better than each other in something; else it may be
there by chance. Told apart: Welch's test of two means (Biometrika 34, 1947), of joules in logarithms, at 5 % divided by
the number of others. What the sensors of two ways get wrong is no difference of theirs. One run of a way tells it apart
from nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import mean, stdev
from typing import Final, Literal, NamedTuple

from energyprof.report.means import ratio_of_means
from energyprof.report.read_errors import NONE, ReadBy, left_in_ratio

ALPHA: Final = 0.05

Standing = Literal["front", "unsure", "beaten"]


class Spread(NamedTuple):
    """What the runs of a way say of it, one figure each."""

    costs_j: Sequence[float]
    merits: Sequence[float]
    """The higher the better."""
    read_by: ReadBy | None = None
    """None: as all others."""


def standings(ways: Mapping[str, Spread]) -> dict[str, Standing]:
    """Return where each way stands among these."""
    alpha = ALPHA / max(len(ways) - 1, 1)
    return {
        name: _standing(own, [other for of, other in ways.items() if of != name], alpha) for name, own in ways.items()
    }


def _standing(own: Spread, others: Sequence[Spread], alpha: float) -> Standing:
    if any(_beats(other, own, alpha) for other in others):
        return "beaten"
    is_sure = all(_is_cheaper(own, other, alpha) or _is_better(own, other, alpha) for other in others)
    return "front" if is_sure else "unsure"


def _beats(one: Spread, other: Spread, alpha: float) -> bool:
    is_no_dearer = mean(one.costs_j) <= mean(other.costs_j)
    is_no_worse = mean(one.merits) >= mean(other.merits)
    return (is_no_worse and _is_cheaper(one, other, alpha)) or (is_no_dearer and _is_better(one, other, alpha))


def _is_cheaper(one: Spread, other: Spread, alpha: float) -> bool:
    reach = NONE if one.read_by is None or other.read_by is None else left_in_ratio(other.read_by, one.read_by)
    if reach != NONE:
        return _is_cheaper_beyond(reach, one, other, alpha)
    if min(*one.costs_j, *other.costs_j) <= 0:
        return is_higher(other.costs_j, one.costs_j, alpha)
    return is_higher([math.log(cost) for cost in other.costs_j], [math.log(cost) for cost in one.costs_j], alpha)


def _is_cheaper_beyond(reach: tuple[float, float], one: Spread, other: Spread, alpha: float) -> bool:
    """Return whether one is told apart as cheaper although what their sensors get wrong does not cancel."""
    if mean(one.costs_j) <= 0:
        return False
    ratio = ratio_of_means(other.costs_j, one.costs_j, round(ALPHA / alpha), reach)
    return ratio.low is not None and ratio.low > 1


def _is_better(one: Spread, other: Spread, alpha: float) -> bool:
    return is_higher(one.merits, other.merits, alpha)


def is_higher(one: Sequence[float], other: Sequence[float], alpha: float) -> bool:
    """Return whether the mean of `one` is told apart as higher, two-sided at `alpha`; equal figures have no spread."""
    gap = mean(one) - mean(other)
    if min(len(one), len(other)) < 2 or gap <= 0:
        return False
    parts = [
        0.0 if all(left == right for left, right in pairwise(of)) else stdev(of) ** 2 / len(of) for of in (one, other)
    ]
    variance = sum(parts)
    if variance <= 0:
        return True
    degrees = variance**2 / sum(part**2 / (len(of) - 1) for part, of in zip(parts, (one, other), strict=True))
    from scipy.special import stdtr  # here: a program that only marks stages waits for no scipy

    return bool(2 * (1 - stdtr(degrees, gap / math.sqrt(variance))) < alpha)
