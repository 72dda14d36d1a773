"""The report as built from attribution and graph."""

from types import SimpleNamespace

import numpy as np
import pytest

from energyprof.model.report import DomainRow, EnergyRow, LedgerRow, RunRow, SumRow
from energyprof.report.sums import stages_sum


def test_the_run_is_told_in_iso_time_with_offset(sample):
    report = sample.make_report([sample.Part("a", (1.0,))], wall_s=2.5, exit_code=-9, command=("x.py", "1"))

    assert report.run == RunRow(
        command=("x.py", "1"),
        exit_code=-9,
        start="2026-09-21T14:13:20.123+00:00",
        wall_s=2.5,
        host="workbench",
        versions={"energyprof": "0.1.0", "python": "3.11.7", "platform": "Linux-6.8", "cpu": "Xeon Gold 6338"},
    )


def test_a_domain_row_says_how_it_was_read(sample):
    report = sample.make_report([sample.Part("a", (1.0, 0.2))], (sample.CPU, sample.CORE))

    assert report.domains[1] == DomainRow(
        domain="cpu:0:core",
        source="rapl core",
        provenance="measured",
        period_s=0.001,
        reads=9640,
        failures=0,
        achieved_hz=pytest.approx(100.0),
        parent="cpu:0:package",
        baseline_w=20.0,
        gain_error=(0.0, 0.0),
        counts=False,
        mean_power_w=pytest.approx(report.ledger[1].measured_j / 96.4),
    )


def test_a_contained_domain_is_shown_and_never_added(sample):
    report = sample.make_report([sample.Part("a", (1.0, 0.2))], (sample.CPU, sample.CORE), idle_share=0.5)

    assert [row.domain for row in report.stages[0].self_energy] == ["cpu:0:package", "cpu:0:core"]
    assert report.stages[0].self_sum.energy_j == 1.0
    assert report.measured == SumRow(1.554, pytest.approx(1.50738), pytest.approx(1.60062), "measured", None)
    assert report.ledger[1] == LedgerRow(
        "cpu:0:core", 0.3108, 0.2, 0.1, 0.01, 0.0, 0.0008, provenance="measured", covered_s=96.4, covered_share=1.0
    )


def test_a_domain_of_which_no_read_succeeded_has_no_energy_and_enters_no_sum(sample):
    parts = [sample.Part("a", (1.0, 50.0))]
    report = sample.make_report(parts, (sample.CPU, sample.GPU), covered={sample.GPU.id: 0.0})

    assert report.ledger[1] == LedgerRow(
        "gpu:0", None, None, None, None, None, None, provenance="measured", covered_s=0.0, covered_share=0.0
    )
    assert [row.counts for row in report.domains] == [True, False]
    assert report.domains[1].mean_power_w is None
    gap = report.stages[0].self_energy[1]
    assert (gap.energy_j, gap.low_j, gap.high_j) == (None, None, None)
    alone = sample.make_report([sample.Part("a", (1.0,))], (sample.CPU,))
    assert (report.measured, report.stages_sum) == (alone.measured, alone.stages_sum)
    assert report.stages[0].self_sum == alone.stages[0].self_sum
    assert any(line.startswith("gpu:0: all of its reads failed") for line in report.warnings)


def test_where_the_containing_domain_was_not_read_the_contained_one_counts(sample):
    parts = [sample.Part("a", (1.0, 0.2))]
    report = sample.make_report(parts, (sample.CPU, sample.CORE), covered={sample.CPU.id: 0.0})

    assert [row.counts for row in report.domains] == [False, True]
    assert report.stages[0].self_sum.energy_j == 0.2


@pytest.mark.parametrize("domains", [0, 1])
def test_a_run_that_no_reading_covers_has_no_energies_anywhere(sample, domains):
    parts = [sample.Part("a", (1.0,), (sample.Part("b", (2.0,)),))]
    report = sample.make_report(parts, (sample.CPU,)[:domains], covered={sample.CPU.id: 0.0})

    sums = [report.measured, report.stages_sum]
    sums += [one for row in report.stages for one in (row.self_sum, row.total_sum)]
    assert {(one.energy_j, one.low_j, one.high_j, one.share) for one in sums} == {(None, None, None, None)}
    assert report.mean_power_w is None
    assert {edge.energy_j for edge in report.edges} == {None}
    assert {row.embodied_j for row in report.stages} == {None}


def test_mean_power_is_that_of_the_time_measured_domain_by_domain(sample):
    parts = [sample.Part("a", (100.0, 60.0))]
    report = sample.make_report(
        parts, (sample.CPU, sample.GPU), wall_s=10.0, covered={sample.CPU.id: 0.5, sample.GPU.id: 0.25}
    )

    cpu_j, gpu_j = (row.measured_j for row in report.ledger)
    assert [row.covered_s for row in report.ledger] == [5.0, 2.5]
    assert [row.mean_power_w for row in report.domains] == pytest.approx([cpu_j / 5.0, gpu_j / 2.5])
    assert report.mean_power_w == pytest.approx(cpu_j / 5.0 + gpu_j / 2.5)


def test_a_sum_is_as_weak_as_its_weakest_part(sample):
    inner = sample.Part("inner", (1.0,), how="inferred")
    report = sample.make_report([sample.Part("outer", (2.0,), (inner,))])

    assert report.stages[0].self_sum == SumRow(2.0, 1.94, 2.06, "measured", pytest.approx(2 / 3))
    assert report.stages[0].total_sum == SumRow(3.0, 2.94, 3.06, "inferred", 1.0)
    assert report.stages_sum.provenance == "inferred"


def test_refused_stages_have_no_figure_but_bounds_and_a_reason_and_one_joint_row(sample):
    parts = tuple(sample.Part(name, (2.0,), refused=True) for name in ("a", "b"))
    report = sample.make_report([sample.Part("outer", (1.0,), parts)])

    assert report.stages[1].self_energy == (
        EnergyRow(
            "cpu:0:package", None, 1.94, 2.06, "measured", 0.2, "shorter than the sensor's period: repeat it"
        ),
    )  # fmt: skip
    assert (report.stages[1].self_sum.energy_j, report.stages[1].self_sum.share) == (None, None)
    assert [(row.members, row.energy_j) for row in report.unsplit] == [(("outer/a", "outer/b"), 4.0)]


@pytest.mark.parametrize("run", ["voice_assistant", "digits", "vit_training", "hostile", "one_stage", "empty"])
def test_stages_and_what_cannot_be_told_apart_make_the_stages_line(sample, run):
    report = getattr(sample, run)()

    for line in report.ledger:
        own = [row for stage in report.stages for row in stage.self_energy if row.domain == line.domain]
        told = sum(round(row.energy_j * 1e6) for row in own if row.energy_j is not None)
        joint = sum(round(row.energy_j * 1e6) for row in report.unsplit if row.domain == line.domain)
        assert told + joint == round(line.stages_j * 1e6)


def test_a_run_of_no_length_and_no_domain_has_finite_figures(sample):
    report = sample.make_report([sample.Part("a")], (), wall_s=0.0)

    assert (report.measured, report.overhead.share) == (SumRow(None, None, None, "measured", None), 0.0)
    assert report.stages[0].self_energy == ()
    assert report.warnings[0].startswith("no power was recorded")


def test_stages_above_what_was_measured_keep_their_upper_bound(sample):
    own = SimpleNamespace(
        unread=np.array([False]), refused=np.array([False]), low_j=np.array([98.0]), high_j=np.array([104.0])
    )
    found = SimpleNamespace(domain=sample.CPU.id, ledger=SimpleNamespace(stages_j=101.0), self_energy=own, unsplit=())
    node = SimpleNamespace(parent=None, total_bounds_j=(98.0, 104.0), total_provenance="inferred")
    measured = SumRow(100.0, 100.0, 100.0, "measured", None)

    row = stages_sum((sample.CPU,), SimpleNamespace(domains=[found]), SimpleNamespace(nodes=[node]), measured)

    assert (row.low_j, row.energy_j, row.high_j) == (98.0, 101.0, 104.0)


def test_bounds_of_all_stages_are_no_wider_than_those_of_one_joint_row(sample):
    own = SimpleNamespace(
        unread=np.array([False] * 2), refused=np.array([True] * 2), low_j=np.zeros(2), high_j=np.array([90.0, 80.0])
    )
    row = SimpleNamespace(low_j=95.0, high_j=99.0)
    found = SimpleNamespace(
        domain=sample.CPU.id, ledger=SimpleNamespace(stages_j=98.0), self_energy=own, unsplit=(row,)
    )
    nodes = [SimpleNamespace(parent=None, total_bounds_j=(0.0, high), total_provenance="inferred") for high in (90, 80)]
    measured = SumRow(100.0, 95.0, 105.0, "measured", None)

    told = stages_sum((sample.CPU,), SimpleNamespace(domains=[found]), SimpleNamespace(nodes=nodes), measured)

    assert (told.low_j, told.energy_j, told.high_j) == (95.0, 98.0, 99.0)
