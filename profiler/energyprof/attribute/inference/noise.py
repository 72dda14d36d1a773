"""The noise: the covariance of what rows show beyond the model's mean, a band around the diagonal.

With D_k the power of column k as known so far, rho the relative spread of power from one call to the next:

    calls       rho^2 sum over k of D_k^2 v_wk; rows that overlap (a long averaging window) share what lies in both
    timing      of a counter's update: Var M(t + s e) at the nodes, added to both rows beside it, and to their
                covariance with the opposite sign: what one has too much the other lacks (MA(1), sums telescope)
                of a power reading: the variance of its energy over the nodes, the window moving as a whole
    quantum     raw unit^2 / 12, of a counter's update or a reading; updates share it as they share timing

Omega is positive definite but for rounding; its Cholesky factor costs rows x band^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve_banded, cholesky_banded, solve_banded
from scipy.linalg.lapack import dpttrs

from energyprof.attribute.inference.design import WEIGHTS, Design
from energyprof.model.span import Floats

WIDEST = 64
"""Rows away from which shared variance is neglected."""
FLOOR = 1e-4
"""Relative error that any row has at least: no sensor and no model is better."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """What the covariance is made of, per unit of rho^2 where it depends on rho."""

    calls: NDArray[np.float64]
    """Band (width + 1, rows): variance by calls for rho = 1."""
    rest: NDArray[np.float64]
    """Band of the same shape: timing, quantum and floor."""

    def band(self, rho: float) -> NDArray[np.float64]:
        """Return the covariance as the lower band that Cholesky takes."""
        return rho**2 * self.calls + self.rest


@dataclass(frozen=True, slots=True, eq=False)
class Whitener:
    """A banded covariance ready to be divided by."""

    factor: NDArray[np.float64]
    """The lower band of L, the covariance being L L'."""

    @staticmethod
    def of(band: NDArray[np.float64]) -> Whitener:
        """Factor a covariance; one that rounding has made indefinite gets a heavier diagonal."""
        heavier = band.copy()
        for _ in range(20):
            try:
                return Whitener(cholesky_banded(heavier, lower=True, check_finite=False))
            except LinAlgError:
                heavier[0] *= 1.03
        return Whitener(np.sqrt(heavier[:1]))

    def log_determinant(self) -> float:
        """Return ln det of the covariance."""
        return 2 * float(np.log(self.factor[0]).sum())

    def whiten(self, column: Floats) -> Floats:
        """Return L^-1 times a column, L L' being the covariance: independent and of variance 1, if the model fits."""
        below = self.factor.shape[0] - 1
        white: Floats = solve_banded((below, 0), self.factor, column, check_finite=False)
        return white

    def divide(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the inverse covariance times the columns."""
        diagonal = self.factor[0]
        solved: NDArray[np.float64]
        if len(self.factor) == 1:
            solved = (columns.T / diagonal**2).T
        elif len(self.factor) == 2:  # a counter's: L D L' of a tridiagonal matrix takes a third of the time
            solved = dpttrs(diagonal**2, self.factor[1, :-1] / diagonal[:-1], columns)[0]
        else:
            solved = cho_solve_banded((self.factor, True), columns, check_finite=False)
        return solved


def spread(design: Design, power_w: Floats, base_w: float, call_power_w: Floats) -> Spread:
    """Return the spread, columns having `power_w` above the baseline; calls vary in proportion to `call_power_w`."""
    rows = design.rows
    until_j = design.energy_until(power_w, base_w)
    square = call_power_w**2
    floor = (FLOOR * np.abs(rows.energy_j)) ** 2 + 1e-18
    if rows.is_power:
        calls = _overlapping(design, square)
        rest = np.zeros_like(calls)
        seen = np.array([until_j[last] - until_j[first] for first, last in zip(design.first, design.last, strict=True)])
        rest[0] = _variance(seen) + rows.quantum_j**2 / 12 + floor
        return Spread(calls, rest)
    calls, rest = np.zeros((2, len(rows))), np.zeros((2, len(rows)))
    calls[0] = design.carried @ square
    begins = _variance(until_j[np.array(design.first)]) + rows.quantum_j**2 / 12
    ends = _variance(until_j[np.array(design.last)]) + rows.quantum_j**2 / 12
    # Nobody knows the power beyond a row that has no neighbour: it is taken to go on.
    rest[0] = begins + ends + floor
    rest[1, :-1] = np.where(rows.joined[1:], -ends[:-1], 0.0)
    return Spread(calls, rest)


def _variance(at_nodes: NDArray[np.float64]) -> Floats:
    mean = WEIGHTS @ at_nodes
    variance: Floats = WEIGHTS @ (at_nodes - mean) ** 2
    return variance


def _overlapping(design: Design, square: Floats) -> NDArray[np.float64]:
    start, end = design.start_ns, design.end_ns
    count = len(start)
    following = np.searchsorted(start, end - 1.0) - np.arange(count) - 1
    width = int(min(max(following.max(initial=0), 0), WIDEST, max(count - 1, 0)))
    band = np.zeros((width + 1, count))
    band[0] = design.carried @ square
    if width:
        until = np.append(0.0, np.cumsum(design.carried_by_bin @ square))
        for far in range(1, width + 1):
            low, high = np.maximum(start[:-far], start[far:]), np.minimum(end[:-far], end[far:])
            shared = np.interp(high, design.edge_ns, until) - np.interp(low, design.edge_ns, until)
            band[far, :-far] = np.where(high > low, shared, 0.0)
    return band
