"""Whole attributions of small traces whose answer is known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from energyprof.attribute import attribute
from energyprof.model.attribution import PROVENANCES, LedgerLine, Unsplit


def self_energy(attribution, trace, domain=0):
    columns = attribution.domains[domain].self_energy
    return {str(stage.id): float(columns.energy_j[row]) for row, stage in enumerate(trace.stages)}


def verdicts(columns):
    return [
        "refused" if no else PROVENANCES[code] for no, code in zip(columns.refused, columns.provenance, strict=True)
    ]


def test_two_long_stages_get_the_windows_they_fill(make):
    domain = make.domain()
    trace = make.trace([[("a", 100, 300), ("b", 300, 600)]], [(domain, make.counter([0] * 10 + [10] * 20 + [50] * 30))])

    found = attribute(trace).domains[0]

    assert found.ledger == LedgerLine(domain.id, 17.0, 17.0, 0.0, 0.0, 0.0, 0.0)
    assert found.self_energy.energy_j.tolist() == [2.0, 15.0]
    assert found.self_energy.low_j.tolist() == [2.0, 15.0]
    assert found.self_energy.high_j.tolist() == [2.0, 15.0]
    assert verdicts(found.self_energy) == ["measured", "measured"]
    assert found.self_energy.reason == ("", "")
    assert found.unsplit == ()


def test_baseline_is_shared_and_idle_is_what_no_stage_had(make):
    readings = make.counter([20] * 10 + [50] * 10)
    trace = make.trace([[("a", 100, 200)]], [(make.domain(baseline_w=15.0), readings)])

    ledger = attribute(trace).domains[0].ledger

    assert ledger == LedgerLine("cpu", 7.0, 5.0, 1.5, 0.5, 0.0, 0.0)


def test_nested_stages_are_exclusive_and_totals_inclusive(make):
    trace = make.trace([[("a", 0, 400), ("a/b", 100, 300)]], [(make.domain(), make.counter([10] * 40))])

    found = attribute(trace).domains[0]

    assert found.self_energy.energy_j.tolist() == [2.0, 2.0]
    assert found.total_energy.energy_j.tolist() == [4.0, 2.0]
    assert found.total_energy.low_j.tolist() == [4.0, 2.0]
    assert verdicts(found.total_energy) == ["measured", "measured"]


def test_stages_shorter_than_the_period_are_refused_and_named_together(make):
    rows = [("step", 0, 100)]
    for k in range(10):
        rows += [("step/a", k * 10, k * 10 + 4), ("step/b", k * 10 + 4, k * 10 + 10)]
    trace = make.trace([rows], [(make.domain(), make.counter([10] * 10))])

    found = attribute(trace).domains[0]

    reason = "the sensor updates every 10 ms, the stage lasts 5 ms; longer stages or more iterations help"
    # The step itself never ran: nothing of its own was measured.
    assert verdicts(found.self_energy) == ["inferred", "refused", "refused"]
    assert found.unsplit == (Unsplit("cpu", (1, 2), 1.0, 1.0, 1.0, reason),)
    assert found.self_energy.low_j.tolist() == [0.0, 0.0, 0.0]
    assert found.self_energy.high_j.tolist() == [0.0, 1.0, 1.0]
    assert "the stage lasts 4 ms" in found.self_energy.reason[1]
    assert found.total_energy.energy_j[0] == 1.0
    assert not found.total_energy.refused[0]


def test_refused_leaves_are_grouped_at_the_nearest_ancestor_that_can_be_told_apart(make):
    rows = [("run", 0, 200), ("run/one", 0, 100), ("run/two", 100, 200)]
    for k in range(20):
        phase = "one" if k < 10 else "two"
        rows += [(f"run/{phase}/x", k * 10, k * 10 + 5), (f"run/{phase}/y", k * 10 + 5, k * 10 + 10)]
    trace = make.trace([rows], [(make.domain(), make.counter([10] * 10 + [30] * 10))])

    unsplit = attribute(trace).domains[0].unsplit

    names = [(tuple(str(trace.stages[k].id) for k in row.members), row.energy_j) for row in unsplit]
    assert sorted(names) == [(("run/one/x", "run/one/y"), 1.0), (("run/two/x", "run/two/y"), 3.0)]


def test_refused_stages_without_a_separable_ancestor_form_the_last_row(make):
    trace = make.trace([[("a", 3, 5), ("b", 25, 27)]], [(make.domain(), make.counter([10] * 4))])

    found = attribute(trace).domains[0]

    assert [(row.members, row.energy_j, row.low_j, row.high_j) for row in found.unsplit] == [((0, 1), 0.04, 0.0, 0.2)]
    assert found.ledger.stages_j + found.ledger.outside_j == pytest.approx(0.4, abs=1e-9)


def test_half_decided_stage_is_inferred_within_its_bounds(make):
    trace = make.trace([[("a", 15, 55)]], [(make.domain(), make.counter([10] * 8))])

    columns = attribute(trace).domains[0].self_energy

    assert verdicts(columns) == ["inferred"]
    assert (columns.low_j[0], columns.energy_j[0], columns.high_j[0]) == (0.3, 0.4, 0.5)
    assert columns.data_share[0] == pytest.approx(0.75)
    assert columns.reason == ("75% of it lies in readings of its own",)


def test_uncertain_edges_take_boundary_windows_from_the_decided_part(make):
    readings = make.readings([(k * 10, k * 100_000) for k in range(11)], poll_ms=1.0)
    trace = make.trace([[("a", 20, 80)]], [(make.domain(period_ns=make.ms), readings)])

    columns = attribute(trace).domains[0].self_energy

    # Six windows of 0.1 J are its own as they stand; but the outer edges may lie 1.5 ms further out, or further in:
    # then each window beyond holds 1.5 of its 10 ms there, of at most 0.2 J in both.
    assert (columns.low_j[0], columns.energy_j[0], columns.high_j[0]) == (0.4, 0.6, 0.66)


def test_two_lanes_never_count_an_instant_twice(make):
    trace = make.trace([[("a", 0, 100)], [("b", 0, 100)]], [(make.domain(baseline_w=4.0), make.counter([10] * 10))])

    found = attribute(trace).domains[0]

    assert found.self_energy.energy_j.tolist() == [0.5, 0.5]
    assert found.ledger.stages_j == 1.0


def test_stage_that_waits_while_another_lane_works_gets_next_to_nothing(make):
    waits = make.lane([("wait", 0, 100)], cpu=[(0, 0)])
    works = make.lane([("work", 0, 100)], cpu=[(t, t) for t in range(0, 101, 10)])
    trace = make.trace([waits, works], [(make.domain(baseline_w=4.0), make.counter([10] * 10))])

    energy = self_energy(attribute(trace), trace)

    assert energy["wait"] <= 1e-6
    assert sum(energy.values()) == 1.0


def test_stages_that_wait_together_share_idle_power_equally(make):
    used = {"one": 0.0, "other": 0.1}  # that one wakes now and then is no reason to bill it the rest of all
    waits = [make.lane([(name, 0, 100)], cpu=[(t, t * part / 100) for t in (0, 100)]) for name, part in used.items()]
    trace = make.trace(waits, [(make.domain(baseline_w=4.0), make.counter([4] * 10))])

    assert self_energy(attribute(trace), trace) == {"one": 0.2, "other": 0.2}


def test_idle_power_goes_by_the_time_for_which_threads_open_at_once_ran(make):
    rare = make.lane([("rare", 0, 100)], cpu=[(t, t / 4) for t in range(0, 101, 10)])
    busy = make.lane([("busy", 0, 50)], cpu=[(t, min(t, 50)) for t in range(0, 101, 10)])
    trace = make.trace([rare, busy], [(make.domain(baseline_w=10.0), make.counter([10] * 10))])

    energy = self_energy(attribute(trace), trace)

    assert energy == pytest.approx({"rare": 0.5 * 0.2 + 0.5, "busy": 0.5 * 0.8}, abs=1e-5)


def test_stage_of_a_thread_never_read_has_what_those_read_leave_of_the_process(make):
    naps = make.lane([("nap", 0, 100)], cpu=())
    works = make.lane([("work", 0, 100)], cpu=[(t, t) for t in range(0, 101, 10)])
    whole = {1: [(t, t * 1.01) for t in range(0, 101, 10)]}
    trace = make.trace([naps, works], [(make.domain(baseline_w=4.0), make.counter([10] * 10))], processes=whole)

    energy = self_energy(attribute(trace), trace)

    assert energy == pytest.approx({"nap": 0.01 / 1.01, "work": 1 / 1.01}, abs=1e-5)


def test_pool_without_spans_credits_the_stages_open(make):
    lane = make.lane([("a", 0, 50)], cpu=[(t, t / 2) for t in range(0, 101, 10)])
    whole = {1: [(t, 2.0 * t) for t in range(0, 101, 10)]}
    trace = make.trace([lane], [(make.domain(), make.counter([10] * 10))], processes=whole)

    ledger = attribute(trace).domains[0].ledger

    assert (ledger.stages_j, ledger.outside_j) == (0.5, 0.5)


def test_process_without_spans_credits_stages_of_others_by_their_weight(make):
    lanes = [
        make.lane([("a", 0, 100)], cpu=[(t, 0.75 * t) for t in range(0, 101, 10)]),
        make.lane([("b", 0, 100)], cpu=[(t, 0.25 * t) for t in range(0, 101, 10)]),
    ]
    processes = {1: [(t, t) for t in range(0, 101, 10)], 2: [(t, 7 * t) for t in range(0, 101, 10)]}
    trace = make.trace(lanes, [(make.domain(), make.counter([10] * 10))], processes=processes)

    assert self_energy(attribute(trace), trace) == {"a": 0.75, "b": 0.25}


def test_pool_work_of_a_process_whose_lanes_all_wait_goes_to_its_open_stages(make):
    lanes = [make.lane([("a", 0, 100)], cpu=[(0, 0)]), make.lane([("b", 0, 100)], cpu=[(0, 0)], pid=2)]
    processes = {1: [(t, t) for t in range(0, 101, 10)], 2: [(0, 0)]}
    trace = make.trace(lanes, [(make.domain(), make.counter([10] * 10))], processes=processes)

    assert self_energy(attribute(trace), trace) == {"a": 1.0, "b": 0.0}


def test_children_that_ended_unseen_credit_the_stage_that_waited_for_them(make):
    busy = [(t, t) for t in range(0, 101, 10)]
    lanes = [
        make.lane([("waits", 0, 100)], cpu=[(0, 0)], tid=1),
        make.lane([("works", 0, 100)], cpu=busy, tid=2),
        make.lane(cpu=[(0, 0), *((t, 3 * t) for t in range(10, 101, 10))], tid=-1),
    ]
    trace = make.trace(lanes, [(make.domain(), make.counter([10] * 10))], processes={1: busy}, end_ms=100)

    assert self_energy(attribute(trace), trace) == {"waits": 0.75, "works": 0.25}


def test_children_that_ended_unseen_outside_any_stage_count_as_outside(make):
    lanes = [
        make.lane([("works", 50, 100)], cpu=[(0, 0), *((t, t - 50) for t in range(60, 101, 10))], tid=1),
        make.lane(cpu=[(t, t) for t in range(0, 51, 10)], tid=-1),
    ]
    processes = {1: [(0, 0), *((t, t - 50) for t in range(60, 101, 10))]}
    trace = make.trace(lanes, [(make.domain(), make.counter([10] * 10))], processes=processes, end_ms=100)

    found = attribute(trace).domains[0]

    assert (found.ledger.outside_j, self_energy(attribute(trace), trace)) == (0.5, {"works": 0.5})


def test_where_nobody_ran_time_decides(make):
    lanes = [make.lane([("a", 0, 100)], cpu=[(0, 0)]), make.lane([("b", 50, 100)], cpu=[(0, 0)])]
    trace = make.trace(lanes, [(make.domain(), make.counter([10] * 10))], processes={1: [(0, 0)]})

    assert self_energy(attribute(trace), trace) == {"a": 0.75, "b": 0.25}


def test_device_domain_uses_only_device_lanes(make):
    lanes = [make.lane([("host", 0, 100)]), make.lane([("kernel", 20, 60)], kind="device", tid=0)]
    trace = make.trace(lanes, [(make.domain(id="gpu:0", driver="device"), make.counter([10] * 10))])

    found = attribute(trace).domains[0]

    assert self_energy(attribute(trace), trace) == {"host": 0.0, "kernel": 0.4}
    assert (found.ledger.outside_j, found.self_energy.reason) == (0.6, ("", ""))


def test_device_domain_without_device_lanes_says_host_clock(make):
    trace = make.trace([[("a", 0, 100)]], [(make.domain(id="gpu:0", driver="device"), make.counter([10] * 10))])

    columns = attribute(trace).domains[0].self_energy

    assert (verdicts(columns), columns.reason) == (["inferred"], ("host clock",))


def test_host_and_cpu_domains_ignore_device_lanes(make):
    lanes = [make.lane([("host", 0, 50)]), make.lane([("kernel", 0, 100)], kind="device", tid=0)]
    trace = make.trace(lanes, [(make.domain(), make.counter([10] * 10))])

    assert self_energy(attribute(trace), trace) == {"host": 0.5, "kernel": 0.0}


def test_awaiting_stage_is_billed_nothing(make):
    lanes = [
        make.lane([], tid=7),
        make.lane([("a", 0, 100)], runs=[(0, 20), (90, 100)], kind="task", tid=0, host=0),
        make.lane([("b", 20, 90)], runs=[(20, 90)], kind="task", tid=0, host=0),
    ]
    trace = make.trace(lanes, [(make.domain(baseline_w=2.0), make.counter([10] * 10))])

    assert self_energy(attribute(trace), trace) == {"a": 0.3, "b": 0.7}


def test_stage_around_a_coroutine_gives_way_to_the_coroutines_stage(make):
    lanes = [
        make.lane([("serve", 0, 100)]),
        make.lane([("serve/request", 20, 80)], runs=[(10, 40), (60, 90)], kind="task", tid=0, host=0, prefix="serve"),
    ]
    trace = make.trace(lanes, [(make.domain(), make.counter([10] * 10))])

    assert self_energy(attribute(trace), trace) == {"serve": 0.6, "serve/request": 0.4}


def test_model_domain_refuses_nothing_and_states_the_models_error(make):
    rows = [(path, k * 10 + start, k * 10 + end) for k in range(10) for path, start, end in [("a", 0, 4), ("b", 4, 10)]]
    domain = make.domain(provenance="model", gain_error=(0.25, 0.5))
    trace = make.trace([rows], [(domain, make.counter([10] * 10))])

    columns = attribute(trace).domains[0].self_energy

    assert verdicts(columns) == ["estimated (model)", "estimated (model)"]
    assert columns.energy_j.tolist() == [0.4, 0.6]
    assert columns.low_j.tolist() == [0.3, 0.45]
    assert columns.high_j.tolist() == [0.6, 0.9]
    assert columns.reason == ("", "")


@pytest.mark.parametrize(
    ("provenance", "reason"),
    [("sensor", "not covered by any reading"), ("model", "not covered by the model's readings")],
)
def test_stage_outside_all_readings_is_refused_not_zero(make, provenance, reason):
    domain = make.domain(provenance=provenance)
    trace = make.trace([[("early", 0, 100), ("late", 500, 600)]], [(domain, make.counter([10] * 10))])

    found = attribute(trace).domains[0]

    assert found.self_energy.refused.tolist() == [False, True]
    assert found.total_energy.refused.tolist() == [False, True]
    assert found.self_energy.reason == ("", reason)
    assert found.unsplit == ()


@pytest.mark.parametrize(
    ("end_ms", "verdict", "reason"),
    [
        (100, "measured", ""),
        (103, "inferred", "readings cover 97% of its time"),
        (150, "inferred", "readings cover 50% of its time"),
        (250, "refused", "readings cover 25% of its time; longer stages or more iterations help"),
    ],
)
def test_partly_covered_stage_is_no_surer_than_what_was_read_of_it(make, end_ms, verdict, reason):
    trace = make.trace([[("a", 50 if end_ms > 103 else 0, end_ms)]], [(make.domain(), make.counter([10] * 10))])

    found = attribute(trace).domains[0]

    assert (verdicts(found.self_energy), found.self_energy.reason) == ([verdict], (reason,))
    assert (verdicts(found.total_energy), found.total_energy.reason) == ([verdict], (reason,))
    assert [(row.members, row.reason) for row in found.unsplit] == [((0,), reason)] * (verdict == "refused")
    assert found.ledger.stages_j == found.self_energy.energy_j[0]


def test_coverage_lowers_the_share_that_the_data_decide(make):
    trace = make.trace([[("a", 15, 95)]], [(make.domain(), make.counter([10] * 8))])

    columns = attribute(trace).domains[0].self_energy

    assert columns.data_share[0] == pytest.approx(60 / 65 * 65 / 80)
    assert columns.reason == ("92% of it lies in readings of its own; readings cover 81% of its time",)


def test_stage_refused_for_want_of_coverage_is_not_mixed_with_those_that_cannot_be_told_apart(make):
    rows = [("run", 0, 400), ("run/late", 90, 400)]
    rows += [(f"run/{name}", k * 10 + at, k * 10 + at + 5) for k in range(8) for name, at in (("a", 0), ("b", 5))]
    trace = make.trace([rows], [(make.domain(), make.counter([10] * 10))])

    unsplit = attribute(trace).domains[0].unsplit

    names = [(tuple(trace.stages[k].name for k in row.members), row.energy_j) for row in unsplit]
    assert sorted(names) == [(("a", "b"), 0.8), (("late",), 0.1)]


def test_total_is_as_sure_as_the_time_covered_of_all_below(make):
    rows = [("run", 0, 400), ("run/a", 0, 100)]
    trace = make.trace([rows], [(make.domain(), make.counter([10] * 10))])

    found = attribute(trace).domains[0]

    assert verdicts(found.total_energy) == ["refused", "measured"]
    assert found.total_energy.reason[0] == "readings cover 25% of its time; longer stages or more iterations help"


def test_model_that_covers_a_part_says_so(make):
    domain = make.domain(provenance="model")
    trace = make.trace([[("a", 50, 150)]], [(domain, make.counter([10] * 10))])

    columns = attribute(trace).domains[0].self_energy

    assert (verdicts(columns), columns.reason) == (
        ["estimated (model)"],
        ("the model's readings cover 50% of its time",),
    )


def test_energy_after_the_end_is_not_the_runs(make):
    readings = make.counter([10] * 10 + [50] * 10)
    trace = make.trace([[("a", 0, 95)]], [(make.domain(baseline_w=2.0), readings)], end_ms=95)

    found = attribute(trace).domains[0]

    assert found.ledger == LedgerLine("cpu", 0.95, 0.95, 0.0, 0.0, 0.0, 0.0)
    assert found.measured_end_ns == trace.run.end_ns


def test_window_that_straddles_the_end_is_decided_for_nobody(make):
    trace = make.trace([[("a", 0, 95)]], [(make.domain(), make.counter([10] * 10))], end_ms=95)

    columns = attribute(trace).domains[0].self_energy

    # Of the last 0.1 J, half is the stage's in proportion; but it may have been all or nothing.
    assert (columns.low_j[0], columns.energy_j[0], columns.high_j[0]) == (0.9, 0.95, 1.0)
    assert columns.data_share[0] == pytest.approx(0.9 / 0.95)


def test_lag_moves_no_energy_before_the_start(make):
    readings = make.counter([10] * 10)
    trace = make.trace([[("a", 0, 60)]], [(make.domain(lag_ns=(25 * make.ms,) * 2), readings)])

    found = attribute(trace).domains[0]

    assert found.ledger.measured_j == 0.75
    assert found.measured_start_ns == trace.run.start_ns


def test_model_ends_with_what_it_knew_at_the_end(make):
    # What it said a little later did not yet know all the CPU time; the poll itself came late.
    readings = make.readings([(0, 0), (30, 300_000), (34, 900_000), (36, 350_000)])
    trace = make.trace([[("a", 0, 34)]], [(make.domain(provenance="model"), readings)], end_ms=34)

    found = attribute(trace).domains[0]

    assert found.ledger == LedgerLine("cpu", 0.9, 0.9, 0.0, 0.0, 0.0, 0.0)
    assert found.updates == 3


def test_model_that_missed_the_end_is_divided_there(make):
    readings = make.readings([(0, 0), (30, 300_000), (50, 700_000), (60, 900_000)])
    trace = make.trace([[("a", 0, 40)]], [(make.domain(provenance="model"), readings)], end_ms=40)

    found = attribute(trace).domains[0]

    assert found.ledger == LedgerLine("cpu", 0.5, 0.5, 0.0, 0.0, 0.0, 0.0)
    assert (found.self_energy.reason, found.measured_end_ns) == (("",), trace.run.end_ns)


def test_stage_that_never_ran_spent_nothing(make):
    trace = make.trace([[("a", 0, 100)]], [(make.domain(), make.counter([10] * 10))], stages=["never"])

    columns = attribute(trace).domains[0].self_energy

    assert (columns.energy_j.tolist(), columns.refused.tolist()) == ([1.0, 0.0], [False, False])


@pytest.mark.parametrize("status", [0, 3])
@pytest.mark.parametrize("reads", [0, 1, 5])
@pytest.mark.parametrize("quantity", ["energy", "power"])
def test_without_two_good_readings_nothing_is_measured(make, quantity, reads, status):
    good = status == 0 and reads > 1
    readings = make.readings([(k * 10, 100_000 * k, status) for k in range(reads)])
    trace = make.trace([[("a", 0, 40)]], [(make.domain(quantity=quantity), readings)])

    found = attribute(trace).domains[0]

    assert found.self_energy.refused.tolist() == [not good]
    assert (found.ledger is not None) == (found.covered_ns > 0) == good
    assert found.self_energy.unread.tolist() == [not good]
    assert (found.reads, found.failures) == (reads, reads if status else 0)


def test_the_time_covered_leaves_out_gaps_and_what_lies_before_and_after(make):
    status = [0] * 4 + [3] * 2 + [0] * 4
    rows = [(10 + k * 10, 100, status[k]) for k in range(10)]  # watts: none are held across a gap
    power = make.domain(quantity="power", scale=0.1)
    counter = make.readings([(10 + k * 10, 100_000 * k, status[k]) for k in range(10)])
    trace = make.trace(
        [[("a", 0, 200)]], [(power, make.readings(rows)), (make.domain(id="psys"), counter)], end_ms=200.0
    )

    watts, joules = attribute(trace).domains

    assert joules.covered_ns == 90 * make.ms  # a counter goes on counting while it cannot be read
    assert watts.covered_ns == 70 * make.ms


def test_empty_trace_gives_an_empty_attribution(make):
    trace = make.trace()

    found = attribute(trace)

    assert found.domains == ()
    assert len(found.times.calls) == len(found.follows) == len(found.calls) == 0


def test_no_spans_puts_everything_outside(make):
    trace = make.trace([], [(make.domain(baseline_w=4.0), make.counter([10] * 10))])

    assert attribute(trace).domains[0].ledger == LedgerLine("cpu", 1.0, 0.0, 0.4, 0.6, 0.0, 0.0)


def test_nested_domain_has_an_account_of_its_own(make):
    inner = make.domain(id="cpu:core", parent="cpu")
    domains = [(make.domain(), make.counter([10] * 10)), (inner, make.counter([6] * 10))]
    trace = make.trace([[("a", 0, 100)]], domains)

    assert [found.ledger.stages_j for found in attribute(trace).domains] == [1.0, 0.6]


def test_energy_below_the_baseline_is_unattributed(make):
    trace = make.trace([[("a", 0, 100)]], [(make.domain(baseline_w=12.0), make.counter([10] * 10))])

    found = attribute(trace)

    assert found.domains[0].ledger == LedgerLine("cpu", 1.0, 1.2, 0.0, 0.0, 0.0, -0.2)


def test_progress_rises_to_one(make):
    told = []

    attribute(make.trace([[("a", 0, 100)]], [(make.domain(), make.counter([10] * 10))]), told.append)

    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)


def test_columns_fit_the_stages(make):
    trace = make.trace([[("a", 0, 100), ("a/b", 10, 90)]], [(make.domain(), make.counter([10] * 10))])

    found = attribute(trace)

    for columns in (found.domains[0].self_energy, found.domains[0].total_energy):
        assert [len(getattr(columns, name)) for name in columns.__slots__] == [2] * 8
        assert np.all(columns.low_j <= columns.energy_j)
        assert np.all(columns.energy_j <= columns.high_j)


@pytest.mark.parametrize("baseline_w", [4.0, None])
def test_sleeping_stage_beside_work_costs_next_to_nothing_by_a_sensor_with_a_fit(make, baseline_w):
    turns = [(start, start + 60) for start in range(100, 1900, 100)]
    at = range(0, 2001, 10)
    used = [(t, sum(min(max(t - start, 0), end - start) for start, end in turns)) for t in at]
    works = make.lane([("work", start, end) for start, end in turns], cpu=used)
    sleeps = make.lane([("sleep", start, end) for start, end in turns], cpu=[(t, used_ms / 5e3) for t, used_ms in used])
    power_w = [4.0 + 6.0 * any(start <= t < end for start, end in turns) for t in range(0, 2000, 10)]
    domain = make.domain(period_ns=10 * make.ms, baseline_w=baseline_w)
    trace = make.trace([works, sleeps], [(domain, make.counter(power_w))], end_ms=2000)

    found = attribute(trace).domains[0]

    energy = self_energy(attribute(trace), trace)
    assert found.fit is not None
    assert energy["work"] == pytest.approx(len(turns) * 0.6, rel=0.01)
    assert energy["sleep"] == pytest.approx(0.0, abs=0.01)
