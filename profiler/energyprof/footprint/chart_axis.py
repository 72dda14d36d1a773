"""The axis of a chart: where a figure lies on it, and round figures to read it by, from nothing on or logarithmic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from energyprof.model.amounts import DAYS, YEARS, Units, unit_of

MANY_TIMES: Final = 1e6
"""From this part of its high end on an axis of time is read by units that people count with, not by powers of one."""
_DAYS_A_YEAR: Final = 365.25
DURATIONS: Final = (
    (1e-9 / 86400, "1 ns"),
    (1e-3 / 86400, "1 ms"),
    (1 / 86400, "1 s"),
    (1 / 1440, "1 min"),
    (1 / 24, "1 h"),
    (1.0, "1 day"),
    (_DAYS_A_YEAR, "1 year"),
    (1e2 * _DAYS_A_YEAR, "100 years"),
    (1e4 * _DAYS_A_YEAR, "10 000 years"),
    (1e6 * _DAYS_A_YEAR, "1 million years"),
    (1e9 * _DAYS_A_YEAR, "1 billion years"),
    (1e12 * _DAYS_A_YEAR, "1 trillion years"),
)
"""In days; in letters that any terminal has."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What a chart shows of one quantity; `low` is 0 unless the axis is logarithmic."""

    low: float
    high: float
    units: Units
    is_log: bool = False

    def part(self, value: float) -> float:
        """Return how far along the axis a figure lies, 0..1; what lies beyond an end is at it."""
        if value <= self.low:
            return 0.0
        if value >= self.high:
            return 1.0
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def at(self, part: float) -> float:
        """Return the figure that lies so far along the axis."""
        if self.is_log:
            return self.low * math.pow(self.high / self.low, part)
        return self.low + part * (self.high - self.low)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Return at most so many round figures, each as it is written; a unit that all have stands at the last."""
        if self.is_log and self.units in (DAYS, YEARS) and self.high / self.low > MANY_TIMES:
            return self._durations(most)
        if self.is_log:
            return self._decades(most)
        name, factor = unit_of(self.high, self.units)
        step = _round_step(self.high / factor / max(1, most - 1))
        count = math.floor(self.high / factor / step * (1 + 1e-9))
        return [(place * step * factor, _written(place * step, name if place == count else "")) for place in
                range(count + 1)]  # fmt: skip

    def _durations(self, most: int) -> list[tuple[float, str]]:
        """Return durations of everyday units, no two so close that their names would meet."""
        found: list[tuple[float, str]] = []
        for days, label in DURATIONS:
            if self.low <= days <= self.high and (
                not found or self.part(days) - self.part(found[-1][0]) >= 1 / max(most - 1, 1)
            ):
                found.append((days, label))
        return found

    def _decades(self, most: int) -> list[tuple[float, str]]:
        _, factor = unit_of(self.high, self.units)
        first, last = math.ceil(math.log10(self.low / factor) - 1e-9), math.floor(math.log10(self.high / factor) + 1e-9)
        apart = max(1, math.ceil((last - first + 1) / most))
        powers = list(range(last, first - 1, -apart))[::-1]
        return [(10.0**power * factor, self._decade(10.0**power, power == last)) for power in powers]

    def _decade(self, times: float, is_last: bool) -> str:
        """Return a power of ten of the unit of the highest, in a unit of its own where it is one of that, too."""
        name, factor = unit_of(self.high, self.units)
        own, own_factor = unit_of(times * factor, self.units)
        own_times = times * factor / own_factor
        if own != name and math.isclose(math.log10(own_times), round(math.log10(own_times)), abs_tol=1e-9):
            return _written(own_times, own)
        return _written(times, name if is_last else "")


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is not below this."""
    decade = 10.0 ** math.floor(math.log10(least))
    return next(decade * times for times in (1.0, 2.0, 5.0, 10.0) if decade * times >= least * (1 - 1e-9))


def _written(value: float, unit: str) -> str:
    plain = f"{value:,.0f}".replace(",", " ") if 1000 <= value < 1e10 else f"{value:.6g}"
    return f"{plain} {unit}".rstrip()
