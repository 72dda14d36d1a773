"""Ten seconds of known power through the real sampler, by each model of a sensor: what the ledger says of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from energyprof.attribute import attribute
from energyprof.collect.devices import open_source
from energyprof.collect.open_sources import lead_out_ns
from energyprof.collect.sampler import Sampler
from energyprof.testing import SECOND, FakeClock, SimulatedSensor

pytestmark = pytest.mark.slow

MS = 1_000_000
RUN_NS = 10 * SECOND
IDLE_W = 20.0
FULL_TIME = {
    "counter of 1 ms that wraps": {"period_ns": MS, "scale": 15.3e-6, "wrap": 1 << 22},
    "counter of 20 ms": {"period_ns": 20 * MS, "phase_ns": 7 * MS},
    "counter of 100 ms": {"period_ns": 100 * MS, "phase_ns": 31 * MS},
    "counter of 100 ms that lags": {"period_ns": 100 * MS, "phase_ns": 57 * MS, "lag_ns": 80 * MS},
    "power of 20 ms": {"quantity": "power", "period_ns": 20 * MS, "phase_ns": 3 * MS},
    "power of 100 ms": {"quantity": "power", "period_ns": 100 * MS, "phase_ns": 57 * MS},
    "power of 100 ms that lags": {"quantity": "power", "period_ns": 100 * MS, "phase_ns": 57 * MS, "lag_ns": 80 * MS},
    "power averaged over a second": {"quantity": "power", "period_ns": 100 * MS, "window_ns": 1000 * MS},
}
PART_TIME = {
    "10 of 20 ms": {"quantity": "power", "period_ns": 20 * MS, "phase_ns": 3 * MS, "window_ns": 10 * MS},
    "25 of 100 ms": {"quantity": "power", "period_ns": 100 * MS, "phase_ns": 57 * MS, "window_ns": 25 * MS},
}


def sampled(make, habits, seed, idle_ns):
    """Return what is found out of a run that idles at both ends, and what it really spent."""
    rng = np.random.default_rng(seed)
    at, steps = float(idle_ns), [(-5 * SECOND, IDLE_W)]
    while at < RUN_NS - idle_ns:
        steps.append((round(at), float(rng.uniform(20, 300))))
        at += float(rng.uniform(5, 400)) * MS
    steps.append((RUN_NS - idle_ns, IDLE_W))
    clock = FakeClock()
    sensor = SimulatedSensor(clock.now_ns, steps, **habits)

    class Answering(SimulatedSensor):
        """Takes a while to answer, as drivers do, and says what held in the middle."""

        def read(self):
            clock.advance(20_000)
            answer = list(sensor.read())
            clock.advance(20_000)
            return answer

    source = Answering(clock.now_ns, steps, **habits)
    opened = [open_source(source, (sensor.domain,))]
    sampler = Sampler(opened, now_ns=clock.now_ns)
    poller, pace = sampler._pollers[0], sampler._loops[0].pace
    end_ns, due_ns = RUN_NS + lead_out_ns(opened), 0
    while due_ns < end_ns:
        clock.advance(due_ns - clock.now_ns())
        poller.poll()
        due_ns = pace.next_due_ns(due_ns, clock.now_ns())
    poller.poll()
    readings = sampler.drain()[sensor.domain.id]
    readings = replace(
        readings,
        t_before_ns=readings.t_before_ns + make.origin_ns,
        t_after_ns=readings.t_after_ns + make.origin_ns,
    )
    trace = make.trace([[("all", 0, RUN_NS / MS)]], [(sensor.domain, readings)], end_ms=RUN_NS / MS)
    return attribute(trace).domains[0], sensor.true_energy_j(0, RUN_NS)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("habit", FULL_TIME)
def test_sensor_that_sees_all_the_time_is_right_within_half_a_percent(make, habit, seed):
    habits = FULL_TIME[habit]
    window_ns = max(habits["period_ns"], habits.get("window_ns", 0))

    found, true_j = sampled(make, habits, seed, window_ns)

    assert found.ledger.measured_j == pytest.approx(true_j, rel=0.005)
    assert found.covered_ns >= RUN_NS - 2 * habits["period_ns"] - 30 * MS


@pytest.mark.parametrize("habit", PART_TIME)
def test_sensor_that_sees_part_of_the_time_is_right_within_its_interval(make, habit):
    habits = PART_TIME[habit]
    held, widths = 0, []
    for seed in range(20):
        found, true_j = sampled(make, habits, seed, habits["period_ns"])
        low_j, high_j = float(found.self_energy.low_j[0]), float(found.self_energy.high_j[0])
        # Within the time covered; before its first reading a run idles, and that time is stated.
        uncovered_j = IDLE_W * (RUN_NS - found.covered_ns) * 1e-9
        held += low_j <= true_j - uncovered_j <= high_j
        widths.append((high_j - low_j) / 2 / true_j)

    assert held >= 18  # of 20: an interval of 95 %
    assert np.median(widths) < 0.1
    assert min(widths) > 0
