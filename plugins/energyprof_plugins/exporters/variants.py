"""Ways to do the same thing beside each other: a table for people, JSON, and a picture of joules against quality."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Final

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from energyprof.interfaces import RenderContext
from energyprof.model.footprint_document import assumptions_document, priced_document
from energyprof.model.footprint_rows import Assumptions
from energyprof.model.footprint_text import assumed_text, carbon_and_cost
from energyprof.model.range import Range
from energyprof.model.report import Report
from energyprof.model.variants import Mean, VariantRow, Variants
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.interval_columns import Interval, IntervalColumns
from energyprof_plugins.exporters.console.stage_table import LETTERS, fit_path
from energyprof_plugins.exporters.diff_rows import assumptions_in
from energyprof_plugins.exporters.figures import (
    column_unit,
    grouped,
    half_width,
    joules_with_bounds,
    percent,
    seconds,
)
from energyprof_plugins.exporters.terminal import Page
from energyprof_plugins.exporters.variants_picture import picture
from energyprof_plugins.exporters.visible import visible

NOTHING: Final = "nothing is compared here; see: energyprof compare A.eprof B.eprof"
OPTIONAL: Final = ("time", "metric bounds", "runs", "bounds")
"""What a narrow table leaves out, in this order."""
NAME: Final = 40
"""Characters of a name for which other columns are left out."""
ELLIPSIS: Final = "\u2026"
SCHEMA: Final = "energyprof-compare/1"
MOST_GAPS: Final = 5
"""Ways without the metric, or that failed, of which each is said why."""
LOWEST: Final = ("cheapest", "lowest so far")


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
        for line in (*_conclusions(found), *found.advice):
            page.wrapped(page.glyphs.name(page.glyphs.text(line)), indent=2)
        page.wrapped(page.glyphs.text(_legend(found)), indent=2, style="dim")
        footprint = list(_footprint(found, assumptions_in(context)))
        if footprint:
            page.line()
            lines = [page.glyphs.name(page.glyphs.text(line)) for line in footprint]
            page.hanging(f"footprint of a {visible(found.unit) or 'run'}", lines)
        if found.cautions:
            page.line()
            page.hanging("not comparable without care", [page.glyphs.name(line) for line in found.cautions])
        return page.text()


class VariantJson:
    """Format ways to do the same thing as one JSON document."""

    name = "variants-json"
    command = "energyprof compare A.eprof B.eprof --format json"
    suffix = ".json"
    summary = "the same for scripts, one JSON document"

    def render(self, report: Report, context: RenderContext) -> str:  # noqa: ARG002 - the door's signature
        """Return the document, of `null` where nothing is compared."""
        found = None if context.variants is None else {"schema": SCHEMA, **asdict(context.variants)}
        assumed = assumptions_in(context)
        if found is not None and context.variants is not None and not assumed.is_empty:
            known = [
                (row.name, energy_j) for row in context.variants.rows if (energy_j := _range(row.energy_j)) is not None
            ]
            found["footprint"] = {
                "rows": [{"name": name, **priced_document(assumed, energy_j)} for name, energy_j in known],
                "assumptions": assumptions_document(assumed),
            }
        return json.dumps(found, indent=1, allow_nan=False) + "\n"


class VariantPicture:
    """Draw joules against quality, with intervals and the Pareto front."""

    name = "variants-svg"
    command = "energyprof compare A.eprof B.eprof -o front.svg"
    suffix = ".svg"
    summary = "the same as a picture: joules against a metric, with the Pareto front (any browser)"

    def render(self, report: Report, context: RenderContext) -> str:  # noqa: ARG002 - the door's signature
        """Return the picture; without a metric, joules alone."""
        return picture(context.variants, NOTHING)


def _table(found: Variants, glyphs: Glyphs, width: int) -> Table:
    """Return the table; where it is too wide, columns and bounds are left out until names have their room."""
    known = [row.energy_j for row in found.rows if row.energy_j is not None]
    unit = column_unit(max((mean.value for mean in known), default=0.0))
    wanted = min(max(cell_len(glyphs.name(row.name)) for row in found.rows), NAME)
    for left_out in range(len(OPTIONAL) + 1):
        columns = _columns(found, unit, frozenset(OPTIONAL[left_out:]))
        columns = [[glyphs.text(cell) for cell in column] for column in columns]
        room = width - sum(max(map(cell_len, column)) + 2 for column in columns) - 2
        if room >= wanted:
            break
    table = Table(box=glyphs.rule(), padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("", no_wrap=True, overflow="crop")
    for heading, *_ in columns:
        table.add_column(Text(glyphs.name(heading) if heading else ""), justify="right", no_wrap=True, overflow="crop")
    table.columns[-1].justify = "left"
    for row, *cells in zip(found.rows, *(column[1:] for column in columns), strict=True):
        table.add_row(Text(fit_path((row.name,), max(room, 8), glyphs)), *map(Text, cells))
    return table


def _columns(found: Variants, unit: tuple[str, float], details: frozenset[str]) -> list[list[str]]:
    """Return the columns, their heading first."""
    unit_name, unit_j = unit
    figures = _in_unit(found.rows, unit_j)
    what = visible(found.unit) if found.unit else "run"
    columns = [["runs", *(str(_all_runs(row)) for row in found.rows)]] if "runs" in details else []
    what = what if len(what) <= 8 else what[:7] + ELLIPSIS
    columns.append([f"{unit_name}/{what}", *(value for value, _ in figures)])
    columns.append(["", *(interval for _, interval in figures)])
    is_one = len(found.rows) == 1
    if not is_one:
        columns.append(["ratio", *(_ratio(row, "bounds" in details) for row in found.rows)])
    if found.metric:
        name = visible(found.metric)
        name = name if len(name) <= 10 else name[:9] + ELLIPSIS
        columns.append([name, *(_merit(row, "metric bounds" in details) for row in found.rows)])
    columns += [["time", *(_time(row) for row in found.rows)]] if "time" in details else []
    letter = LETTERS[found.provenance]
    columns.append(["", *(f"{letter} {_word(row, is_one=is_one)}{_mark(row)}".rstrip() for row in found.rows)])
    return columns


def _all_runs(row: VariantRow) -> int:
    return row.runs + (row.failed.runs if row.failed else 0)


def _word(row: VariantRow, *, is_one: bool) -> str:
    """Return what is said of a way against the others; of one alone only that it failed."""
    if row.failed is not None:
        return f"failed {row.failed.runs} of {_all_runs(row)}"
    return "" if is_one else row.verdict


def _time(row: VariantRow) -> str:
    return "-" if row.wall_s is None else seconds(row.wall_s.value)


def _mark(row: VariantRow) -> str:
    return "" if not row.is_best else " (*)" if row.is_unsure else " *"


def _in_unit(rows: Sequence[VariantRow], unit_j: float) -> list[tuple[str, str]]:
    """Return joules and their intervals, all of them by both bounds where one is too wide for +-."""
    means = [row.energy_j for row in rows]
    columns = IntervalColumns.of("", [_interval(mean, unit_j) for mean in means if mean is not None])
    found = []
    for row, mean in zip(rows, means, strict=True):
        if mean is None:
            found.append(("-" if row.failed else "not known", ""))
            continue
        value, *bounds = columns.cells(*_interval(mean, unit_j))
        is_told = bool(bounds[0])
        found.append((value, "" if not is_told else f"({' to '.join(bounds)})" if columns.bounds else f"±{bounds[0]}"))
    return found


def _interval(mean: Mean, unit_j: float) -> Interval:
    low, high = (mean.value if one is None else one for one in (mean.low, mean.high))
    return mean.value / unit_j, low / unit_j, high / unit_j


def _ratio(row: VariantRow, has_bounds: bool) -> str:
    if row.ratio is None:
        return ""
    if row.ratio.low is None or row.ratio.high is None or not has_bounds:
        return f"{row.ratio.value:.2f}" if row.verdict not in LOWEST else "1"
    return f"{row.ratio.value:.2f} ({row.ratio.low:.2f} to {row.ratio.high:.2f})"


def _merit(row: VariantRow, has_bounds: bool) -> str:
    if row.metric is None:
        return "no number" if row.endless_runs else "not told" if row.runs else "-"
    mean = row.metric
    half = 0.0 if mean.low is None or mean.high is None else half_width(mean.value, mean.low, mean.high)
    return f"{mean.value:.4g}" + (f" ±{half:.2g}" if half and has_bounds else "")


def _conclusions(found: Variants) -> list[str]:
    """Return what the table says, in sentences."""
    return [*_comparison(found), *_front(found), *_failures(found), *_gaps(found)]


def _failures(found: Variants) -> list[str]:
    """Return a sentence for each way of which a run failed, with what such a run took."""
    lines = []
    for row in found.rows:
        if row.failed is None:
            continue
        codes = ", ".join(map(str, row.failed.exit_codes))
        lines.append(
            f"{row.name}: {row.failed.runs} of {_all_runs(row)} runs ended with an error (exit status {codes}) after "
            f"{seconds(row.failed.wall_s.value)} and {_taken(row.failed.energy_j)}, which {_counts_for(row)}."
        )
    if lines and len(found.rows) > 1:
        lines.append("To have such a way compared, remove those recordings and go on with energyprof sweep --resume.")
    return _cut(lines)


def _taken(energy_j: Mean | None) -> str:
    return "unknown joules" if energy_j is None else joules_with_bounds(energy_j.value, energy_j.low, energy_j.high)


def _counts_for(row: VariantRow) -> str:
    return "are in no figure above" if row.runs else "are no figures for its work"


def _gaps(found: Variants) -> list[str]:
    """Return a sentence for each way that has no value of the metric, and why."""
    lines = []
    for row in (row for row in found.rows if found.metric and row.runs):
        if row.endless_runs:
            lines.append(
                f"{row.name}: {found.metric} is NaN or infinite{_of_runs(row.endless_runs, row)}, which cannot be "
                "ordered or averaged: it is on no front."
            )
        elif row.metric is None:
            told = f"told{_of_runs(row.metric_runs, row)} only" if row.metric_runs else "not told"
            lines.append(
                f'{row.name}: {found.metric} is {told}; tell it with energyprof.metric("{found.metric}", ...).'
            )
    return _cut(lines)


def _cut(lines: list[str]) -> list[str]:
    return lines if len(lines) <= MOST_GAPS else [*lines[:MOST_GAPS], f"So it is of {len(lines) - MOST_GAPS} more."]


def _of_runs(count: int, row: VariantRow) -> str:
    return f" in {count} of its {row.runs} runs" if row.runs > 1 else ""


def _comparison(found: Variants) -> list[str]:
    lowest = next((row for row in found.rows if row.verdict in LOWEST), None)
    if lowest is None or len(found.rows) < 2:
        return []  # there is nothing to set it against
    dearer = [row.name for row in found.rows if row.verdict == "dearer"]
    unclear = [row.name for row in found.rows if row.verdict == "unclear"]
    unsure = [row.name for row in found.rows if row.verdict == "cannot tell"]
    lines = []
    if dearer:
        lines.append(f"{lowest.name} takes less than {_listed(dearer)}, 95 % sure.")
    if unclear:
        lines.append(f"Whether {lowest.name} takes less than {_listed(unclear)} is not clear: more runs of each tell.")
    if unsure:
        lines.append(
            f"Whether {_listed(unsure)} {'is' if len(unsure) == 1 else 'are'} dearer than {lowest.name} cannot be "
            "told: it takes two runs of each way or more, each of which was read; energyprof sweep makes them."
        )
    return lines


def _front(found: Variants) -> list[str]:
    better = "lower" if found.lower_is_better else "higher"
    front = [row.name for row in found.rows if row.is_best and not row.is_unsure]
    unsure = [row.name for row in found.rows if row.is_best and row.is_unsure]
    lines = []
    if front:
        lines.append(f"* On the front of joules and {found.metric} ({better} is better): {_listed(front)}.")
    if unsure:
        what = "" if front else f" of joules and {found.metric} ({better} is better)"
        lines.append(
            f"(*) On the front{what} as far as these runs tell, but not told apart from another way there: "
            f"{_listed(unsure)}."
        )
    return lines


def _footprint(found: Variants, assumed: Assumptions) -> Iterator[str]:
    """Yield what the energy of each way comes with, and what that rests on; nothing where nobody said."""
    if not assumed.is_empty:
        for row in found.rows:
            energy_j = _range(row.energy_j)
            said = "" if energy_j is None else carbon_and_cost(assumed, energy_j)
            yield f"{row.name}: {said or 'not known'}"
        yield f"estimated (model): {assumed_text(assumed)}"


def _range(mean: Mean | None) -> Range | None:
    if mean is None or mean.low is None or mean.high is None:
        return None if mean is None else Range.exactly(mean.value)
    return Range(mean.value, mean.low, mean.high)


def _legend(found: Variants) -> str:
    below, above = found.gain_error
    common = ""
    if below or above:
        reach = f"\N{MINUS SIGN}{percent(below, 0)} to +{percent(above, 0)}"
        common = f"; all joules together may be off by {reach}"
        common += ", which ratios do not see" if len(found.rows) > 1 else ""
    return f"{LETTERS[found.provenance]}  {found.provenance}; 95 % intervals by the spread of runs{common}"


def _listed(names: list[str]) -> str:
    shown = names if len(names) <= 5 else [*names[:4], f"{grouped(len(names) - 4)} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
