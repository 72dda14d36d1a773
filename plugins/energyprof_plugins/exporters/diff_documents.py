"""What changed between two groups of runs, as JSON for programs and as Markdown for a pull request."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

from energyprof.interfaces import RenderContext
from energyprof.model.difference import Difference, DifferenceRow, Shift
from energyprof.model.footprint_document import assumptions_document, priced_document
from energyprof.model.footprint_rows import Assumptions
from energyprof.model.report import Report, RunRow
from energyprof_plugins.exporters.diff_rows import (
    HEADINGS,
    NOTHING,
    assumptions_in,
    cells,
    footprint,
    how,
    rest,
    sentence,
    shifted,
    shown_rows,
    summary,
)
from energyprof_plugins.exporters.markdown import code, plain, table

SCHEMA: Final = "energyprof-diff/1"
SHIFTS: Final = ("own_j", "total_j", "per_call_j", "wall_s")


class DiffJson:
    """Format a difference as ASCII-only JSON; what is not known is null."""

    name = "diff-json"
    command = "energyprof diff OLD.eprof NEW.eprof --format json"
    suffix = ".json"
    summary = "what costs more or less as JSON, schema energyprof-diff/1"

    def render(self, report: Report, context: RenderContext) -> str:  # noqa: ARG002 - the door's signature
        """Return the document, a row a line."""
        found = context.difference
        if found is None:
            return f"{json.dumps({'schema': SCHEMA, 'nothing': NOTHING})}\n"
        document = {
            "schema": SCHEMA,
            "comparable": not found.obstacles,
            "obstacles": list(found.obstacles),
            "cautions": list(found.cautions),
            "basis": list(found.basis),
            "program_changed": list(found.changed),
            "arguments_changed": found.told_otherwise or None,
            "provenance": found.provenance,
            "tested": found.tested,
            "before": [_run(run) for run in found.before],
            "after": [_run(run) for run in found.after],
            "measured_j": _shift(found.measured_j),
            "wall_s": _shift(found.wall_s),
            "footprint": _footprint(found, assumptions_in(context)),
        }
        lists = {"stages": found.stages, "layers": found.layers}
        parts = [f"{json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in document.items()]
        for name, rows in lists.items():
            lines = ",\n ".join(json.dumps(_row(row), allow_nan=False) for row in rows)
            parts.append(f'"{name}": [\n {lines}\n]' if rows else f'"{name}": []')
        return "{\n" + ",\n".join(parts) + "\n}\n"


class DiffMarkdown:
    """Format a difference for a comment; option `top`: rows of each table."""

    name = "diff-markdown"
    command = "energyprof diff OLD.eprof NEW.eprof --format markdown"
    suffix = ".md"
    summary = "what costs more or less, to paste into a pull request"

    def render(self, report: Report, context: RenderContext) -> str:  # noqa: ARG002 - the door's signature
        """Return the text."""
        found = context.difference
        if found is None:
            return f"{plain(NOTHING)}\n"
        parts = [f"### Energy, before and after\n\n**{plain(summary(found))}**", plain(how(found))]
        parts += [plain(sentence(line)) for line in found.statements]
        if found.obstacles:
            lines = "\n".join(f"- {plain(line)}" for line in found.obstacles)
            parts.append(f"The runs cannot be compared, so nothing is tested:\n\n{lines}")
        for heading, rows in (("stage", found.stages), ("layer", found.layers)):
            shown = shown_rows(rows, context)
            if shown:
                parts.append(table((heading, *HEADINGS), [(code("/".join(row.path)), *cells(row)) for row in shown]))
            if hidden := rest(rows, context):
                parts.append(f"{hidden}.")
        priced = footprint(found, assumptions_in(context))
        if priced:
            parts.append(f"Footprint of the change: {plain(priced)}")
        if found.cautions:
            parts.append("\n".join(f"- {plain(line)}" for line in found.cautions))
        return "\n\n".join(parts) + "\n"


def _footprint(found: Difference, assumed: Assumptions) -> dict[str, Any] | None:
    if assumed.is_empty or found.measured_j.change is None:
        return None
    change = priced_document(assumed, shifted(found.measured_j))
    return {"change": change, "assumptions": assumptions_document(assumed)}


def _run(row: RunRow) -> dict[str, Any]:
    return {**asdict(row), "versions": dict(sorted(row.versions.items()))}


def _row(row: DifferenceRow) -> dict[str, Any]:
    return {**asdict(row), **{name: _shift(getattr(row, name)) for name in SHIFTS}}


def _shift(shift: Shift) -> dict[str, Any]:
    return {**asdict(shift), "ratio": shift.ratio}  # which is no field, as its bounds are
