"""Folded stages: what was recorded of them counts to the stage around, as if they had never been there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from energyprof.attribute.fit import attribute
from energyprof.attribute.folded import as_folded, without_folded
from energyprof.model.trace import Trace

REASON = "folded into its parent: too short to record within 3 %"


def folded(trace: Trace, *names: str) -> Trace:
    """Return the trace with stages told to be folded."""
    stages = [replace(one, facts={"folded": REASON}) if one.name in names else one for one in trace.stages]
    return replace(trace, stages=tuple(stages))


@pytest.fixture
def net(make: Any) -> Trace:
    """Four calls of `net`, of which the first two have `net/layer` with `net/layer/part` inside recorded twice."""
    rows = []
    for call in range(4):
        start = 100 + 200 * call
        rows.append(("net", start, start + 100))
        if call < 2:
            for half in (0, 50):
                rows.append(("net/layer", start + half + 5, start + half + 40))
                rows.append(("net/layer/part", start + half + 10, start + half + 30))
    domain = make.domain()
    return make.trace([rows], [(domain, make.counter([10.0] * 100))])


def test_spans_inside_folded_ones_stand_in_the_spans_around(net: Trace) -> None:
    fewer = without_folded(folded(net, "layer"))

    names = [net.stages[stage].id for stage in fewer.spans.stage.tolist()]
    around = [-1 if row < 0 else names[row] for row in fewer.spans.parent.tolist()]
    assert names == ["net", *["net/layer/part"] * 2, "net", *["net/layer/part"] * 2, "net", "net"]
    assert around == [-1, "net", "net", -1, "net", "net", -1, -1]


def test_a_trace_without_folded_stages_stays_the_same(net: Trace) -> None:
    assert without_folded(net) is net


def test_the_energy_is_that_of_the_stage_around_and_the_ledger_closes(net: Trace) -> None:
    trace = folded(net, "layer", "part")

    found = as_folded(attribute(without_folded(trace)), trace)

    (domain,) = found.domains
    own, whole = domain.self_energy, domain.total_energy
    assert own.refused.tolist() == [False, True, True]
    assert own.energy_j.tolist() == [whole.energy_j[0], 0.0, 0.0]
    assert own.reason[1] == whole.reason[2] == REASON
    assert domain.ledger is not None
    assert domain.ledger.difference_j() == pytest.approx(0.0, abs=1e-6)
    assert domain.ledger.stages_j == pytest.approx(own.energy_j.sum(), abs=1e-6)
    assert found.times.self_wall_ns.tolist() == [400_000_000, 0, 0]


def test_calls_go_on_as_they_were_when_recording_ended(net: Trace) -> None:
    trace = folded(net, "layer", "part")

    found = as_folded(attribute(without_folded(trace)), trace)

    assert found.times.calls.tolist() == [4, 8, 8]


def test_calls_whose_layers_were_passed_over_say_nothing_of_a_layer_that_is_folded_later(make: Any) -> None:
    rows = [("net", 100 + 200 * call, 200 + 200 * call) for call in range(8)]
    rows += [("net/layer", 110 + 200 * call, 150 + 200 * call) for call in (0, 3)]
    rows += [("net/passed", 101 + 200 * call, 199 + 200 * call) for call in (1, 2)]
    recorded = make.trace([rows], [(make.domain(), make.counter([10.0] * 200))], end_ms=2000.0)
    facts = {"layer": {"folded": REASON}, "passed": {"passed_over": "layers are recorded in some calls only"}}
    stages = tuple(replace(one, facts=facts.get(one.name, {})) for one in recorded.stages)
    trace = replace(recorded, stages=stages)

    found = as_folded(attribute(without_folded(trace)), trace)

    assert dict(zip((one.name for one in stages), found.times.calls.tolist(), strict=True))["layer"] == 8


def test_a_folded_root_of_which_nothing_is_around_keeps_the_calls_that_were_seen(make: Any) -> None:
    domain = make.domain()
    trace = folded(make.trace([[("a", 10, 20)]], [(domain, make.counter([1.0] * 50))]), "a")

    fewer = without_folded(trace)
    found = as_folded(attribute(fewer), trace)

    assert len(fewer.spans) == 0
    assert found.times.calls.tolist() == [1]
    assert np.asarray(found.domains[0].self_energy.refused).all()
