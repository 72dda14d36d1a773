"""Rounding of power readings that stay the same: an error of up to half a unit that lasts, and so adds up.

A reading is off by up to half its unit, evenly (unit^2 / 12). Where power changes from reading to reading by more than
the unit, these errors are independent, as the noise has them. Where readings repeat, power stands still and the error
stays the same: with t_rk the time of column k in the r-th stretch of equal readings, they add

    unit^2 / 12 * sum over r of t_rk t_rl

to the covariance of k and l, the time that no reading saw counting in proportion.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from energyprof.attribute.inference.design import Design
from energyprof.model.span import Floats


def quantum_covariance(plan: Design, time_s: Floats) -> NDArray[np.float64]:
    """Return what lasting rounding errors add; `time_s`: all the time of each column that is asked about."""
    rows = plan.rows
    columns = len(time_s)
    if not rows.is_power or len(rows) < 2:
        return np.zeros((columns, columns))
    begins = np.flatnonzero(np.append(True, np.abs(np.diff(rows.energy_j)) > 0.5 * rows.quantum_j))
    begins = begins if len(begins) < len(rows) else np.zeros(0, np.int64)
    if not len(begins):
        return np.zeros((columns, columns))
    held = np.add.reduceat(plan.occupied, begins)
    lasting = np.diff(np.append(begins, len(rows))) > 1
    seen = plan.occupied.sum(0)
    held = held[lasting] * (time_s / np.where(seen > 0, seen, 1.0))
    unit_w = rows.quantum_j / float(np.median(plan.duration_s))
    result: NDArray[np.float64] = unit_w**2 / 12 * (held.T @ held)
    return result
