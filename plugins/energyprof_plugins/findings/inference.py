"""Calls of models for their results alone: no backward pass comes to them, and they stand apart from what trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from energyprof.model.ids import StageId
from energyprof.model.report import Report, StageRow

if TYPE_CHECKING:
    from energyprof.model.events import WorkUnit

OF_TRAINING = frozenset({"backward", "optimizer"})


def inferring_models(report: Report, unit: WorkUnit) -> dict[str, list[StageRow]]:
    """Return the stages by model, of models that have calls of the kind that is counted as `unit`.

    Of models one inside another only the outermost. A stage in which anything goes backward or takes a step trains, and
    so does all that stands in it itself: a frozen teacher, the generator while its discriminator learns.
    """
    trains, rows = _training(report), {row.stage: row for row in report.stages}
    inside: set[str] = set()
    models: dict[str, list[StageRow]] = {}
    for row in report.stages:  # parents stand first
        if row.parent in inside:
            inside.add(row.stage)
        elif row.kind == "module" and row.facts.get(unit):
            inside.add(row.stage)
            if not row.facts.get("backward_calls") and _around(row, rows) not in trains:
                models.setdefault(row.name, []).append(row)
    return models


def has_training(report: Report) -> bool:
    """Return whether anything in the run goes backward or takes a step."""
    return any(row.kind in OF_TRAINING for row in report.stages)


def _training(report: Report) -> set[StageId | None]:
    """Return the stages in which, at any depth, anything trains; None: something does outside all stages."""
    parents = {row.stage: row.parent for row in report.stages}
    found: set[StageId | None] = set()
    for row in report.stages:
        if row.kind in OF_TRAINING:
            at = row.parent
            found.add(at)
            while at is not None and (at := parents.get(at)) is not None:
                found.add(at)
    return found


def _around(row: StageRow, rows: dict[StageId, StageRow]) -> StageId | None:
    """Return the stage of the program in which a model is called; None: none."""
    at = row.parent
    while at is not None and at in rows and rows[at].kind in {"evaluation", "generation"}:
        at = rows[at].parent
    return at


def below(report: Report, tops: Sequence[StageRow]) -> list[StageRow]:
    """Return these stages and all below them."""
    inside = {row.stage for row in tops}
    found = []
    for row in report.stages:  # parents stand first
        if row.stage in inside or row.parent in inside:
            inside.add(row.stage)
            found.append(row)
    return found
