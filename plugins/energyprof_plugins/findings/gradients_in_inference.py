"""Autograd records every operation of a model, keeps what backward would need, and nobody goes backward.

What that costs was measured with torch 2.13 on one core of an EPYC: 37 % of a small MLP's CPU time (4.7 us for each
layer called), 20 to 23 % of a CNN, a transformer encoder and a chain of elementwise layers, and nothing that could be
told from noise of large matrix products. On a device the host's work is often hidden, so there the least is nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof.model.report import Report, StageRow
from energyprof_plugins.findings.inference import (
    CallsBetweenSteps,
    below,
    calls_between_steps,
    has_training,
    inferring_models,
)
from energyprof_plugins.findings.spending import counted, provenance_of, together_j

LEAST_LAYER_S: Final = 1e-6
"""CPU time for each call of a layer: a fifth of what was measured, for faster machines."""
MOST_SHARE: Final = 0.4


class GradientsInInference:
    """Find models that are called with gradients where nothing ever goes backward to them."""

    name = "gradients_in_inference"
    summary = "models called with gradients recorded, where nothing goes backward"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding for each model, and for each that is called so between the steps of its training."""
        yield from (found for calls in calls_between_steps(run.report) if (found := self._between(run.report, calls)))
        trains = has_training(run.report)
        for model, tops in inferring_models(
            run.report, "gradient_calls", lambda row: _is_for_its_results(run.report, row)
        ).items():
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

    def _between(self, report: Report, calls: CallsBetweenSteps) -> Finding | None:
        now_j = calls.now_j
        if now_j is not None and now_j <= 0:
            return None
        return Finding(
            rule=self.name,
            offenders=(calls.row.stage,),
            fault="gradients are recorded and never used",
            evidence=calls.told(calls.calls, "ran with gradients enabled, and autograd recorded them"),
            remedy="call it within torch.inference_mode() where nothing is learnt from it, as in a validation",
            now_j=now_j,
            provenance=calls.provenance,
            saving_j=None if now_j is None else _saving_between_j(report, calls, now_j),
        )


def _is_for_its_results(report: Report, row: StageRow) -> bool:
    """Return whether a model that stands beside what trains is called for its results alone, as a teacher is.

    It is in eval mode, and no backward pass came to it in all the run, while passes came to other models. Of one in
    training mode nothing is said: a generator may be learning elsewhere.
    """
    if row.facts.get("training_calls") or int(row.facts["gradient_calls"]) < row.calls:
        return False
    learning = {one.name for one in report.stages if one.kind == "module" and one.facts.get("backward_calls")}
    return bool(learning) and row.name not in learning


def _saving_between_j(report: Report, calls: CallsBetweenSteps, now_j: float) -> tuple[float, float]:
    """Return it: of as many calls of each layer as fall to these."""
    most_j, rows = MOST_SHARE * now_j, below(report, [calls.row])
    least_j = _of_layers_j(rows, calls.row.total_sum.energy_j or 0.0, calls.row.wall_s) * calls.calls / calls.row.calls
    return (0.0 if _are_on_device(rows) else min(least_j, most_j / 2)), most_j


def _saving_j(report: Report, tops: list[StageRow], now_j: float, part: float) -> tuple[float, float]:
    """Return it; of calls that record only in part nobody knows which cost most: the part is no more than likely."""
    rows = below(report, tops)
    most_j, wall_s = MOST_SHARE * now_j * (1.0 if part == 1 else min(2 * part, 1.0)), sum(top.wall_s for top in tops)
    if part < 1 or wall_s <= 0 or _are_on_device(rows):
        return 0.0, most_j
    return min(_of_layers_j(rows, now_j, wall_s), most_j / 2), most_j


def _are_on_device(rows: Sequence[StageRow]) -> bool:
    return any("gpu" in energy.domain for row in rows for energy in row.self_energy if energy.energy_j)


def _of_layers_j(rows: Sequence[StageRow], spent_j: float, wall_s: float) -> float:
    """Return what recording all calls of these layers takes at least, `spent_j` being spent in `wall_s`."""
    above = {row.parent for row in rows}
    layers = sum(row.calls for row in rows if row.kind == "module" and row.stage not in above)
    return layers * LEAST_LAYER_S * spent_j / wall_s
