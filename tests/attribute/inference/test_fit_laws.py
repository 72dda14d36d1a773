"""Laws of the statistical fit: what must not change its answer, and what must change it in proportion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.attribute.inference.conftest import NAMES

from energyprof.attribute import attribute

MS = 1_000_000
HABITS = {"period_ns": 50 * MS, "scale": 1e-3}
FEW = settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(st.integers(0, 100), st.sampled_from([2, 7, 100]))
@FEW
def test_energies_and_intervals_scale_with_the_readings(simulate, seed, factor):
    trace = simulate.run(seed, run_ms=8000.0, **HABITS).trace
    larger = replace(trace.domains[0], scale=trace.domains[0].scale * factor)

    once, more = attribute(trace).domains[0].fit, attribute(replace(trace, domains=(larger,))).domains[0].fit

    np.testing.assert_allclose(more.energy_j, once.energy_j * factor, rtol=1e-5)
    np.testing.assert_allclose(more.sd_j, once.sd_j * factor, rtol=1e-3)


@given(st.integers(0, 100), st.integers(1, 10**15))
@FEW
def test_the_time_of_day_does_not_matter_to_a_fit(simulate, seed, shift):
    trace = simulate.run(seed, run_ms=8000.0, **HABITS).trace
    readings = trace.readings[trace.domains[0].id]
    later = replace(
        trace,
        run=replace(trace.run, start_ns=trace.run.start_ns + shift, end_ns=trace.run.end_ns + shift),
        spans=replace(trace.spans, start_ns=trace.spans.start_ns + shift, end_ns=trace.spans.end_ns + shift),
        readings={
            trace.domains[0].id: replace(
                readings, t_before_ns=readings.t_before_ns + shift, t_after_ns=readings.t_after_ns + shift
            )
        },
    )

    assert attribute(later).domains[0].fit.energy_j.tolist() == attribute(trace).domains[0].fit.energy_j.tolist()


@given(st.integers(0, 100), st.permutations(NAMES))
@FEW
def test_names_do_not_matter_to_a_fit(simulate, seed, renamed):
    plain = simulate.run(seed, run_ms=8000.0, **HABITS)
    other = simulate.run(seed, run_ms=8000.0, names=dict(zip(NAMES, renamed, strict=True)), **HABITS)

    once, again = plain.found().fit, other.found().fit

    np.testing.assert_allclose(again.energy_j, once.energy_j, rtol=1e-6)


@given(st.integers(0, 100))
@FEW
def test_a_stage_split_in_two_at_random_spends_the_same_within_its_interval(simulate, seed):
    trace = simulate.run(seed, run_ms=15_000.0, **HABITS).trace
    rng = np.random.default_rng(seed)
    chosen = 2
    half = replace(trace.stages[chosen], id="other", name="other", path=("other",))
    stage = trace.spans.stage.copy()
    moved = (stage == chosen) & (rng.random(len(stage)) < 0.5)
    stage[moved] = len(trace.stages)
    parted = replace(trace, stages=(*trace.stages, half), spans=replace(trace.spans, stage=stage))

    whole, halves = attribute(trace).domains[0].fit, attribute(parted).domains[0].fit

    members = np.array([chosen, len(trace.stages)])
    together = float(halves.energy_j[members].sum())
    assert together == pytest.approx(float(whole.energy_j[chosen]), abs=2 * float(whole.sd_j[chosen]))
    assert halves.sd_of_sum(members) < 1.6 * float(whole.sd_j[chosen])


@given(st.integers(0, 100))
@FEW
def test_the_energies_of_a_fit_add_up_to_what_was_measured(simulate, seed):
    measured = simulate.run(seed, run_ms=8000.0, **HABITS)

    found = measured.found()

    ledger = found.ledger
    total = float(found.fit.energy_j.sum()) + ledger.idle_j + ledger.outside_j
    assert total == pytest.approx(ledger.measured_j, rel=0.01)
    assert ledger.measured_j == pytest.approx(measured.total_j, rel=0.01)
