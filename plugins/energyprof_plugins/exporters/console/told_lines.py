"""What the program told of its work: joules for each unit, and figures of merit, as lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.model.report import Report
from energyprof.model.work_rows import MetricRow, UnitRow
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.figures import grouped, joules_with_bounds, merit

SHOWN: Final = 6
"""Of each; the JSON report has all."""


def unit_lines(report: Report, glyphs: Glyphs) -> Iterator[str]:
    """Yield a line for each unit of work; nothing where none was told."""
    for unit in report.units[:SHOWN]:
        yield f"{glyphs.name(unit.name)}: {glyphs.text(_cost(unit))}"
    yield from _more(len(report.units))


def metric_lines(report: Report, glyphs: Glyphs) -> Iterator[str]:
    """Yield a line for each figure of merit; nothing where none was told."""
    for metric in report.metrics[:SHOWN]:
        yield f"{glyphs.name(metric.name)}: {glyphs.text(_value(metric))}"
    yield from _more(len(report.metrics))


def _more(count: int) -> Iterator[str]:
    if count > SHOWN:
        yield f"+ {count - SHOWN} more, listed in the JSON report"


def _cost(unit: UnitRow) -> str:
    each = unit.per_unit
    cost = "not known" if each is None else joules_with_bounds(each.energy_j, each.low_j, each.high_j)
    speed = "" if unit.per_s is None else f", {_amount(unit.per_s)}/s"
    return f"{cost} each, {unit.provenance}; {_amount(unit.count)}{speed}"


def _value(metric: MetricRow) -> str:
    told = "" if metric.times == 1 else f", the last of {grouped(metric.times)}"
    return f"{merit(metric.value)}{told}"


def _amount(count: float) -> str:
    return grouped(count, 0 if count >= 10 or count == round(count) else 2)
