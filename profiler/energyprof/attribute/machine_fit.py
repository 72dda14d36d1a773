"""Fit a machine's power to what a meter said of a known load: idle watts, and joules for each second of CPU time.

Least squares of relative errors, for a meter's error is relative as well; both figures are 0 or more. What the fit
cannot explain (boost, memory traffic, a meter that lags) stays in the residuals, and makes the error that is stated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from energyprof.errors import InputError
from energyprof.model.span import Floats

LEAST_WINDOWS = 6
LEAST_SPREAD = 0.2
"""CPUs: between the calmest and the busiest window there must be more than that."""


@dataclass(frozen=True, slots=True)
class MachineFit:
    """What was fitted, and how well it explains what was measured."""

    idle_w: float
    cpu_w: float
    error: float
    """Relative; what any of the loads was off by, or two standard deviations of the windows if that is more."""
    by_phase: Mapping[str, tuple[float, float]]
    """By load: mean watts measured, and by the fit."""
    windows: int


def fit_machine(energy_j: Floats, duration_s: Floats, cpu_s: Floats, phase: tuple[str, ...]) -> MachineFit:
    """Fit windows of one load each; raises InputError where they cannot tell idle from busy."""
    measured = np.isfinite(energy_j) & (energy_j > 0) & (duration_s > 0)
    if np.count_nonzero(measured) < LEAST_WINDOWS:
        raise InputError(
            f"the meter gave {np.count_nonzero(measured)} usable values during the load, and {LEAST_WINDOWS} are "
            "needed; let it log more often, or try: --duration 120"
        )
    energy, duration, cpu = energy_j[measured], duration_s[measured], cpu_s[measured]
    names = [name for name, is_measured in zip(phase, measured, strict=True) if is_measured]
    cpus = cpu / duration
    if np.ptp(cpus) <= LEAST_SPREAD:
        raise InputError(
            f"the machine was always as busy ({cpus.min():.1f} to {cpus.max():.1f} CPUs) while the meter was read; "
            "end other programs, and let the meter's log cover the whole load"
        )
    idle_w, cpu_w = _least_squares(duration / energy, cpu / energy)
    if cpu_w == 0:
        raise InputError(
            "the meter shows no more power when the CPUs are busy; is it the right meter, and is its clock right?"
        )
    explained = idle_w * duration + cpu_w * cpu
    relative = explained / energy - 1
    by_phase = {}
    off = 2 * float(np.sqrt(np.mean(relative**2)))
    for name in dict.fromkeys(names):
        rows = np.array([one == name for one in names])
        seconds = duration[rows].sum()
        by_phase[name] = (float(energy[rows].sum() / seconds), float(explained[rows].sum() / seconds))
        off = max(off, abs(by_phase[name][1] / by_phase[name][0] - 1))
    return MachineFit(idle_w, cpu_w, off, by_phase, len(energy))


def _least_squares(idle: Floats, busy: Floats) -> tuple[float, float]:
    """Return the two figures that come nearest to 1 everywhere; one that would be negative is 0."""
    ones = np.ones_like(idle)
    (idle_w, cpu_w), *_ = np.linalg.lstsq(np.column_stack((idle, busy)), ones, rcond=None)
    if idle_w < 0:
        return 0.0, float(busy.sum() / (busy**2).sum())
    if cpu_w < 0:
        return float(idle.sum() / (idle**2).sum()), 0.0
    return float(idle_w), float(cpu_w)
