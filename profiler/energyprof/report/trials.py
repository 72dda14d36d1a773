"""What the trials of a search took: each, up to each, and those that were pruned, failed, or done before."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from energyprof.model.natural_order import natural_key
from energyprof.model.past import EarlierTrial
from energyprof.model.report import StageRow, SumRow
from energyprof.model.trial_rows import TrialRow, Trials, TrialSum
from energyprof.model.trials import BETTER, FINGERPRINT, LOWER, NUMBER, PARAMS, STATE, STUDY, UNORDERED, VALUE
from energyprof.model.work_rows import BoundedJ
from energyprof.report.sums import exact_sum, weakest

if TYPE_CHECKING:
    from energyprof.model.trials import TrialState

STATES = ("complete", "pruned", "failed", "open")


def trials_of(stages: Sequence[StageRow]) -> Trials | None:
    """Return the trials among the stages; None: there are none. Bounds of sums are sums of bounds: never too narrow.

    Studies are counted each by itself: what is up to a trial, and which it repeats, is of its study alone.
    """
    of_study: dict[str, list[StageRow]] = {}
    for row in stages:
        if NUMBER in row.facts:
            of_study.setdefault(str(row.facts.get(STUDY, "")), []).append(row)
    if not of_study:
        return None
    studies = [
        replace(_together(_rows(rows, study)), lower_is_better=any(row.facts.get(BETTER) == LOWER for row in rows))
        for study, rows in sorted(of_study.items(), key=lambda one: natural_key(one[0]))
    ]
    if len(studies) == 1:
        return studies[0]
    return replace(
        _together([row for one in studies for row in one.rows]),
        studies=tuple(studies),
        lower_is_better=all(one.lower_is_better for one in studies),
    )


def _rows(stages: Sequence[StageRow], study: str) -> list[TrialRow]:
    first: dict[str, int] = {}
    rows: list[TrialRow] = []
    so_far: BoundedJ | None = BoundedJ(0.0, 0.0, 0.0)
    for row in sorted(stages, key=lambda row: (int(row.facts[NUMBER]), row.stage)):
        number, params = int(row.facts[NUMBER]), str(row.facts.get(FINGERPRINT, ""))
        repeats = first.get(params)
        first.setdefault(params, number)
        so_far = _added(so_far, row.total_sum)
        state = str(row.facts.get(STATE, "open"))
        rows.append(
            TrialRow(
                stage=row.stage,
                number=number,
                params=str(row.facts.get(PARAMS, "")),
                state=cast("TrialState", state if state in STATES else "open"),
                value=_value(row),
                wall_s=row.wall_s,
                total_sum=row.total_sum,
                up_to=so_far,
                repeats=repeats if row.facts.get(PARAMS) else None,
                study=study,
                unordered=str(row.facts.get(UNORDERED, "")),
            )
        )
    return rows


def _together(rows: Sequence[TrialRow]) -> Trials:
    return Trials(
        rows=tuple(rows),
        all=_sum(rows),
        pruned=_sum(row for row in rows if row.state == "pruned"),
        failed=_sum(row for row in rows if row.state in {"failed", "open"}),
        repeated=_sum(row for row in rows if row.repeats is not None),
        known=_sum(row for row in rows if row.earlier is not None),
        provenance=weakest([row.total_sum.provenance for row in rows]),
    )


def with_earlier(found: Trials, earlier: Mapping[str, EarlierTrial]) -> Trials:
    """Return the trials, each with the one that an earlier run had of the same parameters, by stage."""
    told = _together([replace(row, earlier=earlier.get(row.stage)) for row in found.rows])
    return replace(
        told,
        studies=tuple(with_earlier(one, earlier) for one in found.studies),
        lower_is_better=found.lower_is_better,
    )


def _value(row: StageRow) -> float | None:
    """Return what the trial told; a recording of an earlier version may have a figure that is not finite."""
    value = float(row.facts[VALUE]) if VALUE in row.facts else math.nan
    return value if math.isfinite(value) else None


def _sum(rows: Iterable[TrialRow]) -> TrialSum:
    total = TrialSum(0, BoundedJ(0.0, 0.0, 0.0))
    for row in rows:
        total = replace(total, count=total.count + 1, energy=_added(total.energy, row.total_sum))
    return total


def _added(so_far: BoundedJ | None, more: SumRow) -> BoundedJ | None:
    if so_far is None or more.energy_j is None:
        return None
    low_j = more.energy_j if more.low_j is None else more.low_j
    high_j = more.energy_j if more.high_j is None else more.high_j
    return BoundedJ(
        exact_sum([so_far.energy_j, more.energy_j]),
        exact_sum([so_far.low_j, low_j]),
        exact_sum([so_far.high_j, high_j]),
    )
