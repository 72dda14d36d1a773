"""What to change: in which order it is told, and what becomes of a rule that fails."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from energyprof.interfaces import FinishedRun, RenderContext
from energyprof.model.finding import Finding
from energyprof.model.ids import StageId
from energyprof.model.work_rows import WaitRow
from energyprof.report.findings import findings_of
from energyprof_plugins.exporters.findings import FindingList
from energyprof_plugins.exporters.terminal import Terminal

HINT = Finding("batch", (StageId("a"),), "one at a time", "10 calls", "batch them", now_j=90.0)
SURE = Finding("grad", (StageId("b"),), "gradients", "5 calls", "no_grad", now_j=10.0, saving_j=(2.0, 3.0))
MAYBE = Finding("loader", (StageId("c"),), "it waits", "4 s", "workers", now_j=50.0, saving_j=(0.0, 40.0))
MORE = Finding("again", (StageId("d"),), "done twice", "2 calls", "keep it", now_j=8.0, saving_j=(4.0, 4.0))


@dataclass
class Rule:
    name: str
    findings: tuple[Finding, ...]
    summary: str = "a rule"

    def find(self, run: FinishedRun) -> tuple[Finding, ...]:
        return self.findings


class BrokenRule(Rule):
    def find(self, run: FinishedRun) -> tuple[Finding, ...]:
        raise KeyError("of\na stranger")


def test_surest_savings_come_first_and_hints_last(sample):
    run = FinishedRun(sample.make_report([sample.Part("main", (100.0,))]))

    found, warnings = findings_of([Rule("a", (HINT, SURE)), Rule("b", (MAYBE, MORE))], run)

    assert found == (MORE, SURE, MAYBE, HINT)
    assert warnings == ()


def promise(saving_j: tuple[float, float], *offenders: str, now_j: float = 1000.0) -> Finding:
    return replace(SURE, offenders=tuple(StageId(one) for one in offenders), now_j=now_j, saving_j=saving_j)


@pytest.mark.parametrize(
    ("promised", "kept"),
    [
        (promise((10.0, 70.0), "main/load"), (10.0, 30.0)),
        (promise((60.0, 70.0), "main/load", "main/work"), (60.0, 70.0)),
        (promise((50.0, 900.0), "main", "main/load"), (50.0, 100.0)),
        (promise((300.0, 900.0)), (125.4, 125.4)),
        (promise((300.0, 900.0), "of no row"), (125.4, 125.4)),
        (promise((4.0, 9.0), "main/load", now_j=8.0), (4.0, 8.0)),
        (promise((4.0, 30.0), "main/work"), (4.0, 30.0)),
    ],
    ids=["a stage", "two of them", "one within another", "the run", "not known", "what it says is spent", "less"],
)
def test_no_finding_promises_more_than_its_offenders_spend_nor_than_the_run_does(sample, promised, kept):
    load, work = sample.Part("load", (30.0,)), sample.Part("work", (70.0,))
    report = sample.make_report([sample.Part("main", (0.0,), (load, work))])  # 125.4 J with what is idle

    (found,), _ = findings_of([Rule("a", (promised,))], FinishedRun(report))

    assert found.saving_j == pytest.approx(kept)


def test_what_a_device_draws_while_a_stage_keeps_it_waiting_may_be_saved_there(sample):
    report = sample.make_report([sample.Part("load", (30.0,)), sample.Part("work", (70.0,))])
    waits = tuple(WaitRow("gpu:0", StageId(stage), 15.0, "inferred") for stage in ("load", "work"))

    (found,), _ = findings_of([Rule("a", (promise((0.0, 90.0), "load"),))], FinishedRun(replace(report, waits=waits)))

    assert found.saving_j == (0.0, pytest.approx(45.0))


def test_rule_that_fails_is_a_warning_and_the_others_are_heard(sample):
    run = FinishedRun(sample.make_report([sample.Part("main", (100.0,))]))

    found, warnings = findings_of([BrokenRule("broken", ()), Rule("a", (SURE,))], run)

    assert found == (SURE,)
    (warning,) = warnings
    assert "the rule broken failed" in warning
    assert "KeyError" in warning
    assert "\n" not in warning


def test_saving_is_an_interval_from_nothing_up():
    with pytest.raises(ValueError, match="no interval"):
        replace(SURE, saving_j=(3.0, 2.0))
    with pytest.raises(ValueError, match="no interval"):
        replace(SURE, saving_j=(-1.0, 2.0))


def test_report_for_people_shows_the_three_best_and_where_the_others_are(sample):
    report = replace(sample.one_stage(), findings=(MORE, SURE, MAYBE, HINT))

    text = Terminal().render(report, RenderContext())

    section = text[text.index("what to change") :].split("\n\n")[0].splitlines()
    assert section[1:] == [
        "  d: done twice; saves about 4.00 J of 8.00 J",
        "  b: gradients; saves 2.00 to 3.00 J of 10.0 J",
        "  c: it waits; saves up to 40.0 J of 50.0 J",
        "  + 1 more, and why, and how: energyprof findings",
    ]


def test_list_of_findings_tells_evidence_saving_and_remedy_of_each(sample):
    report = replace(sample.one_stage(), findings=(SURE, HINT))

    text = FindingList().render(report, RenderContext())

    assert text == (
        "1. b: gradients\n"
        "   evidence: 5 calls\n"
        "   now:      10.0 J, estimated (model)\n"
        "   saving:   2.00 to 3.00 J, estimated\n"
        "   remedy:   no_grad\n"
        "\n"
        "2. a: one at a time\n"
        "   evidence: 10 calls\n"
        "   now:      90.0 J, estimated (model)\n"
        "   saving:   not known: a hint\n"
        "   remedy:   batch them\n"
    )


def test_nothing_found_is_said(sample):
    assert "nothing found" in FindingList().render(sample.one_stage(), RenderContext())
