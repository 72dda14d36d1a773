"""The regular grid a + n*T on which a periodic sensor updates, found from polls that only bracket each update.

Phase tracking: the middle of bracket j is m_j = a + n_j*T + noise, so that against a trial period T0 the phase
2*pi*m/T0 runs along a straight line of slope 2*pi*(1/T0 - 1/T). Unwrapping it and fitting the line corrects the
period; it survives gaps, and a nominal period that is a little off.

Where brackets span much of a period, phases stray so far that they cannot be unwrapped. There the period is the one
near the nominal at which the phases gather most, R = |mean of exp(i phase)| (a periodogram of events), looked for in
the first updates and then, ever finer, in twice as many each time.

Knowing n_j, the brackets say more than their middles: a must lie in [max(low - n*T), min(high - n*T)]. Half the length
of that range is a concave function of T; where it is largest, its middle is the grid. It and the range of T in which
it stays positive are the uncertainty, which falls like 1/N, but not where the polls keep step with the sensor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from energyprof.model.span import Floats

SHARP = 0.35
"""Part of a period that a bracket may span to be of use where there are better ones."""
OFF = 0.02
"""Part of it by which a period may differ from the nominal where phases have to be searched."""
GATHERED = 20.0
"""R^2 times the updates, at which chance does not gather them: of 1,000 trials, 1 in a million would."""
FIRST_LOOK = 256
"""Updates that the search for a period begins with."""
FEWEST = 8
"""Updates below which no grid is claimed."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Updates happen at offset_ns + n * period_ns, give or take `error_ns`."""

    offset_ns: float
    period_ns: float
    error_ns: float

    def last_slot(self, t_ns: Floats) -> Floats:
        """Return the last slot at or before each of `t_ns`."""
        return self.offset_ns + np.floor((t_ns - self.offset_ns) / self.period_ns) * self.period_ns

    def slots(self, start_ns: float, end_ns: float) -> Floats:
        """Return the slots in [start, end]."""
        first = np.ceil((start_ns - self.offset_ns) / self.period_ns)
        last = np.floor((end_ns - self.offset_ns) / self.period_ns)
        return self.offset_ns + np.arange(first, last + 1) * self.period_ns


def fit_grid(low_ns: Floats, high_ns: Floats, nominal_ns: float | None, *, may_repeat: bool = False) -> Grid | None:
    """Return the grid of updates that lie in the brackets (low, high], or None where they follow no grid.

    `may_repeat`: values that do not change do not show, so that the updates seen may be far apart.
    """
    width = high_ns - low_ns
    usual = float(np.median(width)) if len(width) else 0.0
    widest, is_late = 2 * usual, nominal_ns is not None and usual > SHARP * nominal_ns
    if nominal_ns is not None and is_late:
        # Most polls were late: what they bracket says little, and may hold several updates.
        widest = max(SHARP * nominal_ns, 1.05 * float(np.quantile(width, 0.2)))
    narrow = width <= widest
    usual = float(np.median(width[narrow])) if len(width) else 0.0
    middle = ((low_ns + high_ns) / 2)[narrow]
    if len(middle) < FEWEST:
        return None
    step = np.diff(middle)
    guess = nominal_ns if nominal_ns is not None else float(np.median(step))
    near = step[(step > 0.5 * guess) & (step < 1.5 * guess)]
    # Where values may repeat or polls were late, updates seen are far apart, and the nominal period has to serve.
    far_apart = len(near) < len(step) / 2
    seldom = nominal_ns is not None and far_apart and (may_repeat or (is_late and len(near) >= FEWEST // 2))
    if len(near) < FEWEST // 2 and not seldom:
        return None
    period = guess if seldom else float(near.mean())
    brackets = low_ns[narrow], high_ns[narrow]
    grid = _tracked(*brackets, period, rounds=3)
    if grid is None and nominal_ns is not None and usual > SHARP * nominal_ns:
        found = _gathering(middle - float(middle[0]), nominal_ns)
        grid = None if found is None else _tracked(*brackets, found, rounds=0)
    return grid


def _tracked(low: Floats, high: Floats, period: float, rounds: int) -> Grid | None:
    """Return the grid near a period, corrected `rounds` times by the line along which phases run; None: no grid."""
    middle, usual = (low + high) / 2, float(np.median(high - low))
    origin = float(middle[0])
    since = middle - origin
    kept = np.ones(len(since), np.bool_)
    for _ in range(rounds):
        phase = np.unwrap(2 * np.pi * np.mod(since / period, 1.0))
        slope, start = np.polyfit(since[kept], phase[kept], 1)
        off = np.abs(phase - slope * since - start)
        kept = off <= max(2 * np.pi * usual / period, 0.3)
        if np.count_nonzero(kept) < FEWEST:
            return None
        slope, start = np.polyfit(since[kept], phase[kept], 1)
        rate = 1.0 / period - slope / (2 * np.pi)
        if rate * since[-1] < 1.0:
            return None  # phases run with time itself: the period would be longer than all there is
        period = 1.0 / rate
    offset = period * float(np.angle(np.exp(2j * np.pi * since[kept] / period).mean())) / (2 * np.pi)
    slot = np.rint((since - offset) / period)
    residual = since - offset - slot * period
    if np.mean(np.abs(residual) <= 0.6 * usual + 0.02 * period) < 0.85:
        return None
    offset, period, error = _narrowed(low[kept] - origin, high[kept] - origin, slot[kept], (offset, period))
    return Grid(origin + offset, period, error)


def _gathering(since: Floats, nominal_ns: float) -> float | None:
    """Return the period at which phases gather most, or None where that may be chance."""
    count, frequency, reach = min(FIRST_LOOK, len(since)), 1 / nominal_ns, OFF / nominal_ns
    while True:
        part = since[:count]
        step = 0.25 / max(float(part[-1] - part[0]), nominal_ns)
        far = int(np.ceil(reach / step))
        trials = frequency + step * np.arange(-far, far + 1)
        gathered = np.array([abs(np.exp(2j * np.pi * trial * part).mean()) for trial in trials.tolist()])
        best = int(np.argmax(gathered))
        frequency = float(trials[best])
        if gathered[best] ** 2 * count < GATHERED:
            return None
        if count == len(since):
            return 1 / frequency
        count, reach = min(2 * count, len(since)), 2 * step


def _narrowed(low: Floats, high: Floats, slot: Floats, start: tuple[float, float]) -> tuple[float, float, float]:
    """Return (offset, period, error) that lie best inside all brackets, or `start` where updates jitter too much."""
    offset, period = start
    usual = float(np.median(high - low))

    def room(trial: float) -> tuple[float, float]:
        least, most = float((low - slot * trial).max()), float((high - slot * trial).min())
        return (most - least) / 2, (least + most) / 2

    reach = 2 * usual / max(float(np.ptp(slot)), 1.0)
    left, right = period - reach, period + reach
    for _ in range(50):
        third = (right - left) / 3
        if room(left + third)[0] < room(right - third)[0]:
            left += third
        else:
            right -= third
    best = (left + right) / 2
    half, middle = room(best)
    smallest = 0.001 * period
    if half < -0.1 * usual - smallest:
        residual = (low + high) / 2 - offset - slot * period
        return offset, period, 2 * float(residual.std()) / len(slot) ** 0.5 - half + smallest
    swing = (_last_with_room(room, best, best + reach) - _last_with_room(room, best, best - reach)) / 2
    return middle, best, min(abs(half) + swing * float(np.ptp(slot)) / 2 + smallest, usual)


def _last_with_room(room: Callable[[float], tuple[float, float]], inside: float, outside: float) -> float:
    """Return the period farthest from `inside` towards `outside` that still fits all brackets."""
    for _ in range(30):
        middle = (inside + outside) / 2
        if room(middle)[0] > 0:
            inside = middle
        else:
            outside = middle
    return inside
