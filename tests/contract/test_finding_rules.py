"""What every registered rule must hold to, ours and strangers' alike."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from energyprof.interfaces import FinishedRun

RULES = sorted(entry_points(group="energyprof.findings"), key=lambda point: point.name)
REPORTS = ["empty", "one_stage", "digits", "voice_assistant", "hostile"]


@pytest.fixture(params=RULES, ids=lambda point: point.name)
def rule(request):
    return request.param.load()()


def test_rules_are_registered_under_their_own_names():
    assert [point.name for point in RULES] == [point.load()().name for point in RULES]


def test_it_says_in_one_line_what_it_looks_for(rule):
    assert rule.summary
    assert "\n" not in rule.summary


@pytest.mark.parametrize("run", REPORTS)
def test_the_same_run_has_the_same_findings_each_under_the_name_of_the_rule(rule, sample, run):
    report = getattr(sample, run)()

    first = list(rule.find(FinishedRun(report)))
    second = list(rule.find(FinishedRun(report)))

    assert first == second
    stages = {row.stage for row in report.stages}
    for finding in first:
        assert finding.rule == rule.name
        assert set(finding.offenders) <= stages
        assert finding.fault
        assert finding.evidence
        assert finding.remedy
