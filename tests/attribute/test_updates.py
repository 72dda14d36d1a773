"""What was polled becomes windows of known energy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from energyprof.attribute import updates
from energyprof.interfaces import SourceContext
from energyprof.model.domain import ReadStatus
from energyprof.model.power import Readings
from energyprof.testing import FakeClock, SimulatedSensor

MS = 1_000_000
FOREVER = 1 << 62
STEPS = [(0, 50.0), (400 * MS, 150.0), (1_100 * MS, 80.0), (2_000 * MS, 20.0)]


def poll(sensor, times_ns, took_ns=20_000):
    """Poll at these times; a poll answers for its middle."""
    t = np.array(times_ns, np.int64)
    raw = np.array([sensor.raw_at(int(at)) for at in t], np.int64)
    return Readings(t - took_ns // 2, t + took_ns // 2, raw, np.zeros(len(t), np.uint8))


def uneven_polls(end_ms=3000, every_ms=10.0, stall_every=37, stall_ms=140.0):
    """Polls with jitter and stalls, the same every time."""
    rng = np.random.default_rng(7)
    steps = every_ms * (1 + 0.2 * (rng.random(1000) - 0.5))
    steps[stall_every::stall_every] = stall_ms
    t = np.cumsum(steps)
    return np.rint(t[t < end_ms] * MS).astype(np.int64)


def recover(*args):
    """Return the windows within the run."""
    return updates.recover(*args).run


def rows(windows):
    table = zip(windows.start_ns / MS, windows.end_ns / MS, windows.energy_j, strict=True)
    return [(float(a), float(b), round(float(e), 9)) for a, b, e in table]


def test_slow_counter_is_dated_by_its_grid_not_by_the_polls():
    sensor = SimulatedSensor(lambda: 0, STEPS, period_ns=100 * MS, phase_ns=37 * MS, scale=1e-6)

    windows = recover(sensor.domain, poll(sensor, uneven_polls(every_ms=13.0)), 0, FOREVER)

    slots = np.rint((windows.end_ns / MS - 37) / 100).astype(int)
    error = np.abs(windows.end_ns / MS - 37 - 100 * slots).max()
    assert error <= windows.edge_ns / MS < 2
    ends = (37 + 100 * slots) * MS
    true = [sensor.true_energy_j(int(end) - 100 * MS, int(end)) for end in ends]
    single = (windows.duration_ns() < 150 * MS) & (windows.start_ns > 0)
    np.testing.assert_allclose(windows.energy_j[single], np.array(true)[single], atol=1e-5)
    assert np.count_nonzero(single) >= 20
    assert windows.period_ns == pytest.approx(100 * MS, rel=1e-3)


def test_late_poll_shows_the_last_slot_before_it():
    sensor = SimulatedSensor(lambda: 0, [(0, 10.0)], period_ns=100 * MS, scale=1e-6)
    times = [t for t in range(5, 2000, 10) if not 500 < t < 790]

    windows = recover(sensor.domain, poll(sensor, [t * MS for t in times]), 0, FOREVER)

    long = windows.duration_ns() > 150 * MS
    np.testing.assert_allclose([windows.start_ns[long] / MS, windows.end_ns[long] / MS], [[400], [700]], atol=5.1)
    assert windows.edge_ns > 5 * MS  # polls in step with the sensor never tell more
    np.testing.assert_allclose(windows.energy_j[long], [3.0], atol=1e-5)


def test_wrong_nominal_period_is_corrected():
    sensor = SimulatedSensor(lambda: 0, [(0, 10.0)], period_ns=103 * MS, scale=1e-6)
    stated = SimulatedSensor(lambda: 0, [(0, 10.0)], period_ns=100 * MS, scale=1e-6).domain

    windows = recover(stated, poll(sensor, uneven_polls()), 0, FOREVER)

    assert windows.period_ns == pytest.approx(103 * MS, rel=2e-3)


@pytest.mark.parametrize(("true_ms", "stated_ms"), [(30, 100), (100, 20)])
def test_counter_that_updates_at_quite_another_period_than_stated_is_dated_by_its_own(make, true_ms, stated_ms):
    sensor = SimulatedSensor(lambda: 0, [(0, 10.0)], period_ns=true_ms * MS, scale=1e-6)
    stated = make.domain(period_ns=stated_ms * MS)

    windows = recover(stated, poll(sensor, range(3 * MS, 3000 * MS, 7 * MS)), 0, FOREVER)

    assert windows.period_ns == pytest.approx(true_ms * MS, rel=2e-3)
    assert windows.edge_ns < 1.5 * MS


def test_first_reading_of_a_counter_shows_the_slot_before_it():
    sensor = SimulatedSensor(lambda: 0, STEPS, period_ns=100 * MS, phase_ns=37 * MS, scale=1e-6)

    windows = recover(sensor.domain, poll(sensor, range(250 * MS, 3000 * MS, 13 * MS)), 0, FOREVER)

    assert windows.start_ns[0] / MS == pytest.approx(237, abs=2)
    assert windows.energy_j[0] == pytest.approx(5.0)


def test_period_is_found_where_none_is_stated(make):
    sensor = SimulatedSensor(lambda: 0, [(0, 10.0)], period_ns=50 * MS, scale=1e-6)

    windows = recover(make.domain(period_ns=None), poll(sensor, range(3 * MS, 2000 * MS, 7 * MS)), 0, FOREVER)

    assert windows.period_ns == pytest.approx(50 * MS, rel=2e-3)
    assert windows.edge_ns < 1.5 * MS


def test_irregular_updates_lie_in_the_middle_of_their_brackets(make):
    changes = [13, 171, 204, 377, 391, 480, 705, 733, 912, 940]
    readings = make.readings([(t, sum(change <= t for change in changes) * 10**6) for t in range(0, 1000, 10)])

    windows = recover(make.domain(period_ns=None), readings, make.origin_ns, FOREVER)

    middles = [10 * -(-change // 10) - 5 for change in changes]
    assert rows(windows) == [(a, b, 1.0) for a, b in pairwise(middles)]
    assert windows.edge_ns == 5 * MS


def test_wrap_adds_the_range(make):
    readings = make.readings([(0, 900), (10, 990), (20, 60), (30, 200)])

    windows = recover(make.domain(wrap=1000, scale=1.0), readings, make.origin_ns, FOREVER)

    assert windows.energy_j.tolist() == [90.0, 70.0, 140.0]


def test_reset_that_the_sensor_reports_leaves_a_gap(make):
    readings = make.readings([(0, 100), (10, 200), (20, 0, ReadStatus.RESET), (30, 300), (40, 350)])

    windows = recover(make.domain(scale=1.0), readings, make.origin_ns, FOREVER)

    assert rows(windows) == [(0, 10, 100.0), (30, 40, 50.0)]


def test_failed_reads_of_a_counter_make_one_long_window(make):
    readings = make.readings([(0, 0), (10, 10), (20, 0, ReadStatus.TIMEOUT), (30, 0, ReadStatus.TIMEOUT), (40, 40)])

    windows = recover(make.domain(scale=1.0), readings, make.origin_ns, FOREVER)

    assert rows(windows) == [(0, 10, 10.0), (10, 40, 30.0)]


def test_failed_reads_of_a_power_sensor_leave_a_gap(make):
    readings = make.readings([(0, 7), (10, 7), (20, 0, ReadStatus.TIMEOUT), (30, 0, ReadStatus.TIMEOUT), (40, 7)])

    windows = recover(make.domain(quantity="power", scale=1.0), readings, make.origin_ns, FOREVER)

    assert rows(windows) == [(0, 10, 0.07), (30, 40, 0.07)]
    assert windows.notes == ("power unknown for 0.02 s in 1 gaps",)


def test_unchanged_power_reading_is_still_a_reading(make):
    readings = make.readings([(k * 10, 5) for k in range(11)])

    windows = recover(make.domain(quantity="power", scale=1.0), readings, make.origin_ns, FOREVER)

    assert rows(windows) == [(k * 10, k * 10 + 10, 0.05) for k in range(10)]


def test_slow_power_sensor_is_read_once_per_slot():
    ramp = [(k * 50 * MS, 50.0 + k % 7) for k in range(60)]
    sensor = SimulatedSensor(lambda: 0, ramp, quantity="power", period_ns=100 * MS, phase_ns=20 * MS)

    windows = recover(sensor.domain, poll(sensor, uneven_polls(stall_ms=60.0)), 0, FOREVER)

    true = sensor.true_energy_j(round(windows.start_ns[0]), round(windows.end_ns[-1]))
    assert windows.energy_j.sum() == pytest.approx(true, rel=0.005)
    np.testing.assert_allclose(windows.end_ns / MS % 100, 20, atol=1.0)


def test_slow_power_sensor_that_hardly_changes_is_read_once_per_period():
    sensor = SimulatedSensor(lambda: 0, STEPS, quantity="power", period_ns=100 * MS)

    windows = recover(sensor.domain, poll(sensor, range(205 * MS, 3000 * MS, 10 * MS)), 0, FOREVER)

    np.testing.assert_allclose(windows.duration_ns() / MS, 100)
    true = sensor.true_energy_j(round(windows.start_ns[0]), round(windows.end_ns[-1]))
    assert windows.energy_j.sum() == pytest.approx(true, rel=0.005)
    assert windows.edge_ns >= 100 * MS


def test_overlapping_power_averages_are_used_side_by_side():
    sensor = SimulatedSensor(lambda: 0, STEPS, quantity="power", period_ns=100 * MS, window_ns=1000 * MS)

    windows = recover(sensor.domain, poll(sensor, range(1, 3200 * MS, 10 * MS), 0), 0, FOREVER)

    np.testing.assert_allclose(windows.duration_ns()[1:] / MS, 1000, atol=2)
    # Until its first update, at 100 ms, it showed 0 W, which is no reading.
    assert (windows.start_ns[0] < 100 * MS, windows.end_ns[-1] > 3080 * MS) == (True, True)
    true = sensor.true_energy_j(round(windows.start_ns[1]), round(windows.end_ns[-1]))
    assert windows.energy_j[1:].sum() == pytest.approx(true, rel=0.01)
    assert "averages 1000 ms" in windows.notes[0]


def test_sensor_that_sees_part_of_its_period_says_so():
    sensor = SimulatedSensor(lambda: 0, STEPS, quantity="power", period_ns=100 * MS, window_ns=25 * MS)

    windows = recover(sensor.domain, poll(sensor, range(1, 3200 * MS, 10 * MS), 0), 0, FOREVER)

    assert windows.notes == ("the sensor sees 25 of every 100 ms; the rest is taken to be alike",)


def test_polls_slower_than_the_sensor_are_edges_of_an_update_of_uncertainty():
    sensor = SimulatedSensor(lambda: 0, STEPS, period_ns=MS, scale=1e-6)
    times = range(10 * MS, 2000 * MS, 10 * MS)

    windows = recover(sensor.domain, poll(sensor, times), 0, FOREVER)

    assert (windows.start_ns / MS).tolist() == [float(t) for t in range(10, 1990, 10)]
    assert windows.edge_ns == 1.01 * MS


def test_model_is_known_at_every_poll_even_when_it_stands_still(make):
    readings = make.readings([(0, 0), (10, 0), (20, 0), (30, 50)])

    windows = recover(make.domain(provenance="model", period_ns=None, scale=1.0), readings, make.origin_ns, FOREVER)

    assert rows(windows) == [(0, 10, 0.0), (10, 20, 0.0), (20, 30, 50.0)]
    assert (windows.notes, windows.edge_ns) == ((), 0.0)


def test_frozen_counter_slower_than_the_polls_measures_nothing_and_says_so(make):
    readings = make.readings([(k * 10, 77) for k in range(50)])

    windows = recover(make.domain(period_ns=100 * MS), readings, make.origin_ns, FOREVER)

    assert len(windows) == 0
    assert windows.notes == ("the counter never moved during the run: it measured nothing",)


def test_frozen_counter_that_should_move_is_noted(make):
    readings = make.readings([(k * 10, 77) for k in range(5)])

    windows = recover(make.domain(), readings, make.origin_ns, FOREVER)

    assert windows.energy_j.tolist() == [0.0] * 4
    assert windows.notes == ("the counter never moved: no energy, or a sensor that stands still",)


def test_known_lag_moves_the_windows_and_its_range_widens_the_edges(make):
    readings = make.readings([(0, 0), (100, 10), (200, 20)])

    windows = recover(
        make.domain(scale=1.0, period_ns=100 * MS, lag_ns=(20 * MS, 40 * MS)), readings, make.origin_ns, FOREVER
    )

    assert rows(windows) == [(0, 70, 7.0), (70, 170, 10.0)]
    assert windows.edge_ns == 10 * MS


def test_readings_of_a_polled_source_give_its_energy_back():
    clock = FakeClock()
    sensor = SimulatedSensor(clock.now_ns, STEPS, period_ns=20 * MS, wrap=1 << 16)
    (domain,) = sensor.open(SourceContext(now_ns=clock.now_ns))
    t, raw = [], []
    for _ in range(800):
        clock.advance(4 * MS)
        (reading,) = sensor.read()
        t.append(clock.now_ns())
        raw.append(reading.raw)
    times = np.array(t, np.int64)
    readings = Readings(times, times, np.array(raw, np.int64), np.zeros(len(t), np.uint8))

    windows = recover(domain, readings, 0, FOREVER)

    true = sensor.true_energy_j(round(windows.start_ns[0]), round(windows.end_ns[-1]))
    assert windows.energy_j.sum() == pytest.approx(true, rel=1e-3)
