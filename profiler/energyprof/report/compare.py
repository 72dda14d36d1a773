"""Compare two reports: what each stage spends more or less, with an interval that holds for all of them together.

How far a change may lie off is worked out as `energyprof diff` does for two single runs: `spread` says how. What a
sensor or model gets wrong of all joules alike counts only where the runs are of two machines, or were read differently.
With m stages tested, 2.5 % / m is left out on either side (Bonferroni): the chance that any interval leaves out what is
true stays below 5 %.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from energyprof.model.attribution import PROVENANCES
from energyprof.model.comparison import (
    ASSUMED_PART_SD,
    ASSUMED_SD,
    Change,
    Comparison,
    EdgeChange,
    LedgerChange,
    Presence,
    StageChange,
)
from energyprof.model.domain import Provenance
from energyprof.model.ids import StageId
from energyprof.model.report import EdgeRow, Report, StageRow
from energyprof.report.changed_program import changed_program
from energyprof.report.comparable import is_one_machine, obstacles_to_a_difference
from energyprof.report.figure import Figure, Figures
from energyprof.report.spread import TAIL, Assumed, change_reach

LINES: Final = ("stages", "idle", "outside", "others", "unattributed", "measured")


@dataclass(frozen=True, slots=True)
class _Test:
    """How changes of stages are tested."""

    tail: float
    is_tested: bool
    assumed: Assumed


def compare(before: Report, after: Report) -> Comparison:
    """Return what changed from `before` to `after`; stages are the same where their ids are."""
    sides = Figures(before), Figures(after)
    old, new = ({row.stage: row for row in report.stages} for report in (before, after))
    order = _merged_order(before.stages, after.stages)
    tested = sum(_is_testable(old.get(stage), new.get(stage)) for stage in order)
    is_common = is_one_machine((before, after))
    obstacles = obstacles_to_a_difference([before], [after])
    test = _Test(TAIL / max(tested, 1), not obstacles, Assumed(is_common, ASSUMED_PART_SD))
    whole = [one.measured() for one in sides]
    return Comparison(
        before=before.run,
        after=after.run,
        measured=_change(whole[0], whole[1], _Test(TAIL, not obstacles, Assumed(is_common, ASSUMED_SD))),
        ledger=tuple(LedgerChange(line, _line(before, line), _line(after, line)) for line in LINES),
        stages=tuple(_stage(sides, (old.get(stage), new.get(stage)), test) for stage in order),
        edges=_edges(before.edges, after.edges),
        tested=0 if obstacles else tested,
        obstacles=obstacles,
        changed=changed_program([before], [after]),
    )


def _is_testable(before: StageRow | None, after: StageRow | None) -> bool:
    return all(row is None or row.self_sum.energy_j is not None for row in (before, after))


def _stage(sides: tuple[Figures, Figures], rows: tuple[StageRow | None, StageRow | None], test: _Test) -> StageChange:
    before, after = rows
    row = after or before
    if row is None:
        raise ValueError("a stage of neither run")
    presence: Presence = "new" if before is None else "vanished" if after is None else "both"
    pairs = list(zip(sides, rows, strict=True))
    own = [None if one is None else figures.stage(one, is_own=True) for figures, one in pairs]
    total = [None if one is None else figures.stage(one) for figures, one in pairs]
    return StageChange(
        stage=row.stage,
        name=row.name,
        path=row.path,
        parent=row.parent,
        kind=row.kind,
        presence=presence,
        own=_change(own[0], own[1], test),
        total=_change(total[0], total[1], test),
        calls_before=0 if before is None else before.calls,
        calls_after=0 if after is None else after.calls,
    )


def _change(before: Figure | None, after: Figure | None, test: _Test) -> Change:
    """Return the change; a stage that was not there spent nothing, one that cannot be told apart is not known."""
    sides = [figure for figure in (before, after) if figure is not None]
    provenance: Provenance = max((figure.provenance for figure in sides), key=PROVENANCES.index, default="measured")
    before_j, after_j = (None if figure is None else figure.value for figure in (before, after))
    if any(figure.value is None for figure in sides):
        return Change(before_j, after_j, None, None, None, provenance)
    change_j = (round((after_j or 0.0) * 1e6) - round((before_j or 0.0) * 1e6)) / 1e6
    old, new = (figure or Figure(0.0, 0.0, 0.0) for figure in (before, after))
    reach = change_reach([old], [new], test.tail, 1.0, test.assumed)
    if reach is None or not test.is_tested:
        return Change(before_j, after_j, change_j, None, None, provenance)
    return Change(before_j, after_j, change_j, round(change_j - reach[0], 6), round(change_j + reach[1], 6), provenance)


def _merged_order(before: Sequence[StageRow], after: Sequence[StageRow]) -> list[StageId]:
    """Return all stages, parents first and siblings in pipeline order; vanished ones behind whom they stood behind."""
    children: dict[StageId | None, list[StageId]] = defaultdict(list)
    present = {row.stage for row in after}
    for row in after:
        children[row.parent].append(row.stage)
    last: dict[StageId | None, StageId | None] = {}
    for row in before:
        siblings = children[row.parent]
        if row.stage not in present:
            previous = last.get(row.parent)
            siblings.insert(siblings.index(previous) + 1 if previous in siblings else 0, row.stage)
        elif row.stage not in siblings:
            continue  # it stands elsewhere now
        last[row.parent] = row.stage
    order: list[StageId] = []
    waiting = list(reversed(children[None]))
    while waiting:
        stage = waiting.pop()
        order.append(stage)
        waiting += reversed(children[stage])
    return order


def _edges(before: Sequence[EdgeRow], after: Sequence[EdgeRow]) -> tuple[EdgeChange, ...]:
    old, new = ({(row.kind, row.source, row.target): row for row in rows} for rows in (before, after))
    return tuple(
        EdgeChange(
            source,
            target,
            kind,
            old[key].energy_j if key in old else None,
            new[key].energy_j if key in new else None,
            max(
                (way for row in (old.get(key), new.get(key)) if row and (way := row.provenance)),
                key=PROVENANCES.index,
                default=None,
            ),
        )
        for key in sorted({*old, *new})
        for kind, source, target in [key]
    )


def _line(report: Report, line: str) -> float | None:
    counted = {row.domain for row in report.domains if row.counts}
    parts = [getattr(row, f"{line}_j") for row in report.ledger if row.domain in counted]
    known = [part for part in parts if part is not None]
    return sum(round(part * 1e6) for part in known) / 1e6 if known else None
