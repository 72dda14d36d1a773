"""What a fit of one sensor needs to know, and which of its rows are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from energyprof.attribute.inference.rows import Rows
from energyprof.attribute.windows import Windows
from energyprof.model.domain import Domain

if TYPE_CHECKING:
    from energyprof.attribute.inference.workload import Workload

FEWEST_ROWS = 41
"""From fewer rows variances are known to 20 % or worse: the split without assumptions says as much."""
CLOCKS_NS = 2e6
"""Beyond its bounds a lag is looked for so much further: stamps and readings may come from clocks that differ."""


@dataclass(frozen=True, slots=True, eq=False)
class SensorProblem:
    """What a fit needs to know."""

    domain: Domain
    rows: Rows
    workload: Workload
    windows: Windows
    """The time that the energies are of."""
    baseline_w: float | None
    run_ns: float
    host_clock: bool = False
    """A device whose work only the host's stamps tell of."""
    window_sd_ns: float = 0.0
    """How well the averaging window is known where it was found by likelihood; 0: it was told."""


def lag_bounds(problem: SensorProblem) -> tuple[float, float]:
    """Return between which lags the readings are looked at."""
    reach = CLOCKS_NS + problem.rows.shift_ns
    return problem.domain.lag_ns[0] - reach, problem.domain.lag_ns[1] + reach


def inside(problem: SensorProblem, low: float, high: float) -> Rows:
    """Return the rows that lie in the run wherever the lag is."""
    rows = problem.rows
    return rows.at(np.flatnonzero((rows.start_ns - high >= 0) & (rows.end_ns - low <= problem.run_ns)))


def part_of(rows: Rows, most: int) -> Rows:
    """Return the first rows, and as many from the middle on."""
    if len(rows) <= most:
        return rows
    middle = max(len(rows) // 2, most // 2)
    return rows.at(np.concatenate((np.arange(most // 2), np.arange(middle, min(middle + most // 2, len(rows))))))
