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
from energyprof_plugins.findings.inference import below, has_training, inferring_models
from energyprof_plugins.findings.spending import counted, provenance_of, together_j

LEAST_LAYER_S: Final = 1e-6
"""CPU time for each call of a layer: a fifth of what was measured, for faster machines."""
MOST_SHARE: Final = 0.4


class GradientsInInference:
    """Find models that are called with gradients where nothing ever goes backward to them."""

    name = "gradients_in_inference"
    summary = "models called with gradients recorded, where nothing goes backward"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding for each model."""
        trains = has_training(run.report)
        for model, tops in inferring_models(run.report, "gradient_calls").items():
            sums = [top.total_sum for top in tops]
            now_j, calls = together_j(sums), sum(top.calls for top in tops)
            recorded = min(sum(int(top.facts["gradient_calls"]) for top in tops), calls)
            if (now_j is not None and now_j <= 0) or not calls:
                continue
            yield Finding(
                rule=self.name,
                offenders=tuple(top.stage for top in tops),
                fault="gradients are recorded and never used",
                evidence=f"{'all' if recorded == calls else recorded} of {counted(calls, 'call')} of {model} ran with "
                "gradients enabled, and autograd recorded them; "
                + ("no backward pass came to any of these" if trains else "no backward pass was seen in the run"),
                remedy="call it within torch.inference_mode() (or no_grad(), where results go into training later)",
                now_j=now_j,
                provenance=provenance_of(sums),
                saving_j=None if now_j is None else _saving_j(run.report, tops, now_j, recorded / calls),
            )


def _saving_j(report: Report, tops: list[StageRow], now_j: float, part: float) -> tuple[float, float]:
    """Return it; of calls that record only in part nobody knows which cost most: the part is no more than likely."""
    rows = below(report, tops)
    most_j, wall_s = MOST_SHARE * now_j * (1.0 if part == 1 else min(2 * part, 1.0)), sum(top.wall_s for top in tops)
    if (
        part < 1
        or wall_s <= 0
        or any("gpu" in energy.domain for row in rows for energy in row.self_energy if energy.energy_j)
    ):
        return 0.0, most_j
    above = {row.parent for row in rows}
    layers = sum(row.calls for row in rows if row.kind == "module" and row.stage not in above)
    return min(layers * LEAST_LAYER_S * now_j / wall_s, most_j / 2), most_j
