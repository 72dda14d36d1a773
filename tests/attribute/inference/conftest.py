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


def with_others(rng, steps, run_ms, watts):
    """Return the steps with the power of another program on top, which comes and goes every second or so."""
    at = np.cumsum(rng.exponential(1000.0, int(run_ms / 500) + 20)) * MS
    instants, powers = (np.array(column) for column in zip(*steps, strict=True))
    every = np.union1d(instants, np.rint(at).astype(np.int64))
    own = powers[np.searchsorted(instants, every, "right") - 1]
    busy = np.searchsorted(at, every, "right") % 2 == 1
    return [(int(t), float(power)) for t, power in zip(every, own + watts * busy, strict=True)]


def ahead(rng, spans, queued_ms):
    """Return the spans of work that is queued so long, more or less, before it runs; their lengths stay."""
    shift = queued_ms * np.clip(1 + 0.3 * np.sin(np.arange(len(spans)) / 200 + rng.uniform(0, 6)), 0, 2)
    recorded, free = [], 0.0
    for (name, start, stop), early in zip(spans, shift, strict=True):
        begin = max(start - early, free)
        free = max(stop - early, begin + 0.01)
        recorded.append((name, round(begin, 3), round(free, 3)))
    return recorded


@dataclass
class Simulate:
    """What tests measure runs with."""

    make: object

    def run(
        self, seed=0, run_ms=30_000.0, poll_ms=9.0, differ=0.1, names=None, others_w=0.0, queued_ms=0.0, **habits
    ) -> Measured:
        """`others_w`: another program comes and goes; `queued_ms`: stamps say when work was queued, not when it ran."""
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
        if others_w:
            steps = with_others(rng, steps, run_ms, others_w)
        sensor = SimulatedSensor(lambda: 0, steps, phase_ns=int(rng.integers(20 * MS)), **habits)
        t_ns = np.cumsum(np.rint(poll_ms * MS * rng.uniform(0.8, 1.2, int(run_ms / poll_ms) + 60))).astype(np.int64)
        raw = np.array([sensor.raw_at(int(t)) for t in t_ns], np.int64)
        at = t_ns + self.make.origin_ns
        readings = Readings(at - 15_000, at + 15_000, raw, np.zeros(len(raw), np.uint8))
        if names is not None:
            spans = [(names[name], start, stop) for name, start, stop in spans]
        domain = replace(sensor.domain, driver="device")
        recorded = ahead(rng, spans, queued_ms) if queued_ms else spans
        true = dict.fromkeys(dict.fromkeys(name for name, _, _ in spans), 0.0)
        for name, start, stop in spans:
            true[name] += sensor.true_energy_j(round(start * MS), round(stop * MS))
        trace = self.make.trace([recorded], [(domain, readings)], end_ms=run_ms)
        return Measured(trace, true, sensor.true_energy_j(0, round(run_ms * MS)))


@pytest.fixture(scope="session")
def simulate(make):
    return Simulate(make)
