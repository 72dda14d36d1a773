"""A budget is exceeded, or kept, only where the whole interval says so."""

import dataclasses

import pytest

from energyprof.errors import InputError
from energyprof.model.budget import Limit
from energyprof.report.budget import judge


def run(sample, energy_j=100.0, **options):
    part = sample.Part("train", (energy_j,), calls=10, error=0.1)
    return sample.make_report([part], options.pop("domains", (sample.CPU,)), **options)


def limit(limit_j, scope="stage", name="train", per="run", **facts):
    return Limit(scope, name, per, limit_j, **facts)


def verdict(report, one, baseline=()):
    (ruling,) = judge(report, [one], baseline)
    return ruling.verdict


# The stage spent 100 J, its total has bounds of 98 and 102 J.
@pytest.mark.parametrize(
    ("limit_j", "said"), [(97.9, "exceeded"), (98.0, "cannot tell"), (101.9, "cannot tell"), (102.0, "within")]
)
def test_the_whole_interval_decides(sample, limit_j, said):
    assert verdict(run(sample), limit(limit_j)) == said


def test_a_budget_per_call_is_of_the_mean_call(sample):
    assert verdict(run(sample), limit(10.3, per="call")) == "within"
    assert verdict(run(sample), limit(9.7, per="call")) == "exceeded"


def test_the_total_is_all_that_counts_idle_power_included(sample):
    report = run(sample)

    (ruling,) = judge(report, [limit(1.0, "total", "")], ())

    assert (ruling.value, ruling.verdict) == (report.measured.energy_j, "exceeded")


def test_a_ruling_on_an_estimate_says_so(sample):
    (ruling,) = judge(run(sample, domains=(sample.MODEL,)), [limit(1e9)], ())

    assert (ruling.verdict, ruling.provenance) == ("within", "estimated (model)")


def test_what_is_refused_is_judged_by_its_bounds_alone(sample):
    parts = [sample.Part(name, (50.0,), refused=True, error=0.5) for name in ("train", "other")]
    report = sample.make_report(parts)

    (ruling,) = judge(report, [limit(1000.0)], ())

    assert ruling.value is None
    assert ruling.verdict == ("cannot tell" if ruling.low is None else "within")
    assert verdict(report, limit(50.0)) == "cannot tell"


def test_a_run_that_was_hardly_read_keeps_no_budget(sample):
    report = run(sample, covered={sample.CPU.id: 0.6})

    (ruling,) = judge(report, [limit(1e6)], ())

    assert ruling.verdict == "cannot tell"
    assert "60% of the run" in ruling.reason
    assert verdict(report, limit(1.0)) == "exceeded"


def test_a_run_that_was_never_read_is_not_within_a_budget(sample):
    assert verdict(run(sample, covered={sample.CPU.id: 0.0}), limit(1e6, "total", "")) == "cannot tell"


def test_a_program_that_failed_keeps_no_budget(sample):
    (ruling,) = judge(run(sample, exit_code=1), [limit(1e6)], ())

    assert ruling.verdict == "cannot tell"
    assert "status 1" in ruling.reason


@pytest.mark.parametrize(("energies_j", "said"), [((100.0, 100.5), "within"), ((130.0, 130.5), "exceeded")])
def test_an_increase_is_over_the_mean_of_the_baseline(sample, energies_j, said):
    baseline = [run(sample, energy_j) for energy_j in (100.0, 100.2, 100.4, 99.8)]
    one = limit(None, max_increase=0.1)

    assert verdict(run(sample, energies_j[0]), one, baseline) == said


def test_an_increase_over_runs_of_another_sensor_cannot_be_told(sample):
    (ruling,) = judge(run(sample), [limit(None, max_increase=0.1)], [run(sample, domains=(sample.GPU,))])

    assert ruling.verdict == "cannot tell"
    assert "the power sensors differ" in ruling.reason


def test_an_increase_needs_a_baseline(sample):
    with pytest.raises(InputError, match="--baseline"):
        judge(run(sample), [limit(None, max_increase=0.1)], ())


@pytest.mark.parametrize("scope", ["stage", "layer", "unit"])
def test_a_name_that_the_run_has_not_is_an_error_with_those_near_it(sample, scope):
    with pytest.raises(InputError, match=f"no {scope} 'trian'") as error:
        judge(run(sample), [limit(1.0, scope, "trian")], ())

    assert scope != "stage" or "'train'" in str(error.value)


def test_joules_a_sample_of_a_run_without_a_loop_cannot_be_told(sample):
    (ruling,) = judge(run(sample), [limit(1.0, "total", "", "sample")], ())

    assert (ruling.value, ruling.verdict) == (None, "cannot tell")
    assert "energyprof.units" in ruling.reason


def test_a_unit_of_work_has_a_budget_each(sample):
    from energyprof.model.work_rows import BoundedJ, UnitRow

    row = UnitRow("request", 50.0, 1.0, "measured", BoundedJ(2.0, 1.9, 2.1))
    report = dataclasses.replace(run(sample), units=(row,))

    assert verdict(report, limit(2.1, "unit", "request", "unit")) == "within"
    assert verdict(report, limit(1.8, "unit", "request", "unit")) == "exceeded"
