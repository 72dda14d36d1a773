"""Laws that hold for every trace: conservation, bounds, and what must not change the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energyprof.attribute import attribute
from energyprof.attribute.identify import Subtrees
from energyprof.model.ids import StageId
from energyprof.model.span import Stage

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
UJ = 1.01e-6

NAMES = ("a", "b", "c")


@st.composite
def spans_of_lane(draw, depth=0, low=0, high=400, path=""):
    """Nested spans on a grid of milliseconds, some of no length, siblings touching or apart."""
    rows = []
    at = low
    for _ in range(draw(st.integers(0, 4 if depth == 0 else 2))):
        start = at + draw(st.integers(0, 60))
        end = start + draw(st.integers(0, 120))
        if end > high:
            break
        name = path + draw(st.sampled_from(NAMES))
        rows.append((name, start, end))
        if depth < 2 and end > start:
            rows += draw(spans_of_lane(depth + 1, start, end, name + "/"))
        at = end
    return rows


powers = st.lists(st.floats(0, 200), min_size=1, max_size=40)
baselines = st.sampled_from([None, 0.0, 5.0, 30.0])
lanes = st.lists(spans_of_lane(), min_size=0, max_size=3)


@st.composite
def cpu_rows(draw):
    """CPU time read every 10 ms, never more than passed."""
    steps = draw(st.lists(st.integers(0, 10), min_size=0, max_size=40))
    return [(10 * (k + 1), used) for k, used in enumerate(np.cumsum(steps).tolist())]


def build(make, lanes, powers, baseline, cpu=(), driver="cpu", poll_ms=0.0):
    rows = [make.lane(spans, cpu=cpu[k] if k < len(cpu) else ()) for k, spans in enumerate(lanes)]
    readings = make.counter(powers)
    readings = replace(readings, t_after_ns=readings.t_after_ns + round(poll_ms * make.ms))
    return make.trace(rows, [(make.domain(baseline_w=baseline, driver=driver), readings)])


@given(
    lanes, powers, baselines, st.lists(cpu_rows(), max_size=3), st.sampled_from(["cpu", "device"]), st.integers(0, 3)
)
@QUICK
def test_the_account_closes_and_nothing_is_negative(make, lanes, powers, baseline, cpu, driver, poll_ms):
    trace = build(make, lanes, powers, baseline, cpu, driver, poll_ms)

    found = attribute(trace).domains[0]

    own, ledger = found.self_energy, found.ledger
    measured = round(trace.readings["cpu"].raw[-1] - trace.readings["cpu"].raw[0])
    assert round(ledger.measured_j * 1e6) == measured
    parts = (ledger.stages_j, ledger.idle_j, ledger.outside_j, ledger.others_j, ledger.unattributed_j)
    assert sum(round(part * 1e6) for part in parts) == measured
    shown = sum(round(energy * 1e6) for energy in own.energy_j[~own.refused])
    unsplit = sum(round(row.energy_j * 1e6) for row in found.unsplit)
    assert shown + unsplit == round(ledger.stages_j * 1e6)
    assert min([ledger.stages_j, ledger.idle_j, ledger.outside_j, *own.low_j, *own.energy_j]) >= 0
    assert ledger.unattributed_j <= 1e-6
    members = [k for row in found.unsplit for k in row.members]
    assert len(members) == len(set(members))
    assert set(members) <= set(np.flatnonzero(own.refused).tolist())


@given(lanes, powers, baselines, st.integers(1, 400), st.integers(0, 5))
@QUICK
def test_a_run_that_ends_early_has_what_was_spent_until_then(make, lanes, powers, baseline, end_ms, late_ms):
    trace = build(make, lanes, powers, baseline)
    readings = replace(
        trace.readings["cpu"],
        t_before_ns=trace.readings["cpu"].t_before_ns - late_ms * make.ms,
        t_after_ns=trace.readings["cpu"].t_after_ns - late_ms * make.ms,
    )
    run = replace(trace.run, end_ns=trace.run.start_ns + end_ms * make.ms)

    found = attribute(replace(trace, run=run, readings={"cpu": readings})).domains[0]

    ledger, own = found.ledger, found.self_energy
    edges = np.arange(len(powers) + 1) * 10.0 - late_ms
    inside_ms = np.maximum(np.minimum(edges[1:], end_ms) - np.maximum(edges[:-1], 0.0), 0.0)
    assert abs(ledger.measured_j - float((np.rint(np.array(powers) * 1e4) * inside_ms / 10 * 1e-6).sum())) <= 2 * UJ
    assert abs(ledger.difference_j()) <= UJ
    shown = sum(round(energy * 1e6) for energy in own.energy_j[~own.refused])
    assert shown + sum(round(row.energy_j * 1e6) for row in found.unsplit) == round(ledger.stages_j * 1e6)
    assert np.all((own.low_j <= own.energy_j) & (own.energy_j <= own.high_j))
    assert found.measured_start_ns >= run.start_ns
    assert found.measured_end_ns <= run.end_ns


@given(lanes, powers, baselines, st.lists(cpu_rows(), max_size=3))
@QUICK
def test_intervals_hold_the_figure_and_totals_hold_their_parts(make, lanes, powers, baseline, cpu):
    trace = build(make, lanes, powers, baseline, cpu)

    found = attribute(trace).domains[0]

    for columns in (found.self_energy, found.total_energy):
        assert np.all(columns.low_j <= columns.energy_j)
        assert np.all(columns.energy_j <= columns.high_j)
        assert np.all((columns.data_share >= 0) & (columns.data_share <= 1))
    for row, stage in enumerate(trace.stages):
        below = [k for k, other in enumerate(trace.stages) if other.path[: len(stage.path)] == stage.path]
        total = sum(round(found.self_energy.energy_j[k] * 1e6) for k in below)
        assert round(found.total_energy.energy_j[row] * 1e6) == total
        assert found.total_energy.low_j[row] >= sum(found.self_energy.low_j[k] for k in below) - len(below) * UJ


@given(lanes, powers, baselines, st.lists(cpu_rows(), max_size=3), st.integers(2, 1000))
@QUICK
def test_energy_scales_with_the_readings(make, lanes, powers, baseline, cpu, factor):
    trace = build(make, lanes, powers, baseline, cpu)
    domain = trace.domains[0]
    larger = replace(
        domain,
        scale=domain.scale * factor,
        baseline_w=None if domain.baseline_w is None else domain.baseline_w * factor,
    )

    once = attribute(trace).domains[0]
    more = attribute(replace(trace, domains=(larger,))).domains[0]

    np.testing.assert_allclose(more.self_energy.energy_j, once.self_energy.energy_j * factor, atol=(factor + 1) * UJ)
    np.testing.assert_allclose(more.self_energy.data_share, once.self_energy.data_share, atol=1e-9)


@given(lanes, powers, baselines, st.lists(cpu_rows(), max_size=3), st.permutations(NAMES))
@QUICK
def test_names_and_their_order_do_not_matter(make, lanes, powers, baseline, cpu, renamed):
    def rename(path):
        return "/".join(renamed[NAMES.index(part)] for part in path.split("/"))

    other = [[(rename(path), start, end) for path, start, end in rows] for rows in lanes]
    trace, relabelled = build(make, lanes, powers, baseline, cpu), build(make, other, powers, baseline, cpu)

    before, after = attribute(trace).domains[0], attribute(relabelled).domains[0]

    energy = {str(stage.id): value for stage, value in zip(relabelled.stages, after.self_energy.energy_j, strict=True)}
    for stage, value in zip(trace.stages, before.self_energy.energy_j, strict=True):
        assert abs(energy[rename(str(stage.id))] - value) <= UJ


@given(lanes, powers, baselines, st.lists(cpu_rows(), max_size=3))
@QUICK
def test_a_span_cut_in_two_spends_the_same(make, lanes, powers, baseline, cpu):
    halves = []
    for rows in lanes:
        inner = {(s, e) for p, s, e in rows for q, a, b in rows if (q, a, b) != (p, s, e) and s <= a and b <= e}
        cut = []
        for path, start, end in rows:
            middle = (start + end) / 2
            parts = [(path, start, end)] if (start, end) in inner else [(path, start, middle), (path, middle, end)]
            cut += parts
        halves.append(cut)

    whole = attribute(build(make, lanes, powers, baseline, cpu)).domains[0]
    cut = attribute(build(make, halves, powers, baseline, cpu)).domains[0]

    np.testing.assert_allclose(cut.self_energy.energy_j, whole.self_energy.energy_j, atol=UJ)
    np.testing.assert_allclose(cut.self_energy.low_j, whole.self_energy.low_j, atol=UJ)


@given(lanes, powers, baselines, st.lists(cpu_rows(), max_size=3), st.integers(0, 10**15))
@QUICK
def test_the_time_of_day_does_not_matter(make, lanes, powers, baseline, cpu, shift):
    trace = build(make, lanes, powers, baseline, cpu)
    readings = trace.readings["cpu"]
    later = replace(
        trace,
        run=replace(trace.run, start_ns=trace.run.start_ns + shift, end_ns=trace.run.end_ns + shift),
        spans=replace(trace.spans, start_ns=trace.spans.start_ns + shift, end_ns=trace.spans.end_ns + shift),
        cpu=replace(trace.cpu, t_ns=trace.cpu.t_ns + shift),
        readings={
            "cpu": replace(readings, t_before_ns=readings.t_before_ns + shift, t_after_ns=readings.t_after_ns + shift)
        },
    )

    now, then = attribute(trace).domains[0], attribute(later).domains[0]

    assert then.self_energy.energy_j.tolist() == now.self_energy.energy_j.tolist()
    assert then.ledger == now.ledger
    assert then.measured_start_ns - shift == now.measured_start_ns


@given(lanes, powers, baselines)
@QUICK
def test_stages_merged_into_one_spend_their_sum(make, lanes, powers, baseline):
    merged = [[("a" if path == "b" else path, s, e) for path, s, e in rows if "/" not in path] for rows in lanes]
    flat = [[row for row in rows if "/" not in row[0]] for rows in lanes]
    apart, together = build(make, flat, powers, baseline), build(make, merged, powers, baseline)

    before, after = attribute(apart).domains[0], attribute(together).domains[0]

    energy = {str(stage.id): value for stage, value in zip(apart.stages, before.self_energy.energy_j, strict=True)}
    joint = {str(stage.id): value for stage, value in zip(together.stages, after.self_energy.energy_j, strict=True)}
    assert abs(joint.get("a", 0.0) - energy.get("a", 0.0) - energy.get("b", 0.0)) <= 2 * UJ


@given(st.lists(st.integers(0, 10**6), max_size=30))
def test_a_subtree_is_a_stage_and_all_that_stand_below_it(seeds):
    parents = [None if seed % (index + 1) == index else seed % (index + 1) for index, seed in enumerate(seeds)]
    stages = tuple(Stage(StageId(str(at)), str(at), (str(at),), parent) for at, parent in enumerate(parents))
    column = np.array([seed % 1000 for seed in seeds], np.int64)
    below = [{index} for index in range(len(stages))]
    for index in range(len(stages) - 1, -1, -1):
        if parents[index] is not None:
            below[parents[index]] |= below[index]

    tree = Subtrees.of(stages)

    assert [tree.members(index).tolist() for index in range(len(stages))] == [sorted(members) for members in below]
    assert tree.sums(column).tolist() == [sum(int(column[one]) for one in members) for members in below]
