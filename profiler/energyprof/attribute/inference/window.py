"""The averaging window of a power sensor that nobody has told, or only its class: by profile likelihood.

A reading p at the instant u is the mean power of [u - lag - W, u - lag]. For each candidate W (parts and multiples of
the usual distance of readings) the most likely lag is found, and then how likely the readings are. Rows hold the energy
p W, whose density differs by W from that of p, so that what compares windows on the same n readings is

    L(W) = max over lag of ln p(y | W, lag) + n ln W

The best candidate is refined between its neighbours, with the end of the window or its middle held, and given up for
the candidate again unless it is more likely by NATS. The window that was taken before (one period, or that of the
class) stays unless another one is clearly more likely. Windows that the data cannot rule out make it uncertain, and
that uncertainty enters every interval (timing.py).

Who logs a sensor of which so little is known may have read values up to one update old: lags up to one more distance of
readings are looked at, and a new window comes with the lag that fits it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from energyprof.attribute.inference.design import Timing
from energyprof.attribute.inference.extensions import knots
from energyprof.attribute.inference.lag import find_lag
from energyprof.attribute.inference.problem import CLOCKS_NS, FEWEST_ROWS, SensorProblem, lag_bounds, part_of
from energyprof.attribute.inference.rows import Rows
from energyprof.attribute.inference.search import golden
from energyprof.attribute.inference.trial import Trial, first, searched_rho
from energyprof.model.domain import Domain
from energyprof.model.span import Floats

PARTS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0)
"""Candidates, in usual distances of readings."""
LONGEST_ROWS, LONGEST_PART = 60, 0.1
"""A window is at most so many readings, and so much of the run."""
ROWS = 400
NATS = 3.0
CLEARLY = {"": 5.0, "by class": 10.0}
"""Nats by which another window must be more likely than one period, or than what the class is known for."""
DISTINCT = {"": 1.3, "by class": 3.0}
"""By less windows are not told apart: what the model leaves out shifts the best one by as much. A class is measured on
many boards, and mistaken by a whole kind of average (25 ms for 1 s), if at all."""
SHORT_SD = 0.3
"""Of a window shorter than one update: where lags are not known to a part of it, lag and window explain one another."""
LIKELY = 5.0
"""Candidates that fall short of the best by less may be true."""
EXPLAINED = 0.5
"""Part of the readings' variance that the stages must explain. Where power changes for other reasons, it is those that
a window would be fitted to: without this, totals of simulated runs of one stage and random power were 5 % off.
"""
LEAST_SD = 0.02
"""Of the window: no likelihood knows it better than its own model is."""
LOOKS = 7


@dataclass(frozen=True, slots=True)
class FoundWindow:
    """What averaging window fits the readings."""

    window_ns: float
    sd_ns: float
    told_ns: float
    """What it was taken to be before."""
    is_new: bool
    """It is another one."""
    lag_ns: float
    """What fits best with it, and is looked for anew within what is not known of it."""

    def of(self, domain: Domain) -> Domain:
        """Return the domain with this window, where it is a new one, and the lag that belongs to it."""
        if not self.is_new:
            return domain
        reach = self.sd_ns + CLOCKS_NS
        lag_ns = round(max(self.lag_ns - reach, 0.0)), round(max(self.lag_ns + reach, 0.0))
        return replace(domain, window_ns=round(self.window_ns), lag_ns=lag_ns)


def find_window(problem: SensorProblem) -> FoundWindow | None:
    """Return the most likely window; None where readings are too few to tell, or the window is known."""
    domain = problem.domain
    if domain.quantity != "power" or domain.response_ns or not (domain.window_ns is None or domain.timing in CLEARLY):
        return None
    if len(problem.rows) < FEWEST_ROWS:
        return None
    told = float(np.median(problem.rows.end_ns - problem.rows.start_ns))
    apart = float(np.median(np.diff(problem.rows.end_ns)))
    widest = min(LONGEST_ROWS * apart, LONGEST_PART * problem.run_ns)
    windows = sorted({*(part * apart for part in PARTS if part * apart <= widest), told})
    low, high = lag_bounds(problem)
    high += apart
    ends = problem.rows.end_ns
    inside = (ends - max(windows[-1], told) - high >= 0) & (ends - low <= problem.run_ns)
    rows = problem.rows.at(np.flatnonzero(inside))
    if apart <= 0 or len(rows) < FEWEST_ROWS:
        return None
    tried = _Tried(problem, part_of(rows, ROWS), (low, high), knots(problem.run_ns))
    levels = [tried.at(window) for window in windows]
    best = int(np.argmax(levels))
    window, level, lag = _refined(tried, windows, levels, best)
    if tried.explained(window, lag) < EXPLAINED:
        return None
    by = domain.timing if domain.timing in CLEARLY else ""
    kept = levels[windows.index(told)] >= level - CLEARLY[by] or abs(np.log(window / told)) < np.log(DISTINCT[by])
    found = told if kept else window
    likely = [one for one, like in zip(windows, levels, strict=True) if like >= level - LIKELY]
    near = window if abs(np.log(window / found)) < np.log(DISTINCT[by]) else found
    sd = max(
        (SHORT_SD if found < apart / DISTINCT[""] else LEAST_SD) * found, *(abs(one - found) for one in (*likely, near))
    )
    return FoundWindow(found, sd, told, not kept, lag)


def _refined(tried: _Tried, windows: list[float], levels: list[float], best: int) -> tuple[float, float, float]:
    """Return the window near the best candidate that is more likely still, if one clearly is, its L and its lag."""
    low, high = windows[max(best - 1, 0)], windows[min(best + 1, len(windows) - 1)]
    held = windows[best]
    lag_ns = tried.lag_ns(tried.rows.averaging(held))

    def near(log: float) -> tuple[float, float]:
        return tried.near(held, lag_ns, float(np.exp(log)))

    log = golden(lambda at: near(at)[0], float(np.log(low)), float(np.log(high)), LOOKS)
    level, lag = near(log)
    return (float(np.exp(log)), level, lag) if level > levels[best] + NATS else (held, levels[best], lag_ns)


@dataclass(frozen=True, slots=True, eq=False)
class _Tried:
    """The likelihood of windows on the same readings."""

    problem: SensorProblem
    rows: Rows
    bounds_ns: tuple[float, float]
    knots_ns: Floats

    def at(self, window_ns: float) -> float:
        """Return L of a window."""
        rows = self.rows.averaging(window_ns)
        return self._level(rows, self.lag_ns(rows), window_ns)

    def near(self, held_ns: float, lag_ns: float, window_ns: float) -> tuple[float, float]:
        """Return L and lag of a window near one of known lag: its end or its middle stays."""
        rows = self.rows.averaging(window_ns)
        lags = np.unique(np.clip((lag_ns, lag_ns + (held_ns - window_ns) / 2), *self.bounds_ns)).tolist()
        return max((self._level(rows, one, window_ns), one) for one in lags)

    def lag_ns(self, rows: Rows) -> float:
        """Return the most likely lag."""

        def likelihood(timing: Timing) -> float:
            trial = first(self.problem.workload, rows, timing, self.problem.baseline_w, self.knots_ns)
            return trial.solution.log_likelihood

        start = Timing(sum(self.bounds_ns) / 2, rows.jitter_ns)
        return find_lag(likelihood, self.bounds_ns, start).lag_ns

    def explained(self, window_ns: float, lag_ns: float) -> float:
        """Return the part of the variance of the readings that a window of that lag explains."""
        rows = self.rows.averaging(window_ns)
        trial = self._trial(rows, lag_ns)
        return 1.0 - float(np.var(trial.solution.residual_j)) / max(float(np.var(rows.energy_j)), 1e-300)

    def _level(self, rows: Rows, lag_ns: float, window_ns: float) -> float:
        trial = self._trial(rows, lag_ns)
        return searched_rho(trial).solution.log_likelihood + len(rows) * float(np.log(window_ns))

    def _trial(self, rows: Rows, lag_ns: float) -> Trial:
        timing = Timing(lag_ns, rows.jitter_ns)
        return first(self.problem.workload, rows, timing, self.problem.baseline_w, self.knots_ns)
