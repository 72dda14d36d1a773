"""An averaging window that nobody told is found from the readings, said, and held by the intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

MS = 1_000_000


def untold(measured, **changes):
    domain = replace(measured.trace.domains[0], window_ns=None, **changes)
    return replace(measured, trace=replace(measured.trace, domains=(domain,)))


@pytest.mark.parametrize("window_ms", [25, 1000])
def test_window_that_was_not_told_is_found_and_said(simulate, window_ms):
    habits = {"quantity": "power", "period_ns": 100 * MS, "window_ns": window_ms * MS, "scale": 1e-3}
    measured = untold(simulate.run(1, run_ms=60_000.0, poll_ms=9.0, **habits))

    found = measured.found()

    error, sd = measured.errors(found)
    assert found.fit.window_ns == pytest.approx(window_ms * MS, rel=0.3)
    assert "window" in found.fit.timing
    assert any(f"look like means of {found.fit.window_ns / MS:.4g} ms" in fault for fault in found.faults)
    assert np.mean(np.abs(error) <= 1.96 * sd) >= 0.8


def test_window_of_one_period_stays_where_readings_fit_it(simulate):
    habits = {"quantity": "power", "period_ns": 100 * MS, "window_ns": 100 * MS, "scale": 1e-3}
    measured = untold(simulate.run(2, run_ms=60_000.0, poll_ms=9.0, **habits))

    found = measured.found()

    assert found.fit.window_ns == 100 * MS
    assert not any("look like means" in fault for fault in found.faults)


def test_window_that_was_told_is_taken(simulate):
    habits = {"quantity": "power", "period_ns": 100 * MS, "window_ns": 25 * MS, "scale": 1e-3}
    measured = simulate.run(1, run_ms=30_000.0, poll_ms=9.0, **habits)

    found = measured.found()

    assert found.fit.window_ns == 25 * MS
    assert found.fit.timing.startswith("lag by likelihood")


def test_window_that_contradicts_its_class_is_said(simulate):
    habits = {"quantity": "power", "period_ns": 100 * MS, "window_ns": 1000 * MS, "scale": 1e-3}
    measured = simulate.run(1, run_ms=60_000.0, poll_ms=9.0, **habits)
    domain = replace(measured.trace.domains[0], window_ns=25 * MS, timing="by class")

    found = replace(measured, trace=replace(measured.trace, domains=(domain,))).found()

    assert found.fit.window_ns == pytest.approx(1000 * MS, rel=0.1)
    assert any("not of 25 ms as its class has it" in fault for fault in found.faults)


def test_window_that_differs_little_from_its_class_does_not_contradict_it(simulate):
    habits = {"quantity": "power", "period_ns": 100 * MS, "window_ns": 40 * MS, "scale": 1e-3}
    measured = simulate.run(1, run_ms=30_000.0, poll_ms=9.0, **habits)
    domain = replace(measured.trace.domains[0], window_ns=25 * MS, timing="by class")

    found = replace(measured, trace=replace(measured.trace, domains=(domain,))).found()

    assert found.fit.window_ns == 25 * MS
    assert not any("as its class has it" in fault for fault in found.faults)
