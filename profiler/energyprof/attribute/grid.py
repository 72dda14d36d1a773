"""The regular grid a + n*T on which a periodic sensor updates, found from polls that only bracket each update.

Phase tracking: the middle of bracket j is m_j = a + n_j*T + noise, so that against a trial period T0 the phase
2*pi*m/T0 runs along a straight line of slope 2*pi*(1/T0 - 1/T). Unwrapping it and fitting the line corrects the
period; it survives gaps, and a nominal period that is a little off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.model.span import Floats

FEWEST = 8
"""Updates below which no grid is claimed."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Updates happen at offset_ns + n * period_ns; `error_ns` is the uncertainty left (two standard errors, capped)."""

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


def fit_grid(low_ns: Floats, high_ns: Floats, nominal_ns: float | None) -> Grid | None:
    """Return the grid of updates that lie in the brackets (low, high], or None where they follow no grid."""
    width = high_ns - low_ns
    usual = float(np.median(width)) if len(width) else 0.0
    narrow = width <= 2 * usual
    middle = ((low_ns + high_ns) / 2)[narrow]
    if len(middle) < FEWEST:
        return None
    step = np.diff(middle)
    guess = nominal_ns if nominal_ns is not None else float(np.median(step))
    near = step[(step > 0.5 * guess) & (step < 1.5 * guess)]
    if len(near) < FEWEST // 2:
        return None
    period, origin = float(near.mean()), float(middle[0])
    since = middle - origin
    kept = np.ones(len(since), np.bool_)
    for _ in range(3):
        phase = np.unwrap(2 * np.pi * np.mod(since / period, 1.0))
        slope, start = np.polyfit(since[kept], phase[kept], 1)
        off = np.abs(phase - slope * since - start)
        kept = off <= max(2 * np.pi * usual / period, 0.3)
        if np.count_nonzero(kept) < FEWEST:
            return None
        slope, start = np.polyfit(since[kept], phase[kept], 1)
        period = 1.0 / (1.0 / period - slope / (2 * np.pi))
    offset = period * float(np.angle(np.exp(2j * np.pi * since[kept] / period).mean())) / (2 * np.pi)
    residual = np.mod(since - offset + period / 2, period) - period / 2
    if np.mean(np.abs(residual) <= 0.6 * usual + 0.02 * period) < 0.85:
        return None
    error = min(2 * float(residual[kept].std()) / np.sqrt(np.count_nonzero(kept)) + 0.002 * period, usual / 2)
    return Grid(origin + offset, period, error)
