"""Which clock is ahead: find by how much a power log must be moved to fit what the program did meanwhile.

For a candidate shift s, reading k (power p_k, taken at t_k of its own clock, the mean of the w before it) is set beside
the mean number of busy lanes in [t_k + s - lag - w, t_k + s - lag]. With r(s) the correlation of the two over the n
readings that lie within the trace, the log-likelihood of a straight line with normal residuals is

    L(s) = -n/2 log(1 - r(s)^2)        (readings that average over the same time count once)

The best s has the highest L; the 95 % interval is where L lies less than 1.92 (half the 95 % point of chi-square with
one degree of freedom) below it; half a reading's distance is added for what lies between readings. It is refused where
power does not follow activity (r < LEAST_R), or the best is no better than the best of so many tries may be by chance
(L < log(tries) + 3), or the interval is a large part of the trace, which means several places fit alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.power import Readings
from energyprof.model.span import Floats, Ints

LEAST_R: Final = 0.5
LEAST_READINGS: Final = 10
CHI_SQUARE_HALF: Final = 1.92
MOST_SHIFTS: Final = 200_000
WIDEST_PART: Final = 0.25
COVERED: Final = 0.8
"""Part of the trace that the log must cover."""
_BLOCK: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Shift:
    """What must be added to the times of the readings."""

    offset_ns: int
    error_ns: int
    correlation: float


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """How many lanes are busy: the integral over time at ascending instants, straight between them."""

    t_ns: Floats
    integral: Floats
    origin_ns: int

    @staticmethod
    def of(start_ns: Ints, end_ns: Ints) -> Activity:
        """Return the activity of spans that do not lie within each other."""
        origin_ns = int(start_ns.min()) if len(start_ns) else 0
        at: Floats = (np.concatenate((start_ns, end_ns)) - origin_ns).astype(np.float64)
        step = np.repeat(np.array([1, -1]), len(start_ns))
        order = np.argsort(at, kind="stable")
        at, busy = at[order], np.cumsum(step[order]).astype(np.float64)
        integral: Floats = np.append(0.0, np.cumsum(busy[:-1] * np.diff(at))) if len(at) else at
        return Activity(at, integral, origin_ns)

    def mean(self, from_ns: Floats, to_ns: Floats) -> Floats:
        """Return the mean number of busy lanes in each interval."""
        t_ns, integral = self.t_ns, self.integral
        mean: Floats = (np.interp(to_ns, t_ns, integral) - np.interp(from_ns, t_ns, integral)) / (to_ns - from_ns)
        return mean


def shift_between(activity: Activity, domain: Domain, readings: Readings) -> Shift | str:
    """Return the shift that makes power follow activity, or in words why none is found."""
    t_ns, power_w, window_ns = _power(domain, readings)
    length_ns = float(activity.t_ns[-1]) if len(activity.t_ns) else 0.0
    if len(t_ns) < LEAST_READINGS or length_ns <= 0:
        return f"{domain.id} has {len(t_ns)} readings, and {LEAST_READINGS} are needed"
    interval_ns = float(np.median(np.diff(t_ns)))
    window_ns = window_ns or interval_ns
    low_ns, high_ns = domain.lag_ns
    lag_ns = (low_ns + high_ns) / 2 + (domain.response_ns or 0)
    # Nearly all of the trace lies within the log.
    least, most = COVERED * length_ns - t_ns[-1], (1 - COVERED) * length_ns - t_ns[0]
    if most <= least:
        return f"the readings of {domain.id} cover {np.ptp(t_ns) * 1e-9:.3g} s, the spans {length_ns * 1e-9:.3g} s"
    step_ns = max(interval_ns / 4, (most - least) / MOST_SHIFTS)
    tried = _Tried(activity, t_ns, power_w, window_ns, lag_ns, length_ns, max(window_ns / interval_ns, 1.0))
    coarse = np.arange(least, most + step_ns, step_ns)
    level, r = tried.levels(coarse)
    best = int(np.argmax(level))
    if r[best] < LEAST_R or level[best] < np.log(len(coarse)) + 3:
        return (
            f"the power of {domain.id} does not follow the spans clearly enough (correlation {max(r[best], 0.0):.2f}, "
            f"{tried.readings} readings within the trace)"
        )
    fine = np.linspace(coarse[best] - step_ns, coarse[best] + step_ns, 81)
    fine_level, fine_r = tried.levels(fine)
    top = int(np.argmax(fine_level))
    shifts, levels = np.concatenate((coarse, fine)), np.concatenate((level, fine_level))
    likely = shifts[levels >= fine_level[top] - CHI_SQUARE_HALF]
    offset = float(fine[top])
    error_ns = float(np.abs(likely - offset).max(initial=0.0)) + interval_ns / 2
    if error_ns > WIDEST_PART * length_ns:
        return f"the power of {domain.id} fits the spans at several places, {error_ns * 1e-9:.3g} s apart"
    first_ns = int(readings.t_before_ns[0])
    return Shift(round(offset) + activity.origin_ns - first_ns, round(error_ns), float(fine_r[top]))


@dataclass(slots=True)
class _Tried:
    activity: Activity
    t_ns: Floats
    power_w: Floats
    window_ns: float
    lag_ns: float
    length_ns: float
    per_window: float
    readings: int = 0

    def levels(self, shifts: Floats) -> tuple[Floats, Floats]:
        """Return log-likelihood and correlation at each shift."""
        level, r = np.zeros(len(shifts)), np.zeros(len(shifts))
        block = max(1, _BLOCK // len(self.t_ns))
        for first in range(0, len(shifts), block):
            part = slice(first, first + block)
            level[part], r[part] = self._block(shifts[part])
        return level, r

    def _block(self, shifts: Floats) -> tuple[Floats, Floats]:
        # Readings that lie within the trace at no shift of the block are not looked at.
        near = (self.t_ns + shifts[-1] >= 0) & (self.t_ns + shifts[0] <= self.length_ns + self.lag_ns + self.window_ns)
        t_ns, power = self.t_ns[near], self.power_w[near]
        end = t_ns[None, :] + shifts[:, None] - self.lag_ns
        start = end - self.window_ns
        inside = (start >= 0) & (end <= self.length_ns)
        count = inside.sum(axis=1)
        busy = np.where(inside, self.activity.mean(start.ravel(), end.ravel()).reshape(start.shape), 0.0)
        watts = np.where(inside, power[None, :], 0.0)
        many = np.maximum(count, 1)
        busy = np.where(inside, busy - (busy.sum(axis=1) / many)[:, None], 0.0)
        watts = np.where(inside, watts - (watts.sum(axis=1) / many)[:, None], 0.0)
        spread = np.sqrt((busy**2).sum(axis=1) * (watts**2).sum(axis=1))
        r = np.where(spread > 0, (busy * watts).sum(axis=1) / np.where(spread > 0, spread, 1.0), 0.0)
        r = np.where(count >= LEAST_READINGS, r, 0.0).clip(0.0, 1 - 1e-9)  # more work never takes less power
        self.readings = max(self.readings, int(count.max(initial=0)))
        return -count / self.per_window / 2 * np.log1p(-(r**2)), r


def _power(domain: Domain, readings: Readings) -> tuple[Floats, Floats, float]:
    """Return times since the first reading, mean power before each, and over how long it is the mean (0: unknown)."""
    good = readings.status == ReadStatus.OK
    t_ns = ((readings.t_before_ns + readings.t_after_ns) / 2 - readings.t_before_ns[:1])[good]
    raw = readings.raw[good].astype(np.float64)
    if domain.quantity == "power":
        return t_ns, raw * domain.scale, float(domain.window_ns or domain.period_ns or 0)
    gained = np.diff(raw)
    gained += np.where(gained < 0, float(domain.wrap or 0), 0.0)
    since = np.diff(t_ns)
    kept = (since > 0) & (gained >= 0)
    return t_ns[1:][kept], (gained[kept] * domain.scale) / (since[kept] * 1e-9), 0.0
