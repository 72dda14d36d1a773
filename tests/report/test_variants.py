"""Ways to do the same thing: means, ratios and what may be said of them, against figures worked out apart."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import mean, stdev
from typing import Any

import numpy as np
import pytest
from scipy import stats

from energyprof.errors import InputError
from energyprof.model.footprint_rows import Assumptions, EnergyPrice, GridIntensity
from energyprof.model.range import Range
from energyprof.model.report import Report, SumRow
from energyprof.model.variants import Mean, WayAmount
from energyprof.model.work_rows import MetricRow, UnitRow
from energyprof.report.variants import compare_variants, names_of, refuse_several_metrics


def run(
    sample: Any,
    energy_j: float | None,
    units: float | None = None,
    accuracy: float | None = None,
    **facts: Any,
) -> Report:
    report: Report = sample.one_stage()
    measured = SumRow(energy_j, energy_j and 0.9 * energy_j, energy_j and 1.2 * energy_j, "measured", None)
    return replace(
        report,
        measured=measured,
        units=() if units is None else (UnitRow("request", units, None, "measured", None),),
        metrics=() if accuracy is None else (MetricRow("accuracy", accuracy, 1.0, 1),),
        run=replace(report.run, **facts),
    )


def test_the_mean_of_runs_has_the_interval_of_student(sample: Any) -> None:
    runs = {"a": [run(sample, 10.0), run(sample, 12.0), run(sample, 11.0)]}

    (row,) = compare_variants(runs, None, None).rows

    low, high = stats.t.interval(0.95, 2, 11.0, 1.0 / np.sqrt(3))
    assert row.energy_j is not None
    assert (row.energy_j.value, row.energy_j.low, row.energy_j.high) == pytest.approx((11.0, low, high))
    assert (row.runs, row.units, row.verdict) == (3, 1.0, "cannot tell")


def test_joules_are_for_each_unit_that_all_tell(sample: Any) -> None:
    runs = {"one": [run(sample, 10.0, 5)], "many": [run(sample, 12.0, 60)]}

    found = compare_variants(runs, None, None)

    assert found.unit == "request"
    assert [row.energy_j for row in found.rows] == [Mean(2.0, None, None), Mean(0.2, None, None)]
    assert compare_variants(runs, "", None).rows[0].energy_j == Mean(10.0, None, None)


def test_a_ratio_has_the_interval_of_welch_and_all_comparisons_hold_together(sample: Any) -> None:
    costs = {"a": [10.0, 10.4, 9.6], "b": [12.0, 12.3, 11.7, 12.1], "c": [30.0, 31.0]}
    found = compare_variants({name: [run(sample, cost) for cost in of] for name, of in costs.items()}, None, None)

    for name, row in zip(costs, found.rows, strict=True):
        assert row.ratio is not None
        own, other = costs[name], costs["a"]
        assert row.ratio.value == pytest.approx(mean(own) / mean(other))
        if name == "a":
            continue
        parts = [(stdev(one) / mean(one)) ** 2 / len(one) for one in (own, other)]
        degrees = sum(parts) ** 2 / sum(part**2 / (len(one) - 1) for part, one in zip(parts, (own, other), strict=True))
        half = stats.t.ppf(1 - 0.05 / 2 / 2, degrees) * np.sqrt(sum(parts))
        assert row.ratio.low == pytest.approx(row.ratio.value * np.exp(-half))
        assert row.ratio.high == pytest.approx(row.ratio.value * np.exp(half))
    assert [row.verdict for row in found.rows] == ["cheapest", "dearer", "dearer"]


def test_equal_ways_are_called_dearer_in_5_of_100_tables_at_most(sample: Any) -> None:
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(300):
        runs = {name: [run(sample, cost) for cost in rng.normal(10.0, 0.5, 4)] for name in "abc"}
        wrong += any(row.verdict == "dearer" for row in compare_variants(runs, None, None).rows)

    # Each is tested against whichever looks cheapest, which is more than one comparison chosen beforehand.
    assert wrong / 300 < 0.09


def test_single_runs_tell_no_difference(sample: Any) -> None:
    found = compare_variants({"a": [run(sample, 1.0)], "b": [run(sample, 9.0)]}, None, None)

    assert [(row.verdict, row.ratio) for row in found.rows] == [
        ("lowest so far", Mean(1.0, None, None)),
        ("cannot tell", Mean(9.0, None, None)),
    ]


def test_a_way_that_was_not_read_or_did_nothing_has_no_figure(sample: Any) -> None:
    runs = {"read": [run(sample, 1.0, 5)], "unread": [run(sample, None, 5)], "idle": [run(sample, 1.0, 0)]}

    found = compare_variants(runs, None, None)

    assert [row.energy_j is None for row in found.rows] == [False, True, True]
    assert [row.verdict for row in found.rows] == ["lowest so far", "cannot tell", "cannot tell"]


@pytest.mark.parametrize(("lower", "front"), [(False, [True, True, False]), (True, [True, False, False])])
def test_the_front_has_who_is_beaten_by_nobody(sample: Any, front: list[bool], *, lower: bool) -> None:
    runs = {
        "cheap": [run(sample, 1.0, None, 0.5), run(sample, 1.1, None, 0.5)],
        "good": [run(sample, 3.0, None, 0.9), run(sample, 3.1, None, 0.9)],
        "neither": [run(sample, 4.0, None, 0.8), run(sample, 4.1, None, 0.8)],
    }

    found = compare_variants(runs, None, None, lower_is_better=lower)

    assert found.metric == "accuracy"
    assert [row.is_best for row in found.rows] == front


def test_single_runs_keep_every_way_on_the_front_and_tell_none_apart(sample: Any) -> None:
    runs = {"cheap": [run(sample, 1.0, None, 0.9)], "dear": [run(sample, 3.0, None, 0.5)]}

    found = compare_variants(runs, None, None)

    assert [(row.is_best, row.is_unsure) for row in found.rows] == [(True, True), (True, True)]


def test_what_not_every_run_tells_is_refused_with_what_is_told(sample: Any) -> None:
    runs = {"a": [run(sample, 1.0, 5)], "b": [run(sample, 1.0)]}

    assert compare_variants(runs, None, None).unit == ""
    with pytest.raises(InputError, match=r"not every run tells the unit 'request' \(told in some: request\)"):
        compare_variants(runs, "request", None)
    with pytest.raises(InputError, match=r"the metric 'f1' \(none is told\)"):
        compare_variants(runs, None, "f1")


@pytest.mark.parametrize("metric", [None, "accuracy"])
def test_a_way_without_the_metric_takes_it_from_no_other(sample: Any, metric: str | None) -> None:
    runs = {
        "good": [run(sample, 1.0, accuracy=0.9), run(sample, 1.0, accuracy=0.7)],
        "silent": [run(sample, 1.0), run(sample, 1.0)],
        "half": [run(sample, 1.0, accuracy=0.9), run(sample, 1.0)],
        "diverged": [run(sample, 1.0, accuracy=math.nan), run(sample, 1.0, accuracy=0.9)],
        "endless": [run(sample, 1.0, accuracy=math.inf), run(sample, 1.0, accuracy=0.9)],
    }

    found = compare_variants(runs, None, metric)

    assert found.metric == "accuracy"
    assert [(row.metric_runs, row.endless_runs) for row in found.rows] == [(2, 0), (0, 0), (1, 0), (2, 1), (2, 1)]
    assert [row.metric is not None for row in found.rows] == [True, False, False, False, False]
    assert [row.is_best for row in found.rows] == [True, False, False, False, False]


def test_metrics_that_no_two_ways_share_are_named_and_none_is_chosen(sample: Any) -> None:
    loss = replace(run(sample, 1.0), metrics=(MetricRow("loss", 0.1, 1.0, 1),))
    runs = {"a": [run(sample, 1.0, accuracy=0.9)], "b": [loss]}

    found = compare_variants(runs, None, None)

    assert found.metric == ""
    assert found.cautions == (
        "no metric is told by all (a: accuracy; b: loss): none is shown; choose one with --metric",
    )
    assert compare_variants(runs, None, "loss").rows[0].metric is None


def test_of_several_metrics_that_all_tell_none_is_shown_and_units_stay(sample: Any) -> None:
    both = tuple(MetricRow(name, 0.5, 1.0, 1) for name in ("latency", "accuracy"))
    runs = {name: [replace(run(sample, 10.0, 5), metrics=both)] for name in "ab"}

    found = compare_variants(runs, None, None)

    assert (found.unit, found.metric) == ("request", "")
    assert found.cautions == (
        "the runs tell several metrics (accuracy, latency): none is shown; choose one with --metric",
    )
    assert compare_variants(runs, None, "latency").cautions == ()
    with pytest.raises(InputError, match=r"several metrics \(accuracy, latency\); choose one with --metric"):
        refuse_several_metrics([one for of_one in runs.values() for one in of_one])


def test_a_unit_that_only_some_tell_is_said_to_be_left_out(sample: Any) -> None:
    runs = {"a": [run(sample, 1.0, 5)], "b": [run(sample, 1.0)]}

    assert compare_variants(runs, None, None).cautions == (
        "no unit is told in every run (a: request; b: none): joules are those of whole runs",
    )


def test_runs_that_differ_in_more_than_their_way_are_pointed_out(sample: Any) -> None:
    runs = {"a": [run(sample, 1.0, host="one")], "b": [run(sample, 1.0, host="two")]}

    cautions = compare_variants(runs, None, None).cautions

    assert cautions[0] == "the hosts differ (one; two): record all on one machine"
    assert compare_variants({"a": runs["a"] * 2}, None, None).cautions == ()


def test_a_way_is_cheapest_only_where_it_is_told_apart_from_each_other(sample: Any) -> None:
    runs = {name: [run(sample, cost) for cost in of] for name, of in {"a": (10.0, 10.1), "b": (50.0, 50.2)}.items()}
    near = {**runs, "c": [run(sample, 10.2), run(sample, 10.4)]}

    assert [row.verdict for row in compare_variants(runs, None, None).rows] == ["cheapest", "dearer"]
    assert [row.verdict for row in compare_variants(near, None, None).rows] == ["lowest so far", "dearer", "unclear"]


def test_joules_and_times_are_not_below_nothing_however_runs_differ(sample: Any) -> None:
    runs = {"a": [run(sample, 1.0, wall_s=1.0), run(sample, 9.0, accuracy=-9.0, wall_s=9.0)]}

    (row,) = compare_variants(runs, None, "").rows

    _, high = stats.t.interval(0.95, 1, 5.0, np.std([1, 9], ddof=1) / np.sqrt(2))
    assert row.energy_j == Mean(5.0, 0.0, pytest.approx(high))
    assert row.wall_s == Mean(5.0, 0.0, pytest.approx(high))


def test_a_metric_may_be_below_nothing(sample: Any) -> None:
    (row,) = compare_variants({"a": [run(sample, 1.0, accuracy=reward) for reward in (-9.0, 1.0)]}, None, None).rows

    assert row.metric is not None
    assert row.metric.low is not None
    assert row.metric.low < -9.0


def test_a_way_that_fails_at_once_wins_nothing(sample: Any) -> None:
    # given: batch=99 ends at once, tells nothing and takes next to nothing
    crashed = [run(sample, cost, exit_code=3, wall_s=0.1) for cost in (0.1, 0.12)]
    runs = {
        "batch=1": [run(sample, cost, 10, 0.9) for cost in (9.0, 9.1)],
        "batch=4": [run(sample, cost, 10, 0.9) for cost in (3.0, 3.1)],
        "batch=99": crashed,
    }

    found = compare_variants(runs, None, None)

    assert (found.unit, found.metric, found.cautions) == ("request", "accuracy", ())
    assert [row.verdict for row in found.rows] == ["dearer", "cheapest", "failed"]
    assert [row.is_best for row in found.rows] == [False, True, False]
    assert found.advice[0].startswith("batch=1 takes 2.97 times the joules of batch=4")
    failed = found.rows[2]
    assert (failed.runs, failed.energy_j, failed.wall_s, failed.ratio) == (0, None, None, None)
    assert failed.failed is not None
    assert (failed.failed.runs, failed.failed.exit_codes) == (2, (3,))
    assert failed.failed.energy_j is not None
    assert failed.failed.energy_j.value == pytest.approx(0.11)


def test_a_run_that_fails_is_left_out_of_the_mean_of_its_way_which_is_not_ranked(sample: Any) -> None:
    runs = {
        "flaky": [run(sample, 1.0, 10, 0.99), run(sample, 1.02, 10, 0.99), run(sample, 0.01, 1, 0.1, exit_code=1)],
        "sound": [run(sample, 2.0, 10, 0.9), run(sample, 2.1, 10, 0.9)],
    }

    flaky, sound = compare_variants(runs, None, None).rows

    assert flaky.energy_j is not None
    assert (flaky.runs, flaky.energy_j.value, flaky.units) == (2, pytest.approx(0.101), 10)
    assert (flaky.verdict, flaky.is_best, sound.verdict, sound.is_best) == ("failed", False, "lowest so far", True)


def test_where_every_run_fails_there_is_no_mean(sample: Any) -> None:
    (row,) = compare_variants({"a": [run(sample, 1.0, exit_code=1)] * 2}, None, None).rows

    assert (row.verdict, row.energy_j, row.runs) == ("failed", None, 0)


def test_gain_errors_of_all_runs_are_told_once(sample: Any) -> None:
    found = compare_variants({"a": [run(sample, 1.0)], "b": [run(sample, 2.0)]}, None, None)

    assert found.gain_error == pytest.approx((0.1, 0.2))


def test_runs_are_put_together_by_name_in_the_order_of_names(sample: Any) -> None:
    reports = [run(sample, float(energy)) for energy in range(4)]

    found = names_of(["b", "a", "b", "c"], reports)

    assert {name: [report.measured.energy_j for report in of_one] for name, of_one in found.items()} == {
        "b": [0.0, 2.0],
        "a": [1.0],
        "c": [3.0],
    }
    assert list(found) == ["b", "a", "c"]


def read(sample: Any, domains: tuple[Any, ...], joules: tuple[float, ...], **facts: Any) -> Report:
    """A run of 60 requests that spent so much in these domains, as their sensors tell it."""
    report: Report = sample.make_report([sample.Part("serve", joules)], domains, idle_share=0.0)
    return replace(report, units=(UnitRow("request", 60.0, None, "measured", None),), run=replace(report.run, **facts))


def test_ways_read_by_unlike_sensors_have_the_error_of_both_in_their_ratio(sample: Any) -> None:
    runs = {
        "laptop": [read(sample, (sample.CPU,), (cost,)) for cost in (60.0, 60.6, 59.4)],
        "server": [read(sample, (sample.MODEL,), (cost,), host="server") for cost in (90.0, 90.8, 89.2)],
    }

    laptop, server = compare_variants(runs, None, None).rows

    # A sensor of 3 %, and a model of -40 to +60 %, independent of each other, beside the spread of the runs.
    costs = {"a": (60.0, 60.6, 59.4), "b": (90.0, 90.8, 89.2)}
    spread = {name: [run(sample, cost) for cost in of] for name, of in costs.items()}
    by_spread = compare_variants(spread, None, None).rows[1]
    assert server.ratio is not None
    assert by_spread.ratio is not None
    assert by_spread.ratio.low is not None
    half = math.log(by_spread.ratio.value / by_spread.ratio.low)
    assert server.ratio.low == pytest.approx(1.5 * math.exp(-math.hypot(half, math.log(0.6), math.log(1.03))))
    assert server.ratio.high == pytest.approx(1.5 * math.exp(math.hypot(half, math.log(1.6), -math.log(0.97))))
    assert (laptop.verdict, server.verdict) == ("lowest so far", "unclear")
    assert by_spread.verdict == "dearer"
    assert (laptop.gain_error, server.gain_error) == (pytest.approx((0.03, 0.03)), pytest.approx((0.4, 0.6)))
    assert (laptop.provenance, server.provenance) == ("measured", "estimated (model)")
    assert laptop.ratio_error == (0.0, 0.0)
    assert server.ratio_error[1] == pytest.approx(math.expm1(math.hypot(math.log(1.6), math.log(0.97))))


def test_what_one_sensor_of_one_machine_gets_wrong_cancels_in_the_ratio(sample: Any) -> None:
    runs = {name: [read(sample, (sample.MODEL,), (cost,)) for cost in of] for name, of in
            {"a": (60.0, 60.1), "b": (63.0, 63.1)}.items()}  # fmt: skip

    one, other = compare_variants(runs, None, None).rows

    assert (one.verdict, other.verdict, other.ratio_error) == ("cheapest", "dearer", (0.0, 0.0))


def test_of_two_domains_the_error_cancels_as_far_as_both_ways_share_them_alike(sample: Any) -> None:
    card = replace(sample.GPU, gain_error=(0.05, 0.05))
    domains = (sample.MODEL, card)
    runs = {
        "half": [read(sample, domains, (30.0, 30.0)) for _ in range(2)],
        "all on the card": [read(sample, domains, (0.0, 120.0)) for _ in range(2)],
    }

    _, other = compare_variants(runs, None, None).rows

    spent_j = [[row.measured_j or 0.0 for row in of_one[0].ledger] for of_one in runs.values()]
    gap = spent_j[1][1] / sum(spent_j[1]) - spent_j[0][1] / sum(spent_j[0])  # of the share that the card has
    assert 0.3 < gap < 0.5
    below, above = gap * (math.log(1.6) - math.log(0.95)), gap * (-math.log(0.6) + math.log(1.05))
    assert other.ratio_error == pytest.approx((-math.expm1(-below), math.expm1(above)))


def test_a_model_that_may_be_wrong_altogether_leaves_no_lower_bound(sample: Any) -> None:
    guess = replace(sample.MODEL, gain_error=(1.0, 3.0))
    runs = {
        "a": [read(sample, (sample.CPU,), (1.0,)) for _ in range(2)],
        "b": [read(sample, (guess,), (900.0,), host="b") for _ in range(2)],
    }

    row = compare_variants(runs, None, None).rows[1]

    assert row.ratio is not None
    assert (row.ratio.low, row.verdict, row.ratio_error[0]) == (0.0, "unclear", 1.0)


def test_no_way_is_beaten_by_what_may_be_the_error_of_a_sensor(sample: Any) -> None:
    def way(domain: Any, joules: float, merit: float, host: str) -> list[Report]:
        told = (MetricRow("accuracy", merit, 1.0, 1),)
        return [replace(read(sample, (domain,), (joules + 0.1 * at,), host=host), metrics=told) for at in range(3)]

    alike = {"a": way(sample.CPU, 60.0, 0.9, "one"), "b": way(sample.CPU, 75.0, 0.9, "one")}
    unlike = {"a": way(sample.CPU, 60.0, 0.9, "one"), "b": way(sample.MODEL, 75.0, 0.9, "two")}

    assert [row.is_best for row in compare_variants(alike, None, None).rows] == [True, False]
    assert [(row.is_best, row.is_unsure) for row in compare_variants(unlike, None, None).rows] == [(True, True)] * 2


GERMANY = GridIntensity(400.0, "DE", "Germany", 2024, "a table")
FRANCE = GridIntensity(50.0, "FR", "France", 2024, "a table")


def test_each_way_has_the_grid_the_price_and_the_data_centre_that_were_said_of_it(sample: Any) -> None:
    runs = {"laptop": [run(sample, 3.6), run(sample, 3.6)], "cloud": [run(sample, 7.2), run(sample, 7.2)]}
    assumed = {
        "laptop": Assumptions(GERMANY, EnergyPrice(0.4, "EUR")),
        "cloud": Assumptions(FRANCE, EnergyPrice(0.1, "EUR"), Range.exactly(1.5)),
    }

    found = compare_variants(runs, None, None, assumed=assumed)

    laptop, cloud = (row.footprint for row in found.rows)
    assert laptop is not None
    assert cloud is not None
    assert [row.energy_j and row.energy_j.value for row in found.rows] == [3.6, 7.2]  # as measured
    assert laptop.facility_j == WayAmount(Mean(3.6, 3.6, 3.6), Mean(1.0, None, None), "cheapest")
    assert cloud.facility_j is not None
    assert cloud.facility_j.amount.value == pytest.approx(10.8)
    assert (cloud.facility_j.ratio, cloud.facility_j.verdict) == (Mean(*[pytest.approx(3.0)] * 3), "dearer")
    assert laptop.carbon_g is not None
    assert cloud.carbon_g is not None
    assert laptop.carbon_g.amount.value == pytest.approx(4e-4)
    assert cloud.carbon_g.amount.value == pytest.approx(1.5e-4)
    assert (laptop.carbon_g.verdict, cloud.carbon_g.verdict) == ("dearer", "cheapest")  # the other way round
    assert laptop.cost is not None
    assert cloud.cost is not None
    assert (laptop.cost.amount.value, cloud.cost.amount.value) == (pytest.approx(4e-7), pytest.approx(3e-7))


def test_money_of_two_currencies_is_set_against_nothing(sample: Any) -> None:
    runs = {"laptop": [run(sample, 3.6), run(sample, 3.6)], "cloud": [run(sample, 7.2), run(sample, 7.2)]}
    assumed = {"laptop": Assumptions(price=EnergyPrice(0.4, "EUR")), "cloud": Assumptions(price=EnergyPrice(9, "USD"))}

    for row in compare_variants(runs, None, None, assumed=assumed).rows:
        assert row.footprint is not None
        assert row.footprint.cost is not None
        assert (row.footprint.cost.ratio, row.footprint.cost.verdict) == (None, "cannot tell")


def test_a_way_of_which_no_grid_is_said_has_no_carbon_and_no_other_is_least(sample: Any) -> None:
    runs = {"laptop": [run(sample, 3.6), run(sample, 3.6)], "cloud": [run(sample, 7.2), run(sample, 7.2)]}

    laptop, cloud = compare_variants(
        runs, None, None, assumed={"laptop": Assumptions(GERMANY), "cloud": Assumptions()}
    ).rows

    assert laptop.footprint is not None
    assert cloud.footprint is not None
    assert laptop.footprint.carbon_g is not None
    assert (laptop.footprint.carbon_g.verdict, cloud.footprint.carbon_g) == ("lowest so far", None)
    assert laptop.footprint.facility_j is None  # nobody said a PUE
