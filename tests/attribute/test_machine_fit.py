"""A machine's power by least squares: the truth is found, what it cannot explain is stated, nonsense is refused."""

from __future__ import annotations

import numpy as np
import pytest

from energyprof.attribute.machine_fit import fit_machine
from energyprof.errors import InputError

LOADS = ("idle", "one CPU", "all CPUs")


def windows(idle_w, cpu_w, cpus=(0.05, 1.0, 8.0), rows=10, gain=1.0, seed=1):
    """Return ten windows of a second for each load; the last load's power is `gain` times what it should be."""
    rng = np.random.default_rng(seed)
    cpu_s = np.repeat(cpus, rows) * rng.uniform(0.98, 1.02, rows * len(cpus))
    energy_j = idle_w + cpu_w * cpu_s
    energy_j[-rows:] *= gain
    return energy_j, np.ones(len(cpu_s)), cpu_s, tuple(np.repeat(LOADS, rows))


def test_the_truth_is_found_where_it_is_linear():
    fit = fit_machine(*windows(40.0, 6.0))

    assert (fit.idle_w, fit.cpu_w) == (pytest.approx(40.0), pytest.approx(6.0))
    assert fit.error == pytest.approx(0.0, abs=1e-9)
    assert (fit.windows, list(fit.by_phase)) == (30, list(LOADS))


def test_what_a_line_cannot_explain_is_the_error():
    fit = fit_machine(*windows(40.0, 6.0, gain=1.2))

    worst = max(abs(by_fit / measured - 1) for measured, by_fit in fit.by_phase.values())
    assert fit.error >= worst > 0.01


def test_power_that_needs_no_idle_is_fitted_without_it():
    energy, duration, cpu, phase = windows(0.0, 6.0, cpus=(0.5, 1.0, 8.0))
    energy[-10:] *= 1.5

    fit = fit_machine(energy, duration, cpu, phase)

    assert (fit.idle_w, fit.cpu_w > 0) == (0.0, True)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (windows(40.0, 6.0, rows=1), "the meter gave 3 usable values"),
        (windows(40.0, 6.0, cpus=(1.0, 1.05, 1.0)), "the machine was always as busy"),
        (windows(80.0, -6.0), "no more power when the CPUs are busy; is it the right meter"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_what_to_do(rows, said):
    with pytest.raises(InputError, match=said):
        fit_machine(*rows)
