"""What was spent between two moments of a run, its ends known no better than the readings that they lie in.

A request is told when it has been answered. Between the first and the last telling lies the work for all but the first,
and neither the start of the program, loading a model and the first slow answer, nor its end.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from energyprof.model.power_series import PowerSeries
from energyprof.model.range import Range


def between(series: PowerSeries, start_ns: int, end_ns: int) -> Range | None:
    """Return the energy from one moment to another, since the start of the run; None: not all of it was read.

    A reading that reaches beyond a moment counts by its part of time, and may be all on one side of it.
    """
    rows = (series.end_ns > start_ns) & (series.start_ns < end_ns)
    begins, ends, energy_j = series.start_ns[rows], series.end_ns[rows], series.energy_j[rows]
    if not len(begins) or begins[0] > start_ns or ends[-1] < end_ns:
        return None
    if any(gap_start < end_ns and gap_end > start_ns for gap_start, gap_end in series.gaps_ns()):
        return None
    inside_ns = np.minimum(ends, end_ns) - np.maximum(begins, start_ns)
    cut = inside_ns < ends - begins
    value = float((energy_j * (inside_ns / (ends - begins))).sum())
    return Range(value, min(value, float(energy_j[~cut].sum())), max(value, float(energy_j.sum())))


def by_domain(power: Iterable[PowerSeries], start_ns: int, end_ns: int) -> dict[str, Range] | None:
    """Return the energy of each domain between two moments; None: not all of one was read."""
    found = {}
    for series in power:
        energy_j = between(series, start_ns, end_ns)
        if energy_j is None:
            return None
        found[str(series.domain.id)] = energy_j
    return found or None
