"""The parameters of a fit and what is believed of them: baseline, its drift, time outside, columns, slopes.

    y_w = P0 |w| + sum_j beta_j B_j(w) |w| + D_out x_w,out + sum_k D_k x_wk + sum_k g_k l_wk + noise

B_j are hat functions on knots some seconds apart (leakage follows temperature). g_k lets the power of column k grow
with the logarithm of the length of its calls: l_wk is overlap times that, less its mean (workload.py), and adds up to 0
over the run. So a slope changes nothing of what k spends in all; it takes out of the residuals what length explains.

Scales: p is the mean power of the rows, u the same per time that columns had.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from energyprof.attribute.inference.design import Design
from energyprof.attribute.inference.likelihood import Prior
from energyprof.model.span import Floats, Ints

Matrix = NDArray[np.float64]
BASELINE_SD = 0.1
"""Relative: what gaps or a lead-in say of the idle power under load."""
DRIFT_SD = 0.3
"""Of p: how far the baseline may wander."""
LEAST_CALL_POWER = 0.1
LEAST_CALL_POWER_OUTSIDE = 0.05


@dataclass(frozen=True, slots=True)
class Hyper:
    """What the likelihood decides beside the parameters."""

    rho: float = 0.05
    """Relative spread of power from call to call."""
    tau: float = 0.35
    """Of u: how far the powers of columns scatter."""
    slope: float = 0.0
    """Of u: how strongly power may go with length; 0: not at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """Their places in theta, and their scales."""

    columns: int
    knots_ns: Floats
    """Of the drift; empty: none."""
    sloped: Ints
    """Columns whose power may go with length."""
    mean_w: float
    unit_w: float
    baseline_w: float | None

    @property
    def outside(self) -> int:
        """Return the place of the time outside; the columns follow it."""
        return 1 + len(self.knots_ns)

    @property
    def block(self) -> slice:
        """Return the places of the columns."""
        return slice(self.outside + 1, self.outside + 1 + self.columns)

    @property
    def count(self) -> int:
        """Return how many there are."""
        return self.outside + 1 + self.columns + len(self.sloped)

    @staticmethod
    def of(design: Design, baseline_w: float | None) -> Parameters:
        """Return the plain parameters: neither drift nor slopes."""
        duration, energy = float(design.duration_s.sum()), float(design.rows.energy_j.sum())
        busy = design.occupied[:, :-1].sum()
        open_s = max(duration - float(design.occupied[:, -1].sum()), 0.0)
        mean = max(energy / duration, 1e-9)
        unit = mean * float(np.clip(open_s / busy, 0.02, 50.0)) if busy > 0 and open_s > 0 else mean
        return Parameters(design.occupied.shape[1] - 1, np.zeros(0), np.zeros(0, np.int64), mean, unit, baseline_w)

    def with_drift(self, knots_ns: Floats) -> Parameters:
        """Return the same with a baseline that drifts."""
        return replace(self, knots_ns=knots_ns)

    def with_slopes(self, columns: Ints) -> Parameters:
        """Return the same with slopes for these columns."""
        return replace(self, sloped=columns)

    def matrix(self, design: Design) -> Matrix:
        """Return X, column after column in memory, as those read it who divide it by a covariance."""
        duration, outside = design.duration_s, self.outside
        result: Matrix = np.empty((len(duration), self.count), order="F")
        result[:, 0] = duration
        hats(self.knots_ns, (design.start_ns + design.end_ns) / 2, result[:, 1:outside])
        result[:, 1:outside] *= duration[:, None]
        result[:, outside] = design.occupied[:, -1]
        result[:, self.block] = design.occupied[:, :-1]
        result[:, self.block.stop :] = design.stretched[:, self.sloped]
        return result

    def energy_j(self, design: Design, theta: Floats) -> Floats:
        """Return X theta."""
        drift = hats(self.knots_ns, (design.start_ns + design.end_ns) / 2) @ theta[1 : self.outside]
        slopes = np.zeros(self.columns)
        slopes[self.sloped] = theta[self.block.stop : self.count]
        steady: Floats = (theta[0] + drift) * design.duration_s
        return steady + design.occupied @ self.power_w(theta) + design.stretched[:, :-1] @ slopes

    def prior(self, hyper: Hyper) -> Prior:
        """Return what is believed before the data."""
        mean, sd = np.zeros(self.count), np.ones(self.count)
        if self.baseline_w is None:
            mean[0], sd[0] = 0.3 * self.mean_w, self.mean_w
        else:
            mean[0] = self.baseline_w
            sd[0] = max(BASELINE_SD * self.baseline_w, 0.05 * self.mean_w)
        sd[1 : self.outside] = DRIFT_SD * self.mean_w
        sd[self.outside] = self.mean_w
        mean[self.block], sd[self.block] = 0.7 * self.unit_w, hyper.tau * self.unit_w
        sd[self.block.stop :] = max(hyper.slope, 1e-6) * self.unit_w
        return Prior(mean, sd, self.block, self.unit_w)

    def power_w(self, theta: Floats) -> Floats:
        """Return the power of each column, the last that of the time outside."""
        return np.append(theta[self.block], theta[self.outside])

    def call_power_w(self, theta: Floats | None) -> Floats:
        """Return the power that calls vary in proportion to."""
        if theta is None:
            return np.append(np.full(self.columns, self.unit_w), LEAST_CALL_POWER_OUTSIDE * self.mean_w)
        calls = np.maximum(theta[self.block] + 0.5 * max(theta[0], 0.0), LEAST_CALL_POWER * self.unit_w)
        return np.append(calls, max(abs(theta[self.outside]), LEAST_CALL_POWER_OUTSIDE * self.mean_w))


def hats(knots_ns: Floats, at_ns: Floats, result: Matrix | None = None) -> Matrix:
    """Return the hat functions on the knots, one column each, that add up to 1; in `result` where it is given."""
    basis = np.empty((len(at_ns), len(knots_ns)), order="F") if result is None else result
    basis[...] = 0.0
    if len(knots_ns) < 2:
        basis[...] = 1.0
        return basis
    at = np.clip(at_ns, knots_ns[0], knots_ns[-1])
    left = np.clip(np.searchsorted(knots_ns, at, "right") - 1, 0, len(knots_ns) - 2)
    part = (at - knots_ns[left]) / (knots_ns[left + 1] - knots_ns[left])
    rows = np.arange(len(at))
    basis[rows, left], basis[rows, left + 1] = 1 - part, part
    return basis
