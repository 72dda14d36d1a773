"""Stages that were not recorded to the end, for recording them cost too much: all of them counts to who called them.

What was recorded before they were folded is taken out: the time and energy of their calls are then those of the stage
around, from the first call to the last. How often they were called is known as long as they were recorded; it is taken
to have gone on like that, by call of the stage around.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from energyprof.attribute.step_shares import passed_over_stages
from energyprof.model.attribution import Attribution, EnergyColumns
from energyprof.model.recorded_names import FOLDED
from energyprof.model.span import Flags, Index, Ints, Spans, Stage
from energyprof.model.tally import Counted
from energyprof.model.trace import Trace


def folded_stages(stages: tuple[Stage, ...]) -> Flags:
    """Tell which stages are folded."""
    return np.array([FOLDED in stage.facts for stage in stages], np.bool_)


def without_folded(trace: Trace) -> Trace:
    """Return the trace with the spans of folded stages taken out, those inside standing in the spans around."""
    folded = folded_stages(trace.stages)
    spans = trace.spans
    if not folded.any():
        return trace
    kept = ~folded[spans.stage]
    parent = spans.parent.copy()
    while True:  # once for each level of folded spans in folded spans
        inside = np.flatnonzero((parent >= 0) & ~kept[np.maximum(parent, 0)])
        if not len(inside):
            break
        parent[inside] = spans.parent[parent[inside]]
    place = np.cumsum(kept, dtype=np.int32) - 1
    rows = np.flatnonzero(kept)
    parent = parent[rows]
    fewer = Spans(
        spans.stage[rows],
        spans.lane[rows],
        spans.start_ns[rows],
        spans.end_ns[rows],
        np.where(parent >= 0, place[parent], -1).astype(np.int32),
        spans.is_open[rows],
        spans.resumed[rows],
    )
    counted = None if trace.counted is None else _counted(trace.counted, trace.stages, folded, kept)
    return replace(trace, spans=fewer, counted=counted)


def _counted(counted: Counted, stages: tuple[Stage, ...], folded: Flags, kept: Flags) -> Counted:
    """Return what was counted, own times of folded stages moved to the stage around."""
    around = _around(stages, folded)
    calls = np.flatnonzero(~folded[counted.call_stage])
    order = np.flatnonzero(~(folded[counted.order_source] | folded[counted.order_target]))
    return replace(
        counted,
        stage=_moved(counted.stage, around),
        call_lane=counted.call_lane[calls],
        call_source=_moved(counted.call_source[calls], around),
        call_stage=counted.call_stage[calls],
        calls=counted.calls[calls],
        resumes=counted.resumes[calls],
        wall_ns=counted.wall_ns[calls],
        order_source=counted.order_source[order],
        order_target=counted.order_target[order],
        order_count=counted.order_count[order],
        is_counted=counted.is_counted[kept],
    )


def _around(stages: tuple[Stage, ...], folded: Flags) -> Index:
    """Return for each stage itself, of a folded one the nearest around that is not; -1: there is none."""
    found: list[int] = []
    for index, stage in enumerate(stages):  # parents stand first
        above = -1 if stage.parent is None else found[stage.parent]
        found.append(above if folded[index] else index)
    return np.array(found, np.int32)


def _moved(stage: Index, around: Index) -> Index:
    return np.where(stage >= 0, around[np.maximum(stage, 0)], -1).astype(np.int32)


def as_folded(attribution: Attribution, trace: Trace) -> Attribution:
    """Return the attribution with folded stages refused, with the reason, and called as often as they probably were.

    `trace` as it was recorded, `attribution` that of `without_folded`.
    """
    folded = folded_stages(trace.stages)
    if not folded.any():
        return attribution
    times = attribution.times
    domains = tuple(
        replace(
            part,
            self_energy=_refused(part.self_energy, trace.stages, folded),
            total_energy=_refused(part.total_energy, trace.stages, folded),
        )
        for part in attribution.domains
    )
    return replace(attribution, domains=domains, times=replace(times, calls=_calls(times.calls, trace, folded)))


def _refused(columns: EnergyColumns, stages: tuple[Stage, ...], folded: Flags) -> EnergyColumns:
    reason = tuple(
        str(stage.facts[FOLDED]) if is_folded else before
        for stage, is_folded, before in zip(stages, folded.tolist(), columns.reason, strict=True)
    )
    nothing = np.where(folded, 0.0, 1.0)
    return replace(
        columns,
        energy_j=columns.energy_j * nothing,
        low_j=columns.low_j * nothing,
        high_j=columns.high_j * nothing,
        refused=columns.refused | folded,
        unread=columns.unread | folded,
        data_share=columns.data_share * nothing,
        reason=reason,
    )


def _calls(calls: Ints, trace: Trace, folded: Flags) -> Ints:
    """Return the calls with those of folded stages as they were by call of the stage around, until they were folded.

    Calls of the stage around whose layers were passed over tell nothing of what is called in them.
    """
    spans, found = trace.spans, calls.copy()
    tells = ~spans.resumed
    tells[spans.parent[np.isin(spans.stage, passed_over_stages(trace)) & (spans.parent >= 0)]] = False
    for index in np.flatnonzero(folded).tolist():
        mine = np.flatnonzero((spans.stage == index) & ~spans.resumed)
        parent = trace.stages[index].parent
        if not len(mine):
            continue
        if parent is None:
            found[index] = len(mine)
            continue
        until_ns = int(spans.start_ns[mine].max())
        around = int(np.count_nonzero((spans.stage == parent) & tells & (spans.start_ns <= until_ns)))
        found[index] = round(len(mine) / max(around, 1) * int(found[parent]))
    return found
