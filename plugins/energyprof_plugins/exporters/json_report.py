"""The report as JSON, schema `energyprof-report/1`: every figure, for programs.

The schema is the file `json_report.schema.json` beside this one; fields may be added to it, none renamed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from energyprof.interfaces import RenderContext
from energyprof.model.cure_rows import RepeatRow
from energyprof.model.footprint_document import footprint_document
from energyprof.model.past import EarlierRun, EarlierTrial
from energyprof.model.report import LayerRow, Report, RunRow, StageRow
from energyprof.model.trial_rows import Trials
from energyprof.model.work_rows import StepRow, UnitRow


class JsonReport:
    """Format a report as ASCII-only JSON; what is refused is null, and every number is finite."""

    name = "json"
    suffix = ".json"
    summary = "every figure, schema energyprof-report/1"

    def render(self, report: Report, context: RenderContext) -> str:  # noqa: ARG002 - the door's signature
        """Return the document; raises ValueError on a figure that is not finite, which is a fault of ours."""
        document: dict[str, Any] = {  # rows of the report, each with its own fields
            "schema": report.schema,
            "run": _run(report.run),
            "measured": _row(report.measured),
            "stages_sum": _row(report.stages_sum),
            "mean_power_w": report.mean_power_w,
            "domains": _rows(report.domains),
            "ledger": _rows(report.ledger),
            "stages": [_stage(row) for row in report.stages],
            "layers": [layer_document(row) for row in report.layers],
            "tokens": [{**_row(row), "total_sum": _row(row.total_sum)} for row in report.tokens],
            "steps": None if report.steps is None else _steps(report.steps),
            "earlier": None if report.earlier is None else _earlier(report.earlier),
            "trials": None if report.trials is None else _trials(report.trials),
            "units": [_unit(row) for row in report.units],
            "metrics": [
                {**_row(row), "value": row.value if math.isfinite(row.value) else None} for row in report.metrics
            ],
            "waits": _rows(report.waits),
            "unsplit": _rows(report.unsplit),
            "functions": [{**_row(row), "domains": _rows(row.domains)} for row in report.functions],
            "edges": _rows(report.edges),
            "hotspots": list(report.hotspots),
            "costliest_path": list(report.costliest_path),
            "overhead": _row(report.overhead),
            "delays": None if report.delays is None else _row(report.delays),
            "repeat": None if report.repeat is None else _repeat(report.repeat),
            "rankings": _rows(report.rankings),
            "ranks": [{**_row(row), "energy_sum": _row(row.energy_sum)} for row in report.ranks],
            "imbalance": None if report.imbalance is None else _row(report.imbalance),
            "hosts": _rows(report.hosts),
            "footprint": None if report.footprint is None else footprint_document(report.footprint),
            "findings": [
                {**_row(row), "overlaps": _rows(row.overlaps), "is_hint": row.is_hint} for row in report.findings
            ],
            "warnings": list(report.warnings),
        }
        return "{\n" + ",\n".join(f'"{name}": {_written(value)}' for name, value in document.items()) + "\n}\n"


def _written(value: object) -> str:
    """Return JSON with one row a line: people can read and compare it, and it is written at full speed."""
    if isinstance(value, list) and value:
        return "[\n " + ",\n ".join(json.dumps(row, allow_nan=False) for row in value) + "\n]"
    return json.dumps(value, allow_nan=False)


def _run(row: RunRow) -> dict[str, Any]:
    program = None if row.program is None else {**_row(row.program), "files": dict(row.program.files)}
    return {**_row(row), "versions": dict(sorted(row.versions.items())), "program": program}


def _row(row: Any) -> dict[str, Any]:  # any of the report's row types; asdict would copy every value deeply
    return {field.name: getattr(row, field.name) for field in fields(row)}


def _rows(rows: Iterable[Any]) -> list[dict[str, Any]]:  # as for _row
    return [_row(row) for row in rows]


def layer_document(row: LayerRow) -> dict[str, Any]:
    """Return a layer as JSON has it."""
    return {**_row(row), "self_sum": _row(row.self_sum), "total_sum": _row(row.total_sum)}


def _steps(row: StepRow) -> dict[str, Any]:
    figures = {
        name: None if (figure := getattr(row, name)) is None else _row(figure)
        for name in ("total", "first", "per_step", "per_sample")
    }
    return {**_row(row), **figures, "course": _rows(row.course)}


def _trials(found: Trials) -> dict[str, Any]:
    sums = {
        name: {"count": kind.count, "energy": None if kind.energy is None else _row(kind.energy)}
        for name, kind in (
            ("all", found.all),
            ("pruned", found.pruned),
            ("failed", found.failed),
            ("repeated", found.repeated),
            ("known", found.known),
        )
    }
    rows = [
        {
            **_row(row),
            "total_sum": _row(row.total_sum),
            "up_to": None if row.up_to is None else _row(row.up_to),
            "earlier": None if row.earlier is None else _earlier(row.earlier),
        }
        for row in found.rows
    ]
    return {"provenance": found.provenance, **sums, "rows": rows}


def _earlier(row: EarlierRun | EarlierTrial) -> dict[str, Any]:
    return {**_row(row), "energy": None if row.energy is None else _row(row.energy)}


def _unit(row: UnitRow) -> dict[str, Any]:
    return {**_row(row), "per_unit": None if row.per_unit is None else _row(row.per_unit)}


def _repeat(row: RepeatRow) -> dict[str, Any]:
    skipped = [{"name": name, "reason": reason} for name, reason in row.skipped]
    return {**_row(row), "calls": _rows(row.calls), "sums": _rows(row.sums), "skipped": skipped}


def _stage(row: StageRow) -> dict[str, Any]:
    return {
        "stage": row.stage,
        "name": row.name,
        "path": row.path,
        "parent": row.parent,
        "kind": row.kind,
        "file": row.file,
        "line": row.line,
        "calls": row.calls,
        "resumes": row.resumes,
        "wall_s": row.wall_s,
        "self_wall_s": row.self_wall_s,
        "cpu_s": row.cpu_s,
        "self": _rows(row.self_energy),
        "total": _rows(row.total_energy),
        "self_sum": _row(row.self_sum),
        "total_sum": _row(row.total_sum),
        "embodied_j": row.embodied_j,
        "embodied_low_j": row.embodied_low_j,
        "embodied_high_j": row.embodied_high_j,
        "embodied_provenance": row.embodied_provenance,
        "outputs": row.outputs,
        "unused_outputs": row.unused_outputs,
        "repeated_inputs": row.repeated_inputs,
        "facts": dict(row.facts),
    }
