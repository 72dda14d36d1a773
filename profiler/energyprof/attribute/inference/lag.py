"""The lag of a sensor within the bounds known for it, by profile likelihood from coarse to fine.

A coarse step is looked at with edges smoothed by half of it, so that no peak falls between two looks. The best few
peaks are followed down to FINEST_NS. Where the work repeats, shifting by one repetition fits nearly as well: a second
peak within LOBE nats of the best leaves the lag ambiguous, and with it who was measured when.

Work that a host queues runs after the stamps of its spans. Readings then fit best with a lag that the sensor cannot
have: where one of LATER_NS beyond its bounds is more likely by QUEUED nats, the stamps are not when the work ran.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from energyprof.attribute.inference.design import Timing

COARSEST_NS = 10e6
FINER = 5.0
FINEST_NS = 0.4e6
PEAKS = 3
LOBE = 5.0
VALLEY = 2.0
"""Nats by which it must be less likely in between: else there is one broad peak."""
LATER_NS = (2e6, 4e6, 8e6, 14e6, 22e6, 34e6, 50e6)
QUEUED = 10.0
APART_STEPS = 2.5
"""Peaks of one level are at least so many of its steps apart."""


@dataclass(frozen=True, slots=True)
class FoundLag:
    """Where the likelihood peaks."""

    lag_ns: float
    step_ns: float
    """How finely it was looked for."""
    other_ns: float | None
    """A second peak that the data cannot rule out; None: there is none."""


def find_lag(likelihood: Callable[[Timing], float], bounds_ns: tuple[float, float], start: Timing) -> FoundLag:
    """Return the most likely lag within its bounds; `likelihood` of a timing, on the same rows for all."""
    low, high = bounds_ns
    step = min((high - low) / 8, COARSEST_NS)
    if step < FINEST_NS:
        return FoundLag((low + high) / 2, (high - low) / 2, None)
    looks = np.linspace(low, high, int(np.ceil((high - low) / step)) + 1)
    step = float(looks[1] - looks[0])

    def at(lags: np.ndarray, width: float) -> dict[float, float]:
        jitter_ns = float(np.hypot(start.jitter_ns, width))
        return {lag: likelihood(replace(start, lag_ns=lag, jitter_ns=jitter_ns)) for lag in lags.tolist()}

    seen = at(looks, step / 2)
    peaks = _peaks(seen, APART_STEPS * step, 40.0)
    while step > FINEST_NS:
        finer = max(step / FINER, FINEST_NS * 0.99)
        seen = {}
        for peak in peaks:
            around = np.unique(np.clip(peak + finer * np.arange(-3, 4) * step / finer / 3, low, high))
            seen |= at(around, finer / 2)
        peaks = _peaks(seen, APART_STEPS * step, 20.0)
        step = finer
    best = peaks[0]
    for other in peaks[1:]:
        middle = (best + other) / 2
        valley = at(np.array([middle]), step / 2)[middle]
        if seen[best] - seen[other] < LOBE and valley < seen[other] - VALLEY:
            return FoundLag(best, step, other)
    return FoundLag(best, step, None)


def queued_ns(
    likelihood: Callable[[Timing], float], bounds_ns: tuple[float, float], found: FoundLag, start: Timing
) -> float | None:
    """Return how long after their stamps stages seem to run; None: they run when their stamps say."""
    best, gain, before = None, QUEUED, 0.0
    for later in LATER_NS:
        # Both are smoothed by what lies between two looks, so that neither has the better eyes.
        jitter_ns = float(np.hypot(start.jitter_ns, (later - before) / 2))
        before = later
        there, here = (
            likelihood(replace(start, lag_ns=lag, jitter_ns=jitter_ns)) for lag in (bounds_ns[1] + later, found.lag_ns)
        )
        if there - here > gain:
            best, gain = bounds_ns[1] + later - found.lag_ns, there - here
    return best


def _peaks(seen: dict[float, float], apart_ns: float, within: float) -> list[float]:
    """Return the highest places, best first, that lie apart and are not much worse than the best."""
    order = sorted(seen, key=lambda lag: -seen[lag])
    found: list[float] = []
    for lag in order:
        if seen[lag] < seen[order[0]] - within or len(found) == PEAKS:
            break
        if all(abs(lag - other) >= apart_ns for other in found):
            found.append(lag)
    return found
