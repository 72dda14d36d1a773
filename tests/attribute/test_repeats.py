"""What repeated calls tell of leaves that the run cannot tell apart; every sum stays what it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from energyprof.attribute.fit import attribute
from energyprof.attribute.repeats import with_repeats
from energyprof.model.attribution import PROVENANCES, REPEAT_MODE, Attribution
from energyprof.model.cures import Cures, Repeats, Thing, Visit
from energyprof.model.trace import Trace

WATTS = {"a": 20.0, "b": 60.0}
"""What the two layers draw; the machine at rest draws 10 W."""
PHASE_MS = 1_200
VISIT_MS = 50


def run(make: Any, *, repeated: str = "ab", factor: float = 1.0, calls_per_visit: int = 10) -> Trace:
    """Return a run of 100 steps of 2 ms `a` and 3 ms `b`, and a repeat phase; a 10 ms counter sees it.

    `factor`: how much more power a repeated call takes than one of the run.
    """
    power_w = np.full(2_000, 10.0)
    spans = []
    for step in range(100):
        start = 300.0 + 5 * step
        spans += [("net", start, start + 5), ("net/a", start, start + 2), ("net/b", start + 2, start + 5)]
        power_w[int(start) : int(start) + 2] += WATTS["a"]
        power_w[int(start) + 2 : int(start) + 5] += WATTS["b"]
    visits = []
    for at in range(10):
        which = repeated[at % len(repeated)]
        start = PHASE_MS + VISIT_MS * at
        power_w[start : start + VISIT_MS] += WATTS[which] * factor
        visits.append(Visit("ab".index(which), _ns(make, start), _ns(make, start + VISIT_MS), calls_per_visit))
    spans.append(("(repeat)", PHASE_MS, PHASE_MS + 10 * VISIT_MS))
    counter = make.counter(power_w.reshape(-1, 10).mean(axis=1), 10.0)
    domain = make.domain(baseline_w=None)
    trace = make.trace([make.lane(spans)], [(domain, counter)], end_ms=2_000.0)
    things = tuple(Thing(name, "stage", _ns(make, 300)) for name in "ab")
    repeats = Repeats(VISIT_MS * make.ms, 5, things, tuple(visits), (("c", "a reason"),), is_cut=False)
    return replace(trace, cures=Cures(None, repeats))


def _ns(make: Any, t_ms: float) -> int:
    return int(make.origin_ns + t_ms * make.ms)


def row(attribution: Attribution, trace: Trace, name: str) -> tuple[float, float, float, bool, str]:
    index = next(at for at, stage in enumerate(trace.stages) if str(stage.id) == name)
    energy = attribution.domains[0].self_energy
    how = PROVENANCES[energy.provenance[index]]
    figures = (energy.energy_j[index], energy.low_j[index], energy.high_j[index])
    return (*map(float, figures), bool(energy.refused[index]), how)


def stages_uj(attribution: Attribution) -> int:
    (part,) = attribution.domains
    own = part.self_energy
    named = round(float(np.where(own.refused, 0.0, own.energy_j).sum()) * 1e6)
    return named + sum(round(joint.energy_j * 1e6) for joint in part.unsplit)


def test_layers_shorter_than_the_period_are_told_apart_by_repeating(make: Any) -> None:
    trace = run(make, calls_per_visit=20)
    plain = attribute(trace)
    names = [str(trace.stages[member].id) for joint in plain.domains[0].unsplit for member in joint.members]
    assert {"net/a", "net/b"} <= set(names)

    found = with_repeats(trace, plain, attribute)

    # A repeated call of `a` is 2.5 ms at 30 W, one of `b` 2.5 ms at 70 W; each was called 100 times in the run.
    calls = {call.name: call for call in found.repeats.calls}
    assert calls["a"].energy_j == pytest.approx(0.075, rel=0.02)
    assert calls["b"].energy_j == pytest.approx(0.175, rel=0.02)
    assert (calls["a"].visits, calls["a"].repeated_calls, calls["a"].wall_ns) == (5, 100, 2_500_000)
    for name in ("net/a", "net/b"):
        energy_j, low_j, high_j, refused, how = row(found, trace, name)
        assert not refused
        assert how == "inferred (repeat mode)"
        assert low_j <= energy_j <= high_j
    assert stages_uj(found) == stages_uj(plain)


def test_all_members_repeated_share_what_was_measured_of_them(make: Any) -> None:
    trace = run(make, factor=2.0)
    plain = attribute(trace)
    (joint,) = plain.domains[0].unsplit
    stages = {str(stage.id): at for at, stage in enumerate(trace.stages)}
    only = replace(joint, members=(stages["net/a"], stages["net/b"]))
    plain = replace(plain, domains=(replace(plain.domains[0], unsplit=(only,)),))

    found = with_repeats(trace, plain, attribute)

    (a_j, *_), (b_j, b_low_j, b_high_j, *_) = row(found, trace, "net/a"), row(found, trace, "net/b")
    assert found.domains[0].unsplit == ()
    assert round((a_j + b_j) * 1e6) == round(joint.energy_j * 1e6)
    assert a_j / b_j == pytest.approx((10 + 40) / (10 + 120), rel=0.03)
    each_j = next(call.energy_j for call in found.repeats.calls if call.name == "b")
    assert b_low_j <= b_j <= 100 * each_j <= b_high_j  # what repeated calls cost as it stands lies within, too


def test_what_was_not_repeated_keeps_the_rest_of_the_row(make: Any) -> None:
    trace = run(make, repeated="a", calls_per_visit=25)
    plain = attribute(trace)
    (before,) = plain.domains[0].unsplit

    found = with_repeats(trace, plain, attribute)

    a_j, low_j, high_j, _, how = row(found, trace, "net/a")
    (rest,) = found.domains[0].unsplit
    assert how == "inferred (repeat mode)"
    assert a_j == pytest.approx(100 * 2e-3 * 30, rel=0.03)
    assert len(rest.members) == len(before.members) - 1
    assert round(rest.energy_j * 1e6) + round(a_j * 1e6) == round(before.energy_j * 1e6)
    assert rest.low_j <= rest.energy_j <= rest.high_j
    assert rest.low_j <= max(before.low_j - high_j, 0.0)
    assert rest.high_j >= before.high_j - low_j - 1e-6


def test_a_row_that_has_less_than_its_parts_would_take_stays_as_it_is(make: Any) -> None:
    trace = run(make, repeated="a", calls_per_visit=1)
    plain = attribute(trace)

    found = with_repeats(trace, plain, attribute)

    assert found.domains[0].unsplit == plain.domains[0].unsplit
    assert row(found, trace, "net/a")[3]
    assert [call.name for call in found.repeats.calls] == ["a"]


def test_repeated_calls_are_compared_with_what_the_run_spent(make: Any) -> None:
    trace = run(make)
    stages = tuple(
        replace(stage, kind="module") if str(stage.id).startswith("net") else stage for stage in trace.stages
    )
    things = tuple(replace(thing, kind="module") for thing in trace.cures.repeats.things)
    trace = replace(trace, stages=stages, cures=Cures(None, replace(trace.cures.repeats, things=things)))

    found = with_repeats(trace, attribute(trace), attribute)

    (whole,) = found.repeats.wholes
    each_j = sum(call.energy_j for call in found.repeats.calls)
    assert str(trace.stages[whole.stage].id) == "net"
    assert (whole.layers, whole.time_share) == (2, 1.0)
    assert whole.repeated_j == pytest.approx(100 * each_j)
    assert whole.whole_j == pytest.approx(100 * (2e-3 * 30 + 3e-3 * 70), rel=0.02)
    assert found.repeats.skipped == (("c", "a reason"),)


def test_the_rest_of_the_run_is_what_it_was(make: Any) -> None:
    trace = run(make)
    plain = attribute(trace)

    found = with_repeats(trace, plain, attribute)

    assert found.domains[0].ledger == plain.domains[0].ledger
    energy, before = found.domains[0].self_energy, plain.domains[0].self_energy
    untouched = energy.provenance != REPEAT_MODE
    assert energy.energy_j[untouched].tolist() == before.energy_j[untouched].tolist()
    assert row(found, trace, "(repeat)")[4] == "measured"
    assert with_repeats(replace(trace, cures=None), plain, attribute) is plain
