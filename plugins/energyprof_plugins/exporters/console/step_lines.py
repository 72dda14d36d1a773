"""What a step of the main loop costs, and how much that varied, as lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.model.report import Report
from energyprof.model.work_rows import BoundedJ, StepRow
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.figures import grouped, joules_between, joules_with_bounds, seconds, unit_of
from energyprof_plugins.exporters.visible import visible

FEWEST_FOR_PERCENTILES: Final = 10
"""Groups: of fewer, a tenth is less than one."""


def step_lines(report: Report, glyphs: Glyphs) -> Iterator[str]:
    """Yield what a step and a sample cost, the course over time, the first step; nothing where no loop was seen."""
    row = report.steps
    if row is None:
        return
    stages = {stage.stage: stage for stage in report.stages}
    yield f"{_counted(row)} ({glyphs.name(stages[row.stage].name)}){glyphs.text(_each(row))}"
    if row.steps > 1 and row.per_step is not None:
        yield glyphs.text(_course(row))
    if row.first is not None and row.steps > 1:
        yield glyphs.text(f"the first step, which warms up, is not among them: {_bounded(row.first)}")


def step_heading(row: StepRow) -> str:
    """Return what the lines are about."""
    what = "training" if row.is_training else "loop"
    return f"{what} (of {visible(row.trial)} alone)" if row.trial else what


def _counted(row: StepRow) -> str:
    words = [_count(row.steps, "step")]
    words += [] if row.epochs is None else [_count(row.epochs, "epoch")]
    words += [] if row.samples is None else [_count(row.samples, "sample")]
    return ", ".join(words)


def _count(number: int, what: str) -> str:
    return f"{grouped(number)} {what}{'' if number == 1 else 's'}"


def _each(row: StepRow) -> str:
    each = row.per_step if row.steps > 1 else row.first
    told = "its energy was not read" if each is None else f"{_bounded(each)} a step"
    return f": {told}" + ("" if row.per_sample is None else f", {_bounded(row.per_sample)} a sample")


def _course(row: StepRow) -> str:
    if row.p10_j is None or row.p50_j is None or row.p90_j is None:
        return f"no course over time: the power sensors tell nothing apart within {seconds(row.resolution_s)}"
    group = "1 step" if row.group_steps == 1 else f"up to {grouped(row.group_steps)} steps"
    if row.groups == 1:
        return f"no course over time: there is but one group of {group}"
    if row.groups < FEWEST_FOR_PERCENTILES:
        each = [one.energy_j for one in row.course]
        figures = joules_between(min(each), max(each))
        between = "from " if " to " in figures else ""
        return f"over time {between}{figures} a step in {row.groups} groups of {group}"
    name, unit_j = unit_of(row.p90_j)
    figures = " / ".join(f"{value / unit_j:.3g}" for value in (row.p10_j, row.p50_j, row.p90_j))
    return f"over time {figures} {name} a step (10th, 50th, 90th percentile of {row.groups} groups of {group})"


def _bounded(figure: BoundedJ) -> str:
    return joules_with_bounds(figure.energy_j, figure.low_j, figure.high_j)
