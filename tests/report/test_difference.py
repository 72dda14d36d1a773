"""What two groups of runs take more or less, and when that is not to be told."""

import dataclasses
import math

import pytest

from energyprof.model.comparison import ASSUMED_PART_SD, ASSUMED_SD
from energyprof.model.work_rows import UnitRow
from energyprof.report.difference import difference


def run(sample, *energies_j, domains=None, calls=1, **options):
    parts = [sample.Part(name, (energy_j,), calls=calls) for name, energy_j in zip("abcd", energies_j, strict=False)]
    return sample.make_report(parts, domains or (sample.CPU,), **options)


def elsewhere(report, **facts):
    return dataclasses.replace(report, run=dataclasses.replace(report.run, **facts))


def stages(found):
    return {row.name: row for row in found.stages}


def test_a_change_beyond_the_intervals_of_two_runs_is_told(sample):
    found = stages(difference([run(sample, 100.0, 100.0)], [run(sample, 100.0, 30.0)]))

    assert found["b"].total_j.change == -70
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
    ("domain", "words"), [("GPU", "the power sensors differ"), ("MODEL", "joules are known in different ways")]
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


def test_a_stage_that_came_or_went_has_all_of_it_as_its_change(sample):
    found = stages(difference([run(sample, 100.0, 50.0)], [run(sample, 100.0)]))

    gone = found["b"].total_j
    assert (gone.before, gone.after, gone.change, gone.low, gone.verdict) == (50.0, None, -50.0, None, "gone")
    assert found["b"].per_call_j.change is None
    new = stages(difference([run(sample, 100.0)], [run(sample, 100.0, 50.0)]))["b"].total_j
    assert (new.before, new.after, new.change, new.verdict) == (None, 50.0, 50.0, "new")


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


@pytest.mark.parametrize("domain", ["MODEL", "CPU"])
def test_what_is_wrong_of_all_joules_of_one_machine_alike_hides_no_change(sample, domain):
    # given: a model that may be off by -40 to +60 %, or a sensor by 3 %, and one run of each
    before, after = (run(sample, energy_j, domains=(getattr(sample, domain),)) for energy_j in (100.0, 250.0))

    found = difference([before], [after])

    (change,) = found.stages
    assert (change.total_j.verdict, found.measured_j.verdict) == ("more", "more")
    assert change.total_j.ratio_low < 1.5 < change.total_j.ratio_high
    assert "cancels in its ratio" in found.basis[0]
    assert ("CPU time" in " ".join(found.basis)) == (domain == "MODEL")


@pytest.mark.parametrize("domain", ["MODEL", "CPU"])
def test_a_change_as_small_as_that_between_two_runs_of_one_program_is_chance(sample, domain):
    before, after = (run(sample, energy_j, domains=(getattr(sample, domain),)) for energy_j in (100.0, 103.0))

    found = difference([before], [after])

    assert found.measured_j.verdict == "chance"
    up = (1 + ASSUMED_SD) ** 1.95996
    half = math.hypot(found.measured_j.before * (1 - 1 / up), found.measured_j.after * (up - 1))
    assert found.measured_j.high == pytest.approx(found.measured_j.change + half, rel=1e-4)
    assert "a standard deviation of 10 % is assumed, 25 % of a part" in " ".join(found.cautions)


def test_each_machine_of_several_keeps_what_it_gets_wrong(sample):
    before, after = (run(sample, energy_j, domains=(sample.MODEL,)) for energy_j in (100.0, 150.0))

    found = difference([before], [elsewhere(after, host="another")])

    assert found.measured_j.verdict == "chance"
    assert found.obstacles == ()
    assert "the hosts differ (workbench; another)" in found.cautions[0]
    assert "kept in the intervals" in found.basis[0]
    much = difference([before], [elsewhere(run(sample, 900.0, domains=(sample.MODEL,)), host="another")])
    assert much.measured_j.verdict == "more"


def test_machines_of_other_processors_are_not_tested(sample):
    after = run(sample, 150.0)
    other = elsewhere(after, host="another", versions={**after.run.versions, "cpu": "another"})

    found = difference([run(sample, 100.0)], [other])

    assert found.measured_j.verdict == "not tested"
    assert any("the processors differ" in line for line in found.obstacles)


def test_a_single_run_beside_several_is_taken_to_vary_as_they_do(sample):
    before = [run(sample, energy_j, idle_share=0.0) for energy_j in (99.0, 100.0, 101.0)]

    found = difference(before, [run(sample, 110.0, idle_share=0.0)])

    # Student's t, 2 degrees of freedom, at 2.5 %: 4.303; s = 1 % of 100 J, of 110 J for the single run.
    half = 4.3027 * math.hypot(1 / math.sqrt(3), 1.1)
    (change,) = found.stages
    assert change.total_j.low == pytest.approx(10 - half, rel=1e-3)
    assert not any("assumed" in line for line in found.cautions)


def test_of_a_gpu_sensor_and_a_cpu_model_only_what_each_has_in_common_is_left_out(sample):
    def both(gpu_j, cpu_j):
        return sample.make_report([sample.Part("a", (gpu_j, cpu_j), error=0.1)], (sample.GPU, sample.MODEL))

    found = difference([both(100.0, 100.0)], [both(100.0, 100.0)])

    (change,) = found.stages
    # The sensor's own interval, 2 J below and above in totals as the sample has them, and the assumed spread of 200 J.
    own = 2.0
    up = (1 + ASSUMED_PART_SD) ** 1.95996
    half = math.hypot(own, 200 * (1 - 1 / up), own, 200 * (up - 1))
    assert change.total_j.high == pytest.approx(half, rel=0.02)


def test_the_interval_of_a_ratio_knows_that_both_sides_are_uncertain(sample):
    found = difference([run(sample, 100.0, idle_share=0.0)], [run(sample, 300.0, idle_share=0.0)])

    whole = found.measured_j
    up = (1 + ASSUMED_SD) ** 1.95996
    down = 1 / up
    assert whole.ratio == pytest.approx(2.0)
    below, above = 3 * math.hypot(1 - down, up - 1), 3 * math.hypot(up - 1, 1 - down)
    assert (whole.ratio_low, whole.ratio_high) == pytest.approx((2 - below, 2 + above), rel=1e-3)


def busy(report):
    domains = tuple(dataclasses.replace(row, others_share=0.4) for row in report.domains)
    return dataclasses.replace(report, domains=domains)


def test_one_run_each_is_not_tested_where_other_programs_took_the_machine(sample):
    found = difference([run(sample, 900.0)], [busy(run(sample, 100.0))])

    assert found.measured_j.verdict == "not tested"
    assert "during one of them other programs were busy" in found.obstacles[0]


def test_several_runs_show_what_other_programs_did_as_their_spread(sample):
    before, after = ([busy(run(sample, base + step)) for step in (0.0, 1.0, 2.0)] for base in (900.0, 100.0))

    found = difference(before, after)

    assert (found.measured_j.verdict, found.obstacles) == ("less", ())
    assert "during 6 of 6 runs" in " ".join(found.cautions)


def test_what_runs_take_reaches_not_below_nothing_however_they_differ(sample):
    before, after = ([run(sample, base + step) for step in (0.0, 0.1, 40.0)] for base in (1000.0, 0.1))

    (change,) = difference(before, after).stages

    assert change.total_j.verdict == "less"
    half = change.total_j.high - change.total_j.change
    assert change.total_j.change - change.total_j.low < half  # what is left may be more, and not less than nothing


def test_runs_that_were_hardly_read_are_said_with_the_share(sample):
    def cautions(*shares):
        runs = [run(sample, 100.0, covered={sample.CPU.id: share}) for share in shares]
        return " | ".join(difference(runs[:1], runs[1:]).cautions)

    assert "in 1 of 2 runs readings cover only 60 % of the time" in cautions(0.6, 1.0)
    assert "in 2 of 3 runs readings cover as little as 60 % of the time" in cautions(1.0, 0.7, 0.6)
    assert "readings cover" not in cautions(0.96, 1.0)


def test_two_cards_of_one_kind_are_compared_with_care_and_two_kinds_are_not(sample):
    def on(source):
        return run(sample, 100.0, domains=(dataclasses.replace(sample.GPU, source=f"nvml ({source})"),))

    alike = difference([on("L4, GPU-1111aaaa")], [on("L4, GPU-2222bbbb")])
    others = difference([on("L4, GPU-1111aaaa")], [on("A100, GPU-1111aaaa")])

    assert alike.obstacles == ()
    assert "the GPUs differ (GPU-1111aaaa; GPU-2222bbbb): they are of one kind" in "".join(alike.cautions)
    assert "the power sensors differ (gpu:0 by nvml (L4); gpu:0 by nvml (A100))" in "".join(others.obstacles)


def test_what_a_sensor_did_not_read_is_no_reason_to_take_runs_for_alike(sample):
    unread = [run(sample, 1.0, domains=(domain,), covered={domain.id: 0}) for domain in (sample.CPU, sample.GPU)]

    found = difference(unread[:1], unread[1:])

    assert "gpu:0 by nvml NVIDIA L4, not read" in "".join(found.obstacles)


def test_work_that_only_one_side_counts_is_told(sample):
    def counting(*names):
        rows = tuple(UnitRow(name, 10.0, None, "measured", None) for name in names)
        return dataclasses.replace(run(sample, 1.0), units=rows)

    cautions = "".join(difference([counting("request", "image")], [counting("request", "page")]).cautions)

    assert "they counted other work (image before, page after only)" in cautions
    assert "request" not in cautions
