"""Joules that several findings are about: they are told once as new and then as those of an earlier one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from energyprof.interfaces import FinishedRun, RenderContext
from energyprof.model.finding import Finding, Overlap
from energyprof.model.ids import StageId
from energyprof.model.report import Report
from energyprof.report.findings import findings_of
from energyprof_plugins.exporters.findings import FindingList
from energyprof_plugins.exporters.html_page.advice import advice_section
from energyprof_plugins.exporters.json_report import JsonReport
from energyprof_plugins.exporters.terminal import Terminal


class Rule:
    name = "rule"
    summary = "a rule"

    def __init__(self, *findings: Finding) -> None:
        self.findings = findings

    def find(self, run: FinishedRun) -> tuple[Finding, ...]:
        return self.findings


def about(*stages: str, now_j: float | None, saving_j: tuple[float, float] | None = None) -> Finding:
    return Finding("rule", tuple(map(StageId, stages)), "waste", "seen", "less", now_j=now_j, saving_j=saving_j)


@pytest.fixture
def report(sample: Any) -> Report:
    """Return a run of 100 J: 60 in `train`, of which 50 in two stages of it, and 40 in `serve`."""
    layers = (sample.Part("load", (20.0,)), sample.Part("fit", (30.0,)))
    made: Report = sample.make_report([sample.Part("train", (10.0,), layers), sample.Part("serve", (40.0,))])
    assert [row.total_sum.energy_j for row in made.stages if row.parent is None] == [60.0, 40.0]
    return replace(made, measured=replace(made.measured, energy_j=100.0))


def overlaps(report: Report, *findings: Finding) -> list[tuple[Overlap, ...]]:
    found, warnings = findings_of([Rule(*findings)], FinishedRun(report))
    assert warnings == ()
    return [one.overlaps for one in found]


def test_two_findings_on_one_stage_are_about_the_same_joules(report):
    first = about("train/fit", now_j=30.0, saving_j=(2.0, 9.0))
    second = about("train/fit", now_j=30.0, saving_j=(1.0, 9.0))

    assert overlaps(report, first, second) == [(), (Overlap(1, 30.0, 30.0),)]


@pytest.mark.parametrize("outer_is_first", [True, False])
def test_a_stage_shares_all_it_spends_with_the_stage_it_stands_in(report, outer_is_first):
    outer = about("train", now_j=60.0, saving_j=(2.0 if outer_is_first else 0.5, 9.0))
    inner = about("train/fit", now_j=30.0, saving_j=(1.0, 9.0))

    assert overlaps(report, outer, inner) == [(), (Overlap(1, 30.0, 30.0),)]


def test_part_of_a_stage_and_idle_power_of_the_run_share_what_the_run_cannot_hold_beside_them(report):
    asking = about("train", now_j=50.0, saving_j=(5.0, 50.0))
    idle = about(now_j=70.0, saving_j=(0.0, 70.0))

    assert overlaps(report, asking, idle) == [(), (Overlap(1, 20.0, 50.0),)]


def test_stages_apart_from_each_other_and_what_is_not_known_share_nothing(report):
    train, serve = about("train", now_j=60.0, saving_j=(1.0, 2.0)), about("serve", now_j=40.0, saving_j=(0.5, 1.0))

    assert overlaps(report, train, serve, about("train", now_j=None)) == [(), (), ()]


def test_a_finding_on_several_stages_shares_only_those_that_an_earlier_one_has(report):
    fit = about("train/fit", now_j=30.0, saving_j=(2.0, 9.0))
    both = about("train/fit", "serve", "train/fit", now_j=70.0, saving_j=(1.0, 9.0))

    assert overlaps(report, fit, both) == [(), (Overlap(1, 30.0, 30.0),)]


def test_joules_shared_are_bounded_by_the_smaller_finding_where_a_stage_is_refused(report):
    refused = [
        replace(row, total_sum=replace(row.total_sum, energy_j=None)) if row.stage == "train" else row
        for row in report.stages
    ]
    first, second = about("train", now_j=8.0, saving_j=(2.0, 8.0)), about("train", now_j=5.0, saving_j=(1.0, 5.0))

    assert overlaps(replace(report, stages=tuple(refused)), first, second) == [(), (Overlap(1, 0.0, 5.0),)]


def test_what_is_shared_is_said_wherever_findings_are(report):
    first, second = about("train", now_j=60.0, saving_j=(9.0, 9.0)), about("train", now_j=60.0, saving_j=(6.0, 8.0))
    idle = about(now_j=70.0, saving_j=(0.0, 70.0))
    found, _ = findings_of([Rule(first, second, idle)], FinishedRun(report))
    report = replace(report, findings=found)

    listed = FindingList().render(report, RenderContext())
    page = advice_section(report).content
    brief = " ".join(Terminal().render(report, RenderContext()).split())
    document = json.loads(JsonReport().render(report, RenderContext()))["findings"]

    in_both = "30.0 to 60.0 J of it in finding 1 and 30.0 to 60.0 J of it in finding 2, and can be saved once"
    assert listed.count("shared:") == 2
    assert "   shared:   all of it in finding 1, and can be saved once\n" in listed
    assert in_both in " ".join(listed.split())
    assert "<li><b>1. train: waste</b>" in page
    assert in_both in page
    assert "saves 6.00 to 8.00 J of 60.0 J, all of it also in line 1" in brief
    assert [row["overlaps"] for row in document] == [
        [],
        [{"finding": 1, "low_j": 60.0, "high_j": 60.0}],
        [{"finding": number, "low_j": 30.0, "high_j": 60.0} for number in (1, 2)],
    ]
