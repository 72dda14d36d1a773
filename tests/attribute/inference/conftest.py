"""A run of short stages whose power is known, measured by a simulated sensor."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from energyprof.attribute import attribute
from energyprof.model.attribution import DomainAttribution
from energyprof.model.power import Readings
from energyprof.model.trace import Trace
from energyprof.testing import SECOND, SimulatedSensor

MS = 1_000_000
IDLE_W = 30.0
IDLE_MS = 1000.0
NAMES = ("a", "b", "c", "d", "e", "f")
WATTS = (60.0, 220.0, 120.0, 300.0, 90.0, 180.0)
USUAL_MS = (12.0, 8.0, 20.0, 6.0, 15.0, 9.0)


@dataclass
class Measured:
    """A trace and what its stages really spent."""

    trace: Trace
    true_j: dict[str, float]
    total_j: float

    def found(self) -> DomainAttribution:
        return attribute(self.trace).domains[0]

    def errors(self, found: DomainAttribution) -> tuple[np.ndarray, np.ndarray]:
        """Return error and standard deviation of each stage, relative to the truth."""
        true = np.array([self.true_j[str(stage.id)] for stage in self.trace.stages])
        return found.fit.energy_j / true - 1, found.fit.sd_j / true


def calls(rng, run_ms, differ=0.1, call_power=0.03):
    """Return spans in ms and the power of each, stage after stage with pauses between rounds."""
    spans, powers, at = [], [], IDLE_MS
    while at < run_ms - IDLE_MS - 200:
        for name, watts, usual in zip(NAMES, WATTS, USUAL_MS, strict=True):
            length = round(usual * float(np.exp(differ * rng.standard_normal())), 3)
            spans.append((name, round(at, 3), round(at + length, 3)))
            powers.append(watts * (1 + call_power * float(rng.standard_normal())))
            at += length
        at += float(rng.exponential(4.0))
    return spans, powers


@dataclass
class Simulate:
    """What tests measure runs with."""

    make: object

    def run(self, seed=0, run_ms=30_000.0, poll_ms=9.0, differ=0.1, names=None, **habits) -> Measured:
        rng = np.random.default_rng(seed)
        spans, powers = calls(rng, run_ms, differ)
        steps, end = [(-5 * SECOND, IDLE_W)], 0.0
        for (_, start, stop), watts in zip(spans, powers, strict=True):
            if start > end:
                steps.append((round(end * MS), IDLE_W))
            steps.append((round(start * MS), IDLE_W + watts))
            end = stop
        steps.append((round(end * MS), IDLE_W))
        steps = [
            step for step, following in zip(steps, [*steps[1:], (2**62, 0)], strict=True) if step[0] < following[0]
        ]
        sensor = SimulatedSensor(lambda: 0, steps, phase_ns=int(rng.integers(20 * MS)), **habits)
        t_ns = np.cumsum(np.rint(poll_ms * MS * rng.uniform(0.8, 1.2, int(run_ms / poll_ms) + 60))).astype(np.int64)
        raw = np.array([sensor.raw_at(int(t)) for t in t_ns], np.int64)
        at = t_ns + self.make.origin_ns
        readings = Readings(at - 15_000, at + 15_000, raw, np.zeros(len(raw), np.uint8))
        if names is not None:
            spans = [(names[name], start, stop) for name, start, stop in spans]
        domain = replace(sensor.domain, driver="device")
        true = dict.fromkeys(dict.fromkeys(name for name, _, _ in spans), 0.0)
        for name, start, stop in spans:
            true[name] += sensor.true_energy_j(round(start * MS), round(stop * MS))
        trace = self.make.trace([spans], [(domain, readings)], end_ms=run_ms)
        return Measured(trace, true, sensor.true_energy_j(0, round(run_ms * MS)))


@pytest.fixture(scope="session")
def simulate(make):
    return Simulate(make)
