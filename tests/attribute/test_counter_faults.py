"""Each fault of a counter or a power sensor ends as a gap of its own length and a line that says so."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energyprof.attribute.updates import recover
from energyprof.model.domain import ReadStatus
from energyprof.model.power import Readings
from energyprof.model.sampling import Sleep
from energyprof.testing import SimulatedSensor

MS = 1_000_000
FOREVER = 1 << 62
LOST, RESET, TIMEOUT = ReadStatus.LOST, ReadStatus.RESET, ReadStatus.TIMEOUT


def recovered(make, readings, sleeps=(), **domain):
    """Return the windows as (start ms, end ms, J) and what was said; 1 J a unit unless stated."""
    windows = recover(make.domain(**{"scale": 1.0, **domain}), readings, make.origin_ns, FOREVER, sleeps).run
    table = zip(windows.start_ns / MS, windows.end_ns / MS, windows.energy_j, strict=True)
    return [(float(a), float(b), round(float(e), 9)) for a, b, e in table], windows.faults


def test_counter_that_falls_without_wrap_leaves_a_gap(make):
    readings = make.readings([(0, 500), (10, 600), (20, 5), (30, 105)])

    assert recovered(make, readings) == (
        [(0, 10, 100.0), (20, 30, 100.0)],
        ("the counter started anew once; what it had not yet shown is unknown",),
    )


@pytest.mark.parametrize("status", [LOST, RESET])
def test_sensor_that_was_lost_or_reset_and_comes_back_says_nothing_of_the_time_between(make, status):
    readings = make.readings([(0, 100), (10, 200), (20, 0, status), (30, 300), (40, 350)])

    assert recovered(make, readings) == (
        [(0, 10, 100.0), (30, 40, 50.0)],
        ("the counter started anew once; what it had not yet shown is unknown",),
    )


@pytest.mark.parametrize("status", [TIMEOUT, ReadStatus.NO_PERMISSION, ReadStatus.NOT_SUPPORTED, ReadStatus.UNKNOWN])
def test_failed_reads_cost_a_counter_no_energy(make, status):
    readings = make.readings([(0, 0), (10, 10), (20, 0, status), (30, 0, status), (40, 40)])

    assert recovered(make, readings) == ([(0, 10, 10.0), (10, 40, 30.0)], ())


def test_counter_that_steps_back_a_little_leaves_a_gap_around_it(make):
    readings = make.readings([(0, 100), (10, 200), (20, 190), (30, 300), (40, 400)])

    windows, faults = recovered(make, readings)

    # Whether 200 or 190 is wrong, and whether for good, cannot be told: only 300 is sure again.
    assert windows == [(30, 40, 100.0)]
    assert faults == ("2 values of the counter stood out from those around them; left out",)


def test_value_that_stands_out_above_is_left_out(make):
    readings = make.readings([(0, 100), (10, 200), (20, 9_000), (30, 400), (40, 500)])

    windows, faults = recovered(make, readings)

    assert windows == [(0, 10, 100.0), (30, 40, 100.0)]
    assert faults == ("1 values of the counter stood out from those around them; left out",)


def test_zero_in_place_of_a_value_is_left_out(make):
    readings = make.readings([(0, 100), (10, 200), (20, 0), (30, 400), (40, 500)])

    assert recovered(make, readings)[0] == [(0, 10, 100.0), (30, 40, 100.0)]


def test_step_of_more_than_the_device_can_use_is_left_out(make):
    readings = make.readings([(0, 0), (10, 3), (20, 50), (30, 53)])

    windows, faults = recovered(make, readings, max_power_w=400.0)

    assert windows == [(0, 10, 3.0), (20, 30, 3.0)]
    assert faults == ("the counter jumped once by more than can have flowed; left out",)


def test_burst_after_idling_is_no_fault_where_the_most_is_not_known(make):
    readings = make.readings([(0, 0), (10, 1), (20, 2), (30, 1_002), (40, 1_003)])

    assert recovered(make, readings) == ([(0, 10, 1.0), (10, 20, 1.0), (20, 30, 1000.0), (30, 40, 1.0)], ())


def test_wrap_that_would_mean_more_than_can_have_flowed_is_a_new_start(make):
    readings = make.readings([(0, 500), (10, 503), (20, 1), (30, 4)])

    for domain in ({"wrap": 1000, "max_power_w": 400.0}, {"wrap": 1000}):
        windows, faults = recovered(make, readings, **domain)

        assert windows == [(0, 10, 3.0), (20, 30, 3.0)]
        assert faults == ("the counter started anew once; what it had not yet shown is unknown",)


def test_pause_in_which_the_counter_may_have_wrapped_unseen_is_a_gap(make):
    readings = make.readings([(0, 0), (10, 4), (20, 8), (6000, 108), (6010, 112)])

    for domain in ({"wrap": 1000, "max_power_w": 400.0}, {"wrap": 1000}):
        windows, faults = recovered(make, readings, **domain)

        assert windows == [(0, 10, 4.0), (10, 20, 4.0), (6000, 6010, 4.0)]
        (fault,) = faults
        assert fault.startswith("the counter wraps after 1000 J and was not read for 6.0 s: whole wraps may be missing")


def test_pause_in_which_it_cannot_have_wrapped_is_known(make):
    readings = make.readings([(0, 0), (10, 4), (20, 8), (6000, 108), (6010, 112)])

    windows, faults = recovered(make, readings, wrap=1000, max_power_w=150.0)

    assert windows[2] == (20, 6000, 100.0)
    assert faults == ()


def test_value_outside_the_counters_range_is_no_value(make):
    readings = make.readings([(0, 0), (10, 4), (20, 5_000), (30, 12)])

    assert recovered(make, readings, wrap=1000) == (
        [(0, 10, 4.0), (10, 30, 8.0)],
        ("1 readings above what is possible; left out",),
    )


@pytest.mark.parametrize("catches_up", [True, False])
def test_counter_that_stands_still_while_power_flows_is_a_gap_whether_it_catches_up_or_not(make, catches_up):
    def raw(t):
        frozen = 100 if 1000 < t < 3000 else t // 10
        return frozen if t < 3000 or catches_up else 100 + (t - 2990) // 10

    readings = make.readings([(t, raw(t)) for t in range(0, 4000, 10)], poll_ms=0.02)

    windows, (fault,) = recovered(make, readings)

    assert sum(energy for _, _, energy in windows) == 100.0 + 99.0
    assert [(a, b) for (_, a, _), (b, _, _) in pairwise(windows) if a != b] == [(1000, 3000)]
    assert fault == (
        "the counter stood still for 2 s; the energy of that time is unknown, not 0; "
        "see if it is always so with: energyprof doctor --probe"
    )


def on_grid(make, value, until=4000):
    """Return readings, every 27 ms, of a counter that updates every 100 ms."""
    return make.readings([(t, value(t // 100 * 100)) for t in range(0, until, 27)], poll_ms=0.02)


@pytest.mark.parametrize("stall_ms", [300, 600, 900])
def test_counter_on_a_grid_that_misses_updates_for_good_leaves_a_gap(make, stall_ms):
    readings = on_grid(make, lambda t: min(t, 2000) + max(t - 2000 - stall_ms, 0))

    windows, (fault,) = recovered(make, readings, period_ns=100 * MS)

    (gap,) = [(a, b) for (_, a, _), (b, _, _) in pairwise(windows) if b - a > 1]
    assert gap[0] == pytest.approx(2000, abs=5)
    assert 2000 + stall_ms - 5 < gap[1] < 2000 + stall_ms + 205  # until an update that a poll dates for certain
    np.testing.assert_allclose([energy / (b - a) for a, b, energy in windows], 1.0, rtol=0.1)
    assert fault.startswith("the counter stood still for 0.")
    assert "s; the energy of that time is unknown, not 0" in fault


@pytest.mark.parametrize("stall_ms", [300, 600, 800])
def test_counter_on_a_grid_that_catches_up_is_one_long_window(make, stall_ms):
    readings = on_grid(make, lambda t: 2000 if 2000 < t < 2000 + stall_ms else t)

    windows, faults = recovered(make, readings, period_ns=100 * MS)

    assert faults == ()
    (long,) = [window for window in windows if window[1] - window[0] > 150]
    assert long == pytest.approx((2000, 2000 + stall_ms, stall_ms), abs=5)
    assert all(b == a for (_, a, _), (b, _, _) in pairwise(windows))


def test_counter_of_coarse_units_has_nothing_to_show_for_a_while_and_has_not_stalled(make):
    readings = on_grid(make, lambda t: t // 100 if t < 2000 else 20 + (t - 2000) // 400, until=6000)

    windows, faults = recovered(make, readings, period_ns=100 * MS)

    assert faults == ()
    assert all(b == a for (_, a, _), (b, _, _) in pairwise(windows))


def test_slow_counter_is_not_taken_to_stand_still(make):
    readings = make.readings([(t, t // 2000) for t in range(0, 20_000, 100)], poll_ms=0.02)

    windows, faults = recovered(make, readings, period_ns=None)

    assert (sum(energy for _, _, energy in windows), faults) == (8.0, ())


def test_reads_that_fail_for_long_are_no_standstill(make):
    rows = [(t, t // 10) if not 1000 < t < 3000 else (t, 0, TIMEOUT) for t in range(0, 4000, 10)]

    windows, faults = recovered(make, make.readings(rows, poll_ms=0.02))

    assert (sum(energy for _, _, energy in windows), faults) == (399.0, ())


def test_power_above_what_the_device_can_use_is_a_gap(make):
    readings = make.readings([(0, 7), (10, 7), (20, 7_000), (30, 7), (40, 7)])

    windows, faults = recovered(make, readings, quantity="power", max_power_w=400.0)

    assert windows == [(0, 10, 0.07), (20, 30, 0.07), (30, 40, 0.07)]
    assert faults == ("1 readings above what is possible; left out",)


def watts(make, at, until=2000):
    """Return readings of power in mW, every 30 ms, of a sensor that updates every 100 ms."""
    return make.readings([(t, at(t // 100 * 100)) for t in range(0, until, 30)], poll_ms=0.02)


MILLIWATTS = {"quantity": "power", "scale": 1e-3, "period_ns": 100 * MS}


def test_power_of_exactly_0_from_a_device_that_is_on_is_a_gap(make):
    readings = watts(make, lambda t: 0 if 800 <= t < 1300 else 60_000 + t)

    windows, faults = recovered(make, readings, **MILLIWATTS)

    assert all(energy / (b - a) > 0.06 for a, b, energy in windows)
    assert any(b - a == pytest.approx(500, abs=5) for (_, a, _), (b, _, _) in pairwise(windows))
    (fault,) = faults
    assert "readings of 0 W left out" in fault
    assert fault.endswith("its others are 60 W or more; the energy of that time is unknown, not 0")


@pytest.mark.parametrize(
    "at",
    [
        lambda t: 60_000 + t if 800 <= t < 1300 else 0,  # most of the time it is off
        lambda t: 0 if 800 <= t < 1300 else 60_000 if t < 800 else 40 + t // 100,  # it comes near 0
    ],
)
def test_power_of_0_stays_where_the_device_may_be_off(make, at):
    windows, faults = recovered(make, watts(make, at), **MILLIWATTS)

    assert faults == ()
    assert sum(energy == 0 for _, _, energy in windows) >= 4
    assert all(b == a for (_, a, _), (b, _, _) in pairwise(windows))


def test_read_that_took_three_seconds_is_left_out_for_its_time_is_not_known(make):
    readings = make.readings([(0, 0), (10, 10), (3000, 1_500), (6000, 6_000), (6010, 6_010)])
    after = readings.t_after_ns.copy()
    before = readings.t_before_ns.copy()
    before[2] -= 2_900 * MS
    readings = replace(readings, t_before_ns=before, t_after_ns=after)

    assert recovered(make, readings)[0] == [(0, 10, 10.0), (10, 6000, 5990.0), (6000, 6010, 10.0)]


@pytest.mark.parametrize("quantity", ["energy", "power"])
def test_what_is_said_across_a_sleep_of_the_computer_is_left_out(make, quantity):
    readings = make.readings([(0, 0), (10, 10), (20, 9_000), (30, 9_010), (40, 9_020)])
    sleep = Sleep(make.origin_ns + 12 * MS, make.origin_ns + 18 * MS, 3_600_000 * MS)

    windows, faults = recovered(make, readings, [sleep], quantity=quantity)

    assert [(a, b) for a, b, _ in windows] == [(0, 10), (20, 30), (30, 40)]
    assert faults == ("the computer slept: what its readings across say is left out",)


def test_a_sleep_is_nothing_to_a_model(make):
    readings = make.readings([(0, 0), (10, 10), (20, 20)])
    sleep = Sleep(make.origin_ns + 12 * MS, make.origin_ns + 18 * MS, 3_600_000 * MS)

    windows, faults = recovered(make, readings, [sleep], provenance="model", period_ns=None)

    assert (windows, faults) == ([(0, 10, 10.0), (10, 20, 10.0)], ())


# --- the law: no fault loses more than its own gap -------------------------------------------------------------------

FAULTS = ("fails", "lost", "reset", "zero", "spike", "back", "still", "slow")
PERIODS = {"quick": MS, "slow": 100 * MS}


def spoil(kind, rows, first, last):
    """Spoil the rows first..last of (before, after, raw, status) as the fault would."""
    if kind == "fails":
        rows[first:last, 3] = TIMEOUT
    elif kind == "lost":
        rows[first:last, 3] = LOST
    elif kind == "reset":
        rows[first:, 2] -= rows[first, 2]
    elif kind == "zero":
        rows[first : first + 3, 2] = 0
    elif kind == "spike":
        rows[first : first + 3, 2] += 10**9
    elif kind == "back":
        rows[first:, 2] -= rows[first, 2] - rows[first - 1, 2] + 300
    elif kind == "still":
        rows[first:last, 2] = rows[first, 2]
    elif kind == "slow":
        rows[first, 0] -= 3_000 * MS
        rows[max(first - 250, 0) : first, 3] = TIMEOUT


@given(
    kind=st.sampled_from(FAULTS),
    speed=st.sampled_from(sorted(PERIODS)),
    first=st.integers(600, 900),
    length=st.integers(5, 400),
    powers=st.lists(st.floats(5, 400), min_size=2, max_size=30),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_fault_loses_or_spoils_more_than_its_own_gap(kind, speed, first, length, powers):
    steps = [(k * 700 * MS, power_w) for k, power_w in enumerate(powers)]
    period_ns = PERIODS[speed]
    sensor = SimulatedSensor(lambda: 0, steps, period_ns=period_ns, counter_start=10**6, scale=1e-3)
    t = np.arange(1, 1600, dtype=np.int64) * 12_360_680
    rows = np.stack([t - 10_000, t + 10_000, [sensor.raw_at(int(at)) for at in t], np.zeros_like(t)], axis=1)
    last = first + (length if kind != "still" else 100 + length)  # less than a second is an update that came late
    spoil(kind, rows, first, last)
    readings = Readings(rows[:, 0].copy(), rows[:, 1].copy(), rows[:, 2].copy(), rows[:, 3].astype(np.uint8))

    windows = recover(sensor.domain, readings, 0, FOREVER).run

    # Each window's energy is what the sound counter counted between its ends.
    at = t if speed == "quick" else np.arange(1600 * 12_360_680 // period_ns + 2) * period_ns
    true = np.array([sensor.raw_at(int(when)) for when in at])
    start = np.abs(at[None, :] - windows.start_ns[:, None]).argmin(axis=1)
    end = np.abs(at[None, :] - windows.end_ns[:, None]).argmin(axis=1)
    whole = windows.start_ns > 0  # the first may be cut off where the run begins
    np.testing.assert_allclose(windows.energy_j[whole], (true[end] - true[start])[whole] * 1e-3, atol=1e-9)
    # And what is not covered is the fault's own time, a few polls and two updates around it.
    faulty_ns = {"lost": last, "still": last}.get(kind, first + 3) * 12_360_680 - first * 12_360_680
    own_ns = faulty_ns + 25 * 12_360_680 + 2 * period_ns
    whole_ns = float(windows.end_ns[-1] - windows.start_ns[0])
    assert whole_ns >= t[-1] - t[0] - 2 * period_ns - 25_000_000
    assert whole_ns - windows.covered_ns() <= own_ns


def test_counter_that_never_moves_is_said_to_stand_still_and_nothing_else(make):
    readings = make.readings([(t_ms, 500) for t_ms in range(0, 6000, 50)], poll_ms=1.0)

    for scale in (1.0, 50.0):
        windows, faults = recovered(make, readings, wrap=1000, scale=scale)

        assert windows == []
        (fault,) = faults
        assert fault.startswith("the counter stood still for 5.95 s; the energy of that time is unknown, not 0")


def test_counter_that_stood_still_and_came_back_over_its_wrap_did_not_start_anew(make):
    before = [(t_ms, 900 + t_ms // 100) for t_ms in range(0, 5000, 100)]
    still = [(t_ms, 949) for t_ms in range(5000, 9000, 100)]
    after = [(t_ms, (900 + t_ms // 100) % 990) for t_ms in range(9000, 14000, 100)]

    _, faults = recovered(make, make.readings([*before, *still, *after], poll_ms=1.0), wrap=990)

    (fault,) = faults
    assert fault.startswith("the counter stood still for 4.1 s")
