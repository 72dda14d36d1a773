"""A sensor with known habits, listened to in no time: a clock that only calls and sleeps move."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pytest

from energyprof.collect.devices import open_source
from energyprof.collect.poller import Poller
from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain
from energyprof.model.power import Readings
from energyprof.probe.listening import listen
from energyprof.probe.load_course import Course, planned
from energyprof.testing import SECOND, FakeClock, SimulatedSensor

MS = 1_000_000
IDLE_W, SWING_W = 61.37, 241.13
START_NS = 7 * SECOND


class Costly:
    """A sensor whose calls take time, on a machine that now and then wakes us late."""

    def __init__(self, sensor: SimulatedSensor, clock: FakeClock, call_ns: int) -> None:
        self.name, self.measures, self.rank = "costly", "sensor", 50
        self._sensor, self._clock, self._call_ns = sensor, clock, call_ns
        self.why_unavailable, self.open, self.close = sensor.why_unavailable, sensor.open, sensor.close

    def read(self) -> Iterable[Reading | ReadFailure]:
        self._clock.advance(self._call_ns // 2)
        answer = self._sensor.read()
        self._clock.advance(self._call_ns - self._call_ns // 2)
        return answer


@dataclass(frozen=True)
class Heard:
    domain: Domain
    readings: Readings
    course: Course
    sensor: SimulatedSensor
    start_ns: int = START_NS


@dataclass
class Listen:
    """Listen to a simulated sensor under the probe's load, or under constant power."""

    ms: int = MS
    swing_w: float = SWING_W
    heard: type[Heard] = field(default=Heard)

    def __call__(
        self, duration_s: float = 20.0, call_ns: int = 20_000, loaded: bool = True, jitter_ns: int = 60_000, **habits
    ) -> Heard:
        clock = FakeClock(START_NS)
        plan = planned(habits.get("period_ns"), round(duration_s * SECOND)) if loaded else ()
        true_power = [(0, IDLE_W)]
        for start, end in plan:
            true_power += [(START_NS + start, IDLE_W + SWING_W), (START_NS + end, IDLE_W)]
        sensor = SimulatedSensor(clock.now_ns, true_power, **habits)
        domains = sensor.open(SourceContext())
        (device,) = open_source(Costly(sensor, clock, call_ns), domains).devices
        poller = Poller(device, clock.now_ns)
        late = np.random.default_rng(1)

        def sleep_s(duration_s: float) -> None:
            clock.advance(round(duration_s * 1e9) + int(late.exponential(jitter_ns)))

        listen(poller.poll, clock.now_ns, sleep_s, START_NS + round(duration_s * SECOND))
        readings = poller.drain()[sensor.domain.id]
        workers = [[(START_NS + start, START_NS + end) for start, end in plan]]
        return Heard(sensor.domain, readings, Course.of(workers, START_NS), sensor)


@pytest.fixture(scope="session")
def hear() -> Callable[..., Heard]:
    return Listen()
