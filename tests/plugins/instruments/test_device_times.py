"""The host's time of what a device dated by a clock of its own."""

from __future__ import annotations

import math

import pytest
from simulated_gpu import LATENCY_NS, SimulatedGpu

from energyprof_plugins.instruments.device_clock import Place
from energyprof_plugins.instruments.device_times import KEPT_ANCHORS, HostTimes

SECOND_NS = 1_000_000_000
FLUSH_NS = 200_000_000


class HostClock:
    """Goes on by a microsecond with each look, as a real one does."""

    def __init__(self) -> None:
        self.t_ns = 7 * SECOND_NS

    def __call__(self) -> int:
        self.t_ns += 1_000
        return self.t_ns


def warming(true_ns: int) -> float:
    """A clock 3 s off and 40 ppm fast, and 5 ppm more or less as it warms and cools within ten minutes."""
    wave_s = 600 / (2 * math.pi)
    return true_ns * (1 + 4e-5) + 5e-6 * wave_s * 1e9 * math.sin(true_ns * 1e-9 / wave_s) - 3e9


def errors_ns(minutes: float, device_ns=warming) -> list[tuple[float, float]]:
    """Return (time since the beginning in s, error in ns) of an event at each flush."""
    clock = HostClock()
    gpu = SimulatedGpu(clock, device_ns)
    times = HostTimes(gpu, 0, clock)
    begun_ns, found = clock.t_ns, []
    for _ in range(int(minutes * 60 * SECOND_NS / FLUSH_NS)):
        event = gpu.mark(Place(0, 0))
        true_ns = event.true_ns
        clock.t_ns += FLUSH_NS
        assert times.refresh()
        found.append(((true_ns - begun_ns) / 1e9, times.host_ns(event) - true_ns))
        gpu.release(event)
    assert gpu.pool.made <= 5
    return found


def test_drift_over_minutes_stays_below_50_us() -> None:
    found = errors_ns(20)

    assert max(abs(error) for _, error in found) < 50_000
    # What is left is the latency of an idle device, half of which a bracket cannot tell.
    assert max(abs(error) for at_s, error in found if at_s > 10) < 10_000


def test_the_same_without_drift_correction_would_fail() -> None:
    """Guards the test above: the simulated drift is large enough to be seen."""
    assert abs(warming(20 * 60 * SECOND_NS) - warming(0) - 20 * 60 * SECOND_NS) > 40_000_000


def test_deviation_is_stated_and_holds() -> None:
    clock = HostClock()
    gpu = SimulatedGpu(clock)
    times = HostTimes(gpu, 0, clock)
    for _ in range(50):
        clock.t_ns += FLUSH_NS
        times.refresh()

    event = gpu.mark(Place(0, 0))
    clock.t_ns += LATENCY_NS

    assert abs(times.host_ns(event) - event.true_ns) < 3 * times.sd_ns(event)
    assert times.sd_ns(event) < 20_000


def test_there_is_no_time_before_an_anchor() -> None:
    clock = HostClock()
    gpu = SimulatedGpu(clock)
    gpu.is_busy_everywhere = True
    times = HostTimes(gpu, 0, clock)

    assert not times.refresh()

    gpu.is_busy_everywhere = False
    assert times.refresh()


def test_an_anchor_that_comes_late_is_given_up_and_the_last_one_serves() -> None:
    clock = HostClock()
    gpu = SimulatedGpu(clock)
    times = HostTimes(gpu, 0, clock)
    times.refresh()
    gpu.is_busy_everywhere = True
    clock.t_ns += 3 * SECOND_NS

    event = gpu.mark(Place(0, 0))
    clock.t_ns += LATENCY_NS

    assert times.refresh()
    assert times.host_ns(event) == pytest.approx(event.true_ns, abs=3 * SECOND_NS * 4e-5)


def test_anchors_are_taken_often_at_first_and_seldom_later() -> None:
    clock = HostClock()
    gpu = SimulatedGpu(clock)
    taken = []
    mark_idle = gpu.mark_idle
    gpu.mark_idle = lambda device: (taken.append(clock.t_ns), mark_idle(device))[1]  # type: ignore[method-assign]
    times = HostTimes(gpu, 0, clock)

    for _ in range(600):
        clock.t_ns += 100_000_000
        times.refresh()
    rounds = [t_ns for t_ns, before in zip(taken, [0, *taken], strict=False) if t_ns - before > 50_000_000]

    assert rounds[1] - rounds[0] < 0.4 * SECOND_NS
    assert 1.9 * SECOND_NS < rounds[-1] - rounds[-2] < 2.2 * SECOND_NS
    assert len(rounds) > 2 * KEPT_ANCHORS
