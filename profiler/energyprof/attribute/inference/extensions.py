"""What a fit may have beside plain stages, where the data ask for it: slopes, a drifting baseline, a sensor's inertia.

Each is tried against the plain model on the same rows and taken if it makes the data more likely by NATS (a
likelihood ratio of 7; the marginal likelihood already charges for parameters that are not needed).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from energyprof.attribute.inference.design import design
from energyprof.attribute.inference.search import golden
from energyprof.attribute.inference.trial import Trial, again, rescaled, searched, searched_rho, solved
from energyprof.attribute.inference.workload import Workload
from energyprof.model.span import Floats

NATS = 2.0
NATS_RESPONSE = 6.0
KNOT_NS = 8e9
MOST_KNOTS = 60
LENGTHS_DIFFER = 0.1
MOST_SLOPES = 200
"""Those that ran longest get one: what a fit costs grows with the cube of its parameters."""
SLOPES = (0.05, 0.15, 0.4)
RESPONSES_NS = (1.5e6, 5e6, 15e6)
RESPONSE_BOUNDS_NS = (0.5e6, 30e6)


def extended(trial: Trial) -> Trial:
    """Return the trial with slopes where they are asked for, and without drift where it is not."""
    steady = solved(trial.plan, trial.hyper, trial.parameters.with_drift(trial.parameters.knots_ns[:0]), trial.omega)
    if steady.solution.log_likelihood > trial.solution.log_likelihood - NATS:
        trial = steady
    del steady  # each has matrices of its own
    sloped = _with_slopes(trial)
    best = max(sloped, key=lambda one: one.solution.log_likelihood, default=trial)
    if best.solution.log_likelihood < trial.solution.log_likelihood + NATS:
        del sloped, best
        return again(trial, None)
    del sloped, trial
    return again(searched_rho(best), None)


def knots(run_ns: float) -> Floats:
    """Return where a drifting baseline may bend; none in a short run."""
    count = min(int(run_ns / KNOT_NS), MOST_KNOTS)
    return np.linspace(0.0, run_ns, count + 1) if count > 1 else np.zeros(0)


def _with_slopes(trial: Trial) -> list[Trial]:
    columns = trial.plan.lengths_matter(LENGTHS_DIFFER)
    if not len(columns):
        return []
    ran = trial.plan.occupied[:, columns].sum(0)
    columns = np.sort(columns[np.argsort(-ran, kind="stable")[:MOST_SLOPES]])
    parameters = trial.parameters.with_slopes(columns)
    first = solved(trial.plan, replace(trial.hyper, slope=SLOPES[0]), parameters, trial.omega)
    return [first, *(rescaled(first, replace(trial.hyper, slope=slope)) for slope in SLOPES[1:])]


def with_response(
    workload: Workload, trial: Trial, jitter_bounds_ns: tuple[float, float], least_lag_ns: float
) -> Trial:
    """Return the trial with the sensor's time constant where the data ask for one; its mean delay stays the same."""
    timing = trial.plan.timing

    def of(response_ns: float) -> Trial:
        lag_ns = max(timing.lag_ns - response_ns, least_lag_ns)
        changed = replace(timing, lag_ns=lag_ns, response_ns=response_ns)
        return again(trial, design(workload, trial.plan.rows, changed))

    tried = [of(response).solution.log_likelihood for response in RESPONSES_NS]
    if max(tried) < trial.solution.log_likelihood + NATS_RESPONSE:
        return trial
    best = int(np.argmax(tried))
    ends = (RESPONSE_BOUNDS_NS[0], *RESPONSES_NS, RESPONSE_BOUNDS_NS[1])
    low, high = np.log(ends[best]), np.log(ends[best + 2])
    found = of(float(np.exp(golden(lambda log: of(float(np.exp(log))).solution.log_likelihood, low, high, 8))))
    return searched(workload, found, jitter_bounds_ns)
