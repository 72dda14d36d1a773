"""Means of repeated runs and ratios of two of them, each with its 95 % interval.

A mean of n runs has the interval of Student's t with n - 1 degrees of freedom. Joules and times are never below 0, so
theirs is cut there: an interval cut to what is possible holds the true value as often as before (Mandelkern 2002,
Statistical Science 17, 149-172). The ratio of two means is taken in logarithms, var(log r) = s1^2 / (n1 m1^2) +
s2^2 / (n2 m2^2) (delta method), with the degrees of freedom of Welch and Satterthwaite (Welch 1947, Biometrika 34,
28-35). What two sensors get wrong, each its own, is independent of that and added in squares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean, stdev

from energyprof.model.variants import Mean

CONFIDENCE = 0.95


def mean_of(values: Sequence[float]) -> Mean:
    """Return the mean of figures of any sign; without bounds where there is one only."""
    middle = mean(values)
    if len(values) < 2:
        return Mean(middle, None, None)
    half = _t(len(values) - 1, 1 - CONFIDENCE) * stdev(values) / math.sqrt(len(values))
    return Mean(middle, middle - half, middle + half)


def mean_of_amounts(values: Sequence[float]) -> Mean:
    """Return the mean of what is never below 0."""
    found = mean_of(values)
    return found if found.low is None else Mean(found.value, max(found.low, 0.0), found.high)


def ratio_of_means(
    own: Sequence[float], other: Sequence[float], comparisons: int, reach: tuple[float, float] = (0.0, 0.0)
) -> Mean:
    """Return the ratio with an interval that holds for so many comparisons together (Bonferroni).

    The mean of `other` is above 0. Without bounds where one of them has one run only, or nothing was spent.
    `reach`: how far below and above the ratio may be off, in logarithms, by what no number of runs shows; it is taken
    for that of a 95 % interval of normal errors, and widened as the rest is.
    """
    ratio = mean(own) / mean(other)
    if min(len(own), len(other)) < 2 or ratio <= 0:
        return Mean(ratio, None, None)
    parts = [(stdev(one) / mean(one)) ** 2 / len(one) for one in (own, other)]
    variance = sum(parts)
    spare = sum(part**2 / (len(one) - 1) for part, one in zip(parts, (own, other), strict=True))
    degrees = variance**2 / spare if spare > 0 else math.inf
    alpha = (1 - CONFIDENCE) / max(comparisons, 1)
    half = _t(degrees, alpha) * math.sqrt(variance) if variance > 0 else 0.0
    wider = _t(math.inf, alpha) / _t(math.inf, 1 - CONFIDENCE)
    down, up = (math.hypot(half, wider * one) if one else half for one in reach)
    return Mean(ratio, ratio * math.exp(-down), ratio * math.exp(up))


def _t(degrees: float, alpha: float) -> float:
    from scipy.special import ndtri, stdtrit  # here: a program that only marks stages waits for no scipy

    quantile: float = ndtri(1 - alpha / 2) if math.isinf(degrees) else stdtrit(degrees, 1 - alpha / 2)
    return float(quantile)
