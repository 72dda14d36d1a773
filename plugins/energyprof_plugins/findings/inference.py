"""Models that a run calls for their results alone: nothing in it goes backward or takes a step."""

from __future__ import annotations

from collections.abc import Sequence

from energyprof.model.report import Report, StageRow

_OF_TRAINING = frozenset({"backward", "optimizer"})


def inferring_models(report: Report, fact: str) -> dict[str, list[StageRow]]:
    """Return the stages by model, of models of which `fact` is told; none where anything trains.

    Of models one inside another only the outermost.
    """
    if any(row.kind in _OF_TRAINING for row in report.stages):
        return {}
    inside: set[str] = set()
    models: dict[str, list[StageRow]] = {}
    for row in report.stages:  # parents stand first
        if row.parent in inside:
            inside.add(row.stage)
        elif row.kind == "module" and fact in row.facts:
            inside.add(row.stage)
            models.setdefault(row.name, []).append(row)
    return models


def below(report: Report, tops: Sequence[StageRow]) -> list[StageRow]:
    """Return these stages and all below them."""
    inside = {row.stage for row in tops}
    found = []
    for row in report.stages:  # parents stand first
        if row.stage in inside or row.parent in inside:
            inside.add(row.stage)
            found.append(row)
    return found
