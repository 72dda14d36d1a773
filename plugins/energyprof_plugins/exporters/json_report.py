"""The report as JSON, schema `energyprof-report/1`: every figure, for programs.

The schema is the file `json_report.schema.json` beside this one; fields may be added to it, none renamed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from energyprof.interfaces import RenderContext
from energyprof.model.report import Report, StageRow


class JsonReport:
    """Format a report as ASCII-only JSON; what is refused is null, and every number is finite."""

    name = "json"
    suffix = ".json"
    summary = "every figure, schema energyprof-report/1"

    def render(self, report: Report, context: RenderContext) -> str:  # noqa: ARG002 - the door's signature
        """Return the document; raises ValueError on a figure that is not finite, which is a fault of ours."""
        document = {
            "schema": report.schema,
            "run": {**asdict(report.run), "versions": dict(sorted(report.run.versions.items()))},
            "measured": asdict(report.measured),
            "stages_sum": asdict(report.stages_sum),
            "domains": _rows(report.domains),
            "ledger": _rows(report.ledger),
            "stages": [_stage(row) for row in report.stages],
            "unsplit": _rows(report.unsplit),
            "functions": _rows(report.functions),
            "edges": _rows(report.edges),
            "hotspots": report.hotspots,
            "overhead": asdict(report.overhead),
            "warnings": report.warnings,
        }
        return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _rows(rows: Iterable[Any]) -> list[dict[str, Any]]:  # any of the report's row types
    return [asdict(row) for row in rows]


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
        "wall_s": row.wall_s,
        "self_wall_s": row.self_wall_s,
        "cpu_s": row.cpu_s,
        "self": _rows(row.self_energy),
        "total": _rows(row.total_energy),
        "self_sum": asdict(row.self_sum),
        "total_sum": asdict(row.total_sum),
        "embodied_j": row.embodied_j,
    }
