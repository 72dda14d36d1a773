"""What two groups of runs take more or less, and when that is not to be told."""

import pytest

from energyprof.report.difference import difference


def run(sample, *energies_j, domains=None, calls=1, **options):
    parts = [sample.Part(name, (energy_j,), calls=calls) for name, energy_j in zip("abcd", energies_j, strict=False)]
    return sample.make_report(parts, domains or (sample.CPU,), **options)


def stages(found):
    return {row.name: row for row in found.stages}


def test_a_change_beyond_the_intervals_of_two_runs_is_told(sample):
    found = stages(difference([run(sample, 100.0, 100.0)], [run(sample, 100.0, 80.0)]))

    assert found["b"].total_j.change == -20
    assert found["b"].total_j.verdict == "less"
    assert found["b"].total_j.high < 0
    assert (found["a"].total_j.change, found["a"].total_j.verdict) == (0, "chance")


def test_the_spread_of_several_runs_counts_and_not_the_interval_of_each(sample):
    before, after = ([run(sample, base + step, 5.0) for step in (0.0, 0.1, 0.2)] for base in (100.0, 101.0))

    (change, _) = difference(before, after).stages

    # Student's t, 4 degrees of freedom, at 2.5 % / 2 to either side: 3.495,
    # times sqrt(2 * 0.1**2 / 3).
    assert change.total_j.change == pytest.approx(1.0)
    assert change.total_j.low == pytest.approx(1.0 - 0.2854, abs=2e-4)
    assert change.total_j.verdict == "more"


def test_runs_that_differ_as_much_among_themselves_show_chance(sample):
    before, after = ([run(sample, base + step) for step in (0.0, 9.0, 20.0)] for base in (100.0, 105.0))

    (change,) = difference(before, after).stages

    assert change.total_j.verdict == "chance"


def test_joules_a_call_stay_when_there_are_more_calls(sample):
    (change,) = difference([run(sample, 100.0, calls=10)], [run(sample, 200.0, calls=20)]).stages

    assert change.total_j.ratio == 1.0
    assert change.per_call_j.change == 0.0
    assert change.wall_s.verdict == "not tested"


@pytest.mark.parametrize(
    ("domain", "words"), [("GPU", "the power sensors differ"), ("MODEL", "how joules are known differ")]
)
def test_runs_of_other_sensors_or_provenance_are_not_tested_and_why_is_said(sample, domain, words):
    found = difference([run(sample, 100.0)], [run(sample, 50.0, domains=(getattr(sample, domain),))])

    (change,) = found.stages
    assert (change.total_j.verdict, change.total_j.low) == ("not tested", None)
    assert found.tested == 0
    assert any(words in line for line in found.obstacles)


def test_runs_without_a_stage_in_common_are_not_tested(sample):
    found = difference([run(sample, 100.0)], [sample.make_report([sample.Part("other", (50.0,))])])

    assert "no stage in common" in found.obstacles[0]
    assert {row.name: row.total_j.verdict for row in found.stages} == {"other": "new", "a": "gone"}


def test_a_stage_that_came_or_went_has_no_change(sample):
    found = stages(difference([run(sample, 100.0, 50.0)], [run(sample, 100.0)]))

    gone = found["b"].total_j
    assert (gone.before, gone.after, gone.change, gone.verdict) == (50.0, None, None, "gone")


def test_what_cannot_be_told_apart_is_not_known_and_not_0(sample):
    before = sample.make_report([sample.Part("a", (5.0,), refused=True), sample.Part("b", (5.0,), refused=True)])

    found = stages(difference([before], [run(sample, 5.0, 5.0)]))

    assert (found["a"].total_j.change, found["a"].total_j.verdict) == (None, "not known")


def test_other_commands_and_other_numbers_of_calls_are_said(sample):
    found = difference(
        [run(sample, 9.0, calls=3, command=("a.py",))], [run(sample, 9.0, calls=4, command=("b.py",), exit_code=1)]
    )

    said = " | ".join(found.cautions)
    assert "commands differ" in said
    assert "3 and 4 times" in said
    assert "ended with an error" in said
    assert "give several of each" in said


def test_layers_are_compared_too(sample):
    assert difference([sample.digits()], [sample.digits()]).layers == ()
    assert all(row.total_j.change == 0 for row in difference([sample.vit_training()], [sample.vit_training()]).stages)
