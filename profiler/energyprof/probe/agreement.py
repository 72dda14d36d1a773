"""Does a counter count what the power readings of the same device add up to? Some do not, by 13 % or by half.

Zeus issue 181: 187 J counted, 327 J integrated over the same 5 s; an RTX 4090's counter fell short by 13 % at 100 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.power import Readings
from energyprof.model.span import Floats, Ints

TOLERANCE = 0.05
"""Relative difference beyond which the two contradict each other: the stated error of NVIDIA's sensors is 5 %."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Energy over the same time by two channels of one device."""

    counted_j: float
    integrated_j: float
    error: float
    """Relative uncertainty of the comparison: both channels show the edges of the time late."""

    @property
    def difference(self) -> float:
        """Counter minus integrated power, relative to the latter."""
        return self.counted_j / self.integrated_j - 1

    @property
    def contradicts(self) -> bool:
        """Whether they differ by more than both errors explain."""
        return abs(self.difference) > TOLERANCE + self.error


def compare(counter: tuple[Domain, Readings], power: tuple[Domain, Readings], blur_ns: float) -> Agreement | None:
    """Compare a counter with power readings over the time that both cover; None: too short, or no power at all.

    `blur_ns` is how late and how averaged either shows an instant: periods, window and lag together.
    """
    counter_t, raw = _good(counter[1])
    power_t, watts_raw = _good(power[1])
    if len(raw) < 2 or len(watts_raw) < 2:
        return None
    start, end = max(counter_t[0], power_t[0]), min(counter_t[-1], power_t[-1])
    if end - start <= 2 * blur_ns:
        return None
    domain = counter[0]
    step = np.diff(raw)
    step = np.where(step >= 0, step, step + domain.wrap if domain.wrap is not None else 0)
    energy = np.append(0.0, np.cumsum(step) * domain.scale)
    counted = float(np.interp(end, counter_t, energy) - np.interp(start, counter_t, energy))
    watts = watts_raw * power[0].scale
    # Each reading tells of the time before it.
    done = np.append(0.0, np.cumsum(watts[1:] * np.diff(power_t)) * 1e-9)
    integrated = float(np.interp(end, power_t, done) - np.interp(start, power_t, done))
    if integrated <= 0:
        return None
    low, high = np.percentile(watts, (1, 99)).tolist()
    return Agreement(counted, integrated, (high - low) * blur_ns * 1e-9 / integrated)


def _good(readings: Readings) -> tuple[Floats, Ints]:
    rows = np.flatnonzero(readings.status == ReadStatus.OK)
    return (readings.t_before_ns[rows] + readings.t_after_ns[rows]) / 2.0, readings.raw[rows]
