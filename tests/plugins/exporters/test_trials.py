"""The table of a search's trials: as much of the parameters as there is room for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from energyprof.interfaces import RenderContext
from energyprof.model.trials import trial_facts
from energyprof.report.trials import trials_of
from energyprof_plugins.exporters.trials import TrialTable

PARAMS = {"batch": 16, "layers": 6, "rate": 0.0001, "warmup": 100}
TOLD = "pruned  batch=16, layers=6, rate=0.0001, warmup=100"


def table(sample: Any, width: int) -> list[str]:
    """The lines of a table of one trial."""
    report = sample.make_report([sample.Part("trial 0", (4.0,))])
    stages = tuple(replace(row, facts=trial_facts(0, PARAMS, "pruned", 0.5)) for row in report.stages)
    return TrialTable().render(replace(report, trials=trials_of(stages)), RenderContext(width=width)).splitlines()


def test_parameters_are_cut_only_where_the_line_is_full(sample: Any) -> None:
    begin = table(sample, 200)[2].partition("pruned")[0]

    enough, too_narrow = table(sample, len(begin) + len(TOLD)), table(sample, len(begin) + len(TOLD) - 1)

    assert enough[2] == begin + TOLD
    assert too_narrow[2] == begin + TOLD[:-3] + ".."


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([("nan", None)], "1 of 1 trials told NaN or infinity alone, which have no order"),
        ([("", None)], "none told a value: trial.tell(accuracy) does"),
        ([("inf", None), ("", 0.5)], "best: 0.5 in trial 1"),
        ([("inf", 0.5)], "best: 0.5 in trial 0"),
    ],
)
def test_what_has_no_order_is_no_value_and_is_not_passed_over_in_silence(sample: Any, told: Any, said: str) -> None:
    report = sample.make_report([sample.Part(f"trial {number}", (4.0,)) for number in range(len(told))])
    stages = tuple(
        replace(row, facts=trial_facts(number, {}, "complete", value, unordered=unordered))
        for number, (row, (unordered, value)) in enumerate(zip(report.stages, told, strict=True))
    )

    text = TrialTable().render(replace(report, trials=trials_of(stages)), RenderContext(width=100))

    assert said in text
    assert ("NaN or infinity alone" in text) == any(unordered and value is None for unordered, value in told)
    assert all(f" {unordered} " in text for unordered, value in told if unordered and value is None)


def test_a_value_of_a_trial_that_did_not_end_well_is_no_lack_of_values(sample: Any) -> None:
    report = sample.make_report([sample.Part("trial 0", (4.0,))])
    stages = tuple(replace(row, facts=trial_facts(0, {}, "pruned", 0.5)) for row in report.stages)

    text = TrialTable().render(replace(report, trials=trials_of(stages)), RenderContext(width=100))

    assert "no trial that told a value came to its end" in text
