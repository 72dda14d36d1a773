"""The trials of a search as a table: what each took and found, and how many joules it was up to there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from energyprof.interfaces import RenderContext
from energyprof.model.past_text import trial_sentence
from energyprof.model.report import Report
from energyprof.model.trial_rows import TrialRow, Trials
from energyprof_plugins.exporters.console.footprint_lines import OF_THE_RUN, footprint_lines
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.interval_columns import Interval, IntervalColumns
from energyprof_plugins.exporters.console.stage_table import LETTERS
from energyprof_plugins.exporters.console.trial_lines import trial_sums
from energyprof_plugins.exporters.console.trial_order import became, conclusions, ranked, value_text
from energyprof_plugins.exporters.figures import column_unit, grouped, in_column
from energyprof_plugins.exporters.terminal import Page

ROWS: Final = 20
"""Trials listed unless option `rows` says otherwise: the best first."""
KNOWN: Final = 5
"""Trials of earlier runs that are named with what they cost."""
NOTHING: Final = (
    "no trials: mark them with `with energyprof.trial(params) as trial:`; those of Optuna's Study.optimize are known"
)


class TrialTable:
    """Format the trials; options: `rows`, `target`, `lower_is_better` (yes or no; else as the search told)."""

    name = "trials"
    suffix = ".txt"
    summary = "text for people: the trials of a search, as `energyprof trials` prints them"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the table, and what it took to the best and to the target."""
        page, found = Page(context.width, context), report.trials
        if found is None:
            page.wrapped(page.glyphs.text(NOTHING), indent=2)
            return page.text()
        for at, study in enumerate(found.studies or (found,)):
            if found.studies:
                if at:
                    page.line()
                page.line(Text(page.glyphs.name(f"trials of {study.study or 'no study'}")))
            _print(page, study, context)
        if found.studies:
            page.line()
            page.wrapped(page.glyphs.text(f"all studies: {next(trial_sums(found))}"), indent=2)
        if report.footprint is not None:
            page.line()
            page.hanging(OF_THE_RUN, footprint_lines(report.footprint, page.glyphs))
        return page.text()


def _print(page: Page, found: Trials, context: RenderContext) -> None:
    """Print the trials of one study."""
    asked = context.options.get("lower_is_better")
    lower = None if asked is None else asked == "yes"
    limit = int(context.options.get("rows", ROWS))
    order = ranked(found, lower_is_better=lower)
    page.console.print(_table(order[:limit], found, page.glyphs, page.width))
    if len(order) > limit:
        page.line(Text(f"+ {grouped(len(order) - limit)} more: --rows {len(order)}"))
    page.line()
    for line in [
        *trial_sums(found),
        *_known(found),
        *conclusions(found, context.options.get("target", ""), lower_is_better=lower),
    ]:
        page.wrapped(page.glyphs.text(line), indent=2)


def _table(rows: list[TrialRow], found: Trials, glyphs: Glyphs, width: int) -> Table:
    unit, unit_j = column_unit(max((row.up_to.energy_j for row in found.rows if row.up_to is not None), default=0.0))
    table = Table(box=glyphs.rule(), padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    intervals = [_interval(row, unit_j) for row in rows if row.total_sum.energy_j is not None]
    figures = IntervalColumns.of(unit, intervals)
    has_bounds = width >= 80
    own = figures.headings() if has_bounds else [unit]
    headings = [glyphs.text(heading) for heading in ("trial", "value", *own, f"{unit} up to it", "how")]
    lines = [_cells(row, figures, unit_j, glyphs, has_bounds) for row in rows]
    taken = sum(max(map(cell_len, column)) + 2 for column in zip(headings, *lines, strict=True))
    room = max(width - taken, 8)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True, overflow="crop")
    table.add_column("", no_wrap=True, overflow="crop")
    for row, cells in zip(rows, lines, strict=True):
        words = _words(row, glyphs)
        table.add_row(*cells, Text(words if len(words) <= room else words[: room - 2] + ".."))
    return table


def _cells(row: TrialRow, figures: IntervalColumns, unit_j: float, glyphs: Glyphs, has_bounds: bool) -> list[str]:
    is_known, up_to = row.total_sum.energy_j is not None, row.up_to
    energy = figures.cells(*_interval(row, unit_j)) if is_known else figures.value_only("?")
    return [
        str(row.number),
        value_text(row),
        *(glyphs.text(cell) for cell in (energy if has_bounds else energy[:1])),
        "?" if up_to is None else in_column(up_to.energy_j / unit_j, 0.0)[0],
        LETTERS[row.total_sum.provenance],
    ]


def _words(row: TrialRow, glyphs: Glyphs) -> str:
    """Return what became of a trial, which one it repeats, and its parameters."""
    said = "  ".join(filter(None, (*became(row), row.params)))
    return glyphs.name(said) if said else ""


def _interval(row: TrialRow, unit_j: float) -> Interval:
    energy = row.total_sum
    return (energy.energy_j or 0.0) / unit_j, (energy.low_j or 0.0) / unit_j, (energy.high_j or 0.0) / unit_j


def _known(found: Trials) -> Iterator[str]:
    """Yield the trials that an earlier run had done, with what it paid for each."""
    known = [(row, row.earlier) for row in found.rows if row.earlier is not None]
    for row, earlier in known[:KNOWN]:
        yield f"trial {row.number}: {trial_sentence(earlier)}"
    if len(known) > KNOWN:
        yield f"and {grouped(len(known) - KNOWN)} more: energyprof report --format json"
