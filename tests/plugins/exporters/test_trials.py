"""The table of a search's trials: as much of the parameters as there is room for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
