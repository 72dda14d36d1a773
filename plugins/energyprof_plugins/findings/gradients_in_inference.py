"""Autograd records every operation of a model, keeps what backward would need, and nobody goes backward.

What that costs was measured with torch 2.13 on one core of an EPYC: 37 % of a small MLP's CPU time (4.7 us for each
layer called), 20 to 23 % of a CNN, a transformer encoder and a chain of elementwise layers, and nothing that could be
told from noise of large matrix products. On a device the host's work is often hidden, so there the least is nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof.model.report import Report, StageRow
from energyprof_plugins.findings.inference import below, inferring_models
from energyprof_plugins.findings.spending import counted, provenance_of, together_j

LEAST_LAYER_S: Final = 1e-6
"""CPU time for each call of a layer: a fifth of what was measured, for faster machines."""
MOST_SHARE: Final = 0.4


class GradientsInInference:
    """Find models that are called with gradients while nothing ever goes backward."""

    name = "gradients_in_inference"
    summary = "models called with gradients recorded, where nothing goes backward"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding for each model."""
        for model, tops in inferring_models(run.report, "gradients").items():
            sums = [top.total_sum for top in tops]
            now_j, in_all = together_j(sums), all(top.facts["gradients"] == "recorded" for top in tops)
            if now_j is not None and now_j <= 0:
                continue
            calls = counted(sum(top.calls for top in tops), "call")
            yield Finding(
                rule=self.name,
                offenders=tuple(top.stage for top in tops),
                fault="gradients are recorded and never used",
                evidence=f"{'all' if in_all else 'some'} of {calls} of {model} ran with gradients enabled and weights "
                "that require them; no backward pass and no optimizer step was seen in the run",
                remedy="call it within torch.inference_mode() (or no_grad(), where results go into training later)",
                now_j=now_j,
                provenance=provenance_of(sums),
                saving_j=_saving_j(run.report, tops, now_j) if now_j is not None and in_all else None,
            )


def _saving_j(report: Report, tops: list[StageRow], now_j: float) -> tuple[float, float]:
    """Return it for the case that all calls record."""
    rows = below(report, tops)
    most_j, wall_s = MOST_SHARE * now_j, sum(top.wall_s for top in tops)
    if wall_s <= 0 or any("gpu" in energy.domain for row in rows for energy in row.self_energy if energy.energy_j):
        return 0.0, most_j
    above = {row.parent for row in rows}
    layers = sum(row.calls for row in rows if row.kind == "module" and row.stage not in above)
    return min(layers * LEAST_LAYER_S * now_j / wall_s, most_j / 2), most_j
