"""Timing as parameters: so that energies know that lag, grid and inertia of the sensor are not known exactly.

To first order, a lag that is off by x changes row w by x times the derivative of its energy by the lag. So do a grid of
updates that is off towards both ends of the run, and a time constant or an averaging window found by likelihood (their
derivatives by a difference). With these derivatives as columns, least squares takes one Gauss-Newton step, and their
variance and correlation with the powers enter every interval.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from energyprof.attribute.inference.design import design
from energyprof.attribute.inference.likelihood import Prior
from energyprof.attribute.inference.trial import Trial
from energyprof.attribute.inference.workload import Workload
from energyprof.model.span import Floats

Matrix = NDArray[np.float64]
STEP = 0.1
"""Relative step of the time constant for its derivative."""
RESPONSE_SD = 0.5
FIXED_SD_NS = 1.0


def corrections(
    workload: Workload, trial: Trial, sd_ns: tuple[float, float], response_is_free: bool
) -> tuple[float, ...]:
    """Return how far lag, grid, time constant and window are off, in ns."""
    more, prior = _more(workload, trial, sd_ns, response_is_free)
    return tuple(trial.solver.theta_with(more, prior)[trial.parameters.count :].tolist())


def with_timing(
    workload: Workload, trial: Trial, sd_ns: tuple[float, float], response_is_free: bool
) -> tuple[Trial, float]:
    """Return the estimate with four more parameters in ns, and the deviation of the lag.

    They are by how much lag, grid, time constant and window are off; `sd_ns`: what is known of lag and window before.
    """
    more, prior = _more(workload, trial, sd_ns, response_is_free)
    solver = trial.solver.with_more(more)
    solution = solver.under(prior)
    lag_sd = float(np.sqrt(solution.variance(trial.parameters.count)))
    return replace(trial, columns=solver.columns, solver=solver, solution=solution), lag_sd


def _more(workload: Workload, trial: Trial, sd_ns: tuple[float, float], response_is_free: bool) -> tuple[Matrix, Prior]:
    """Return the four columns, and what is believed of all parameters."""
    lag_sd_ns, window_sd_ns = sd_ns
    parameters, theta, plan = trial.parameters, trial.solution.theta, trial.plan
    until = plan.energy_until(parameters.power_w(theta), float(theta[0]))
    by_lag = plan.by_lag(until) * 1e-9
    along = plan.rows.along((plan.rows.start_ns + plan.rows.end_ns) / 2)
    by_response = _by_response(workload, trial) if response_is_free else np.zeros(len(by_lag))
    by_window = _by_window(workload, trial) if window_sd_ns else np.zeros(len(by_lag))
    response_sd = RESPONSE_SD * plan.timing.response_ns if response_is_free else FIXED_SD_NS
    prior = parameters.prior(trial.hyper)
    sd = np.append(prior.sd, (lag_sd_ns, plan.rows.jitter_ns, response_sd, window_sd_ns or FIXED_SD_NS))
    prior = replace(prior, mean=np.append(prior.mean, np.zeros(4)), sd=sd)
    return np.column_stack((by_lag, by_lag * along, by_response, by_window)), prior


def _by_response(workload: Workload, trial: Trial) -> Floats:
    timing, parameters, theta = trial.plan.timing, trial.parameters, trial.solution.theta
    step_ns = STEP * timing.response_ns
    slower = design(workload, trial.plan.rows, replace(timing, response_ns=timing.response_ns + step_ns))
    change: Floats = (parameters.energy_j(slower, theta) - parameters.energy_j(trial.plan, theta)) / step_ns
    return change


def _by_window(workload: Workload, trial: Trial) -> Floats:
    """Return the derivative of each row's energy by the window, at the reading that it has: power times a window."""
    rows = trial.plan.rows
    lasted_ns = rows.end_ns - rows.start_ns
    step_ns = STEP * float(np.median(lasted_ns))
    longer = design(workload, replace(rows, start_ns=rows.start_ns - step_ns), trial.plan.timing)
    shown = trial.parameters.matrix(longer) @ trial.solution.theta[: trial.parameters.count]
    here = trial.columns @ trial.solution.theta
    change: Floats = (shown * lasted_ns / (lasted_ns + step_ns) - here) / step_ns
    return change
