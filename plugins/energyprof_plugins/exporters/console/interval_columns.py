"""The columns of a table that hold a figure and its interval: +- where that says it, else both bounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from energyprof_plugins.exporters.figures import COLUMN_DECIMALS, half_width, in_column, is_wide, with_bounds

BOUNDS_KEY: Final = "low, high  95 % interval"
Interval = tuple[float, float, float]
"""Value, lower and upper bound, in one unit."""


@dataclass(frozen=True, slots=True)
class IntervalColumns:
    """How the figures of one table are written; all rows alike, so that they can be compared."""

    unit: str
    bounds: bool

    @staticmethod
    def of(unit: str, figures: Iterable[Interval]) -> IntervalColumns:
        """Choose for these figures: bounds as soon as one of them needs both."""
        return IntervalColumns(unit, any(is_wide(*figure) for figure in figures))

    def headings(self) -> list[str]:
        """Return the headings: of the figure, then of its interval."""
        return [self.unit, "low", "high"] if self.bounds else [self.unit, "\u00b195 %"]

    def cells(self, value: float, low: float, high: float) -> list[str]:
        """Return as many cells; those of the interval are empty where nobody stated an error."""
        if not self.bounds:
            return list(in_column(value, half_width(value, low, high)))
        if 0 < abs(value) < 10.0**-COLUMN_DECIMALS:
            return [in_column(value, 0.0)[0], "", ""]
        return list(with_bounds(value, low, high))

    def value_only(self, text: str) -> list[str]:
        """Return the cells of a figure without an interval."""
        return [text, *[""] * (len(self.headings()) - 1)]
