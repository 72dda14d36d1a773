"""The simulated sensors: linear functionals of the true power, seen late, rounded, through polls of a busy machine.

A sensor updates on a regular grid with jitter; at update u it shows E (counter) or the mean power of its window (power)
as it was a lag before u, through a first-order response where it has one, rounded to its quantum. A poll reads what the
last update before it showed. Readings hold raw integers and both times of each poll. What analysis is told of a sensor
is `Sensor.domain`: the facts that its class is known for, as the plugins state them (power/nvml_architecture.py,
power/rapl_domains.py), never the lag, phase, period or time constant of the one at hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from truth import Floats, Ints, Truth

from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings

MS = 1_000_000
LEAD_NS, LEAD_OUT_NS = 300 * MS, 1_200 * MS
"""Polls begin before the run and end after it, as the collector's do."""
RAPL_TICK_J = 2.0**-16
RAPL_WRAP_TICKS = 2**32 // 64
"""64 times less than a real one's, so that it wraps within a minute."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """One simulated sensor: how it really is, and what is known of it."""

    name: str
    quantity: Literal["energy", "power"]
    period_ns: int
    poll_ns: int
    known_lag_ns: tuple[int, int]
    window_ns: int | None = None
    lag_ns: tuple[int, int] = (0, 0)
    """The true lag of one run is drawn from this range."""
    response_ns: int = 0
    scale: float = 1e-3
    """Joules or watts per raw unit."""
    jitter_ns: int = 200_000
    """Standard deviation of an update around its slot."""
    driver: Literal["cpu", "device"] = "device"
    wraps: bool = False

    def domain(self) -> Domain:
        """Return what analysis is told."""
        return Domain(
            id=DomainId("gpu:0" if self.driver == "device" else "cpu:0:package"),
            source=f"simulated {self.name}",
            provenance="sensor",
            quantity=self.quantity,
            scale=self.scale,
            driver=self.driver,
            wrap=round(RAPL_WRAP_TICKS * RAPL_TICK_J / self.scale) if self.wraps else None,
            period_ns=self.period_ns,
            window_ns=self.window_ns,
            lag_ns=self.known_lag_ns,
        )


@dataclass(frozen=True, slots=True)
class Polling:
    """How regularly the sensor is polled: intervals vary by 10 %, and one in fifty stalls for 5 polls on average."""

    varies: float = 0.1
    stalled: float = 0.02
    late: tuple[float, float] = (0.0, 0.0)
    """This part of all polls, drawn for each run, comes 5 to 30 ms late."""


CALM = Polling()
LATE = Polling(late=(0.2, 0.4))

_CTR20 = Sensor("ctr20", "energy", 20 * MS, 4 * MS, (0, 20 * MS))
_CTR100 = Sensor("ctr100", "energy", 100 * MS, 10 * MS, (0, 100 * MS))
_V100 = Sensor("v100", "power", 20 * MS, 4 * MS, (0, 20 * MS), window_ns=10 * MS)
_PART25 = Sensor("part25", "power", 100 * MS, 10 * MS, (0, 100 * MS), window_ns=25 * MS)
_LATE = {"lag_ns": (50 * MS, 150 * MS), "known_lag_ns": (0, 250 * MS)}

SENSORS = {
    sensor.name: sensor
    for sensor in (
        _CTR20,
        _CTR100,
        replace(_CTR100, name="ctr100_lag", **_LATE),
        Sensor("rapl", "energy", 976_562, 10 * MS, (0, 0), scale=1e-6, jitter_ns=20_000, driver="cpu", wraps=True),
        _V100,
        _PART25,
        Sensor("box1s", "power", 100 * MS, 10 * MS, (0, 100 * MS), window_ns=1000 * MS),
        Sensor("lag100", "power", 100 * MS, 10 * MS, window_ns=100 * MS, scale=1.0, **_LATE),
        replace(_PART25, name="rc5", response_ns=5 * MS),
        replace(_CTR100, name="ctr100_rc5", response_ns=5 * MS),
        replace(_CTR100, name="ctr100_stray", jitter_ns=3 * MS),
    )
}


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What polling a sensor during a run gave, and what only the simulator knows."""

    readings: Readings
    lag_ns: float


def measure(sensor: Sensor, truth: Truth, seed: int, polling: Polling = CALM, origin_ns: int = 0) -> Measured:
    """Poll the sensor during the run, which starts at `origin_ns`."""
    rng = np.random.default_rng(10_000 + seed)
    end_ns = truth.run_ns + LEAD_OUT_NS
    update_ns = _updates(sensor, end_ns, rng)
    lag_ns = rng.uniform(*sensor.lag_ns)
    shown = _shown(sensor, truth, update_ns - lag_ns, rng)
    before_ns = _polls(sensor.poll_ns, end_ns, polling, rng)
    took_ns = np.rint(rng.lognormal(np.log(60_000), 0.5, len(before_ns))).astype(np.int64)
    read_ns = before_ns + took_ns * rng.random(len(before_ns))
    after_ns = before_ns + took_ns
    raw = shown[np.searchsorted(update_ns, read_ns, "right") - 1]
    status = np.zeros(len(raw), np.uint8)
    return Measured(Readings(before_ns + origin_ns, after_ns + origin_ns, raw, status), lag_ns)


def _updates(sensor: Sensor, end_ns: int, rng: np.random.Generator) -> Floats:
    """Return when the sensor updates: its period is off by up to 2e-4, each update by some jitter."""
    period_ns = sensor.period_ns * (1 + rng.uniform(-2e-4, 2e-4))
    count = int((end_ns + 4 * LEAD_NS) / period_ns) + 2
    grid = rng.uniform(0, period_ns) - 3 * LEAD_NS + period_ns * np.arange(count)
    return np.sort(grid + sensor.jitter_ns * rng.standard_normal(count))


def _shown(sensor: Sensor, truth: Truth, at_ns: Floats, rng: np.random.Generator) -> Ints:
    def until_j(t_ns: Floats) -> Floats:
        return truth.filtered_j(t_ns, sensor.response_ns) if sensor.response_ns else truth.until_j(t_ns)

    if sensor.quantity == "power":
        window_ns = sensor.window_ns or sensor.period_ns
        power_w = (until_j(at_ns) - until_j(at_ns - window_ns)) / (window_ns * 1e-9)
        return np.rint(power_w / sensor.scale).astype(np.int64)
    energy_j = until_j(at_ns) + rng.uniform(0, 1000)
    if sensor.wraps:
        ticks = np.floor(energy_j / RAPL_TICK_J) % RAPL_WRAP_TICKS
        return np.floor(ticks * RAPL_TICK_J / sensor.scale).astype(np.int64)
    return np.floor(energy_j / sensor.scale).astype(np.int64)


def _polls(interval_ns: int, end_ns: int, polling: Polling, rng: np.random.Generator) -> Ints:
    count = int((end_ns + LEAD_NS) / interval_ns * 1.05) + 10
    gap = interval_ns * np.clip(1 + polling.varies * rng.standard_normal(count), 0.5, 3.0)
    gap += (rng.random(count) < polling.stalled) * rng.exponential(5 * interval_ns, count)
    due_ns = np.cumsum(gap) - LEAD_NS
    late = rng.random(count) < rng.uniform(*polling.late)
    at_ns = due_ns + late * rng.uniform(5 * MS, 30 * MS, count)
    # A poll waits for the one before: those that were due meanwhile come at once, 0.2 ms apart.
    at_ns = np.maximum.accumulate(at_ns - 200_000.0 * np.arange(count)) + 200_000.0 * np.arange(count)
    return np.rint(at_ns[at_ns < end_ns]).astype(np.int64)
