"""Inferring from bursts: what a stage spent between them, and how far off that may be.

Between bursts only sums of time are known, so windows there are divided by the power that each stage had in bursts:
stage k with the time t_wk of window w gets the share q_k * t_wk / sum over j of q_j * t_wj, where q_k is the dynamic
energy per time that windows in bursts gave it. Bursts lie at random places, hence are a random sample of the time of
every stage: with e_ik and t_ik of burst i, the ratio estimator R_k = sum of e_ik / sum of t_ik has the variance
n / (n - 1) * sum of (e_ik - R_k * t_ik)^2 / (sum of t_ik)^2 (Cochran, Sampling Techniques, 1977, section 6.4). The
interval takes Student's quantile with n - 1 degrees of freedom, widened by what stays undecided inside bursts, never
wider than what the windows' own energies allow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from energyprof.attribute.stretches import Between
from energyprof.attribute.sums import sum_by
from energyprof.attribute.weights import as_shares
from energyprof.model.span import Flags, Floats, Index, Ints

if TYPE_CHECKING:
    from energyprof.attribute.split import Problem

_TAIL = 0.975
_FEWEST = 2
"""Bursts below which nothing is inferred."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Which windows lie between bursts, and in which burst the others lie."""

    between: Flags
    burst: Ints
    """Per window; -1: in none, as before counting began."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """How far, relative to an energy inferred for each stage or group, the truth may lie below and above it."""

    below: Floats
    """0 .. 1; 1: nothing is known."""
    above: Floats
    """Infinite: nothing is known."""
    undecided: Floats
    """Part of it that even in bursts only proportions decide, 0 .. 1."""
    sampling: Floats
    """How far off it may be, relative to it, because bursts are a sample; infinite: nothing is known."""


def inferred(problem: Problem, between: Between) -> Problem:
    """Return the problem with the windows between bursts divided by the power that stages had in bursts."""
    windows, cells = problem.windows, problem.cells
    touched = between.touched(windows.start_ns, windows.end_ns)
    sample = Sample(touched, np.where(touched, -1, between.burst(windows.start_ns)))
    dynamic = np.maximum(windows.energy_j - problem.baseline_w * windows.duration_ns() * 1e-9, 0.0)
    energy = problem.share * dynamic[cells.window]
    in_burst, sharp = sample.burst[cells.window] >= 0, ~touched[cells.window]
    power = _power(cells.stage, energy, cells.time_ns, (in_burst, sharp), cells.stages + 1)
    share = as_shares(cells, power[cells.stage] * cells.time_ns)
    return replace(problem, share=np.where(sharp, problem.share, share), sample=sample)


def _power(stage: Index, energy: Floats, time_ns: Floats, chosen: tuple[Flags, Flags], count: int) -> Floats:
    """Return the energy per time of each stage in bursts; of one never seen in them, before them; else of them all."""
    power = np.full(count, np.nan)
    for rows in chosen:
        spent = sum_by(stage, np.where(rows, energy, 0.0), count)
        time = sum_by(stage, np.where(rows, time_ns, 0.0), count)
        mean = spent / np.where(time > 0, time, 1.0)
        power = np.where(np.isnan(power) & (time > 0), mean, power)
    known = ~np.isnan(power)
    usual = float(power[known].mean()) if known.any() and power[known].any() else 1.0
    return np.where(known, power, usual)


def spread(who: Ints | Index, burst: Ints, time_ns: Floats, parts: tuple[Floats, Floats, Floats], count: int) -> Spread:
    """Return the spread of each; the rows are cells in windows of bursts.

    `parts` of each: the energy given to it, of that what the data decide, and what it can have had at most.
    """
    bursts = max(int(burst.max(initial=-1)) + 1, 1)
    distinct, at = np.unique(who.astype(np.int64) * bursts + burst, return_inverse=True)
    owner = distinct // bursts
    n = np.bincount(owner, minlength=count).astype(np.float64)
    time = sum_by(at, time_ns, len(distinct))
    energy, least, most = (_Ratio.of(sum_by(at, part, len(distinct)), time, owner, n) for part in parts)
    enough = (n >= _FEWEST) & (energy.value > 0)
    relative = _ratio(energy.margin, energy.value)
    # What bursts leave undecided is a bound, and what they say of that bound is a sample as well.
    below = 1 - _ratio(np.maximum(least.value - least.margin, 0.0), energy.value) * (1 - np.minimum(relative, 1.0))
    above = _ratio(most.value + most.margin, energy.value) * (1 + relative) - 1
    undecided = 1 - _ratio(least.value, energy.value)
    return Spread(
        below=np.where(enough, np.clip(below, 0.0, 1.0), 1.0),
        above=np.where(enough, np.maximum(above, 0.0), np.inf),
        undecided=np.where(enough, np.clip(undecided, 0.0, 1.0), 1.0),
        sampling=np.where(enough, relative, np.inf),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Ratio:
    """Energy per time of each, and how far off the sample may be (95 %)."""

    value: Floats
    margin: Floats

    @staticmethod
    def of(energy: Floats, time: Floats, owner: Ints, n: Floats) -> _Ratio:
        """Return the ratio estimate from each one's `n` bursts."""
        from scipy.special import stdtrit  # here, since a run that was stored whole does without scipy

        total = sum_by(owner, time, len(n))
        value = _ratio(sum_by(owner, energy, len(n)), total)
        squares = sum_by(owner, (energy - value[owner] * time) ** 2, len(n))
        degrees = np.maximum(n - 1, 1.0)
        return _Ratio(value, stdtrit(degrees, _TAIL) * _ratio(np.sqrt(np.maximum(n, 1.0) / degrees * squares), total))


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0)
