"""Ways to do the same thing beside each other: JSON for programs, CSV for spreadsheets, Markdown for a pull request."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from energyprof.interfaces import RenderContext
from energyprof.model.footprint_document import assumptions_document
from energyprof.model.footprint_text import assumed_text
from energyprof.model.report import Report
from energyprof.model.variants import Mean, VariantRow, Variants, WayAmount, WayFootprint
from energyprof_plugins.exporters.figures import column_unit
from energyprof_plugins.exporters.markdown import code, plain, table
from energyprof_plugins.exporters.spreadsheet import harmless
from energyprof_plugins.exporters.variants import NOTHING, merit_text, said_of
from energyprof_plugins.exporters.variants_footprint import bases, in_unit, is_one_place, statements
from energyprof_plugins.exporters.variants_footprint import columns as footprint_columns
from energyprof_plugins.exporters.variants_sentences import all_runs, conclusions, legend, ratio_text
from energyprof_plugins.exporters.visible import visible

SCHEMA: Final = "energyprof-compare/1"
AMOUNTS: Final = ("facility_j", "carbon_g", "cost")
MEAN: Final = ("", "_low", "_high")
COLUMNS: Final = (
    "way", "runs", "failed_runs", "unit", "units", *(f"energy_j{end}" for end in MEAN), "provenance", "error_below",
    "error_above", *(f"ratio{end}" for end in MEAN), "ratio_error_below", "ratio_error_above", "verdict", "metric",
    *(f"value{end}" for end in MEAN), "on_front", "front_sure", "wall_s",
    *(f"{kind}{end}" for kind in AMOUNTS for end in (*MEAN, "_ratio", "_ratio_low", "_ratio_high", "_verdict")),
    "currency", "footprint_basis",
)  # fmt: skip


class VariantJson:
    """Format ways to do the same thing as one JSON document."""

    name = "variants-json"
    command = "energyprof compare A.eprof B.eprof --format json"
    suffix = ".json"
    summary = "the same for scripts, one JSON document"

    def render(self, report: Report, context: RenderContext) -> str:  # noqa: ARG002 - the door's signature
        """Return the document, of `null` where nothing is compared."""
        found = context.variants
        if found is None:
            return "null\n"
        document = {"schema": SCHEMA, **asdict(found)}
        for row in document["rows"]:
            del row["footprint"]
        told = [(row.name, row.footprint) for row in found.rows if row.footprint is not None]
        if told:
            document["footprint"] = {
                "rows": [{"name": name, **_footprint_row(one)} for name, one in told],
                "assumptions": assumptions_document(told[0][1].assumptions) if is_one_place(found) else None,
            }
        return json.dumps(document, indent=1, allow_nan=False) + "\n"


class VariantCsv:
    """Format ways to do the same thing as comma-separated values, a way a line; what is not known is empty."""

    name = "variants-csv"
    command = "energyprof compare A.eprof B.eprof --format csv"
    suffix = ".csv"
    summary = "the same for spreadsheets, a way a line"

    def render(self, report: Report, context: RenderContext) -> str:  # noqa: ARG002 - the door's signature
        """Return the lines in the order in which ways were named."""
        written = io.StringIO()
        sheet = csv.writer(written, lineterminator="\n")
        sheet.writerow(COLUMNS)
        for row in () if context.variants is None else context.variants.rows:
            sheet.writerow([harmless(cell) for cell in _cells(row, context.variants)])
        return written.getvalue()


class VariantMarkdown:
    """Format ways to do the same thing for a comment."""

    name = "variants-markdown"
    command = "energyprof compare A.eprof B.eprof --format markdown"
    suffix = ".md"
    summary = "the same to paste into a pull request or an issue"

    def render(self, report: Report, context: RenderContext) -> str:  # noqa: ARG002 - the door's signature
        """Return the tables and what they say."""
        found = context.variants
        if found is None:
            return f"{plain(NOTHING)}\n"
        parts = [f"### Energy of a {plain(found.unit or 'run')}, way by way", _table(found)]
        parts += [plain(line) for line in (*conclusions(found), *found.advice)]
        parts.append(plain(legend(found)))
        rests_on = bases(found)
        if rests_on:
            parts.append(f"#### Footprint of a {plain(found.unit or 'run')}")
            parts += [*_footprint_table(found), *map(plain, statements(found))]
            parts.append("\n".join(f"- {plain(line)}" for line in rests_on))
        if found.cautions:
            lines = "\n".join(f"- {plain(line)}" for line in found.cautions)
            parts.append(f"Not comparable without care:\n\n{lines}")
        return "\n\n".join(parts) + "\n"


def _table(found: Variants) -> str:
    known = [row.energy_j.value for row in found.rows if row.energy_j is not None]
    unit, unit_j = column_unit(max(known, default=0.0))
    figures = in_unit([row.energy_j for row in found.rows], unit_j)
    metric = [plain(found.metric)] if found.metric else []
    head = ["way", "runs", f"{unit}/{plain(found.unit or 'run')}", "ratio", *metric, "how", "said"]
    rows = []
    for row, figure in zip(found.rows, figures, strict=True):
        cells = [code(row.name), str(all_runs(row)), " ".join(figure).rstrip()]
        cells.append(ratio_text(row.ratio, row.verdict, has_bounds=True))
        cells += [merit_text(row, has_bounds=True)] if found.metric else []
        rows.append([*cells, row.provenance, plain(said_of(row, is_one=len(found.rows) == 1))])
    return table(head, rows, left=frozenset(("how", "said")))


def _footprint_table(found: Variants) -> list[str]:
    columns = footprint_columns(found)
    head, rows = ["way"], [[code(row.name)] for row in found.rows]
    for one in columns:
        has_ratios = any(one.ratios)
        head += [plain(one.heading), *(["ratio"] if has_ratios else [])]
        for at, cells in enumerate(rows):
            cells.append(f"{plain(one.cells[at])} {one.intervals[at]}".rstrip())
            cells.extend([one.ratios[at]] if has_ratios else [])
    return [table(head, rows)] if columns else []


def _footprint_row(one: WayFootprint) -> dict[str, Any]:
    """Return the figures of a way as JSON has them."""
    figures: dict[str, Any] = {}
    for kind in AMOUNTS:
        amount: WayAmount | None = getattr(one, kind)
        figures[kind] = None if amount is None else asdict(amount.amount)
        figures[f"{kind}_ratio"] = None if amount is None or amount.ratio is None else asdict(amount.ratio)
        figures[f"{kind}_verdict"] = None if amount is None else amount.verdict
    return {**figures, "assumptions": assumptions_document(one.assumptions)}


def _cells(row: VariantRow, found: Variants | None) -> Iterator[object]:
    unit, metric = ("", "") if found is None else (found.unit, found.metric)
    yield from (visible(row.name), row.runs, 0 if row.failed is None else row.failed.runs)
    yield from (visible(unit or "run"), row.units)
    yield from (*_mean(row.energy_j), row.provenance, *row.gain_error, *_mean(row.ratio), *row.ratio_error)
    yield from (row.verdict, visible(metric) if metric else None, *_mean(row.metric))
    yield from ("", "") if row.is_best is None else (_truth(row.is_best), _truth(row.is_best and not row.is_unsure))
    yield None if row.wall_s is None else row.wall_s.value
    for kind in AMOUNTS:
        amount: WayAmount | None = None if row.footprint is None else getattr(row.footprint, kind)
        yield from (None,) * 7 if amount is None else (*_mean(amount.amount), *_mean(amount.ratio), amount.verdict)
    assumed = None if row.footprint is None else row.footprint.assumptions
    price = None if assumed is None else assumed.price
    yield visible(price.currency) if price is not None and price.currency else None
    yield visible(assumed_text(assumed)) if assumed is not None and not assumed.is_empty else None


def _mean(mean: Mean | None) -> tuple[float | None, ...]:
    return (None, None, None) if mean is None else (mean.value, mean.low, mean.high)


def _truth(value: bool) -> str:
    return "true" if value else "false"
