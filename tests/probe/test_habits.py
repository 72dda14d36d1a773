"""Whatever a sensor's habits, its readings show its period, quantum and call cost, and whether it is alive."""

from __future__ import annotations

import numpy as np
import pytest

from energyprof.model.domain import ReadStatus
from energyprof.model.power import Readings
from energyprof.probe.habits import habits


@pytest.mark.parametrize("period_ms", [1, 20, 100, 977])
@pytest.mark.parametrize("quantity", ["energy", "power"])
def test_period_is_found_within_one_percent(hear, period_ms, quantity):
    heard = hear(period_ns=period_ms * hear.ms, quantity=quantity, phase_ns=333_000)

    found = habits(heard.domain, heard.readings)

    assert found.period_ns == pytest.approx(period_ms * hear.ms, rel=0.01)
    assert abs(found.period_ns - period_ms * hear.ms) <= found.period_error_ns + 0.001 * found.period_ns
    assert found.is_regular


def test_period_of_a_steady_reading_that_rarely_changes_is_not_taken_for_a_multiple(hear):
    heard = hear(period_ns=20 * hear.ms, quantity="power", window_ns=1000 * hear.ms, scale=40.0, duration_s=30.0)

    found = habits(heard.domain, heard.readings)

    assert found.period_ns == pytest.approx(20 * hear.ms, rel=0.01)


def test_period_is_found_through_slow_calls(hear):
    heard = hear(period_ns=100 * hear.ms, call_ns=6 * hear.ms)

    found = habits(heard.domain, heard.readings)

    assert found.period_ns == pytest.approx(100 * hear.ms, rel=0.01)
    assert (found.call_p50_ns, found.call_p99_ns) == (6 * hear.ms, 6 * hear.ms)


def test_sensor_faster_than_any_read_is_said_to_be(hear):
    heard = hear(period_ns=10_000, call_ns=200_000, duration_s=3.0)

    found = habits(heard.domain, heard.readings)

    assert (found.period_ns, found.is_faster) == (None, True)


@pytest.mark.parametrize(("scale", "quantity"), [(1e-3, "energy"), (1.0, "power"), (0.5, "power")])
def test_quantum_is_the_unit_of_the_smallest_step(hear, scale, quantity):
    heard = hear(period_ns=20 * hear.ms, window_ns=30 * hear.ms, scale=scale, quantity=quantity, lag_ns=123_457)

    found = habits(heard.domain, heard.readings)

    assert found.quantum == pytest.approx(scale)


def test_counter_that_stands_still_is_stuck_and_a_constant_power_is_not(hear):
    alive = hear(period_ns=100 * hear.ms, loaded=False, duration_s=8.0)
    constant = hear(period_ns=100 * hear.ms, loaded=False, duration_s=8.0, quantity="power")
    raw = np.where(np.arange(len(alive.readings)) > 2000, alive.readings.raw[2000], alive.readings.raw)
    readings = Readings(alive.readings.t_before_ns, alive.readings.t_after_ns, raw, alive.readings.status)

    frozen = habits(alive.domain, readings)

    assert frozen.is_stuck(alive.domain)
    assert not habits(alive.domain, alive.readings).is_stuck(alive.domain)
    assert not habits(constant.domain, constant.readings).is_stuck(constant.domain)


def test_failed_reads_are_counted_and_tell_nothing(hear):
    heard = hear(period_ns=20 * hear.ms, duration_s=5.0)
    status = heard.readings.status.copy()
    status[::3] = 7
    raw = np.where(status == 7, 0, heard.readings.raw)
    readings = Readings(heard.readings.t_before_ns, heard.readings.t_after_ns, raw, status)

    found = habits(heard.domain, readings)

    assert found.failures == np.count_nonzero(status)
    assert found.period_ns == pytest.approx(20 * hear.ms, rel=0.01)


def test_no_reading_at_all_is_no_error(hear):
    none = np.zeros(0, np.int64)

    found = habits(hear(duration_s=0.2).domain, Readings(none, none, none, np.zeros(0, np.uint8)))

    assert (found.reads, found.period_ns, found.quantum, found.has_moved) == (0, None, None, False)


def test_time_in_which_no_read_succeeded_is_no_standstill(hear):
    alive = hear(period_ns=100 * hear.ms, duration_s=9.0, loaded=False)
    readings = alive.readings
    t_ns = readings.t_before_ns - readings.t_before_ns[0]
    outage = (t_ns > 2000 * hear.ms) & (t_ns < 5000 * hear.ms)
    failed = replace_status(readings, np.where(outage, ReadStatus.LOST, readings.status))
    hung = Readings(*(column[~outage] for column in columns(readings)))
    same = replace_status(replace_raw(readings, np.where(outage, readings.raw[outage][0], readings.raw)), failed.status)

    assert not habits(alive.domain, failed).is_stuck(alive.domain)
    assert not habits(alive.domain, hung).is_stuck(alive.domain)
    assert not habits(alive.domain, same).is_stuck(alive.domain)


def columns(readings):
    return readings.t_before_ns, readings.t_after_ns, readings.raw, readings.status


def replace_raw(readings, raw):
    return Readings(readings.t_before_ns, readings.t_after_ns, raw, readings.status)


def replace_status(readings, status):
    return Readings(readings.t_before_ns, readings.t_after_ns, readings.raw, status.astype(readings.status.dtype))
