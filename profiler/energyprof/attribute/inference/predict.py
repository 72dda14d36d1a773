"""Prediction: what each column spent in this very run, not what it spends on average.

The energy of column k is E_k = h_k' theta + z_k, z_k being by how much its calls were off in sum: a random effect that
the rows saw. With u_kw the part of its variance that lies in row w, and q_k all of it, the best linear unbiased
predictor and its error are (Robinson, That BLUP is a good thing, Statistical Science 6, 1991)

    E^_k = h_k' theta^ + u_k' Omega^-1 e
    Cov  = diag(q) - U' Omega^-1 U + C N^-1 C',   C = H - U' Omega^-1 X

A row wholly inside one stage thus gives it all it shows (integration); a row that several share is divided by variance
(regression); what no row saw keeps its prior error. The last row of E^ is the time outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from energyprof.attribute.inference.likelihood import Solution
from energyprof.attribute.inference.noise import Whitener
from energyprof.model.span import Floats

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """Energies of the columns and, last, of the time outside."""

    energy_j: Floats
    covariance_j2: Matrix
    by_parameters: Matrix
    """C: how the errors of the parameters reach the energies."""
    unseen_j2: Floats
    """Of each, the variance that no parameter is to blame for: of its calls, beyond what rows saw."""


def predict(  # noqa: PLR0913, PLR0917 - the three matrices of the equations, and what was found
    columns: Matrix, solution: Solution, omega: Whitener, carried: Matrix, in_all: Floats, functional: Matrix
) -> Predicted:
    """Return the energies; `carried` is U (rows x columns), `in_all` q, `functional` H (columns x parameters)."""
    divided = omega.divide(carried)
    reach = functional - divided.T @ columns
    energy = functional @ solution.theta + carried.T @ solution.divided_residual
    left = -(carried.T @ divided)
    left[np.diag_indices_from(left)] += np.maximum(in_all, (carried * divided).sum(0))
    return Predicted(energy, left + reach @ solution.covariance() @ reach.T, reach, np.maximum(np.diag(left), 0.0))
