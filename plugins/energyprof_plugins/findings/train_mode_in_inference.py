"""A model answers in training mode: dropout throws away and batch norm counts, and results are not what they should be.

In eval mode dropout hands its input on, so that all but its call is saved; batch norm works out no statistics, which
are the larger part of it where they are worked out; attention gets its fused kernel.
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
from energyprof_plugins.findings.spending import provenance_of, together_j
from energyprof_plugins.findings.validations import is_validation

SAVED: Final = (
    ("Dropout", 0.3, 1.0),
    ("BatchNorm", 0.0, 0.7),
    ("MultiheadAttention", 0.0, 0.5),
    ("Transformer", 0.0, 0.5),
)
"""Part of their own energy, at least and at most, that layers whose class has this in its name save."""


class TrainModeInInference:
    """Find models with layers in training mode where nothing trains."""

    name = "train_mode_in_inference"
    summary = "models in training mode with dropout or batch norm, where nothing trains"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding for each model, and for each that is called so between the steps of its training."""
        yield from (found for calls in calls_between_steps(run.report) if (found := self._between(run.report, calls)))
        trains = has_training(run.report)
        for model, tops in inferring_models(run.report, "training_calls", lambda row: is_validation(run, row)).items():
            sums = [top.total_sum for top in tops]
            now_j = together_j(sums)
            if now_j is not None and now_j <= 0:
                continue
            layers = tops[0].facts.get("training_layers", "of other processes")
            yield Finding(
                rule=self.name,
                offenders=tuple(top.stage for top in tops),
                fault="it answers in training mode",
                evidence=f"{model} was called with layers in training mode ({layers}); "
                + (
                    "no backward pass came to any of these calls"
                    if trains
                    else "no backward pass and no optimizer step was seen in the run"
                ),
                remedy="call model.eval() first: results change, too, to what was trained (leave it where dropout is "
                "meant to sample, or batch norm is being calibrated)",
                now_j=now_j,
                provenance=provenance_of(sums),
                saving_j=None if now_j is None else _saving_j(below(run.report, tops)),
            )

    def _between(self, report: Report, calls: CallsBetweenSteps) -> Finding | None:
        part, layers = calls.in_training_mode / calls.calls, calls.row.facts.get("training_layers")
        now_j = None if calls.now_j is None else calls.now_j * part
        if part <= 0 or not layers or (now_j is not None and now_j <= 0):
            return None
        saving_j = _saving_j(below(report, [calls.row]))
        return Finding(
            rule=self.name,
            offenders=(calls.row.stage,),
            fault="it is called in training mode where nothing trains",
            evidence=calls.told(calls.in_training_mode, f"had layers in training mode ({layers})"),
            remedy="call model.eval() before these and model.train() after them: results change, too, to what was "
            "trained (leave it where dropout is meant to sample, or batch norm is being calibrated)",
            now_j=now_j,
            provenance=calls.provenance,
            saving_j=None
            if now_j is None or saving_j is None
            else (saving_j[0] * calls.part * part, saving_j[1] * calls.part * part),
        )


def _saving_j(rows: Sequence[StageRow]) -> tuple[float, float] | None:
    """Return it from the layers' own energies; None: no layer concerned has one."""
    least_j = most_j = 0.0
    is_known = False
    for row in rows:
        kind, own_j = str(row.facts.get("module_class", "")), row.self_sum.energy_j
        share = next(((low, high) for part, low, high in SAVED if part in kind), None)
        if share is not None and own_j is not None:
            is_known = True
            least_j, most_j = least_j + share[0] * own_j, most_j + share[1] * own_j
    return (max(least_j, 0.0), max(most_j, least_j, 0.0)) if is_known else None
