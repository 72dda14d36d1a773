"""Simulated sensors with a known truth: the intervals must hold it, whatever the sensor's habits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from energyprof.attribute import attribute
from energyprof.model.power import Readings
from energyprof.testing import SimulatedSensor

MS = 1_000_000
POWER_W = {"load": 40.0, "train": 180.0, "eval": 120.0}
IDLE_W = 20.0
HABITS = {
    "counter of 100 ms": {"period_ns": 100 * MS, "phase_ns": 31 * MS, "scale": 1e-3},
    "counter of 20 ms": {"period_ns": 20 * MS, "scale": 1e-3},
    "counter of 1 ms that wraps": {"period_ns": MS, "scale": 15.3e-6, "wrap": 1 << 20},
    "counter that lags": {"period_ns": 50 * MS, "lag_ns": 80 * MS, "scale": 1e-3},
    "power of 100 ms": {"quantity": "power", "period_ns": 100 * MS, "phase_ns": 57 * MS},
    "power averaged over a second": {"quantity": "power", "period_ns": 100 * MS, "window_ns": 1000 * MS},
}


def pipeline(seed):
    """Stages of 30 ms to 2 s with gaps, and the steps of power that they cause."""
    rng = np.random.default_rng(seed)
    spans, steps, at = [], [(0, IDLE_W)], 500.0
    while at < 20_000:
        name = str(rng.choice(list(POWER_W)))
        end = at + float(np.round(rng.choice([30, 150, 700, 2000]) * rng.uniform(0.8, 1.2), 3))
        spans.append((name, at, end))
        steps.append((round(at * MS), POWER_W[name]))
        steps.append((round(end * MS), IDLE_W))
        at = end + float(rng.choice([1, 10, 400]))
    return spans, steps


def truth_j(spans):
    total = dict.fromkeys(POWER_W, 0.0)
    for name, start, end in spans:
        total[name] += POWER_W[name] * (end - start) * 1e-3
    return total


@pytest.mark.parametrize("habit", HABITS)
@pytest.mark.parametrize("seed", [1, 2])
def test_intervals_hold_the_truth(make, habit, seed):
    spans, steps = pipeline(seed)
    sensor = SimulatedSensor(lambda: 0, steps, **HABITS[habit])
    rng = np.random.default_rng(seed)
    t = np.cumsum(np.rint(9.7 * MS * rng.uniform(0.9, 1.1, 2300))).astype(np.int64)
    raw = np.array([sensor.raw_at(int(at)) for at in t], np.int64)
    t += make.origin_ns
    readings = Readings(t - 10_000, t + 10_000, raw, np.zeros(len(t), np.uint8))
    domain = replace(sensor.domain, baseline_w=IDLE_W)
    trace = make.trace([make.lane(spans, tid=1)], [(domain, readings)], end_ms=t[-1] / MS)

    found = attribute(trace).domains[0]

    true = truth_j(spans)
    for row, stage in enumerate(trace.stages):
        low, high = found.self_energy.low_j[row], found.self_energy.high_j[row]
        assert low <= true[stage.name] * 1.002
        assert high >= true[stage.name] * 0.998
        assert not found.self_energy.refused[row] or "averaged" in habit
    between = (found.measured_start_ns - make.origin_ns, found.measured_end_ns - make.origin_ns)
    assert found.ledger.measured_j == pytest.approx(sensor.true_energy_j(*between), rel=0.003)
