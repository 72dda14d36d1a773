"""A budget is exceeded, or kept, only where the whole interval says so."""

import dataclasses
import statistics

import pytest

from energyprof.errors import InputError
from energyprof.model.budget import Limit
from energyprof.model.report import LayerRow
from energyprof.report.budget import judge
from energyprof.report.comparable import why_no_baseline
from energyprof.report.figure import Figure
from energyprof.report.spread import mean_figure


def run(sample, energy_j=100.0, **options):
    part = sample.Part("train", (energy_j,), calls=10, error=0.1)
    return sample.make_report([part], options.pop("domains", (sample.CPU,)), **options)


def limit(limit_j, scope="stage", name="train", per="run", **facts):
    return Limit(scope, name, per, limit_j, **facts)


def verdict(report, one, baseline=()):
    (ruling,) = judge([report], [one], baseline)
    return ruling.verdict


# The stage spent 100 J, its total has bounds of 98 and 102 J, and the sensor may be off by 3 %.
@pytest.mark.parametrize(
    ("limit_j", "said"), [(95.0, "exceeded"), (95.1, "cannot tell"), (105.0, "cannot tell"), (105.1, "within")]
)
def test_the_whole_interval_decides(sample, limit_j, said):
    assert verdict(run(sample), limit(limit_j)) == said


def test_a_budget_per_call_is_of_the_mean_call(sample):
    assert verdict(run(sample), limit(10.6, per="call")) == "within"
    assert verdict(run(sample), limit(9.4, per="call")) == "exceeded"


def test_the_total_is_all_that_counts_idle_power_included(sample):
    report = run(sample)

    (ruling,) = judge([report], [limit(1.0, "total", "")], ())

    assert (ruling.value, ruling.verdict) == (report.measured.energy_j, "exceeded")


def test_a_ruling_on_an_estimate_says_so(sample):
    (ruling,) = judge([run(sample, domains=(sample.MODEL,))], [limit(1e9)], ())

    assert (ruling.verdict, ruling.provenance) == ("within", "estimated (model)")


def test_what_is_refused_is_judged_by_its_bounds_alone(sample):
    parts = [sample.Part(name, (50.0,), refused=True, error=0.5) for name in ("train", "other")]
    report = sample.make_report(parts)

    (ruling,) = judge([report], [limit(1000.0)], ())

    assert ruling.value is None
    assert ruling.verdict == ("cannot tell" if ruling.low is None else "within")
    assert verdict(report, limit(50.0)) == "cannot tell"


def test_a_run_that_was_hardly_read_keeps_no_budget(sample):
    report = run(sample, covered={sample.CPU.id: 0.6})

    (ruling,) = judge([report], [limit(1e6)], ())

    assert ruling.verdict == "cannot tell"
    assert "60% of the run" in ruling.reason
    assert verdict(report, limit(1.0)) == "exceeded"


def test_a_run_that_was_never_read_is_not_within_a_budget(sample):
    assert verdict(run(sample, covered={sample.CPU.id: 0.0}), limit(1e6, "total", "")) == "cannot tell"


def test_a_program_that_failed_keeps_no_budget(sample):
    (ruling,) = judge([run(sample, exit_code=1)], [limit(1e6)], ())

    assert ruling.verdict == "cannot tell"
    assert "status 1" in ruling.reason


@pytest.mark.parametrize(("energies_j", "said"), [((100.0, 100.5), "within"), ((130.0, 130.5), "exceeded")])
def test_an_increase_is_over_the_mean_of_the_baseline(sample, energies_j, said):
    baseline = [run(sample, energy_j) for energy_j in (100.0, 100.2, 100.4, 99.8)]
    one = limit(None, max_increase=0.1)

    assert verdict(run(sample, energies_j[0]), one, baseline) == said


def test_an_increase_over_runs_of_another_sensor_cannot_be_told(sample):
    (ruling,) = judge([run(sample)], [limit(None, max_increase=0.1)], [run(sample, domains=(sample.GPU,))])

    assert ruling.verdict == "cannot tell"
    assert "the power sensors differ" in ruling.reason


def test_an_increase_needs_a_baseline(sample):
    with pytest.raises(InputError, match="--baseline"):
        judge([run(sample)], [limit(None, max_increase=0.1)], ())


@pytest.mark.parametrize("scope", ["stage", "layer", "unit"])
def test_a_name_that_the_run_has_not_is_an_error_with_those_near_it(sample, scope):
    with pytest.raises(InputError, match=f"no {scope} 'trian'") as error:
        judge([run(sample)], [limit(1.0, scope, "trian")], ())

    assert scope != "stage" or "'train'" in str(error.value)


def test_joules_a_sample_of_a_run_without_a_loop_cannot_be_told(sample):
    (ruling,) = judge([run(sample)], [limit(1.0, "total", "", "sample")], ())

    assert (ruling.value, ruling.verdict) == (None, "cannot tell")
    assert "energyprof.units" in ruling.reason


def test_a_unit_of_work_has_a_budget_each(sample):
    from energyprof.model.work_rows import BoundedJ, UnitRow

    report = run(sample)
    each_j = report.measured.energy_j / 50
    row = UnitRow("request", 50.0, 1.0, "measured", BoundedJ(each_j, 0.97 * each_j, 1.03 * each_j))
    report = dataclasses.replace(report, units=(row,))

    assert verdict(report, limit(1.04 * each_j, "unit", "request", "unit")) == "within"
    assert verdict(report, limit(0.96 * each_j, "unit", "request", "unit")) == "exceeded"
    assert verdict(report, limit(each_j, "unit", "request", "unit")) == "cannot tell"


def test_of_several_runs_the_mean_is_held_to_the_limit_by_their_spread(sample):
    report_j = run(sample, 100.0, idle_share=0.0).measured.energy_j
    reports = [run(sample, energy_j, idle_share=0.0) for energy_j in (99.0, 100.0, 101.0)]

    (ruling,) = judge(reports, [limit(200.0, "total", "")], ())

    # Student's t, 2 degrees of freedom: 4.303 times the standard error; and the 3 % of the sensor, which no number of
    # runs makes smaller.
    spread = 4.3027 * statistics.stdev(one.measured.energy_j for one in reports) / 3**0.5
    assert ruling.value == pytest.approx(report_j)
    assert ruling.low == pytest.approx((report_j - spread) * 0.97, rel=1e-4)
    assert ruling.high == pytest.approx((report_j + spread) * 1.03, rel=1e-4)
    assert ruling.verdict == "within"


def test_one_run_of_several_that_failed_or_lacks_the_stage_keeps_no_budget(sample):
    other = sample.make_report([sample.Part("rest", (1.0,))])

    (failed,) = judge([run(sample), run(sample, exit_code=1)], [limit(1e9)], ())
    both = sample.make_report([sample.Part("train", (100.0,)), sample.Part("rest", (1.0,))])
    (lacking,) = judge([both, other], [limit(1e9)], ())

    assert (failed.verdict, lacking.verdict) == ("cannot tell", "cannot tell")
    assert "status 1" in failed.reason
    assert lacking.reason == "it is not in all of the runs"


@pytest.mark.parametrize(
    ("energy_j", "said"), [(400.0, "exceeded"), (150.0, "cannot tell"), (104.0, "cannot tell"), (30.0, "within")]
)
def test_one_modelled_run_each_shows_a_clear_increase_and_no_more(sample, energy_j, said):
    before, after = (run(sample, one_j, domains=(sample.MODEL,)) for one_j in (100.0, energy_j))

    (ruling,) = judge([after], [limit(None, max_increase=0.05)], [before])

    assert (ruling.verdict, ruling.provenance) == (said, "estimated (model)")
    assert "what the model gets wrong of all joules of a machine cancels" in ruling.basis
    assert "a standard deviation of 25 %" in ruling.basis
    assert ("give several baselines" in ruling.reason) == (said == "cannot tell")


def test_an_increase_between_two_machines_keeps_the_error_of_each(sample):
    before, after = (run(sample, one_j, domains=(sample.MODEL,)) for one_j in (100.0, 150.0))
    after = dataclasses.replace(after, run=dataclasses.replace(after.run, host="another"))

    (ruling,) = judge([after], [limit(None, max_increase=0.05)], [before])

    assert ruling.verdict == "cannot tell"
    assert "of several machines" in ruling.basis


def test_each_limit_is_tested_by_itself_however_many_stages_there_are(sample):
    def many(energy_j):
        parts = [sample.Part(f"other{number}x", (1.0,)) for number in range(200)]
        return sample.make_report([sample.Part("train", (energy_j,)), *parts])

    assert verdict(many(150.0), limit(None, max_increase=0.05), [many(30.0)]) == "exceeded"


def test_a_budget_that_only_the_error_of_the_model_hides_names_what_helps(sample):
    report = run(sample, domains=(sample.MODEL,))

    (ruling,) = judge([report], [limit(110.0)], ())

    assert ruling.verdict == "cannot tell"
    assert "energyprof calibrate" in ruling.reason


@pytest.mark.parametrize(("name", "id_"), [("a/b", "a%2Fb"), ("train/a/b", "train/a%2Fb")])
def test_a_stage_whose_name_has_a_slash_is_told_how_its_id_is_written(sample, name, id_):
    report = sample.make_report(
        [sample.Part("train", (1.0,), (sample.Part("a/b", (1.0,)),)), sample.Part("a/b", (1.0,))]
    )

    assert verdict(report, limit(1e9, name=id_)) == "within"
    with pytest.raises(InputError, match=f"written %2F: budget '{id_}'"):
        judge([report], [limit(1.0, name=name)], ())


@pytest.mark.parametrize(
    ("scope", "name", "said"),
    [
        ("stage", "forward", "'train/forward'"),
        ("stage", "Train/Forwrd", "'train/forward'"),
        ("stage", "Net.fc", r'a layer of that name; write \[layers."Net.fc"\]'),
        ("layer", "train", r'a stage of that name; write \[stages."train"\]'),
        ("layer", "Net.fcc", "'Net.fc'"),
        ("unit", "request", "it has none"),
    ],
)
def test_what_a_wrong_name_may_have_meant_is_proposed(sample, scope, name, said):
    report = sample.make_report([sample.Part("train", (1.0,), (sample.Part("forward", (1.0,)),))])
    total = report.stages[0].total_sum
    layer = LayerRow("Net.fc", "total", None, 0, "Linear", 1, 1.0, 1.0, 0.0, total, total, *[None] * 3, 9, None, None)
    report = dataclasses.replace(report, layers=(layer,))

    with pytest.raises(InputError, match=said):
        judge([report], [limit(1.0, scope, name)], ())


def test_runs_of_other_programs_have_no_mean(sample):
    other = sample.make_report([sample.Part("other", (1.0,))], command=("other.py",))

    with pytest.raises(InputError, match=r"other\.py have no stage in common"):
        judge([run(sample), other], [limit(1e9, "total", "")], ())


def test_an_increase_over_a_run_of_another_program_or_on_a_busy_machine_is_not_told(sample):
    other = sample.make_report([sample.Part("other", (1.0,))])
    noisy = run(sample, 1000.0)
    noisy = dataclasses.replace(
        noisy, domains=tuple(dataclasses.replace(row, others_share=0.4) for row in noisy.domains)
    )
    most = limit(None, "total", "", max_increase=0.05)

    (strange,) = judge([run(sample)], [most], [other])
    (disturbed,) = judge([noisy], [most], [run(sample)])

    assert (strange.verdict, disturbed.verdict) == ("cannot tell", "cannot tell")
    assert "no stage in common" in strange.reason
    assert "other programs were busy" in disturbed.reason


LEFT_OUT = [
    ({"exit_code": 1}, "it ended with status 1"),
    ({"exit_code": -9}, "it was ended by signal 9"),
    ({"exit_code": None}, "nobody saw its end"),
    ({"wall_s": 96.4, "covered": {"cpu:0:package": 0.6}}, "readings cover 60% of it only"),
]


@pytest.mark.parametrize(("facts", "why"), LEFT_OUT)
def test_a_baseline_that_failed_was_cut_short_or_hardly_read_tells_no_increase(sample, facts, why):
    short = run(sample, 30.0, **facts)

    (ruling,) = judge([run(sample, 100.0)], [limit(None, max_increase=0.05)], [short])

    assert (ruling.verdict, ruling.low) == ("cannot tell", None)
    assert ruling.reason == f"the baseline does not count: {why}; record it again"


@pytest.mark.parametrize(("facts", "why"), LEFT_OUT)
def test_such_a_baseline_counts_not_beside_whole_ones(sample, facts, why):
    whole = [run(sample, energy_j) for energy_j in (99.0, 100.0, 101.0)]

    rulings = [
        judge([run(sample, 102.0)], [limit(None, max_increase=0.5)], baseline)[0]
        for baseline in (whole, [run(sample, 30.0, **facts), *whole])
    ]

    assert rulings[0] == rulings[1]
    assert rulings[0].verdict == "within"
    assert why_no_baseline(run(sample, 30.0, **facts)) == why


@pytest.mark.parametrize(("facts", "why"), LEFT_OUT)
def test_a_run_that_did_not_do_all_is_within_no_budget(sample, facts, why):
    (ruling,) = judge([run(sample, **facts)], [limit(1e6)], ())

    assert ruling.verdict == "cannot tell"
    assert ruling.reason.startswith("readings cover 60%" if "covered" in facts else why)


def test_a_mean_of_joules_reaches_not_below_0():
    mean = mean_figure([Figure(value) for value in (1.0, 90.0, 20.0)])

    assert (mean.low, mean.value) == (0.0, 37.0)
