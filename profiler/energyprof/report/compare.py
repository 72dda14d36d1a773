"""Compare two reports: what each stage spends more or less, with an interval that holds for all of them together.

Both intervals are taken to be independent 95 % intervals, each side by itself, so that the change reaches the root of
the sum of squares to either side. With m stages tested, intervals are widened from the normal quantile of 2.5 % to that
of 2.5 % / m (Bonferroni): the chance that any of them leaves out what is true stays below 5 %.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

from energyprof.model.attribution import PROVENANCES
from energyprof.model.comparison import Change, Comparison, EdgeChange, LedgerChange, Presence, StageChange
from energyprof.model.domain import Provenance
from energyprof.model.ids import StageId
from energyprof.model.report import EdgeRow, Report, StageRow, SumRow

LINES: Final = ("stages", "idle", "outside", "others", "unattributed", "measured")


def compare(before: Report, after: Report) -> Comparison:
    """Return what changed from `before` to `after`; stages are the same where their ids are."""
    old, new = ({row.stage: row for row in report.stages} for report in (before, after))
    order = _merged_order(before.stages, after.stages)
    tested = sum(_is_testable(old.get(stage), new.get(stage)) for stage in order)
    wider = _wider(tested)
    edges = _edges(before.edges, after.edges)
    return Comparison(
        before=before.run,
        after=after.run,
        measured=_change(before.measured, after.measured, 1.0),
        ledger=tuple(LedgerChange(line, _line(before, line), _line(after, line)) for line in LINES),
        stages=tuple(_stage(old.get(stage), new.get(stage), wider) for stage in order),
        edges=edges,
        tested=tested,
    )


def _wider(tested: int) -> float:
    if tested <= 1:
        return 1.0
    normal = NormalDist()
    return normal.inv_cdf(1 - 0.025 / tested) / normal.inv_cdf(0.975)


def _is_testable(before: StageRow | None, after: StageRow | None) -> bool:
    return all(row is None or row.self_sum.energy_j is not None for row in (before, after))


def _stage(before: StageRow | None, after: StageRow | None, wider: float) -> StageChange:
    row = after or before
    if row is None:
        raise ValueError("a stage of neither run")
    presence: Presence = "new" if before is None else "vanished" if after is None else "both"
    sums = [(None, None) if one is None else (one.self_sum, one.total_sum) for one in (before, after)]
    return StageChange(
        stage=row.stage,
        name=row.name,
        path=row.path,
        parent=row.parent,
        kind=row.kind,
        presence=presence,
        own=_change(sums[0][0], sums[1][0], wider),
        total=_change(sums[0][1], sums[1][1], wider),
        calls_before=0 if before is None else before.calls,
        calls_after=0 if after is None else after.calls,
    )


def _change(before: SumRow | None, after: SumRow | None, wider: float) -> Change:
    """Return the change; a stage that was not there spent nothing, one that cannot be told apart is not known."""
    sides = [row for row in (before, after) if row is not None]
    provenance: Provenance = max((row.provenance for row in sides), key=PROVENANCES.index, default="measured")
    before_j, after_j = (None if row is None else row.energy_j for row in (before, after))
    if any(row.energy_j is None for row in sides):
        return Change(before_j, after_j, None, None, None, provenance)
    change_j = (round((after_j or 0.0) * 1e6) - round((before_j or 0.0) * 1e6)) / 1e6
    if any(row.low_j is None or row.high_j is None for row in sides):
        return Change(before_j, after_j, change_j, None, None, provenance)
    (old_down, old_up), (new_down, new_up) = _reach(before), _reach(after)
    low_j, high_j = change_j - wider * math.hypot(new_down, old_up), change_j + wider * math.hypot(new_up, old_down)
    return Change(before_j, after_j, change_j, round(low_j, 6), round(high_j, 6), provenance)


def _reach(row: SumRow | None) -> tuple[float, float]:
    """Return how far the interval reaches below and above the figure."""
    if row is None or row.energy_j is None or row.low_j is None or row.high_j is None:
        return 0.0, 0.0
    return max(row.energy_j - row.low_j, 0.0), max(row.high_j - row.energy_j, 0.0)


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
