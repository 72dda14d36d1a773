"""Calls of models for their results alone: no backward pass comes to them, and they stand apart from what trains.

They do so in a stage of their own, or in rows between the steps of the training, as those of a validation that has no
stage; which calls these are is found out while the run is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from energyprof.model.ids import StageId
from energyprof.model.report import Report, StageRow
from energyprof_plugins.findings.spending import counted, provenance_of, together_j

if TYPE_CHECKING:
    from energyprof.model.domain import Provenance
    from energyprof.model.events import WorkUnit

OF_TRAINING = frozenset({"backward", "optimizer"})


def inferring_models(
    report: Report, unit: WorkUnit, is_apart: Callable[[StageRow], bool] = lambda _row: False
) -> dict[str, list[StageRow]]:
    """Return the stages by model, of models that have calls of the kind that is counted as `unit`.

    Of models one inside another only the outermost. A stage in which anything goes backward or takes a step trains, and
    so does all that stands in it itself: a frozen teacher, the generator while its discriminator learns; but for models
    that `is_apart` says stand apart all the same.
    """
    trains, rows = _training(report), {row.stage: row for row in report.stages}
    inside: set[str] = set()
    models: dict[str, list[StageRow]] = {}
    for row in report.stages:  # parents stand first
        if row.parent in inside:
            inside.add(row.stage)
        elif row.kind == "module" and row.facts.get(unit):
            inside.add(row.stage)
            if not row.facts.get("backward_calls") and (_around(row, rows) not in trains or is_apart(row)):
                models.setdefault(row.name, []).append(row)
    return models


@dataclass(frozen=True, slots=True)
class CallsBetweenSteps:
    """Calls of a model that trains in the same stage, none of which a backward pass came to."""

    row: StageRow
    """Of the model, all its calls."""
    calls: int
    in_training_mode: int
    """At least so many of them."""
    part: float
    """Of the time of all calls, 0..1."""

    @property
    def now_j(self) -> float | None:
        """What they spend: the energy of all calls by time; None: that is not known."""
        whole_j = together_j([self.row.total_sum])
        return None if whole_j is None else whole_j * self.part

    @property
    def provenance(self) -> Provenance:
        """Of `now_j`: what is divided by time is no measurement of its parts."""
        found = provenance_of([self.row.total_sum])
        return "inferred" if found == "measured" else found

    def told(self, calls: int, fault: str) -> str:
        """Say where `calls` of them stand, what is at fault with them, and which others there are."""
        rows, others = int(self.row.facts["unlearnt_rows"]), int(self.row.facts["backward_calls"])
        return (
            f"{calls} of {counted(self.row.calls, 'call')} of {self.row.name}, in {counted(rows, 'row')} between the "
            f"steps of its training, {fault}; a backward pass came to {others} others and to none of these"
        )


def calls_between_steps(report: Report) -> Iterator[CallsBetweenSteps]:
    """Yield those of each model and stage that has any."""
    in_backward: set[StageId] = set()
    for row in report.stages:  # parents stand first
        if row.kind == "backward" or row.parent in in_backward:
            in_backward.add(row.stage)
        calls = int(row.facts.get("unlearnt_calls", 0))
        if row.kind != "module" or not calls or row.stage in in_backward or row.wall_s <= 0:
            continue
        both = calls + int(row.facts.get("training_calls", 0)) - row.calls
        yield CallsBetweenSteps(
            row=row,
            calls=calls,
            in_training_mode=min(max(both, 0), calls),
            part=min(int(row.facts["unlearnt_ns"]) / 1e9 / row.wall_s, 1.0),
        )


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
