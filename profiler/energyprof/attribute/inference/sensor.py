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
from energyprof.attribute.inference.quantum import quantum_covariance
from energyprof.attribute.inference.residuals import Residuals
from energyprof.attribute.inference.rows import Rows
from energyprof.attribute.inference.timing import with_timing
from energyprof.attribute.inference.trial import Trial, again, first, searched
from energyprof.attribute.inference.workload import Workload
from energyprof.attribute.windows import Windows
from energyprof.model.domain import Domain
from energyprof.model.span import Floats

Matrix = NDArray[np.float64]
FEWEST_ROWS = 41
"""From fewer rows variances are known to 20 % or worse: the split without assumptions says as much."""
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
CLOCKS_NS = 2e6
"""Beyond its bounds a lag is looked for so much further: stamps and readings may come from clocks that differ."""
BOOTSTRAP_MOST = 2.0
"""Up to so many analytic standard deviations a bootstrap is believed."""


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


@dataclass(frozen=True, slots=True, eq=False)
class SensorProblem:
    """What a fit needs to know."""

    domain: Domain
    rows: Rows
    workload: Workload
    windows: Windows
    """The time that the energies are of."""
    baseline_w: float | None
    run_ns: float
    host_clock: bool = False
    """A device whose work only the host's stamps tell of."""


def fit_sensor(problem: SensorProblem) -> Fitted | None:
    """Return the fit, or None where the readings are too few for one."""
    reach = CLOCKS_NS + problem.rows.shift_ns
    low, high = problem.domain.lag_ns[0] - reach, problem.domain.lag_ns[1] + reach
    rows = _inside(problem, low, high)
    response = float(problem.domain.response_ns or 0)
    if len(rows) < FEWEST_ROWS or response > SLOWEST * float(np.median(rows.end_ns - rows.start_ns)):
        return None
    few, bends = _part(rows, LAG_ROWS), knots(problem.run_ns)
    beside = _beside(problem, few, low, high)

    def likelihood(tried: Timing) -> float:
        return first(beside, few, tried, problem.baseline_w, bends).solution.log_likelihood

    start = Timing((low + high) / 2, rows.jitter_ns, response)
    lag = find_lag(likelihood, (low, high), start)
    queued = queued_ns(likelihood, (low, high), lag, start) if problem.host_clock else None
    timing = replace(start, lag_ns=lag.lag_ns)
    most = int(np.clip(MOST_CELLS / (problem.workload.columns.count + 1), *MOST_ROWS))
    rows = _inside(problem, timing.lag_ns, timing.lag_ns)
    few = _part(rows, int(np.clip(SEARCH_CELLS / (problem.workload.columns.count + 1), *SEARCH_ROWS)))
    every = rows.capped(most)
    rows = every.capped(CHOOSING_ROWS)
    beside = _beside(problem, few, low, high)
    trial = first(beside, few, timing, problem.baseline_w, bends)
    trial = searched(beside, trial, rows.jitter_bounds_ns)
    if not response:
        trial = with_response(beside, trial, rows.jitter_bounds_ns, low)
    trial = again(trial, design(problem.workload, rows, trial.plan.timing))
    trial = extended(again(trial, None))
    is_slow = trial.plan.timing.response_ns > response
    wide = max((high - low) / 12**0.5, 1e4)
    for _ in range(2 if rows is every else 1):
        moved, _ = with_timing(problem.workload, trial, wide, is_slow)
        off, skew, slower = moved.solution.theta[trial.parameters.count :].tolist()
        if rows is every and max(abs(off), abs(skew), abs(slower)) < CLOSE_NS:
            break
        now = trial.plan.timing
        shifted = float(np.clip(now.lag_ns + off, low, high))
        response_ns = float(np.clip(now.response_ns + slower, 0.5 * now.response_ns, 2 * now.response_ns))
        rows = every = every.skewed(skew)
        timing = replace(now, lag_ns=shifted, response_ns=response_ns)
        trial = again(trial, design(problem.workload, rows, timing))
    moved, lag_sd = with_timing(problem.workload, trial, wide, is_slow)
    wanted = trial.plan.timing.lag_ns + float(moved.solution.theta[trial.parameters.count])
    beyond = max(low - wanted, wanted - high) > SURELY * lag_sd
    return replace(_fitted(problem, moved, lag, lag_sd, is_slow), queued_ns=queued, is_beyond=beyond)


def _inside(problem: SensorProblem, low: float, high: float) -> Rows:
    """Return the rows that lie in the run wherever the lag is."""
    rows = problem.rows
    return rows.at(np.flatnonzero((rows.start_ns - high >= 0) & (rows.end_ns - low <= problem.run_ns)))


def _beside(problem: SensorProblem, rows: Rows, low: float, high: float) -> Workload:
    """Return the workload as far as these rows know of it, wherever lag and time constant are looked for."""
    slowest = max(float(problem.domain.response_ns or 0), RESPONSE_BOUNDS_NS[1])
    margin = LATER_NS[-1] + 4 * (COARSEST_NS + rows.jitter_bounds_ns[1] + rows.jitter_ns)
    begin, end = rows.start_ns - high - margin - FORGOTTEN * slowest, rows.end_ns - low + margin
    until = np.maximum.accumulate(end)
    apart = np.flatnonzero(begin[1:] > until[:-1])
    return problem.workload.near(begin[np.append(0, apart + 1)], until[np.append(apart, len(rows) - 1)])


def _part(rows: Rows, most: int) -> Rows:
    """Return the first rows, and as many from the middle on."""
    if len(rows) <= most:
        return rows
    middle = max(len(rows) // 2, most // 2)
    return rows.at(np.concatenate((np.arange(most // 2), np.arange(middle, min(middle + most // 2, len(rows))))))


def _fitted(problem: SensorProblem, trial: Trial, lag: FoundLag, lag_sd: float, found_response: bool) -> Fitted:
    windows = problem.windows
    residuals = Residuals.of(trial.omega.whiten(trial.solution.residual_j))
    asked = Covered.of(problem.workload, problem.run_ns, windows.start_ns, windows.end_ns)
    square = (trial.hyper.rho * trial.parameters.call_power_w(trial.solution.theta)) ** 2
    seen = Seen.of(trial.columns, trial.solution, trial.omega, trial.plan.carried * square)
    of_read, of_run = _energies(trial, seen, asked, square, residuals)
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
    trial: Trial, seen: Seen, asked: tuple[Covered, ...], square: Floats, residuals: Residuals
) -> list[Energies]:
    """Return what each of those asked about spent; `square`: the variance of its calls per s^2."""
    parameters, more = trial.parameters, trial.columns.shape[1] - trial.parameters.count
    predicted = [
        seen.predict(np.pad(covered.functional(parameters), ((0, 0), (0, more))), covered.carried_s2 * square)
        for covered in asked
    ]
    reach = np.concatenate([one.by_parameters for one in predicted])
    drawn = np.split(bootstrap_sd(trial.columns, trial.solution, seen.covariance, reach), len(asked))
    energies = []
    for covered, result, drawn_sd in zip(asked, predicted, drawn, strict=True):
        covariance = result.covariance_j2 * residuals.widening() + quantum_covariance(trial.plan, covered.time_s)
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


def _condition(trial: Trial) -> float:
    block = trial.parameters.block
    gram = trial.solver.normal[block, block]
    scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    values = np.linalg.eigvalsh(gram / np.outer(scale, scale))
    return float(np.sqrt(values[-1] / max(values[0], 1e-300)))
