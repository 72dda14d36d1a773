"""Matrix products of numbers wider than they need be: float32 where there are cheaper units, float64 anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof.model.report import Report, StageRow
from energyprof_plugins.findings.float32_products import of_float32
from energyprof_plugins.findings.float64_products import of_float64

RUNS_IN: Final = "matmul_runs_in"
_WIDE: Final = {"float32": of_float32, "float64": of_float64}


class WideProducts:
    """Find models whose matrix products run in float64, or in float32 where the device has a cheaper unit for them."""

    name = "wide_products"
    summary = "matrix products in float64; in float32 where the device has TF32, bfloat16 or float16 units"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding for each model; a hint where nothing would support a number."""
        for model, tops in _models(run.report).items():
            of_width = _WIDE.get(str(tops[0].facts[RUNS_IN]))
            finding = None if of_width is None else of_width(self.name, run, model, tops)
            if finding is not None:
                yield finding


def _models(report: Report) -> dict[str, list[StageRow]]:
    """Return the stages by model, of models one inside another only the outermost."""
    inside: set[str] = set()
    models: dict[str, list[StageRow]] = {}
    for row in report.stages:  # parents stand first
        if row.parent in inside:
            inside.add(row.stage)
        elif row.kind == "module" and RUNS_IN in row.facts:
            inside.add(row.stage)
            models.setdefault(row.name, []).append(row)
    return models
