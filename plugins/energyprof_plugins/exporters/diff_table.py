"""What changed between two groups of runs, as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from energyprof.interfaces import RenderContext
from energyprof.model.difference import DifferenceRow
from energyprof.model.report import Report
from energyprof_plugins.exporters.console.stage_table import fit_path
from energyprof_plugins.exporters.diff_rows import (
    HEADINGS,
    NOTHING,
    assumptions_in,
    cells,
    footprint,
    have_other_calls,
    how,
    rest,
    sentence,
    shown_rows,
    summary,
)
from energyprof_plugins.exporters.terminal import NARROWEST, WIDEST, Page

STYLES: Final = {"more": "bold red", "less": "bold green", "new": "bold", "gone": "bold"}
LEFT_OUT: Final = ("a call", "time", "%", "before", "after")
"""What narrower tables leave out, one after the other; where calls differ, `a call` and `%` change places."""
KEPT: Final = ("before", "after")
"""For what names are shortened, down to `LEAST_ROOM`."""
LEAST_ROOM: Final = 20


class DiffTable:
    """Format a difference as text of 60 to 200 columns; option `top`: rows of each table."""

    name = "diff"
    command = "energyprof diff OLD.eprof NEW.eprof"
    suffix = ".txt"
    summary = "what `energyprof diff` prints: what costs more or less, and what of it is chance"

    def render(self, report: Report, context: RenderContext) -> str:  # noqa: ARG002 - the door's signature
        """Return the tables, what they rest on, and why the runs may not be compared."""
        page = Page(max(NARROWEST, min(WIDEST, context.width)), context)
        found = context.difference
        if found is None:
            page.line(Text(NOTHING))
            return page.text()
        page.wrapped(page.glyphs.text(summary(found)), indent=2, style="bold")
        page.wrapped(page.glyphs.text(how(found)), indent=2, style="dim")
        for line in found.statements:
            page.wrapped(page.glyphs.name(sentence(line)), indent=2)
        if found.obstacles:
            page.line()
            page.hanging("cannot be compared, so nothing is tested", map(page.glyphs.name, found.obstacles))
        for heading, rows in (("stage", found.stages), ("layer", found.layers)):
            if rows:
                page.line()
                page.console.print(_table(heading, shown_rows(rows, context), page))
                hidden = rest(rows, context)
                if hidden:
                    page.wrapped(f"  {hidden}: --top {len(rows)}", indent=4, style="dim")
        priced = footprint(found, assumptions_in(context))
        if priced:
            page.line()
            page.hanging("footprint of the change", [page.glyphs.name(page.glyphs.text(priced))])
        if found.cautions:
            page.line()
            page.hanging("to be careful with", map(page.glyphs.name, found.cautions))
        return page.text()


def _table(heading: str, rows: Sequence[DifferenceRow], page: Page) -> Table:
    columns = [[page.glyphs.text(cell) for cell in cells(row)] for row in rows]
    widths = [max(len(name), *(len(row[place]) for row in columns)) for place, name in enumerate(HEADINGS)]
    shown = _fitting(rows, widths, page.width)
    room = max(page.width - _room(widths, shown), 12)
    table = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(heading, no_wrap=True)
    for name in HEADINGS:
        if name in shown:
            table.add_column(name, justify="left" if name == "verdict" else "right", no_wrap=True)
    for row, texts in zip(rows, columns, strict=True):
        kept = [text for name, text in zip(HEADINGS, texts, strict=True) if name in shown]
        style = STYLES.get(row.total_j.verdict, "")
        table.add_row(Text(fit_path(row.path, room, page.glyphs)), *map(Text, kept[:-1]), Text(kept[-1], style=style))
    return table


def _fitting(rows: Sequence[DifferenceRow], widths: Sequence[int], width: int) -> set[str]:
    """Return the columns for which there is room beside the names."""
    longest = max(len("/".join(row.path)) for row in rows)
    shown = set(HEADINGS)
    places = {"a call": "%", "%": "a call"} if have_other_calls(rows) else {}
    for name in LEFT_OUT:
        least = LEAST_ROOM if name in KEPT else min(40, width // 3)
        if width - _room(widths, shown) >= min(longest, least):
            break
        shown.discard(places.get(name, name))
    return shown


def _room(widths: Sequence[int], shown: set[str]) -> int:
    return sum(width + 2 for name, width in zip(HEADINGS, widths, strict=True) if name in shown)
