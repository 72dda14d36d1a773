"""Ways to do the same thing beside each other, as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from energyprof.interfaces import RenderContext
from energyprof.model.report import Report
from energyprof.model.variants import VariantRow, Variants
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.stage_table import LETTERS, fit_path
from energyprof_plugins.exporters.figures import column_unit, half_width, seconds
from energyprof_plugins.exporters.terminal import Page
from energyprof_plugins.exporters.variants_footprint import bases, in_unit, statements
from energyprof_plugins.exporters.variants_footprint import columns as footprint_columns
from energyprof_plugins.exporters.variants_sentences import all_runs, conclusions, legend, ratio_text
from energyprof_plugins.exporters.visible import visible

NOTHING: Final = "nothing is compared here; see: energyprof compare A.eprof B.eprof"
OPTIONAL: Final = ("time", "metric bounds", "runs", "bounds")
"""What a narrow table leaves out, in this order."""
OF_FOOTPRINT: Final = ("bounds", "intervals", "no bounds")
NAME: Final = 40
"""Characters of a name for which other columns are left out."""
ELLIPSIS: Final = "\u2026"


class VariantTable:
    """Format ways to do the same thing as text of 60 to 200 columns."""

    name = "variants"
    command = "energyprof compare A.eprof B.eprof"
    suffix = ".txt"
    summary = "what `energyprof compare` prints: joules for each unit of work, way by way"

    def render(self, report: Report, context: RenderContext) -> str:  # noqa: ARG002 - the door's signature
        """Return the table, what it says, and why it may not."""
        page = Page(context.width, context)
        found = context.variants
        if found is None:
            page.line(Text(NOTHING))
            return page.text()
        page.console.print(_table(found, page.glyphs, page.width))
        page.line()
        for line in (*conclusions(found), *found.advice):
            page.wrapped(page.glyphs.name(page.glyphs.text(line)), indent=2)
        page.wrapped(page.glyphs.name(page.glyphs.text(legend(found))), indent=2, style="dim")
        _footprint(found, page)
        if found.cautions:
            page.line()
            page.hanging("not comparable without care", [page.glyphs.name(line) for line in found.cautions])
        return page.text()


def _footprint(found: Variants, page: Page) -> None:
    columns = footprint_columns(found)
    rests_on = bases(found)
    if not rests_on:
        return
    page.line()
    page.line(Text(f"footprint of a {page.glyphs.name(found.unit or 'run')}", style="bold"))
    if columns:
        shown = []
        for one in columns:
            has_ratios = any(one.ratios)
            shown.append(("", one.heading, one.cells))
            shown.append(("intervals", "", one.intervals))
            shown += [("bounds", "ratio", one.ratios), ("no bounds", "ratio", one.short_ratios)] if has_ratios else []
        page.console.print(_footprint_table(found, shown, page.glyphs, page.width))
    for line in (*statements(found), *rests_on):
        page.wrapped(page.glyphs.name(page.glyphs.text(line)), indent=2)


def _footprint_table(
    found: Variants, shown: Sequence[tuple[str, str, tuple[str, ...]]], glyphs: Glyphs, width: int
) -> Table:
    """Return the table of columns (what leaves it out, heading, cells), as much of them as the width holds."""
    for left_out in range(len(OF_FOOTPRINT) + 1):
        gone = {*OF_FOOTPRINT[:left_out], *(() if left_out else ("no bounds",))}  # one or the other kind of ratio
        columns = [[heading, *cells] for what, heading, cells in shown if what not in gone]
        columns = [[glyphs.name(glyphs.text(cell)) if cell else "" for cell in column] for column in columns]
        room, wanted = _room(columns, width), _wanted(found, glyphs)
        if room >= wanted:
            break
    return _laid(found, columns, room, glyphs)


def _wanted(found: Variants, glyphs: Glyphs) -> int:
    return min(max(cell_len(glyphs.name(row.name)) for row in found.rows), NAME)


def _room(columns: Sequence[Sequence[str]], width: int) -> int:
    return width - sum(max(map(cell_len, column)) + 2 for column in columns) - 2


def _laid(found: Variants, columns: Sequence[Sequence[str]], room: int, glyphs: Glyphs) -> Table:
    """Return a table of the ways' names and these columns, their headings first."""
    table = Table(box=glyphs.rule(), padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("", no_wrap=True, overflow="crop")
    for heading, *_ in columns:
        table.add_column(Text(glyphs.name(heading) if heading else ""), justify="right", no_wrap=True, overflow="crop")
    for row, *cells in zip(found.rows, *(column[1:] for column in columns), strict=True):
        table.add_row(Text(fit_path((row.name,), max(room, 8), glyphs)), *map(Text, cells))
    return table


def _table(found: Variants, glyphs: Glyphs, width: int) -> Table:
    """Return the table; where it is too wide, columns and bounds are left out until names have their room."""
    known = [row.energy_j for row in found.rows if row.energy_j is not None]
    unit = column_unit(max((mean.value for mean in known), default=0.0))
    for left_out in range(len(OPTIONAL) + 1):
        columns = _columns(found, unit, frozenset(OPTIONAL[left_out:]))
        columns = [[glyphs.text(cell) for cell in column] for column in columns]
        room = _room(columns, width)
        if room >= _wanted(found, glyphs):
            break
    table = _laid(found, columns, room, glyphs)
    table.columns[-1].justify = "left"
    return table


def _columns(found: Variants, unit: tuple[str, float], details: frozenset[str]) -> list[list[str]]:
    """Return the columns, their heading first."""
    unit_name, unit_j = unit
    figures = _joules(found.rows, unit_j)
    what = visible(found.unit) if found.unit else "run"
    columns = [["runs", *(str(all_runs(row)) for row in found.rows)]] if "runs" in details else []
    what = what if len(what) <= 8 else what[:7] + ELLIPSIS
    columns.append([f"{unit_name}/{what}", *(value for value, _ in figures)])
    columns.append(["", *(interval for _, interval in figures)])
    is_one = len(found.rows) == 1
    if not is_one:
        columns.append(["ratio", *(ratio_text(row.ratio, row.verdict, "bounds" in details) for row in found.rows)])
    if found.metric:
        name = visible(found.metric)
        name = name if len(name) <= 10 else name[:9] + ELLIPSIS
        columns.append([name, *(merit_text(row, "metric bounds" in details) for row in found.rows)])
    columns += [["time", *(_time(row) for row in found.rows)]] if "time" in details else []
    columns.append(["", *(f"{LETTERS[row.provenance]} {said_of(row, is_one=is_one)}".rstrip() for row in found.rows)])
    return columns


def said_of(row: VariantRow, *, is_one: bool) -> str:
    """Return what is said of a way against the others, and whether it is on the front; of one alone if it failed."""
    mark = "" if not row.is_best else " (*)" if row.is_unsure else " *"
    if row.failed is not None:
        return f"failed {row.failed.runs} of {all_runs(row)}{mark}"
    return f"{'' if is_one else row.verdict}{mark}"


def _time(row: VariantRow) -> str:
    return "-" if row.wall_s is None else seconds(row.wall_s.value)


def _joules(rows: Sequence[VariantRow], unit_j: float) -> list[tuple[str, str]]:
    """Return joules and their intervals."""
    cells = in_unit([row.energy_j for row in rows], unit_j)
    return [("-", "") if row.energy_j is None and row.failed else cell for row, cell in zip(rows, cells, strict=True)]


def merit_text(row: VariantRow, has_bounds: bool) -> str:
    """Return the metric of a way, or why there is none."""
    if row.metric is None:
        return "no number" if row.endless_runs else "not told" if row.runs else "-"
    mean = row.metric
    half = 0.0 if mean.low is None or mean.high is None else half_width(mean.value, mean.low, mean.high)
    return f"{mean.value:.4g}" + (f" ±{half:.2g}" if half and has_bounds else "")
