"""The line of the statistical fit of one sensor: rows, lag, hyper-parameters, extensions, prediction."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from energyprof.attribute.inference.bootstrap import bootstrap_sd
from energyprof.attribute.inference.covered import Covered
from energyprof.attribute.inference.design import Design, Timing, design
from energyprof.attribute.inference.lag import FoundLag, find_lag
from energyprof.attribute.inference.likelihood import Solution, Solver
from energyprof.attribute.inference.noise import Whitener, spread
from energyprof.attribute.inference.parameters import Hyper, Parameters
from energyprof.attribute.inference.predict import predict
from energyprof.attribute.inference.rows import Rows
from energyprof.attribute.inference.search import golden
from energyprof.attribute.inference.workload import Workload
from energyprof.attribute.windows import Windows
from energyprof.model.domain import Domain
from energyprof.model.span import Floats

Matrix = NDArray[np.float64]
FEWEST_ROWS = 41
"""From fewer rows variances are known to 20 % or worse: the split without assumptions says as much."""
SLOWEST = 1.0
"""Windows that a first-order response may last: of a slower one the noise hangs together in ways not modelled."""
SEARCH_ROWS = 1200
LAG_ROWS = 700
TAUS = (0.25, 0.35, 0.5, 0.7, 1.0)
SUPPORT = 2.0
"""Nats by which the prior's scatter may fall short of the most likely one: the widest such is taken."""
RHO = (0.003, 0.7)
BOOTSTRAP_MOST = 1.5


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
    chi2: float
    lag: FoundLag | None
    rows: int
    parameters: Parameters
    solution: Solution


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """One setting with what came of it."""

    plan: Design
    hyper: Hyper
    parameters: Parameters
    columns: Matrix
    omega: Whitener
    solver: Solver
    solution: Solution


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


def fit_sensor(problem: SensorProblem) -> Fitted | None:
    """Return the fit, or None where the readings are too few for one."""
    low, high = (float(bound) for bound in problem.domain.lag_ns)
    response = float(problem.domain.response_ns or 0)
    rows = _inside(problem.rows, problem.run_ns, low, high)
    if len(rows) < FEWEST_ROWS or response > SLOWEST * float(np.median(rows.end_ns - rows.start_ns)):
        return None
    timing = Timing((low + high) / 2, rows.jitter_ns, response)
    found = None
    if high > low:
        few, near = _part(rows, problem.workload, LAG_ROWS)

        def likelihood(tried: Timing) -> float:
            return _first(near, few, replace(tried, response_ns=response), problem.baseline_w).solution.log_likelihood

        found = find_lag(likelihood, (low, high), rows.jitter_ns)
        timing = replace(timing, lag_ns=found.lag_ns)
    rows = _inside(problem.rows, problem.run_ns, timing.lag_ns, timing.lag_ns)
    few, near = _part(rows, problem.workload, SEARCH_ROWS)
    trial = _first(near, few, timing, problem.baseline_w)
    trial = _searched(near, trial, rows)
    timing = trial.plan.timing
    whole = _again(_of(problem.workload, rows, timing, problem.baseline_w, trial), trial.hyper)
    whole = _again(whole, whole.hyper)
    lag_sd = 0.0
    if found is not None:
        for _ in range(2):
            whole, moved, lag_sd = _with_lag(whole, max((high - low) / 12**0.5, 1e4), found.step_ns)
            if abs(moved) < 2e4:
                break
            timing = replace(timing, lag_ns=float(np.clip(timing.lag_ns + moved, low, high)))
            whole = _again(_of(problem.workload, rows, timing, problem.baseline_w, whole), whole.hyper)
        whole, _, lag_sd = _with_lag(whole, max((high - low) / 12**0.5, 1e4), found.step_ns)
    return _fitted(problem, whole, found, lag_sd)


def _inside(rows: Rows, run_ns: float, low: float, high: float) -> Rows:
    """Return the rows that lie in the run wherever the lag is."""
    return rows.at(np.flatnonzero((rows.start_ns - high >= 0) & (rows.end_ns - low <= run_ns)))


def _part(rows: Rows, workload: Workload, most: int) -> tuple[Rows, Workload]:
    """Return the first rows, and some from the middle on, to look for what needs no more."""
    if len(rows) <= most:
        return rows, workload
    middle = max(len(rows) // 2, most // 3)
    chosen = np.concatenate((np.arange(most // 3), middle + np.arange(min(most - most // 3, len(rows) - middle))))
    return rows.at(chosen), workload


def _first(workload: Workload, rows: Rows, timing: Timing, baseline_w: float | None) -> _Trial:
    """Return a first estimate: neighbouring columns taken to differ by as much as stages use to."""
    plan = design(workload, rows, timing)
    parameters = Parameters.of(plan, baseline_w)
    power = np.append(parameters.unit_w * np.where(np.arange(parameters.columns) % 2, 1.4, 0.6), 0.0)
    noise = spread(plan, power, 0.0, parameters.call_power_w(None))
    return _solved(plan, Hyper(), parameters, Whitener.of(noise.band(Hyper().rho)))


def _solved(plan: Design, hyper: Hyper, parameters: Parameters, omega: Whitener, extra: Matrix | None = None) -> _Trial:
    columns = parameters.matrix(plan)
    solver = Solver.of(columns, plan.rows.energy_j, omega)
    return _Trial(plan, hyper, parameters, columns, omega, solver, solver.under(parameters.prior(hyper)))


def _noise(trial: _Trial, plan: Design, rho: float) -> Whitener:
    theta, parameters = trial.solution.theta, trial.parameters
    noise = spread(plan, parameters.power_w(theta), max(float(theta[0]), 0.0), parameters.call_power_w(theta))
    return Whitener.of(noise.band(rho))


def _again(trial: _Trial, hyper: Hyper) -> _Trial:
    """Return the estimate with the noise that the last one means."""
    return _solved(trial.plan, hyper, trial.parameters, _noise(trial, trial.plan, hyper.rho))


def _of(workload: Workload, rows: Rows, timing: Timing, baseline_w: float | None, like: _Trial) -> _Trial:
    plan = design(workload, rows, timing)
    parameters = replace(like.parameters, usual_s=Parameters.of(plan, baseline_w).usual_s)
    omega = _noise(replace(like, parameters=parameters), plan, like.hyper.rho)
    return _solved(plan, like.hyper, parameters, omega)


def _searched(workload: Workload, trial: _Trial, rows: Rows) -> _Trial:
    """Return the trial with the most likely spread of calls and of instants."""
    trial = _again(trial, trial.hyper)

    def by_rho(log_rho: float) -> float:
        return _again(trial, replace(trial.hyper, rho=float(np.exp(log_rho)))).solution.log_likelihood

    def by_jitter(log_jitter: float) -> float:
        timing = replace(trial.plan.timing, jitter_ns=float(np.exp(log_jitter)))
        plan = design(workload, trial.plan.rows, timing)
        return _solved(
            plan, trial.hyper, trial.parameters, _noise(trial, plan, trial.hyper.rho)
        ).solution.log_likelihood

    for _ in range(2):
        rho = float(np.exp(golden(by_rho, np.log(RHO[0]), np.log(RHO[1]), 8)))
        trial = _again(trial, replace(trial.hyper, rho=rho))
        low, high = rows.jitter_bounds_ns
        jitter = float(np.exp(golden(by_jitter, np.log(low), np.log(high), 7)))
        plan = design(workload, trial.plan.rows, replace(trial.plan.timing, jitter_ns=jitter))
        trial = _solved(plan, trial.hyper, trial.parameters, _noise(trial, plan, trial.hyper.rho))
        trial = _again(trial, _widest(trial))
    return trial


def _widest(trial: _Trial) -> Hyper:
    likely = []
    for tau in TAUS:
        hyper = replace(trial.hyper, tau=tau)
        likely.append((trial.solver.under(trial.parameters.prior(hyper)).log_likelihood, hyper))
    best = max(value for value, _ in likely)
    return [hyper for value, hyper in likely if value >= best - SUPPORT][-1]


def _with_lag(trial: _Trial, lag_sd_ns: float, _step_ns: float) -> tuple[_Trial, float, float]:
    """Return the estimate with the lag as one more parameter, by how much it moves, and how sure that is."""
    parameters, theta = trial.parameters, trial.solution.theta
    until = trial.plan.energy_until(parameters.power_w(theta), float(theta[0]))
    slope = trial.plan.by_lag(until) * 1e-9
    columns = np.column_stack((trial.columns[:, : parameters.count], slope))
    prior = parameters.prior(trial.hyper)
    prior = replace(prior, mean=np.append(prior.mean, 0.0), sd=np.append(prior.sd, lag_sd_ns))
    solver = Solver.of(columns, trial.plan.rows.energy_j, trial.omega)
    solution = solver.under(prior)
    sd = float(np.sqrt(solution.covariance()[-1, -1]))
    return replace(trial, columns=columns, solver=solver, solution=solution), float(solution.theta[-1]), sd


def _fitted(problem: SensorProblem, trial: _Trial, found: FoundLag | None, lag_sd: float) -> Fitted:
    windows = problem.windows
    read = Covered.of(problem.workload, windows.start_ns, windows.end_ns)
    whole = Covered.of(problem.workload, np.zeros(1), np.array([problem.run_ns]))
    return Fitted(
        read=_energies(trial, read),
        run=_energies(trial, whole),
        timing=trial.plan.timing,
        lag_sd_ns=lag_sd,
        hyper=trial.hyper,
        condition=_condition(trial),
        chi2=trial.solution.chi2,
        lag=found,
        rows=len(trial.plan.rows),
        parameters=trial.parameters,
        solution=trial.solution,
    )


def _energies(trial: _Trial, covered: Covered) -> Energies:
    parameters, solution = trial.parameters, trial.solution
    functional = covered.functional(parameters)
    functional = np.pad(functional, ((0, 0), (0, trial.columns.shape[1] - functional.shape[1])))
    square = (trial.hyper.rho * parameters.call_power_w(solution.theta)) ** 2
    carried, in_all = trial.plan.carried * square, covered.carried_s2 * square
    result = predict(trial.columns, solution, trial.omega, carried, in_all, functional)
    covariance = result.covariance_j2 * max(solution.chi2, 1.0)
    analytic = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    drawn = bootstrap_sd(trial.columns, solution, functional)
    sd = np.maximum(analytic, np.minimum(drawn, BOOTSTRAP_MOST * analytic))
    wider = sd / np.maximum(analytic, 1e-300)
    return Energies(
        energy_j=result.energy_j,
        sd_j=sd,
        covariance_j2=covariance * np.outer(wider, wider),
        prior_sd_j=trial.hyper.tau * parameters.unit_w * covered.time_s[:-1],
    )


def _condition(trial: _Trial) -> float:
    block = trial.parameters.block
    gram = trial.solver.normal[block, block]
    scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    values = np.linalg.eigvalsh(gram / np.outer(scale, scale))
    return float(np.sqrt(values[-1] / max(values[0], 1e-300)))
