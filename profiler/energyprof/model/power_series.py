"""The power of one domain over the run, as its readings tell it: stretches of known energy, and gaps between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.model.domain import Domain
from energyprof.model.span import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class PowerSeries:
    """Stretches of measured (or modelled) energy, ascending and disjoint; between two of them nothing is known."""

    domain: Domain
    start_ns: Ints
    """Nanoseconds since the start of the run, as all times here."""
    end_ns: Ints
    """Always later than the start."""
    energy_j: Floats

    def __len__(self) -> int:
        return len(self.energy_j)

    def power_w(self) -> Floats:
        """Return the mean power of each stretch."""
        return self.energy_j / (self.end_ns - self.start_ns) * 1e9

    def gaps_ns(self) -> list[tuple[int, int]]:
        """Return when nothing is known between the first and the last stretch."""
        rows = np.flatnonzero(self.start_ns[1:] > self.end_ns[:-1] + 1)  # a nanosecond is the rounding of edges
        return list(zip(self.end_ns[rows].tolist(), self.start_ns[rows + 1].tolist(), strict=True))

    def at_most(self, most: int) -> PowerSeries:
        """Return neighbours joined so that no more than about `most` are left: energy is kept, and gaps are."""
        if len(self) <= most:
            return self
        together = -(-len(self) // most)
        begins = np.zeros(len(self), np.bool_)
        begins[::together] = True
        begins[1:] |= self.start_ns[1:] > self.end_ns[:-1] + 1
        first = np.flatnonzero(begins)
        last = np.append(first[1:], len(self)) - 1
        energy_j = np.add.reduceat(self.energy_j, first)
        return PowerSeries(self.domain, self.start_ns[first], self.end_ns[last], energy_j)
