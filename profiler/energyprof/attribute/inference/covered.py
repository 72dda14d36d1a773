"""What is asked for: the energy of every column in a part of the run, or in all of it.

Row k of H says how the parameters make up the mean energy of column k: its own power times its time, and the baseline
(and its drift) times the time in which it was open, lanes open at once sharing it. The last row is the time outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from energyprof.attribute.inference.parameters import Parameters, hats
from energyprof.attribute.inference.workload import Workload
from energyprof.model.span import Flags, Floats

Matrix = NDArray[np.float64]
STEP_NS = 1e9
"""The baseline is taken to be constant for so long."""


@dataclass(frozen=True, slots=True, eq=False)
class Covered:
    """Bins x columns of the time covered, in s."""

    middle_ns: Floats
    shared: Matrix
    time_s: Floats
    """Per column, the last: outside."""
    carried_s2: Floats
    stretched_s: Floats

    @staticmethod
    def of(workload: Workload, run_ns: float, start: Floats, end: Floats) -> tuple[Covered, Covered]:
        """Add up the time of each column in these stretches, ascending and disjoint, and in the whole run; ns."""
        gap = np.flatnonzero(start[1:] > end[:-1])
        start, end = start[np.append(0, gap + 1)], end[np.append(gap, len(end) - 1)]
        edge = np.unique(np.concatenate((start, end, np.arange(0.0, run_ns, STEP_NS), (run_ns,))))
        asked = np.searchsorted(start, edge[:-1], "right") > np.searchsorted(end, edge[:-1], "right")
        every = np.ones(len(asked), np.bool_)
        found, shared = workload.occupancy(edge, every), workload.shared(edge, every).toarray()

        def part(bins: Flags) -> Covered:
            time, carried, stretched = (
                np.asarray(bins.astype(np.float64) @ matrix) for matrix in (found.time, found.carried, found.stretched)
            )
            there = shared if bins.all() else shared[bins]
            return Covered(((edge[:-1] + edge[1:]) / 2)[bins], there, time, carried, stretched)

        return part(asked), part(every)

    def functional(self, parameters: Parameters) -> Matrix:
        """Return H."""
        columns = parameters.columns
        result = np.zeros((columns + 1, parameters.count))
        result[:, 0] = self.shared.sum(0)
        result[:, 1 : parameters.outside] = self.shared.T @ hats(parameters.knots_ns, self.middle_ns)
        rows = np.arange(columns)
        result[rows, parameters.outside + 1 + rows] = self.time_s[:-1]
        result[columns, parameters.outside] = self.time_s[-1]
        sloped = parameters.sloped
        result[sloped, parameters.block.stop + np.arange(len(sloped))] = self.stretched_s[sloped]
        return result
