"""Steps whose layers were not recorded: what they took is divided over the layers, and every sum stays what it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from energyprof.attribute.fit import attribute
from energyprof.attribute.folded import as_folded, without_folded
from energyprof.attribute.passed_over import as_sampled, in_how_many_calls
from energyprof.attribute.step_shares import passed_over_stages, step_shares
from energyprof.model.attribution import PROVENANCES, DomainAttribution
from energyprof.model.trace import Trace

OVER = "<layers not recorded>"
REASON = "layers are recorded in some calls only, to stay within 3 %"
PERIOD_MS = 50
Row = tuple[str, float, float]


def marked(trace: Trace, **facts: str) -> Trace:
    """Return the trace with the stage that stands for layers told to do so, and others with the facts given."""
    table = {OVER: {"passed_over": REASON}, **{name: {"folded": fact} for name, fact in facts.items()}}
    stages = [replace(one, kind="module", facts=table[one.name]) if one.name in table else one for one in trace.stages]
    return replace(trace, stages=tuple(stages))


def rows_of(calls: int, is_drawn: Any, a_ms: Any = lambda _call: 10.0) -> list[Row]:
    """Return calls of `net`, 40 ms each with 10 ms after it: 10 ms of `a`, 20 ms of `b`, what is left its own."""
    rows: list[Row] = []
    for call in range(calls):
        at = PERIOD_MS * call
        rows.append(("net", at, at + 40))
        if is_drawn(call):
            rows += [("net/a", at, at + a_ms(call)), ("net/b", at + a_ms(call), at + a_ms(call) + 20)]
        else:
            rows.append((f"net/{OVER}", at, at + 40))
    return rows


def power(calls: int) -> list[float]:
    """Return the power in every 10 ms: 10 W in `a`, 20 W in `b`, 5 W in `net` itself, nothing between calls."""
    return [10.0, 20.0, 20.0, 5.0, 0.0] * calls


@pytest.fixture
def half(make: Any) -> Trace:
    """Twenty calls, every second one recorded whole, and a counter that is read as often as anything changes."""
    trace = make.trace([rows_of(20, lambda call: call % 2)], [(make.domain(), make.counter(power(20)))])
    return marked(trace)


def stage(trace: Trace, name: str) -> int:
    return next(index for index, one in enumerate(trace.stages) if one.name == name)


def test_layers_have_what_all_calls_took(half: Trace) -> None:
    found = as_sampled(attribute(half), half)

    (domain,) = found.domains
    own, whole = domain.self_energy, domain.total_energy
    for name, energy_j in (("net", 20 * 0.05), ("a", 20 * 0.1), ("b", 20 * 0.4)):
        at = stage(half, name)
        assert own.energy_j[at] == pytest.approx(energy_j, abs=2e-6)
        assert own.low_j[at] <= own.energy_j[at] <= own.high_j[at]
        assert not own.refused[at]
        assert PROVENANCES[own.provenance[at]] == "inferred"
        assert own.reason[at] == "inferred from the 10 of 20 calls of net whose layers were recorded"
    assert whole.energy_j[stage(half, "net")] == pytest.approx(20 * 0.55, abs=2e-6)
    assert whole.energy_j[stage(half, "a")] == own.energy_j[stage(half, "a")]


def test_what_stood_for_the_layers_has_no_figure_any_more_and_says_why(half: Trace) -> None:
    found = as_sampled(attribute(half), half)

    (domain,) = found.domains
    at = stage(half, OVER)
    for columns in (domain.self_energy, domain.total_energy):
        assert (columns.energy_j[at], columns.refused[at], columns.unread[at]) == (0.0, True, True)
        assert columns.reason[at] == REASON


def test_the_ledger_stays_what_it_was(half: Trace) -> None:
    before = attribute(half)

    (domain,) = as_sampled(before, half).domains

    assert domain.ledger == before.domains[0].ledger
    assert domain.ledger is not None
    assert sum_j(domain) == pytest.approx(domain.ledger.stages_j, abs=5e-7)


def sum_j(domain: DomainAttribution) -> float:
    own = domain.self_energy
    return float(own.energy_j[~own.refused].sum()) + sum(row.energy_j for row in domain.unsplit)


def test_times_and_calls_are_those_of_all_calls(half: Trace) -> None:
    times = as_sampled(attribute(half), half).times

    ms = {one.name: (times.calls[k], times.wall_ns[k] / 1e6, times.self_wall_ns[k] / 1e6) for k, one in named(half)}
    assert ms == {"net": (20, 800, 200), "a": (20, 200, 200), "b": (20, 400, 400), OVER: (10, 400, 0)}


def named(trace: Trace) -> list[tuple[int, Any]]:
    return list(enumerate(trace.stages))


def test_the_report_says_in_how_many_calls_layers_were_recorded(half: Trace) -> None:
    found = as_sampled(attribute(half), half)

    (warning,) = found.warnings
    assert warning.startswith("layers of net were recorded in 10 of its 20 calls, drawn at random, to keep the bound")
    assert stage(half, OVER) not in {*found.calls.target.tolist(), *found.follows.target.tolist()}


def test_many_models_are_told_in_one_line_that_names_those_called_most() -> None:
    counts = {"a": (20, 10), "b": (300, 30), "c": (40, 20), "d": (5, 4), "e": (6, 5)}

    (said,) = in_how_many_calls(counts)

    assert said.startswith(
        "layers of b were recorded in 270 of its 300 calls, of c in 20 of its 40, of a in 10 of its 20, "
        "of 2 more in some of theirs, drawn at random"
    )
    assert in_how_many_calls({}) == []


def test_a_trace_without_such_steps_stays_the_same(make: Any) -> None:
    trace = make.trace([rows_of(4, lambda _call: True)], [(make.domain(), make.counter(power(4)))])
    before = attribute(trace)

    assert as_sampled(before, trace) is before


def test_calls_before_sampling_began_do_not_count_unless_there_are_no_others(make: Any) -> None:
    # Four calls before the first that is passed over have an `a` of another length.
    rows = rows_of(12, lambda call: call < 4 or call % 2, lambda call: 15.0 if call < 4 else 10.0)
    trace = marked(make.trace([rows]))
    lanes = np.ones(1, np.bool_)

    shares = step_shares(trace, *passed_over_stages(trace), lanes)
    assert shares is not None
    assert (shares.recorded_calls, shares.passed_calls) == (4, 4)
    assert shares.share[stage(trace, "a")] == pytest.approx(0.25)

    early = marked(make.trace([rows_of(6, lambda call: call < 4, lambda _call: 15.0)]))
    shares = step_shares(early, *passed_over_stages(early), lanes)
    assert shares is not None
    assert shares.share[stage(early, "a")] == pytest.approx(15 / 40)


def test_calls_none_of_which_was_recorded_keep_their_energy_as_they_are(make: Any) -> None:
    trace = marked(make.trace([rows_of(4, lambda _call: False)], [(make.domain(), make.counter(power(4)))]))

    found = as_sampled(attribute(trace), trace)

    assert found.domains[0].self_energy.energy_j.tolist() == pytest.approx([0.0, 4 * 0.55], abs=2e-6)
    assert found.warnings == ()


def test_the_more_calls_differ_the_wider_is_the_interval_of_what_was_sampled(make: Any) -> None:
    lanes = np.ones(1, np.bool_)
    found = []
    for length in (lambda _call: 10.0, lambda call: 8.0 + call % 5):
        trace = marked(make.trace([rows_of(40, lambda call: call % 2, length)]))
        shares = step_shares(trace, *passed_over_stages(trace), lanes)
        assert shares is not None
        found.append(float(shares.relative_sd[stage(trace, "a")]))

    # 8 to 12 ms: a standard deviation of 1.45 ms among 20 calls, of which 20 more are not known.
    a_ms = np.array([8.0 + call % 5 for call in range(1, 40, 2)])
    expected = np.sqrt(0.5 * a_ms.var(ddof=1) / 20) / a_ms.mean()
    assert found[0] == pytest.approx(0.0, abs=1e-9)
    assert found[1] == pytest.approx(expected, rel=1e-6)


def test_where_the_whole_cannot_be_told_apart_its_layers_share_a_row(make: Any) -> None:
    # One reading in 2 s covers all there is.
    trace = marked(make.trace([rows_of(20, lambda call: call % 2)], [coarse(make)]))
    before = attribute(trace)

    (domain,) = as_sampled(before, trace).domains

    assert before.domains[0].self_energy.refused[stage(trace, OVER)]
    assert domain.ledger is not None
    assert sum_j(domain) == pytest.approx(domain.ledger.stages_j, abs=1e-6)
    (row,) = domain.unsplit
    assert set(row.members) == {stage(trace, name) for name in ("net", "a", "b")}
    assert domain.self_energy.refused.all()


def coarse(make: Any) -> Any:
    domain = make.domain(period_ns=2_000_000_000)
    return domain, make.readings([(0.0, 0), (2000.0, 11_000_000), (4000.0, 11_000_000)])


def test_folded_layers_get_nothing_and_are_called_as_often_as_in_all_calls(half: Trace) -> None:
    trace = marked(half, a="folded into its parent: too short")

    fewer = without_folded(trace)
    found = as_folded(as_sampled(attribute(fewer), fewer), trace)

    (domain,) = found.domains
    own = domain.self_energy
    assert own.energy_j[stage(trace, "a")] == 0.0
    assert own.energy_j[stage(trace, "net")] == pytest.approx(20 * 0.15, abs=2e-6)
    assert found.times.calls[stage(trace, "b")] == 20
    assert domain.ledger is not None
    assert sum_j(domain) == pytest.approx(domain.ledger.stages_j, abs=5e-7)
