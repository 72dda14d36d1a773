"""A figure with the bounds it may lie between, and the arithmetic that carries the bounds along."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """A figure and its bounds; sums and products put every part at the same end, which is never too narrow."""

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.value, self.low, self.high))):
            raise ValueError(f"{self.low} to {self.high} around {self.value} is not finite")
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.value} does not lie between {self.low} and {self.high}")

    @classmethod
    def exactly(cls, value: float) -> Range:
        """Return a figure whose bounds are itself: what somebody states is taken as stated."""
        return cls(value, value, value)

    @property
    def is_exact(self) -> bool:
        """Whether there is nothing between the bounds."""
        return self.low == self.high

    def plus(self, other: Range) -> Range:
        """Return the sum."""
        return Range(self.value + other.value, self.low + other.low, self.high + other.high)

    def times(self, other: Range | float) -> Range:
        """Return the product."""
        factor = other if isinstance(other, Range) else Range.exactly(other)
        corners = [one * two for one in (self.low, self.high) for two in (factor.low, factor.high)]
        value = self.value * factor.value
        return Range(value, min(value, *corners), max(value, *corners))

    def over(self, other: Range) -> Range:
        """Return the quotient; raises ValueError where the divisor may be 0 or less."""
        if other.low <= 0:
            raise ValueError(f"nothing can be divided by what may be {other.low}")
        return self.times(Range(1 / other.value, 1 / other.high, 1 / other.low))
