"""The true energy of each stage lies in its interval, wherever the sensor's lag is within its bounds and its phase."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from energyprof.attribute import attribute
from energyprof.model.power import Readings
from energyprof.testing import SECOND, SimulatedSensor

pytestmark = pytest.mark.slow

MS = 1_000_000
RUN_MS = 4000.0
IDLE_W = 20.0
POLL_NS = 3 * MS
CALL_NS = 40_000


def random_run(rng):
    """Return stages as (name, from, to) in ms and the true power: steps of their own within stages, idle between."""
    steps, stages, at = [(-5 * SECOND, IDLE_W)], [], 250.0
    while at < RUN_MS - 500:
        end = at + float(rng.uniform(15, 400))
        stages.append((f"s{len(stages)}", at, end))
        while at < end:
            steps.append((round(at * MS), float(rng.uniform(40, 300))))
            at = min(end, at + float(rng.uniform(30, 300)))
        steps.append((round(end * MS), IDLE_W))
        at += float(rng.uniform(1, 200)) if rng.random() < 0.7 else 0.001
    return stages, steps


def found_of(make, rng, period_ns, lag_ns):
    stages, steps = random_run(rng)
    sensor = SimulatedSensor(
        lambda: 0, steps, period_ns=period_ns, phase_ns=int(rng.integers(period_ns)), lag_ns=int(rng.integers(*lag_ns))
    )
    t_ns = np.arange(-2 * period_ns, int(RUN_MS * MS) + 400 * MS, POLL_NS)
    raw = np.array([sensor.raw_at(int(t)) for t in t_ns + CALL_NS // 2], np.int64)
    before = t_ns + make.origin_ns
    readings = Readings(before, before + CALL_NS, raw, np.zeros(len(raw), np.uint8))
    domain = replace(sensor.domain, lag_ns=lag_ns)
    found = attribute(make.trace([stages], [(domain, readings)], end_ms=RUN_MS)).domains[0]
    truth = np.array([sensor.true_energy_j(round(start * MS), round(end * MS)) for _, start, end in stages])
    return found.self_energy, truth


@pytest.mark.parametrize(
    ("period_ms", "lag_ms", "widest"),
    [(20, (0, 1), 0.16), (20, (0, 20), 0.26), (20, (0, 80), 0.8), (100, (0, 1), 0.7), (100, (0, 80), 1.0)],
)
def test_interval_of_a_counter_holds_the_true_energy_and_is_no_wider_than_it_must(make, period_ms, lag_ms, widest):
    rng = np.random.default_rng(period_ms + lag_ms[1])
    held, widths = [], []

    for _ in range(15):
        own, truth = found_of(make, rng, period_ms * MS, (lag_ms[0] * MS, lag_ms[1] * MS))
        held += ((own.low_j <= truth + 2e-3) & (truth <= own.high_j + 2e-3)).tolist()
        widths.append(float((own.high_j - own.low_j).sum() / truth.sum()))

    assert np.mean(held) >= 0.95, f"{np.mean(held):.3f} of {len(held)}, width {np.mean(widths):.2f}"
    assert np.mean(widths) < widest, f"held {np.mean(held):.3f}, width {np.mean(widths):.2f}"


def test_interval_of_a_first_order_sensor_holds_the_true_energy(make):
    rng = np.random.default_rng(5)
    held, widths, period_ns, response_ms = [], [], 20 * MS, 91
    for _ in range(20):
        stages, steps = random_run(rng)
        sensor = SimulatedSensor(lambda: 0, steps, quantity="power", period_ns=period_ns)
        fine_ms = np.arange(-2000, int(RUN_MS) + 600)
        power = np.array([sensor.true_energy_j(int(t) * MS, int(t + 1) * MS) * 1e3 for t in fine_ms])
        shown, level = np.zeros(len(power)), IDLE_W
        for row, watts in enumerate(power):
            level += (watts - level) * (1 - np.exp(-1 / response_ms))
            shown[row] = level
        t_ms = np.arange(-500, int(RUN_MS) + 500, 4)
        slot = (t_ms - 7) // 20 * 20 + 7
        raw = np.rint(shown[slot + 2000] / sensor.domain.scale).astype(np.int64)
        before = t_ms * MS + make.origin_ns
        readings = Readings(before, before + CALL_NS, raw, np.zeros(len(raw), np.uint8))
        domain = replace(sensor.domain, response_ns=response_ms * MS)
        own = attribute(make.trace([stages], [(domain, readings)], end_ms=RUN_MS)).domains[0].self_energy
        truth = np.array([sensor.true_energy_j(round(start * MS), round(end * MS)) for _, start, end in stages])
        held += ((own.low_j <= truth + 2e-3) & (truth <= own.high_j + 2e-3)).tolist()
        widths.append(float((own.high_j - own.low_j).sum() / truth.sum()))

    assert np.mean(held) >= 0.95, f"{np.mean(held):.3f} of {len(held)}, width {np.mean(widths):.2f}"
    assert np.mean(widths) < 3.0, f"held {np.mean(held):.3f}, width {np.mean(widths):.2f}"
