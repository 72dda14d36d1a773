"""A square-wave load shows a sensor's lag and averaging window, on simulated sensors of every habit."""

from __future__ import annotations

import numpy as np
import pytest
from square_wave import SquareWave

from energyprof.model.domain import Domain
from energyprof.model.power import Readings
from energyprof.probe.load_course import Course
from energyprof.probe.response import fit_response

pytestmark = pytest.mark.slow

LAG_TOLERANCE_MS = 1.0
"""Of lag and window, and besides 2 % of the window."""


def response(heard, readings=None):
    return fit_response(heard.domain, readings or heard.readings, heard.course, heard.start_ns)


@pytest.mark.parametrize(
    ("period_ms", "window_ms", "lag_ms", "scale"),
    [
        (20, 10, 150, 1e-3),
        (20, 25, 70, 1e-3),
        (20, 100, 150, 1.0),
        (20, 1000, 0, 1e-3),
        (100, 10, 70, 1.0),
        (100, 25, 0, 1e-3),
        (100, 100, 70, 1e-3),
        (100, 1000, 0, 1.0),
    ],
)
def test_lag_and_window_of_a_power_reading(hear, period_ms, window_ms, lag_ms, scale):
    heard = hear(
        quantity="power",
        period_ns=period_ms * hear.ms,
        window_ns=window_ms * hear.ms,
        lag_ns=lag_ms * hear.ms,
        scale=scale,
        phase_ns=3 * hear.ms,
    )

    found = response(heard)

    assert found.kind == "boxcar"
    assert found.window_ns / hear.ms == pytest.approx(window_ms, rel=0.02, abs=LAG_TOLERANCE_MS)
    assert found.lag_ns / hear.ms == pytest.approx(lag_ms, abs=LAG_TOLERANCE_MS)
    assert found.lag_range_ns[0] - 0.2 * hear.ms <= lag_ms * hear.ms <= found.lag_range_ns[1] + 0.6 * hear.ms
    assert found.swing_w == pytest.approx(hear.swing_w, rel=0.02)


@pytest.mark.parametrize(("period_ms", "lag_ms"), [(1, 70), (20, 0), (20, 150), (100, 70)])
def test_lag_of_a_counter(hear, period_ms, lag_ms):
    heard = hear(period_ns=period_ms * hear.ms, lag_ns=lag_ms * hear.ms, phase_ns=3 * hear.ms)

    found = response(heard)

    assert (found.kind, found.window_ns) == ("counter", None)
    assert found.lag_ns / hear.ms == pytest.approx(lag_ms, abs=LAG_TOLERANCE_MS)


def test_counter_that_wraps_and_is_costly_to_read(hear):
    heard = hear(period_ns=20 * hear.ms, lag_ns=40 * hear.ms, call_ns=3 * hear.ms, wrap=500_000)

    found = response(heard)

    assert np.any(np.diff(heard.readings.raw) < 0)
    assert found.lag_ns / hear.ms == pytest.approx(40, abs=2 * LAG_TOLERANCE_MS)


def test_sensor_that_follows_with_a_time_constant_is_told_from_a_boxcar(hear):
    heard = hear(quantity="power", period_ns=20 * hear.ms)
    since = (heard.readings.t_after_ns - heard.start_ns).astype(np.float64)
    update = since - since % (20 * hear.ms)
    watts = 60 + hear.swing_w * heard.course.decayed(update - 30e6, 100e6)
    readings = Readings(
        heard.readings.t_before_ns,
        heard.readings.t_after_ns,
        np.rint(watts * 1e3).astype(np.int64),
        heard.readings.status,
    )

    found = response(heard, readings)

    assert found.kind == "exponential"
    assert found.window_ns / hear.ms == pytest.approx(200, rel=0.03)
    assert found.lag_ns / hear.ms == pytest.approx(30, abs=LAG_TOLERANCE_MS)


def test_noise_widens_the_interval_and_leaves_the_answer(hear):
    heard = hear(quantity="power", period_ns=20 * hear.ms, window_ns=100 * hear.ms, lag_ns=70 * hear.ms)
    slot = (heard.readings.t_after_ns // (20 * hear.ms)).astype(np.int64)
    noise = np.random.default_rng(3).normal(0, 30e3, int(slot.max() - slot.min()) + 1)[slot - slot.min()]
    readings = Readings(
        heard.readings.t_before_ns,
        heard.readings.t_after_ns,
        np.maximum(heard.readings.raw + noise.astype(np.int64), 0),
        heard.readings.status,
    )

    quiet, noisy = response(heard), response(heard, readings)

    assert noisy.lag_ns / hear.ms == pytest.approx(70, abs=8)
    assert noisy.window_ns / hear.ms == pytest.approx(100, abs=16)
    assert np.diff(noisy.lag_range_ns) > np.diff(quiet.lag_range_ns)
    assert noisy.lag_range_ns[0] <= 70 * hear.ms <= noisy.lag_range_ns[1]


def test_sensor_that_ignores_the_load_gets_no_lag(hear):
    heard = hear(quantity="power", period_ns=20 * hear.ms)
    walk = np.random.default_rng(5).integers(50_000, 90_000, len(heard.readings))
    deaf = Readings(heard.readings.t_before_ns, heard.readings.t_after_ns, walk, heard.readings.status)

    assert response(heard, deaf) is None


def test_too_few_updates_give_no_lag(hear):
    assert response(hear(quantity="power", period_ns=1000 * hear.ms, duration_s=12.0)) is None


def test_window_of_a_real_gpu_whose_updates_keep_no_grid_is_not_longer_by_the_time_a_value_is_held():
    log = SquareWave()
    domain = Domain("gpu:0", "nvml", "sensor", "power", 1e-3, "device")

    found = fit_response(domain, log.instant, Course.of([log.load_ns], 0), 0)

    assert found.explained > 0.9
    assert 15e6 < found.window_ns < 50e6  # 25 ms of every 100; every read taken for an update said 115
