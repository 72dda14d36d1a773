"""What a run showed of its work, part by part: the same headings and lines in every format for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.model.report import Report
from energyprof_plugins.exporters.console.earlier_lines import earlier_lines
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.step_lines import step_heading, step_lines
from energyprof_plugins.exporters.console.token_lines import token_lines
from energyprof_plugins.exporters.console.told_lines import metric_lines, unit_lines
from energyprof_plugins.exporters.console.trial_lines import trial_lines

SEARCH: Final = "search"


def work_parts(report: Report, glyphs: Glyphs) -> Iterator[tuple[str, list[str]]]:
    """Yield heading and lines of each part that there is: steps, tokens, an earlier run, trials, work, metrics."""
    parts = (
        ("" if report.steps is None else step_heading(report.steps), step_lines(report, glyphs)),
        ("generation", token_lines(report, glyphs)),
        ("done before", earlier_lines(report, glyphs)),
        (SEARCH, trial_lines(report, glyphs)),
        ("work", unit_lines(report, glyphs)),
        ("metrics", metric_lines(report, glyphs)),
    )
    for heading, lines in parts:
        told = list(lines)
        if told:
            yield heading, told
