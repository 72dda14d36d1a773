"""Polls of a busy machine that miss updates of a power sensor: the energy stays near, and the interval tells."""

from __future__ import annotations

import numpy as np

from energyprof.attribute.split import SPREAD
from energyprof.attribute.updates import recover
from energyprof.model.power import Readings
from energyprof.testing import SECOND, SimulatedSensor

MS = 1_000_000


def measured(rng, late_ms):
    """Return the error and half the interval of a run, both relative; three of ten polls are late, by so much."""
    steps, at = [(-5 * SECOND, 20.0)], 100.0
    for watts, length in [(90, 600), *[(310, 400), (380, 500), (180, 150)] * 3, (120, 300)]:
        steps.append((round(at * MS), float(watts)))
        at += length
    steps.append((round(at * MS), 20.0))
    sensor = SimulatedSensor(lambda: 0, steps, quantity="power", period_ns=20 * MS, phase_ns=int(rng.integers(20 * MS)))
    since = 6.6 + rng.exponential(late_ms, 2000) * (rng.random(2000) < 0.3)
    t_ns = np.rint(np.cumsum(since) * MS).astype(np.int64)
    t_ns = t_ns[t_ns < (at + 100) * MS]
    raw = np.array([sensor.raw_at(int(t)) for t in t_ns], np.int64)
    windows = recover(sensor.domain, Readings(t_ns, t_ns, raw, np.zeros(len(raw), np.uint8)), 0, int(t_ns[-1])).run
    true_j = sum(
        sensor.true_energy_j(round(start), round(end))
        for start, end in zip(windows.start_ns.tolist(), windows.end_ns.tolist(), strict=True)
    )
    sd_j = 0.0 if windows.sd_j is None else float((windows.sd_j**2).sum()) ** 0.5
    return float(windows.energy_j.sum()) / true_j - 1, SPREAD * sd_j / true_j


def test_without_late_polls_nothing_is_missed():
    rng = np.random.default_rng(3)

    runs = [measured(rng, 0.0) for _ in range(5)]

    assert all(abs(error) < 0.002 and half == 0 for error, half in runs)


def test_missed_updates_are_taken_from_both_sides_and_widen_the_interval():
    rng = np.random.default_rng(4)

    errors, halves = np.array([measured(rng, 30.0) for _ in range(30)]).T

    # Few large steps make most of the error: it is not as normal as the interval takes it to be.
    assert np.mean(np.abs(errors) <= halves) >= 0.9
    assert np.sqrt(np.mean(errors**2)) < 0.006
    assert 0 < np.mean(halves) < 0.03
