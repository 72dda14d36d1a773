"""A trial: one setting of timing, hyper-parameters and parameters, with what came of it, and the search for the best.

The noise depends on the powers, and they on it: each trial takes the powers of the one before. Spread of calls (rho)
and of instants (s) are found by golden-section searches in turn, the prior's scatter (tau) from a short list. Of those
taus that fall short of the most likely one by no more than SUPPORT nats the widest is taken: where data are silent, an
interval must not be narrow for lack of imagination.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from energyprof.attribute.inference.design import Design, Timing, design
from energyprof.attribute.inference.likelihood import Solution, Solver
from energyprof.attribute.inference.noise import Whitener, spread
from energyprof.attribute.inference.parameters import Hyper, Parameters
from energyprof.attribute.inference.rows import Rows
from energyprof.attribute.inference.search import golden
from energyprof.attribute.inference.workload import Workload
from energyprof.model.span import Floats

Matrix = NDArray[np.float64]
TAUS = (0.35, 0.5, 0.7, 1.0)
SUPPORT = 2.0
RHO = (0.003, 0.7)
AS_DIFFERENT = 0.4
"""Of u: by so much neighbouring stages are first taken to lie above and below the mean."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One setting with what came of it."""

    plan: Design
    hyper: Hyper
    parameters: Parameters
    columns: Matrix
    omega: Whitener
    solver: Solver
    solution: Solution

    def known(self) -> Known:
        """Return what the next trial takes from this one."""
        return Known(self.hyper, self.parameters, self.solution.theta[: self.parameters.count])


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known of powers and noise: of a trial all that is small."""

    hyper: Hyper
    parameters: Parameters
    theta: Floats

    def omega(self, plan: Design) -> Whitener:
        """Return the noise that this means."""
        theta, parameters = self.theta, self.parameters
        noise = spread(plan, parameters.power_w(theta), max(float(theta[0]), 0.0), parameters.call_power_w(theta))
        return Whitener.of(noise.band(self.hyper.rho))


def first(workload: Workload, rows: Rows, timing: Timing, baseline_w: float | None, knots_ns: Floats) -> Trial:
    """Return a first estimate, knowing no powers yet; the baseline may drift, which else looks like a slow sensor."""
    plan = design(workload, rows, timing)
    parameters = Parameters.of(plan, baseline_w).with_drift(knots_ns)
    above = np.where(np.arange(parameters.columns) % 2, 1 + AS_DIFFERENT, 1 - AS_DIFFERENT)
    noise = spread(plan, np.append(parameters.unit_w * above, 0.0), 0.0, parameters.call_power_w(None))
    return solved(plan, Hyper(), parameters, Whitener.of(noise.band(Hyper().rho)))


def solved(plan: Design, hyper: Hyper, parameters: Parameters, omega: Whitener, columns: Matrix | None = None) -> Trial:
    """Return the estimate under a noise; `columns`: X, where it is known already."""
    columns = parameters.matrix(plan) if columns is None else columns
    solver = Solver.of(columns, plan.rows.energy_j, omega)
    return Trial(plan, hyper, parameters, columns, omega, solver, solver.under(parameters.prior(hyper)))


def rescaled(trial: Trial, hyper: Hyper) -> Trial:
    """Return the estimate under another prior and the same noise."""
    return replace(trial, hyper=hyper, solution=trial.solver.under(trial.parameters.prior(hyper)))


def again(trial: Trial, plan: Design | None) -> Trial:
    """Return the estimate with the noise that the last one means; `plan`: of other rows or timing, None: the same."""
    plan = trial.plan if plan is None else plan
    is_same = plan is trial.plan and trial.columns.shape[1] == trial.parameters.count
    columns = trial.columns if is_same else None  # X knows nothing of noise and spreads
    return solved(plan, trial.hyper, trial.parameters, trial.known().omega(plan), columns)


def on(known: Known, plan: Design) -> Trial:
    """Return the estimate from other rows or another timing, for which the trial before need not be kept."""
    return solved(plan, known.hyper, known.parameters, known.omega(plan))


def searched(workload: Workload, trial: Trial, jitter_bounds_ns: tuple[float, float]) -> Trial:
    """Return the trial with the most likely spread of calls and of instants."""
    trial = again(trial, None)

    def at_jitter(log_jitter: float) -> Trial:
        timing = replace(trial.plan.timing, jitter_ns=float(np.exp(log_jitter)))
        return again(trial, design(workload, trial.plan.rows, timing))

    for looks in (7, 5):
        trial = searched_rho(trial, looks)
        low, high = np.log(jitter_bounds_ns[0]), np.log(jitter_bounds_ns[1])
        trial = at_jitter(golden(lambda log: at_jitter(log).solution.log_likelihood, low, high, looks))
        trial = again(_widest(trial), None)
    return trial


def searched_rho(trial: Trial, looks: int = 6) -> Trial:
    """Return the trial with the most likely spread of calls."""

    def at_rho(log_rho: float) -> Trial:
        return again(replace(trial, hyper=replace(trial.hyper, rho=float(np.exp(log_rho)))), None)

    return at_rho(golden(lambda log: at_rho(log).solution.log_likelihood, np.log(RHO[0]), np.log(RHO[1]), looks))


def _widest(trial: Trial) -> Trial:
    likely = [rescaled(trial, replace(trial.hyper, tau=tau)) for tau in TAUS]
    best = max(one.solution.log_likelihood for one in likely)
    return [one for one in likely if one.solution.log_likelihood >= best - SUPPORT][-1]
