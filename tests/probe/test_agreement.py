"""A counter that contradicts the power readings of its own device is found out; one that agrees is left in peace."""

from __future__ import annotations

from dataclasses import replace

import pytest

from energyprof.probe.agreement import compare

BLUR_MS = 220


def both(hear, scale):
    """Return what a counter and power readings of the same load have shown; `scale`: J per raw unit of the counter."""
    counter = hear(period_ns=100 * hear.ms, duration_s=12.0)
    power = hear(period_ns=100 * hear.ms, duration_s=12.0, quantity="power")
    return (replace(counter.domain, scale=scale), counter.readings), (power.domain, power.readings)


@pytest.mark.parametrize("factor", [0.87, 1.13, 187 / 327])
def test_counter_that_is_wrong_is_flagged_with_how_much(hear, factor):
    counter, power = both(hear, 1e-3 * factor)

    found = compare(counter, power, BLUR_MS * hear.ms)

    assert found.contradicts
    assert found.difference == pytest.approx(factor - 1, abs=0.02)


@pytest.mark.parametrize("factor", [0.97, 1.0, 1.03])
def test_counter_within_the_sensors_error_is_not(hear, factor):
    counter, power = both(hear, 1e-3 * factor)

    found = compare(counter, power, BLUR_MS * hear.ms)

    assert not found.contradicts
    assert found.difference == pytest.approx(factor - 1, abs=0.02)


def test_time_too_short_for_their_lags_says_nothing(hear):
    counter, power = both(hear, 1e-3)

    assert compare(counter, power, 8_000 * hear.ms) is None


def test_counter_that_wraps_counts_on(hear):
    counter = hear(period_ns=100 * hear.ms, duration_s=12.0, wrap=700_000)
    power = hear(period_ns=100 * hear.ms, duration_s=12.0, quantity="power")

    found = compare((counter.domain, counter.readings), (power.domain, power.readings), BLUR_MS * hear.ms)

    assert abs(found.difference) < 0.02
