"""The simulated sensors show what the truth says, through their own window, lag, response, quantum and wrap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sensors import CALM, LATE, RAPL_TICK_J, SENSORS, Polling, measure
from workloads import make

MS = 1_000_000
ORIGIN_NS = 7_000_000_000
MOST_W = 420.0
"""More than any stage and the base together."""
REGULAR = Polling(varies=0.0, stalled=0.0)


@pytest.fixture(scope="module")
def truth():
    return make("medium", 1, 20.0)


def fine(name, **changes):
    """The sensor without jitter, polled 100 times a period."""
    sensor = SENSORS[name]
    return replace(sensor, jitter_ns=0, poll_ns=sensor.period_ns // 100, **changes)


def updates(measured):
    """Return when a new value was first seen, in ns since the start of the run, and which."""
    readings = measured.readings
    changed = np.flatnonzero(np.diff(readings.raw)) + 1
    return (readings.t_before_ns[changed] - ORIGIN_NS).astype(float), readings.raw[changed]


@pytest.mark.parametrize("name", ["v100", "part25", "box1s", "lag100"])
def test_power_reading_is_the_mean_of_its_window_a_lag_ago(truth, name):
    sensor = fine(name)

    measured = measure(sensor, truth, 0, REGULAR, ORIGIN_NS)

    at_ns, raw = updates(measured)
    # An update is seen up to one poll after it happened; power is even for most of that.
    end_ns = at_ns - sensor.poll_ns / 2 - measured.lag_ns
    mean_w = (truth.until_j(end_ns) - truth.until_j(end_ns - sensor.window_ns)) / (sensor.window_ns * 1e-9)
    off_w = np.abs(raw * sensor.scale - mean_w)
    assert off_w.max() < MOST_W * (sensor.poll_ns + 100_000) / sensor.window_ns + sensor.scale
    assert sensor.lag_ns[0] <= measured.lag_ns <= sensor.lag_ns[1]


@pytest.mark.parametrize("name", ["ctr20", "ctr100", "ctr100_lag"])
def test_counter_shows_the_energy_of_a_lag_ago(truth, name):
    sensor = fine(name)

    measured = measure(sensor, truth, 0, REGULAR, ORIGIN_NS)

    at_ns, raw = updates(measured)
    at_ns = at_ns - sensor.poll_ns / 2 - measured.lag_ns
    shown_j = (raw - raw[0]) * sensor.scale
    known_j = truth.until_j(at_ns) - truth.until_j(at_ns[:1])
    assert np.abs(shown_j - known_j).max() < (sensor.poll_ns + 100_000) * 1e-9 * MOST_W


def test_rapl_counter_counts_ticks_and_wraps():
    truth, sensor = make("short", 1, 20.0), SENSORS["rapl"]

    readings = measure(sensor, truth, 0, CALM, ORIGIN_NS).readings

    domain = sensor.domain()
    assert domain.wrap == 1_024_000_000
    assert readings.raw.max() < domain.wrap
    step = np.diff(readings.raw)
    wraps = int(np.count_nonzero(step < 0))
    assert wraps >= 3
    spent_j = (readings.raw[-1] - readings.raw[0] + wraps * domain.wrap) * 1e-6
    start_ns, end_ns = (readings.t_after_ns[[0, -1]] - ORIGIN_NS).tolist()
    assert spent_j == pytest.approx(truth.between_j(start_ns, end_ns), abs=1.0)
    ticks = readings.raw * 1e-6 / RAPL_TICK_J
    assert np.abs(ticks - np.rint(ticks)).max() <= 1e-6 / RAPL_TICK_J


def test_slow_response_delays_and_smooths(truth):
    quick, slow = (
        measure(fine("part25", response_ns=response), truth, 0, REGULAR, ORIGIN_NS) for response in (0, 5 * MS)
    )

    differs_w = np.abs(quick.readings.raw - slow.readings.raw) * 1e-3
    assert np.quantile(differs_w, 0.95) > 5
    assert slow.readings.raw.mean() == pytest.approx(quick.readings.raw.mean(), rel=0.01)


def test_value_read_is_of_the_last_update_before_it(truth):
    sensor = fine("ctr100")

    readings = measure(sensor, truth, 0, REGULAR, ORIGIN_NS).readings

    held = np.diff(np.flatnonzero(np.diff(readings.raw)))
    assert set(held.tolist()) <= {99, 100, 101}


@pytest.mark.parametrize("name", SENSORS)
def test_seed_gives_always_the_same_readings(truth, name):
    first, again, other = (measure(SENSORS[name], truth, seed, CALM, ORIGIN_NS).readings for seed in (2, 2, 3))

    for column in ("t_before_ns", "t_after_ns", "raw", "status"):
        np.testing.assert_array_equal(getattr(first, column), getattr(again, column))
    assert not np.array_equal(first.t_before_ns[:50], other.t_before_ns[:50])


def test_polls_cover_the_run_in_order_and_some_come_late(truth):
    calm, late = (measure(SENSORS["ctr100"], truth, 0, polling, ORIGIN_NS).readings for polling in (CALM, LATE))

    for readings in (calm, late):
        assert (np.diff(readings.t_before_ns) > 0).all()
        assert (readings.t_after_ns > readings.t_before_ns).all()
        assert readings.t_before_ns[0] < ORIGIN_NS
        assert readings.t_before_ns[-1] > ORIGIN_NS + truth.run_ns + 1_100 * MS
    wide = [np.mean(np.diff(readings.t_before_ns) > 13.5 * MS) for readings in (calm, late)]
    assert wide[0] < 0.03
    assert 0.1 < wide[1] < 0.4


def test_analysis_is_told_what_the_class_is_known_for_and_no_more():
    for sensor in SENSORS.values():
        domain = sensor.domain()

        assert domain.response_ns is None
        assert domain.baseline_w is None
        low_ns, high_ns = domain.lag_ns
        assert low_ns <= sensor.lag_ns[0] <= sensor.lag_ns[1] <= high_ns
        assert high_ns - low_ns >= (100 * MS if sensor.lag_ns[1] else 0)
