"""Steps and epochs: joules for each of them, by sample, and how much that varied over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from energyprof.model.attribution import Attribution, StepEnergy
from energyprof.model.domain import Provenance
from energyprof.model.ids import StageId
from energyprof.model.report import StageRow
from energyprof.model.trials import NUMBER
from energyprof.model.work_rows import BoundedJ, StepRow

if TYPE_CHECKING:
    from energyprof.model.events import WorkUnit

EVALUATED = frozenset({"evaluation", "generation"})


def step_row(stages: Sequence[StageRow], attribution: Attribution, provenance: Provenance) -> StepRow | None:
    """Return what the run's steps took; None: it had none. `provenance` is that of all domains that count."""
    found = attribution.steps
    if found is None:
        return None
    rest = found.steps - 1
    is_training = stages[found.stage].kind == "optimizer"
    samples = _samples(stages, found.stage, is_training=is_training)
    all_j = _added(_figure(found.first_j, found.first_low_j, found.first_high_j), _rest(found), rest)
    per_step = _divided(_rest(found), rest) if rest else None
    each = np.maximum(found.group_steps, 1)
    p10, p50, p90 = np.percentile(found.group_j / each, (10, 50, 90)).tolist() if len(each) else (None, None, None)
    return StepRow(
        trial=_trial_of(stages, stages[found.stage]),
        stage=stages[found.stage].stage,
        is_training=is_training,
        steps=found.steps,
        epochs=_epochs(stages, found.steps),
        samples=samples,
        wall_s=(found.first_ns + found.rest_ns) / 1e9,
        provenance=provenance,
        total=all_j,
        first=_figure(found.first_j, found.first_low_j, found.first_high_j),
        per_step=per_step,
        per_sample=_per_sample(all_j, per_step, samples / found.steps) if samples else None,
        groups=len(found.group_steps),
        group_steps=int(found.group_steps.max(initial=0)),
        p10_j=p10,
        p50_j=p50,
        p90_j=p90,
        resolution_s=found.resolution_ns / 1e9,
        course=tuple(
            BoundedJ(energy_j / steps, low_j / steps, high_j / steps)
            for energy_j, low_j, high_j, steps in zip(
                *(column.tolist() for column in (found.group_j, found.group_low_j, found.group_high_j, each)),
                strict=True,
            )
        ),
    )


def _trial_of(stages: Sequence[StageRow], step: StageRow) -> str:
    """Return the name of the trial that a stage is in, if it is one of several."""
    by_id = {row.stage: row for row in stages}
    around: StageRow | None = step
    while around is not None and NUMBER not in around.facts:
        around = None if around.parent is None else by_id.get(around.parent)
    is_one_of_several = sum(NUMBER in row.facts for row in stages) > 1
    return around.name if around is not None and is_one_of_several else ""


def _figure(energy_j: float | None, low_j: float, high_j: float) -> BoundedJ | None:
    return None if energy_j is None else BoundedJ(energy_j, low_j, high_j)


def _rest(found: StepEnergy) -> BoundedJ | None:
    return _figure(found.rest_j, found.rest_low_j, found.rest_high_j)


def _added(first: BoundedJ | None, rest: BoundedJ | None, steps: int) -> BoundedJ | None:
    if first is None or (rest is None and steps):
        return None
    if rest is None:
        return first
    return BoundedJ(first.energy_j + rest.energy_j, first.low_j + rest.low_j, first.high_j + rest.high_j)


def _divided(whole: BoundedJ | None, count: float) -> BoundedJ | None:
    return None if whole is None else BoundedJ(whole.energy_j / count, whole.low_j / count, whole.high_j / count)


def _per_sample(all_j: BoundedJ | None, per_step: BoundedJ | None, each: float) -> BoundedJ | None:
    """Return a step's energy by sample: of the steps that `per_step` is of, so that both tell the same and as surely.

    How many samples the first step had, which warms up, nobody counts: as many as any other.
    """
    return _divided(all_j if per_step is None else per_step, each)


def _epochs(stages: Sequence[StageRow], steps: int) -> int | None:
    """Return how often the loader was begun that gave a batch for each step, else that of most; None: there is none.

    One that a validation reads more often than once an epoch may give more batches than that of the training.
    """
    loaders = [row for row in stages if row.kind == "loader" and "epochs" in row.facts]
    batches = {row.stage: int(row.facts.get("batches", 0)) for row in loaders}
    most = max(loaders, key=lambda row: (batches[row.stage] == steps, batches[row.stage]), default=None)
    return None if most is None else int(most.facts["epochs"])


def _samples(stages: Sequence[StageRow], step: int, *, is_training: bool) -> int | None:
    """Return the samples of the model called for the most of them in the loop, outside evaluation and generation.

    A training's loop is the nearest stage around its step in which a model is called, too. Where it is known to which
    calls of a model there a backward pass came, those alone are trained on.
    """
    around = stages[step].parent
    parents = {row.stage: row.parent for row in stages}
    while True:
        inside = _below(stages, around) if is_training else frozenset({stages[step].stage})
        found = (_most(stages, inside, "trained_samples") if is_training else None) or _most(stages, inside, "samples")
        if found is not None or around is None or not is_training:
            return found
        around = parents[around]


def _below(stages: Sequence[StageRow], around: StageId | None) -> frozenset[StageId]:
    below: set[StageId | None] = {around}
    for row in stages:  # parents stand first
        if row.parent in below:
            below.add(row.stage)
    return frozenset(stage for stage in below if stage is not None and stage != around)


def _most(stages: Sequence[StageRow], among: frozenset[StageId], unit: WorkUnit) -> int | None:
    left_out: set[str] = set()
    inside: set[str] = set()
    by_model: dict[str, int] = {}
    for row in stages:  # parents stand first
        if row.kind in EVALUATED or row.parent in left_out:
            left_out.add(row.stage)
        elif unit in row.facts and row.parent not in inside and row.stage in among:
            by_model[row.name] = by_model.get(row.name, 0) + int(row.facts[unit])
        if unit in row.facts or row.parent in inside:
            inside.add(row.stage)
    return max(by_model.values(), default=None)
