"""What changed between two runs, and what of it is chance."""

import dataclasses

import pytest

from energyprof.model.comparison import ASSUMED_PART_SD
from energyprof.report.compare import compare


def run(sample, *parts, **options):
    return sample.make_report(parts, **options)


def changes(comparison):
    return {row.name: row for row in comparison.stages}


def test_a_change_beyond_both_intervals_is_significant(sample):
    before = run(sample, sample.Part("a", (100.0,)), sample.Part("b", (100.0,)))
    after = run(sample, sample.Part("a", (100.0,)), sample.Part("b", (30.0,)))

    found = changes(compare(before, after))

    assert found["b"].own.change_j == -70
    assert found["b"].own.is_significant
    assert (found["a"].own.change_j, found["a"].own.is_significant) == (0, False)


def test_a_change_within_both_intervals_is_noise(sample):
    before = run(sample, sample.Part("a", (100.0,), error=0.1))
    after = run(sample, sample.Part("a", (110.0,), error=0.1))

    change = changes(compare(before, after))["a"].own

    assert (change.change_j, change.is_significant) == (10, False)
    # Both half-widths (10 and 11) as independent errors, and as much as runs are taken to differ by themselves.
    factor = (1 + ASSUMED_PART_SD) ** 1.95996
    spread = (110 * (1 - 1 / factor)) ** 2 + (100 * (factor - 1)) ** 2
    assert change.low_j == pytest.approx(10 - (10**2 + 11**2 + spread) ** 0.5, abs=1e-3)


def test_the_more_stages_are_tested_the_more_a_change_must_stand_out(sample):
    def pair(others):
        rest = [sample.Part(f"other{n}x", (1.0,)) for n in range(others)]
        return [run(sample, sample.Part("a", (energy,), error=0.1), *rest) for energy in (100.0, 300.0)]

    alone, among_many = (compare(*pair(others)) for others in (0, 200))

    assert changes(alone)["a"].own.is_significant
    assert not changes(among_many)["a"].own.is_significant
    assert (alone.tested, among_many.tested) == (1, 201)


def test_new_and_vanished_stages_are_said_to_be_so_and_stand_where_they_stood(sample):
    before = run(sample, sample.Part("a", (10.0,)), sample.Part("old", (20.0,)), sample.Part("z", (5.0,)))
    after = run(sample, sample.Part("a", (10.0,)), sample.Part("z", (5.0,)), sample.Part("new", (7.0,)))

    comparison = compare(before, after)

    assert [(row.name, row.presence) for row in comparison.stages] == [
        ("a", "both"), ("old", "vanished"), ("z", "both"), ("new", "new"),
    ]  # fmt: skip
    assert changes(comparison)["old"].own.change_j == -20
    assert changes(comparison)["new"].own.change_j == 7
    assert changes(comparison)["new"].own.before_j is None


def test_a_stage_refused_in_one_run_has_no_change_and_is_not_tested(sample):
    before = run(sample, sample.Part("a", (10.0,), refused=True), sample.Part("b", (5.0,)))
    after = run(sample, sample.Part("a", (99.0,)), sample.Part("b", (5.0,)))

    comparison = compare(before, after)

    change = changes(comparison)["a"].own
    assert (change.change_j, change.low_j, change.is_significant) == (None, None, False)
    assert comparison.tested == 1


def test_the_weaker_provenance_is_that_of_the_change(sample):
    before = run(sample, sample.Part("a", (10.0,)))
    after = run(sample, sample.Part("a", (10.0,), how="inferred"))

    assert changes(compare(before, after))["a"].own.provenance == "inferred"


def test_a_run_compared_with_itself_has_changed_in_nothing(sample):
    report = sample.voice_assistant()

    comparison = compare(report, report)

    assert not any(row.own.is_significant or row.total.is_significant for row in comparison.stages)
    assert all(row.own.change_j in {0, None} for row in comparison.stages)
    assert [row.stage for row in comparison.stages] == [row.stage for row in report.stages]
    assert all(line.before_j == line.after_j for line in comparison.ledger)


def test_the_error_of_one_model_hides_no_change_on_one_machine(sample):
    before, after = (run(sample, sample.Part("a", (energy,)), domains=(sample.MODEL,)) for energy in (100.0, 300.0))

    comparison = compare(before, after)

    assert changes(comparison)["a"].own.is_significant
    assert comparison.measured.is_significant


def test_nothing_is_tested_where_other_programs_took_the_machine(sample):
    before, after = (run(sample, sample.Part("a", (energy,))) for energy in (100.0, 900.0))
    rows = tuple(dataclasses.replace(row, others_share=0.4) for row in after.domains)

    comparison = compare(before, dataclasses.replace(after, domains=rows))

    change = changes(comparison)["a"].own
    assert (change.change_j, change.low_j, change.is_significant) == (800, None, False)
    assert comparison.tested == 0
    assert "other programs were busy" in comparison.obstacles[0]
