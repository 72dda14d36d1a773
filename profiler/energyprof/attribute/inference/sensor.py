"""The line of the statistical fit of one sensor: rows, lag, inertia, hyper-parameters, extensions, prediction.

What needs no more than some of the rows is looked for in some: the lag and the inertia in LAG_ROWS, the spreads in
SEARCH_ROWS, half of them from the start of the run, where idle ends, half from its middle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from energyprof.attribute.inference.bootstrap import bootstrap_sd
from energyprof.attribute.inference.covered import Covered
from energyprof.attribute.inference.design import FORGOTTEN, Timing, design
from energyprof.attribute.inference.extensions import RESPONSE_BOUNDS_NS, extended, knots, with_response
from energyprof.attribute.inference.lag import COARSEST_NS, LATER_NS, FoundLag, find_lag, queued_ns
from energyprof.attribute.inference.parameters import Hyper
from energyprof.attribute.inference.predict import Seen
from energyprof.attribute.inference.problem import FEWEST_ROWS, SensorProblem, inside, lag_bounds, part_of
from energyprof.attribute.inference.quantum import quantum_covariance
from energyprof.attribute.inference.residuals import Residuals
from energyprof.attribute.inference.rows import Rows
from energyprof.attribute.inference.timing import corrections, with_timing
from energyprof.attribute.inference.trial import Trial, again, first, on, searched
from energyprof.attribute.inference.workload import Workload
from energyprof.model.span import Floats

Matrix = NDArray[np.float64]
SLOWEST = 1.0
"""Windows that a first-order response may last: of a slower one the noise hangs together in ways not modelled."""
SEARCH_CELLS, SEARCH_ROWS = 5e5, (400, 1000)
LAG_ROWS = 600
MOST_CELLS, MOST_ROWS = 3e6, (3000, 20_000)
"""Of the design of the whole run: beyond, neighbouring rows are put together."""
CHOOSING_ROWS = 6000
"""So many, neighbours put together, say what extensions the data ask for, and what the timing is; all say powers."""
CLOSE_NS = 1e4
"""Corrections of lag and grid below this are not worth another look."""
SURELY = 2.0
"""Standard deviations of the lag by which it must lie beyond its bounds for these to be wrong."""
BOOTSTRAP_MOST = 2.0
"""Up to so many analytic standard deviations a bootstrap is believed."""
FOUND_RESPONSE = 2.0
"""Factor on variances where the time constant was found by likelihood: lag, jitter and inertia then explain one another
in ways that no derivative tells. Found by trial: on simulated sensors of 5 ms intervals hold 0.89 to 1 with it."""
FEW_ROWS = 2.0
"""Factor on variances at as many rows as parameters that the data decide, where hyper-parameters are little known."""


@dataclass(frozen=True, slots=True, eq=False)
class Energies:
    """What every column spent; the last: the time outside."""

    energy_j: Floats
    sd_j: Floats
    covariance_j2: Matrix
    prior_sd_j: Floats
    """How far the prior alone would leave each column open, the time outside not among them."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What the fit found."""

    read: Energies
    """In the time that windows of known energy cover."""
    run: Energies
    """In the whole run."""
    timing: Timing
    lag_sd_ns: float
    hyper: Hyper
    condition: float
    residuals: Residuals
    lag: FoundLag
    rows: int
    found_response: bool
    """The time constant was found by likelihood."""
    queued_ns: float | None
    """How long after their stamps stages seem to run; None: they run when their stamps say."""
    is_beyond: bool
    """The delay that fits best lies beyond what is known of the sensor: its period or window are not what was said."""


def fit_sensor(problem: SensorProblem) -> Fitted | None:
    """Return the fit, or None where the readings are too few for one."""
    low, high = lag_bounds(problem)
    rows = inside(problem, low, high)
    response = float(problem.domain.response_ns or 0)
    if len(rows) < FEWEST_ROWS or response > SLOWEST * float(np.median(rows.end_ns - rows.start_ns)):
        return None
    few, bends = part_of(rows, LAG_ROWS), knots(problem.run_ns)
    beside = _beside(problem, few, low, high)

    def likelihood(tried: Timing) -> float:
        return first(beside, few, tried, problem.baseline_w, bends).solution.log_likelihood

    start = Timing((low + high) / 2, rows.jitter_ns, response)
    lag = find_lag(likelihood, (low, high), start)
    queued = queued_ns(likelihood, (low, high), lag, start) if problem.host_clock else None
    timing = replace(start, lag_ns=lag.lag_ns)
    most = int(np.clip(MOST_CELLS / (problem.workload.columns.count + 1), *MOST_ROWS))
    rows = inside(problem, timing.lag_ns, timing.lag_ns)
    few = part_of(rows, int(np.clip(SEARCH_CELLS / (problem.workload.columns.count + 1), *SEARCH_ROWS)))
    every = rows.capped(most)
    rows = every.capped(CHOOSING_ROWS)
    near = _beside(problem, few, low, high)
    trial = first(near, few, timing, problem.baseline_w, bends)
    trial = searched(near, trial, rows.jitter_bounds_ns)
    if not response:
        trial = with_response(near, trial, rows.jitter_bounds_ns, low)
    known, timing = trial.known(), trial.plan.timing
    del trial, near  # of many rows, the next takes as much memory as all before
    trial = on(known, design(problem.workload, rows, timing))
    trial = again(trial, None)
    trial = extended(trial)
    is_slow = trial.plan.timing.response_ns > response
    wide = max((high - low) / 12**0.5, 1e4)
    for _ in range(2 if rows is every else 1):
        sd_ns = (wide, problem.window_sd_ns)
        off, skew, slower, _ = corrections(problem.workload, trial, sd_ns, is_slow)
        if rows is every and max(abs(off), abs(skew), abs(slower)) < CLOSE_NS:
            break
        now = trial.plan.timing
        shifted = float(np.clip(now.lag_ns + off, low, high))
        response_ns = float(np.clip(now.response_ns + slower, 0.5 * now.response_ns, 2 * now.response_ns))
        rows = every = every.skewed(skew)
        timing = replace(now, lag_ns=shifted, response_ns=response_ns)
        known = trial.known()
        del trial
        trial = on(known, design(problem.workload, rows, timing))
    moved, lag_sd = with_timing(problem.workload, trial, (wide, problem.window_sd_ns), is_slow)
    wanted = trial.plan.timing.lag_ns + float(moved.solution.theta[trial.parameters.count])
    beyond = max(low - wanted, wanted - high) > SURELY * lag_sd
    return replace(_fitted(problem, moved, lag, lag_sd, is_slow), queued_ns=queued, is_beyond=beyond)


def _beside(problem: SensorProblem, rows: Rows, low: float, high: float) -> Workload:
    """Return the workload as far as these rows know of it, wherever lag and time constant are looked for."""
    slowest = max(float(problem.domain.response_ns or 0), RESPONSE_BOUNDS_NS[1])
    margin = LATER_NS[-1] + 4 * (COARSEST_NS + rows.jitter_bounds_ns[1] + rows.jitter_ns)
    begin, end = rows.start_ns - high - margin - FORGOTTEN * slowest, rows.end_ns - low + margin
    until = np.maximum.accumulate(end)
    apart = np.flatnonzero(begin[1:] > until[:-1])
    return problem.workload.near(begin[np.append(0, apart + 1)], until[np.append(apart, len(rows) - 1)])


def _fitted(problem: SensorProblem, trial: Trial, lag: FoundLag, lag_sd: float, found_response: bool) -> Fitted:
    windows = problem.windows
    residuals = Residuals.of(trial.omega.whiten(trial.solution.residual_j))
    asked = Covered.of(problem.workload, problem.run_ns, windows.start_ns, windows.end_ns)
    square = (trial.hyper.rho * trial.parameters.call_power_w(trial.solution.theta)) ** 2
    seen = Seen.of(trial.columns, trial.solution, trial.omega, trial.plan.carried * square)
    wider = residuals.widening() * (FOUND_RESPONSE if found_response else 1.0) * _for_few_rows(trial, seen)
    of_read, of_run = _energies(trial, seen, asked, square, (wider, residuals.memory))
    return Fitted(
        read=of_read,
        run=of_run,
        timing=trial.plan.timing,
        lag_sd_ns=lag_sd,
        hyper=trial.hyper,
        condition=_condition(trial),
        residuals=residuals,
        lag=lag,
        rows=len(trial.plan.rows),
        found_response=found_response,
        queued_ns=None,
        is_beyond=False,
    )


def _energies(
    trial: Trial, seen: Seen, asked: tuple[Covered, ...], square: Floats, widened: tuple[float, int]
) -> list[Energies]:
    """Return what each of those asked about spent; `square`: the variance of its calls per s^2.

    `widened`: the factor on variances, and over how many rows residuals hang together.
    """
    factor, memory = widened
    parameters, more = trial.parameters, trial.columns.shape[1] - trial.parameters.count
    predicted = [
        seen.predict(np.pad(covered.functional(parameters), ((0, 0), (0, more))), covered.carried_s2 * square)
        for covered in asked
    ]
    reach = np.concatenate([one.by_parameters for one in predicted])
    drawn = np.split(bootstrap_sd(trial.columns, trial.solution, seen.covariance, reach, memory), len(asked))
    energies = []
    for covered, result, drawn_sd in zip(asked, predicted, drawn, strict=True):
        covariance = result.covariance_j2 * factor + quantum_covariance(trial.plan, covered.time_s)
        analytic = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        blocks = np.sqrt(drawn_sd**2 + result.unseen_j2)
        sd = np.maximum(analytic, np.minimum(blocks, BOOTSTRAP_MOST * analytic))
        wider = sd / np.maximum(analytic, 1e-300)
        energies.append(
            Energies(
                energy_j=result.energy_j,
                sd_j=sd,
                covariance_j2=covariance * np.outer(wider, wider),
                prior_sd_j=trial.hyper.tau * parameters.unit_w * covered.time_s[:-1],
            )
        )
    return energies


def _for_few_rows(trial: Trial, seen: Seen) -> float:
    """Return the factor on variances for hyper-parameters that few rows tell of: 1 where rows are many."""
    decided = float(np.sum(seen.covariance * trial.solver.normal))
    return 1 + (FEW_ROWS - 1) * decided / len(trial.solution.residual_j)


def _condition(trial: Trial) -> float:
    block = trial.parameters.block
    gram = trial.solver.normal[block, block]
    scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    values = np.linalg.eigvalsh(gram / np.outer(scale, scale))
    return float(np.sqrt(values[-1] / max(values[0], 1e-300)))
