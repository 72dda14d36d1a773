"""Generalised least squares with a prior, and how likely the data are under it.

    y = X theta + noise,  noise ~ N(0, Omega),  theta ~ N(m, Lambda^-1)
    N = X' Omega^-1 X + Lambda,   theta^ = N^-1 (X' Omega^-1 y + Lambda m)
    -2 ln p(y) = ln det Omega + ln det N - ln det Lambda + e' Omega^-1 e + (theta^ - m)' Lambda (theta^ - m) + const

with e = y - X theta^ (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, sections 2.7, 5.4). The
prior lets the powers D_k of all columns scatter by tau around one common level that the data choose:
D_k ~ N(mu, tau^2), mu ~ N(0.7 u, u^2), u being the mean power per time. Data that are silent leave every stage its
part of the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from energyprof.attribute.inference.noise import Whitener
from energyprof.model.span import Floats

Matrix = NDArray[np.float64]
STRIP = 192
"""Columns of a symmetric product that are worked out together."""


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """What is believed of the parameters before the data: independent ones, and one exchangeable block."""

    mean: Floats
    sd: Floats
    """Of each by itself; of the block, tau around its common level."""
    block: slice
    level_sd: float
    """Standard deviation of the common level."""

    def precision(self) -> Matrix:
        """Return Lambda."""
        result: Matrix = np.diag(1 / self.sd**2)
        size = self.block.stop - self.block.start
        if size:
            tau = float(self.sd[self.block.start])
            result[self.block, self.block] -= self.level_sd**2 / (tau**2 + size * self.level_sd**2) / tau**2
        return result

    def log_determinant(self) -> float:
        """Return ln det Lambda."""
        size = self.block.stop - self.block.start
        alone = -2 * float(np.log(self.sd).sum())
        return alone - (np.log1p(size * (self.level_sd / float(self.sd[self.block.start])) ** 2) if size else 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The parameters and all that prediction needs."""

    theta: Floats
    factor: tuple[Matrix, bool]
    """Cholesky factor of N."""
    divided: Matrix
    """Omega^-1 X."""
    residual_j: Floats
    divided_residual: Floats
    log_likelihood: float
    chi2: float
    """Squared residuals, whitened, per row."""

    def covariance(self) -> Matrix:
        """Return N^-1."""
        inverse: Matrix = cho_solve(self.factor, np.eye(len(self.theta)), check_finite=False)
        return inverse

    def variance(self, parameter: int) -> float:
        """Return one element of its diagonal."""
        unit = np.zeros(len(self.theta))
        unit[parameter] = 1.0
        return float(cho_solve(self.factor, unit, check_finite=False)[parameter])


@dataclass(frozen=True, slots=True, eq=False)
class Solver:
    """The normal equations before a prior is added, so that trying another prior costs nothing."""

    columns: Matrix
    energy_j: Floats
    omega: Whitener
    divided: Matrix
    normal: Matrix
    right: Floats

    @staticmethod
    def of(columns: Matrix, energy_j: Floats, omega: Whitener) -> Solver:
        """Set up the normal equations."""
        divided = omega.divide(columns)
        return Solver(columns, energy_j, omega, divided, _symmetric(columns, divided), divided.T @ energy_j)

    def with_more(self, more: Matrix) -> Solver:
        """Return the same with more columns, of which there are few."""
        divided = self.omega.divide(more)
        normal, right = self._bordered(more, divided)
        columns, divided = _beside(self.columns, more), _beside(self.divided, divided)
        return Solver(columns, self.energy_j, self.omega, divided, normal, right)

    def theta_with(self, more: Matrix, prior: Prior) -> Floats:
        """Return the parameters under a prior with more columns, nothing else."""
        normal, right = self._bordered(more, self.omega.divide(more))
        precision = prior.precision()
        theta: Floats = cho_solve(_factor(normal + precision), right + precision @ prior.mean, check_finite=False)
        return theta

    def _bordered(self, more: Matrix, divided: Matrix) -> tuple[Matrix, Floats]:
        beside, corner = self.divided.T @ more, more.T @ divided
        normal = np.block([[self.normal, beside], [beside.T, corner]])
        return normal, np.append(self.right, divided.T @ self.energy_j)

    def under(self, prior: Prior) -> Solution:
        """Return the estimate under a prior."""
        precision = prior.precision()
        factor = _factor(self.normal + precision)
        theta = cho_solve(factor, self.right + precision @ prior.mean, check_finite=False)
        residual = self.energy_j - self.columns @ theta
        divided_residual = self.omega.divide(residual)
        off = theta - prior.mean
        squares = float(residual @ divided_residual)
        likelihood = -0.5 * (
            self.omega.log_determinant()
            + 2 * float(np.log(np.diag(factor[0])).sum())
            - prior.log_determinant()
            + squares
            + float(off @ precision @ off)
        )
        chi2 = squares / max(len(residual), 1)
        return Solution(theta, factor, self.divided, residual, divided_residual, likelihood, chi2)


def _beside(left: Matrix, right: Matrix) -> Matrix:
    """Return both as one matrix, column after column in memory."""
    result = np.empty((len(left), left.shape[1] + right.shape[1]), order="F")
    result[:, : left.shape[1]], result[:, left.shape[1] :] = left, right
    return result


def _symmetric(left: Matrix, right: Matrix) -> Matrix:
    """Return left' right, which is symmetric: of many columns, little more than one half of it is worked out."""
    count = left.shape[1]
    result: Matrix = np.empty((count, count))
    for low in range(0, count, STRIP):
        part = slice(low, low + STRIP)
        result[low:, part] = left[:, low:].T @ right[:, part]
        result[part, low:] = result[low:, part].T
    return result


def _factor(normal: Matrix) -> tuple[Matrix, bool]:
    """Return the Cholesky factor of normal equations, the diagonal raised where rounding has made them singular."""
    raised = normal
    for power in range(-13, -3):
        try:
            return cho_factor(raised, lower=True, check_finite=False)  # type: ignore[no-any-return]  # scipy is untyped
        except LinAlgError:
            raised = normal + np.diag(np.diag(normal) * 10.0**power)
    raise ArithmeticError("the normal equations of a sensor are singular")
