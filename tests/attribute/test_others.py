"""Where the machine is shared, others' part of the dynamic energy is taken off, labelled, and the ledger closes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energyprof.attribute import attribute
from energyprof.model.attribution import PROVENANCES
from energyprof.model.power import Use

MODEL = PROVENANCES.index("estimated (model)")
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def use(make, rows):
    """Rows of (t, own, others, profiler) in ms, each added up."""
    table = np.array(rows, np.float64).reshape(-1, 4) * make.ms
    t_ns = make.origin_ns + table[:, 0].astype(np.int64)
    return Use(t_ns, *(table[:, at].astype(np.int64) for at in (1, 2, 3)))


def shared(trace, host=None, devices=None, is_shared=True):
    return replace(
        trace,
        run=replace(trace.run, shared=is_shared),
        host_use=host or Use.none(),
        device_use=devices or {},
    )


def build(make, powers, driver="cpu", baseline=10.0, **changes):
    """Stage `work` from 0 to 100 ms on one core, then nothing until 200 ms."""
    lane = make.lane([("work", 0, 100)], cpu=[(10 * k, 10 * min(k, 10)) for k in range(21)])
    readings = make.counter(powers)
    domain = make.domain(baseline_w=baseline, driver=driver, **changes)
    processes = {1: [(10 * k, 10 * min(k, 10)) for k in range(21)]}
    return make.trace([lane], [(domain, readings)], processes, end_ms=200)


def test_others_get_their_part_of_the_dynamic_energy_by_cpu_time(make):
    trace = build(make, [50.0] * 10 + [30.0] * 10)
    host = use(make, [(0, 0, 0, 0), (100, 100, 100, 0), (200, 100, 200, 0)])

    found = attribute(shared(trace, host)).domains[0]

    # 40 W above idle are shared half and half for 100 ms; after that all 20 W are others'.
    assert found.ledger.others_j == pytest.approx(2.0 + 2.0, abs=1e-5)
    assert found.ledger.stages_j == pytest.approx(1.0 + 2.0, abs=1e-5)
    assert found.ledger.idle_j == pytest.approx(1.0, abs=1e-5)
    assert found.ledger.outside_j == pytest.approx(0.0, abs=1e-5)
    assert abs(found.ledger.difference_j()) < 1e-6


def test_what_others_touched_is_a_model_with_an_interval_and_says_so(make):
    trace = build(make, [50.0] * 10 + [30.0] * 10)
    host = use(make, [(0, 0, 0, 0), (100, 100, 100, 0), (200, 100, 200, 0)])

    found = attribute(shared(trace, host)).domains[0]

    for columns in (found.self_energy, found.total_energy):
        assert columns.provenance.tolist() == [MODEL]
        assert "others' part was taken off by CPU time" in columns.reason[0]
        # A second of theirs may cost twice as much (a third is left of 4 J), or half (two thirds are).
        assert columns.low_j[0] == pytest.approx(1.0 + 4 / 3, abs=1e-3)
        assert columns.high_j[0] == pytest.approx(1.0 + 8 / 3, abs=1e-3)
        assert columns.data_share[0] == pytest.approx((1.0 + 4 / 3) / 3.0, abs=1e-3)


def test_stage_of_which_others_had_nothing_stays_measured(make):
    lane = make.lane([("alone", 0, 100), ("beside", 100, 200)], cpu=[(10 * k, 10 * k) for k in range(21)])
    domain = make.domain(baseline_w=0.0)
    trace = make.trace([lane], [(domain, make.counter([50.0] * 20))], {1: [(10 * k, 10 * k) for k in range(21)]})
    host = use(make, [(0, 0, 0, 0), (100, 100, 0, 0), (200, 200, 50, 0)])

    found = attribute(shared(trace, host)).domains[0]

    assert found.self_energy.provenance.tolist() == [PROVENANCES.index("measured"), MODEL]
    assert found.self_energy.energy_j[0] == 5.0
    assert found.self_energy.energy_j[1] == pytest.approx(5.0 * 2 / 3, abs=1e-5)


def test_without_asking_nothing_changes_but_what_is_known_of_others(make):
    trace = build(make, [50.0] * 10 + [30.0] * 10)
    host = use(make, [(0, 0, 0, 0), (100, 100, 100, 0), (200, 100, 200, 0)])

    alone, beside = attribute(trace).domains[0], attribute(shared(trace, host, is_shared=False)).domains[0]

    assert beside.ledger == alone.ledger
    assert beside.self_energy.energy_j.tolist() == alone.self_energy.energy_j.tolist()
    assert beside.self_energy.provenance.tolist() == alone.self_energy.provenance.tolist()
    assert (alone.busy_s, alone.others_s) == (None, None)
    assert (beside.busy_s, beside.others_s) == pytest.approx((0.3, 0.2))


def test_model_knows_the_program_only_and_has_nothing_of_others(make):
    trace = build(make, [50.0] * 20, provenance="model")
    host = use(make, [(0, 0, 0, 0), (200, 100, 300, 0)])

    found = attribute(shared(trace, host)).domains[0]

    assert found.ledger.others_j == 0.0
    assert found.ledger == attribute(trace).domains[0].ledger


def test_profiler_is_not_others_and_leaves_its_energy_where_it_was(make):
    trace = build(make, [50.0] * 10 + [10.0] * 10)
    host = use(make, [(0, 0, 0, 0), (100, 100, 0, 100), (200, 100, 0, 100)])

    found = attribute(shared(trace, host)).domains[0]

    assert found.ledger == attribute(trace).domains[0].ledger


def test_device_is_parted_by_what_its_processes_used(make):
    trace = build(make, [50.0] * 20, driver="device", id="gpu:0")
    device = use(make, [(0, 0, 0, 0), (100, 75, 25, 0), (200, 75, 25, 0)])

    found = attribute(shared(trace, devices={"gpu:0": device})).domains[0]

    assert found.ledger.others_j == pytest.approx(0.25 * 4.0, abs=1e-5)
    assert "what the device's processes used" in found.self_energy.reason[0]


def test_child_that_came_and_went_unseen_counts_to_the_program(make):
    trace = build(make, [50.0] * 10 + [10.0] * 10)
    # By the control group the program used 200 ms in 100 ms, of which its tree shows 100.
    host = use(make, [(0, 0, 0, 0), (100, 200, 100, 0), (200, 200, 100, 0)])

    found = attribute(shared(trace, host)).domains[0]

    assert found.ledger.others_j == pytest.approx(4.0 / 3, abs=1e-3)


def test_idle_power_is_not_learnt_while_others_work(make):
    trace = build(make, [50.0] * 10 + [30.0] * 10, baseline=None)
    host = use(make, [(0, 0, 0, 0), (100, 100, 100, 0), (200, 100, 200, 0)])

    found = attribute(shared(trace, host)).domains[0]

    assert attribute(trace).domains[0].baseline_w == pytest.approx(30.0)
    assert found.baseline_w is None
    assert abs(found.ledger.difference_j()) < 1e-6


@pytest.mark.parametrize("driver", ["cpu", "device"])
def test_without_idle_power_nothing_is_taken_off_and_that_is_said(make, driver):
    domain, readings = make.domain(baseline_w=None, driver=driver), make.counter([50.0] * 10 + [30.0] * 10)
    trace = make.trace([[("work", 0, 200)]], [(domain, readings)], end_ms=200)
    known = use(make, [(0, 0, 0, 0), (100, 0, 100, 0), (200, 0, 200, 0)])

    found = attribute(shared(trace, known, {"cpu": known})).domains[0]

    alone = attribute(trace).domains[0]
    assert found.baseline_w is None
    assert (found.ledger, found.ledger.others_j) == (alone.ledger, 0.0)
    assert found.self_energy.energy_j.tolist() == alone.self_energy.energy_j.tolist() == [8.0]
    assert found.self_energy.high_j[0] >= 8.0
    (fault,) = found.faults
    assert fault.startswith("others' part cannot be told apart without the idle power")
    assert "--lead-in" in fault


def test_without_idle_power_nothing_is_said_of_others_where_there_were_none(make):
    trace = make.trace([[("work", 0, 200)]], [(make.domain(baseline_w=None), make.counter([50.0] * 20))], end_ms=200)

    found = attribute(shared(trace, use(make, [(0, 0, 0, 0), (200, 200, 0, 0)]))).domains[0]

    assert (found.baseline_w, found.faults) == (None, ())


@st.composite
def host_rows(draw):
    steps = draw(st.lists(st.tuples(*(st.integers(0, 200),) * 4), min_size=0, max_size=8))
    rows = np.cumsum(np.array(steps, np.float64).reshape(-1, 4), axis=0)
    return [tuple(row) for row in rows]


@given(
    st.lists(st.floats(0, 200), min_size=1, max_size=30),
    st.sampled_from([None, 0.0, 5.0, 60.0]),
    host_rows(),
    st.sampled_from(["cpu", "device"]),
    st.lists(st.tuples(st.integers(0, 150), st.integers(0, 150)), max_size=4),
)
@QUICK
def test_the_account_closes_with_others_in_it(make, powers, baseline, rows, driver, spans):
    lane = make.lane([(f"s{k}", start, start + length) for k, (start, length) in enumerate(sorted(spans))][:1])
    cpu = [(10 * k, 5 * k) for k in range(31)]
    domain = make.domain(baseline_w=baseline, driver=driver)
    trace = make.trace([replace(lane, cpu=cpu)], [(domain, make.counter(powers))], {1: cpu}, end_ms=300)
    known = use(make, rows)

    found = attribute(shared(trace, known, {"cpu": known})).domains[0]

    line = found.ledger
    measured = round(trace.readings["cpu"].raw[-1] - trace.readings["cpu"].raw[0])
    parts = (line.stages_j, line.idle_j, line.outside_j, line.others_j, line.unattributed_j)
    assert round(line.measured_j * 1e6) == measured
    assert sum(round(part * 1e6) for part in parts) == measured
    assert min(line.stages_j, line.idle_j, line.outside_j, line.others_j) >= 0
    own = found.self_energy
    assert np.all((own.low_j <= own.energy_j) & (own.energy_j <= own.high_j))
    shown = sum(round(energy * 1e6) for energy in own.energy_j[~own.refused])
    assert shown + sum(round(row.energy_j * 1e6) for row in found.unsplit) == round(line.stages_j * 1e6)
