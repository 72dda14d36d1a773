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


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the rows say of calls: the terms of the equations that are the same whatever is asked for."""

    theta: Floats
    covariance: Matrix
    """N^-1."""
    by_rows: Matrix
    """U' Omega^-1 U."""
    by_columns: Matrix
    """U' Omega^-1 X."""
    off_j: Floats
    """U' Omega^-1 e."""

    @staticmethod
    def of(columns: Matrix, solution: Solution, omega: Whitener, carried: Matrix) -> Seen:
        """Divide U, `carried` (rows x columns), by the noise."""
        divided = omega.divide(carried)
        return Seen(
            solution.theta,
            solution.covariance(),
            carried.T @ divided,
            divided.T @ columns,
            carried.T @ solution.divided_residual,
        )

    def predict(self, functional: Matrix, in_all: Floats) -> Predicted:
        """Return the energies; `functional` is H (columns x parameters), `in_all` q."""
        reach = functional - self.by_columns
        left = -self.by_rows
        left[np.diag_indices_from(left)] += np.maximum(in_all, np.diag(self.by_rows))
        return Predicted(
            functional @ self.theta + self.off_j,
            left + reach @ self.covariance @ reach.T,
            reach,
            np.maximum(np.diag(left), 0.0),
        )
