"""Idle power, and rounding to whole microjoules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energyprof.attribute import attribute
from energyprof.attribute.ledger import whole_microjoules

BUSY = {1: [(t, t) for t in range(0, 401, 10)]}
WORKING = {1: [(t, min(max(t - 100, 0), 200)) for t in range(0, 401, 10)]}


def baseline(make, powers, processes=None, **changes):
    lanes = [[("a", 100, 300)]]
    found = attribute(make.trace(lanes, [(make.domain(**changes), make.counter(powers))], processes)).domains[0]
    return found.baseline_w, found.ledger.idle_j, found.notes


def test_baseline_is_the_power_of_idle_gaps(make):
    powers = [8.0] * 10 + [50.0] * 20 + [8.0] * 10

    assert baseline(make, powers, WORKING, baseline_w=None) == (8.0, 1.6, ())


def test_baseline_is_never_above_what_nearly_all_windows_spent(make):
    powers = [8.0] * 10 + [5.0] * 20 + [8.0] * 10

    assert baseline(make, powers, WORKING, baseline_w=None)[0] == pytest.approx(5.0)


def test_busy_gaps_tell_nothing_about_idle_power(make):
    powers = [30.0] * 10 + [50.0] * 20 + [30.0] * 10

    note = "idle power unknown: the gaps between stages were busy; idle is 0 J and stages include it"
    assert baseline(make, powers, BUSY, baseline_w=None) == (None, 0.0, (note,))


def test_without_gaps_the_baseline_is_unknown(make):
    trace = make.trace([[("a", 0, 400)]], [(make.domain(baseline_w=None, driver="device"), make.counter([9.0] * 40))])

    found = attribute(trace).domains[0]

    assert (found.baseline_w, found.ledger.stages_j, found.ledger.idle_j) == (None, 3.6, 0.0)
    assert found.notes == ("idle power unknown: no gap between stages showed it; idle is 0 J and stages include it",)


def test_models_idle_power_is_taken_as_stated(make):
    powers = [8.0] * 10 + [50.0] * 20 + [8.0] * 10

    assert baseline(make, powers, WORKING, baseline_w=3.0, provenance="model")[0] == 3.0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(-1e3, 0))
def test_rounded_parts_add_up_and_stray_by_less_than_a_microjoule(parts, negative):
    column = np.array([*parts, negative])
    total = round(float(column.sum()) * 1e6)

    rounded = whole_microjoules(column, total)

    assert int(rounded.sum()) == total
    assert np.all(np.abs(rounded[:-1] - column[:-1] * 1e6) <= 1)
    assert rounded[-1] == pytest.approx(negative * 1e6, abs=2 + 1e-9 * total)
    assert np.all(rounded[:-1][column[:-1] == 0] == 0)
