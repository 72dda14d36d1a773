"""The layers of a run's models: a table for people, rows for programs, rows for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from rich.text import Text

from energyprof.interfaces import RenderContext
from energyprof.model.footprint_text import assumed_text
from energyprof.model.layer_record import flat_layer
from energyprof.model.range import Range
from energyprof.model.report import LayerRow, Report
from energyprof_plugins.exporters.console.footprint_lines import OF_THE_RUN, footprint_lines
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.layer_table import layer_key, layer_table
from energyprof_plugins.exporters.console.step_lines import step_heading, step_lines
from energyprof_plugins.exporters.json_report import layer_document
from energyprof_plugins.exporters.layer_choice import NO_LAYERS, Choice, choose
from energyprof_plugins.exporters.spreadsheet import harmless
from energyprof_plugins.exporters.terminal import NARROWEST, WIDEST, Page


class LayerTable:
    """Format the layers as text; options: `phase`, `depth`, `top`, `run`."""

    name = "layers"
    suffix = ".txt"
    summary = "text for people: the layers of torch models, as `energyprof layers` prints them"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the table; raises InputError for a phase that no layer had."""
        choice = choose(report, context.options)
        page = Page(max(NARROWEST, min(WIDEST, context.width)), context)
        if not choice.rows:
            page.wrapped(NO_LAYERS, indent=0)
            return page.text()
        page.line(Text(layer_heading(report, choice, page.glyphs), style="bold"))
        page.line()
        page.console.print(layer_table(report, choice, page.glyphs, page.width))
        page.wrapped(page.glyphs.text(layer_key(choice, report)), indent=5, style="dim")
        if report.steps is not None:
            page.line()
            page.hanging(step_heading(report.steps), step_lines(report, page.glyphs))
        if report.footprint is not None:
            page.line()
            page.hanging(OF_THE_RUN, footprint_lines(report.footprint, page.glyphs))
        return page.text()


class LayerJson:
    """Format the layers as a JSON list of rows, as the JSON report holds them; options as the table's."""

    name = "layers-json"
    suffix = ".json"
    summary = "the layers as a JSON list"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the list; raises InputError for a phase that no layer had."""
        choice = choose(report, context.options)
        rows = [
            json.dumps({**layer_document(row), **priced_layer(report, row)}, allow_nan=False) for row in choice.rows
        ]
        return "[\n " + ",\n ".join(rows) + "\n]\n" if rows else "[]\n"


class LayerCsv:
    """Format the layers as comma-separated values, one row a layer; options as the table's."""

    name = "layers-csv"
    suffix = ".csv"
    summary = "the layers as comma-separated values, for spreadsheets and pandas"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the rows; raises InputError for a phase that no layer had."""
        choice = choose(report, context.options)
        written = io.StringIO()
        rows = [{**flat_layer(row), **priced_layer(report, row)} for row in choice.rows]
        sheet = csv.DictWriter(written, list(rows[0]) if rows else ["layer"], lineterminator="\n")
        sheet.writeheader()
        for row in rows:
            sheet.writerow({name: harmless(value) for name, value in row.items()})
        return written.getvalue()


def priced_layer(report: Report, row: LayerRow) -> dict[str, Any]:
    """Return what a layer comes with, and what that rests on; no columns at all where nobody said."""
    if report.footprint is None:
        return {}
    assumed = report.footprint.assumptions
    found: dict[str, Any] = {}
    for name, of in (("carbon_g", assumed.carbon_g), ("cost", assumed.cost)):
        for part, energy in (("self", row.self_sum), ("total", row.total_sum)):
            told = None if energy.energy_j is None else of(Range.exactly(energy.energy_j))
            found[f"{part}_{name}"] = None if told is None else told.value
    return {**found, "footprint_basis": assumed_text(assumed)}


def layer_heading(report: Report, choice: Choice, glyphs: Glyphs) -> str:
    """Return what the table is of."""
    models = sorted({row.layer for row in report.layers if row.depth == 0})
    layers = len({row.layer for row in report.layers})
    phase = "all phases" if choice.phase == "total" else choice.phase
    shown = ", ".join(map(glyphs.name, models[:3])) + (f" and {len(models) - 3} more" if len(models) > 3 else "")
    word = "layer" if layers == 1 else "layers"
    return f"{layers} {word} of {shown}, {phase}"
