"""The table of sampled functions, costliest first; it decomposes stages and is never added to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any, Final

from rich.cells import cell_len
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from energyprof.model.report import FunctionRow, Report
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.interval_columns import Interval, IntervalColumns
from energyprof_plugins.exporters.console.stage_table import BOUNDS, LETTERS, LONGEST_NAME, WIDE, fit_path
from energyprof_plugins.exporters.figures import column_unit, grouped, percent, with_error

ROWS: Final = 8
"""Rows of the table unless option `rows` says otherwise; the JSON report has all."""


def shown_functions(report: Report) -> list[FunctionRow]:
    """Return what has a cost of its own, one row for a function whatever the stages it ran in, costliest first."""
    merged: dict[tuple[str, str, int], FunctionRow] = {}
    for row in report.functions:
        key = (row.function, row.file, row.line)
        known = merged.get(key)
        merged[key] = row if known is None else _together(known, row)
    costly = [row for row in merged.values() if (row.energy_j or 0) > 0]
    return sorted(costly, key=lambda row: (-(row.energy_j or 0), row.file, row.line, row.function))


def heading(report: Report) -> str:
    """Return what stands above the table: how it came about, and how much of the energy it divides."""
    divided_j = sum(row.energy_j or 0.0 for row in report.functions)
    spent_j = report.measured.energy_j or 0.0
    part = f", {percent(min(divided_j / spent_j, 1.0), 0)} of the energy" if spent_j > 0 else ""
    return f"functions (sampled every 10 ms{part})"


def function_table(report: Report, glyphs: Glyphs, width: int, limit: int) -> Table:
    """Return the table, never wider than `width`; what is left out is one row with its joules."""
    rows = shown_functions(report)
    shown = rows if len(rows) <= limit + 1 else rows[:limit]
    columns = _Columns(report, shown, glyphs, width)
    lines = [columns.cells(row) for row in shown]
    if rows[len(shown) :]:
        lines.append(columns.remainder(rows[len(shown) :]))
    headings = columns.headings()
    widths = [max(cell_len(line[place]) for line in [headings, *lines]) for place in range(1, len(headings))]
    gap = 2 if columns.wide else 1
    room = min(width - sum(widths) - gap * len(widths), LONGEST_NAME)
    clashing = {name for name, count in Counter(row.function for row in shown).items() if count > 1}
    names = [_name(row, room, glyphs, is_exact=row.function in clashing) for row in shown]
    names += [line[0] for line in lines[len(shown) :]]

    table = Table(box=glyphs.rule(), padding=(0, gap - 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    table.add_column(headings[0], width=max(map(cell_len, [headings[0], *names])), no_wrap=True)
    for place, title in enumerate(headings[1:]):
        justify: JustifyMethod = "left" if title in ("", "how") else "right"
        table.add_column(title, width=widths[place], justify=justify, no_wrap=True)
    bar = headings.index("")
    for name, line in zip(names, lines, strict=True):
        styled = [Text(cell, style="yellow" if at == bar else "") for at, cell in enumerate(line[1:], 1)]
        table.add_row(Text(name), *styled)
    return table


class _Columns:
    """Write figures in the unit that suits the largest of them."""

    def __init__(self, report: Report, rows: Sequence[FunctionRow], glyphs: Glyphs, width: int) -> None:
        self.glyphs = glyphs
        self.spent_j = report.measured.energy_j or 0.0
        self.largest_j = max((row.energy_j or 0.0 for row in rows), default=0.0)
        unit, self.unit_j = column_unit(self.largest_j)
        self.figures = IntervalColumns.of(unit, [own_interval(row) for row in rows])
        self.wide = width >= WIDE + (BOUNDS if self.figures.bounds else 0)
        self.bar_width = 12 if self.wide else 5

    def headings(self) -> list[str]:
        """Return the heading of every column."""
        middle = ["samples", "total"] if self.wide else []
        first = "function (self energy)" if self.wide else "function (self)"
        return [first, *map(self.glyphs.text, [*self.figures.headings(), "share %", "", *middle, "how"])]

    def cells(self, row: FunctionRow) -> list[str]:
        """Return the cells of one function; its name is fitted in later."""
        own = own_interval(row)
        bar = self.glyphs.bar(own[0] / self.largest_j, self.bar_width)
        total = self.figures.cells(*self._in_unit(total_interval(row)))[0]
        middle = [grouped(row.samples), self.glyphs.text(total)] if self.wide else []
        figures = map(self.glyphs.text, [*self.figures.cells(*self._in_unit(own)), self._share(own[0])])
        return ["", *figures, bar, *middle, LETTERS[row.provenance]]

    def remainder(self, rows: Sequence[FunctionRow]) -> list[str]:
        """Return the cells of what is not listed."""
        energy_j = sum(row.energy_j or 0.0 for row in rows)
        value = with_error(energy_j / self.unit_j, self.largest_j / self.unit_j / 1000)[0]
        figures = map(self.glyphs.text, [*self.figures.value_only(value), self._share(energy_j)])
        samples = [grouped(sum(row.samples for row in rows)), ""] if self.wide else []
        return [f"+ {grouped(len(rows))} smaller", *figures, "", *samples, ""]

    def _share(self, energy_j: float) -> str:
        return percent(energy_j / self.spent_j).removesuffix(" %") if self.spent_j > 0 else ""

    def _in_unit(self, interval: Interval) -> Interval:
        value, low, high = interval
        return value / self.unit_j, low / self.unit_j, high / self.unit_j


def own_interval(row: FunctionRow) -> Interval:
    """Return the function's own energy with its bounds in joules."""
    return row.energy_j or 0.0, row.low_j or 0.0, row.high_j or 0.0


def total_interval(row: FunctionRow) -> Interval:
    """Return its energy with all it called, with bounds, in joules."""
    return row.total_j or 0.0, row.total_low_j or 0.0, row.total_high_j or 0.0


def _name(row: FunctionRow, room: int, glyphs: Glyphs, *, is_exact: bool) -> str:
    """Return name and place in at most `room` cells; the place gives way first."""
    file = PurePath(row.file)
    place = f"{'/'.join(file.parts[-2:]) if is_exact else file.name}:{row.hot_line or row.line}"
    whole = f"{glyphs.name(row.function)}  {glyphs.name(place)}"
    return whole if cell_len(whole) <= room else fit_path((row.function,), room, glyphs)


def _together(one: FunctionRow, other: FunctionRow) -> FunctionRow:
    """Return the sum of a function's rows of two stages; bounds are added, which is never too narrow."""
    names = ("energy_j", "low_j", "high_j", "total_j", "total_low_j", "total_high_j", "samples", "total_samples")
    sums: dict[str, Any] = {name: _added(getattr(one, name), getattr(other, name)) for name in names}
    weaker = max(one.provenance, other.provenance, key=list(LETTERS).index)
    return replace(one, **sums, provenance=weaker, stage=None)


def _added(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else one + other
