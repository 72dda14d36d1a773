"""Which results that nobody received are waste, and which are how a loop ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof_plugins.findings.unused_outputs import UnusedOutputs


@pytest.fixture
def offenders(sample: Any) -> Any:
    """Return what names the offenders of a run with one stage, by its calls, results and those unused."""

    def of(calls: int, outputs: int, unused: int, kind: str = "function") -> list[tuple[str, ...]]:
        found = findings_of(sample, {"results_only_handed_on": 1}, calls, outputs, unused, kind)
        assert not any(finding.is_hint for finding in found)
        return [finding.offenders for finding in found]

    return of


def findings_of(
    sample: Any, facts: dict[str, str | int], calls: int, outputs: int, unused: int, kind: str = "function"
) -> list[Finding]:
    report = sample.make_report([sample.Part("embed", (10.0,), calls=calls, kind=kind)])
    row = replace(report.stages[0], outputs=outputs, unused_outputs=unused, facts=facts)
    return list(UnusedOutputs().find(FinishedRun(replace(report, stages=(row,)))))


@pytest.mark.parametrize(
    ("calls", "outputs", "unused"),
    [(1000, 1000, 1), (3, 3, 1), (1000, 1000, 4), (10, 10, 0)],
    ids=["the last of many", "the last of three", "prepared ahead when the loop ended", "all used"],
)
def test_results_left_where_a_loop_ended_are_no_waste(offenders: Any, calls: int, outputs: int, unused: int) -> None:
    assert offenders(calls, outputs, unused) == []


@pytest.mark.parametrize(
    ("calls", "outputs", "unused"),
    [(1000, 1000, 50), (4, 4, 2), (1, 2, 1)],
    ids=["one in twenty", "half", "one of two of a call"],
)
def test_results_left_again_and_again_are_waste(offenders: Any, calls: int, outputs: int, unused: int) -> None:
    assert offenders(calls, outputs, unused) == [("embed",)]


def test_results_of_a_model_go_to_losses_and_functions_that_are_not_watched(offenders: Any) -> None:
    assert offenders(1000, 1000, 900, kind="module") == []


def test_results_that_plain_code_gets_are_used(sample: Any) -> None:
    facts = {"results_only_handed_on": 1, "results_kept_by_callers": 1}

    assert findings_of(sample, facts, 150, 150, 100) == []


@pytest.mark.parametrize("facts", [{}, {"results_out_of_sight": 1, "results_only_handed_on": 1}])
def test_where_nobody_knows_what_callers_do_unreceived_results_are_a_hint(
    sample: Any, facts: dict[str, str | int]
) -> None:
    (finding,) = findings_of(sample, facts, 150, 150, 100)

    assert finding.is_hint
    assert finding.fault == "results that no stage receives"
