"""The report of a run in which sampled functions are nodes below their stages, and calls are edges between them.

A stage keeps as its own what no sample stands for. Functions outside any stage stand below a row that is no stage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from energyprof.model.attribution import PROVENANCES
from energyprof.model.call_picture import CallPicture, CallRow, DrawnCall, FunctionKey, WayRow
from energyprof.model.domain import Provenance
from energyprof.model.ids import DomainId, StageId, escape_component
from energyprof.model.report import OUTSIDE, EdgeRow, EnergyRow, FunctionRow, Report, StageRow, SumRow

Ids: TypeAlias = "dict[tuple[StageId | None, FunctionKey], StageId]"


def at_function_level(report: Report, calls: Iterable[CallRow], ways: Iterable[WayRow] | None = None) -> Report:
    """Return the report with a row for each sampled function; without samples it is as it was.

    `ways`: what a picture shows of them; None: nothing is chosen for one.
    """
    if not report.functions:
        return report
    counted = frozenset(row.domain for row in report.domains if row.counts)
    by_stage: dict[StageId | None, list[FunctionRow]] = defaultdict(list)
    for row in report.functions:
        by_stage[row.stage].append(row)
    rows: list[StageRow] = []
    ids: Ids = {}
    stages = [*report.stages, *([_outside(report)] if by_stage.get(None) else [])]
    for stage in stages:
        inside = by_stage.get(None if stage.stage == OUTSIDE else stage.stage, [])
        rows.append(_divided(stage, inside, counted, report) if inside else stage)
        for function in inside:
            name = _name(function, inside)
            identity = StageId(f"{stage.stage}/{escape_component(name)}()")
            ids[function.stage, (function.function, function.file, function.line)] = identity
            rows.append(_function_row(function, stage, identity, name, counted))
    view = report.view
    if view is not None and ways is not None:
        view = replace(view, calls=_picture(ways, ids, report.functions))
    return replace(
        report,
        view=view,
        stages=tuple(rows),
        edges=(*report.edges, *_contains(rows), *_call_edges(calls, ids, rows)),
        hotspots=_by_energy(rows),
    )


def _divided(stage: StageRow, inside: Sequence[FunctionRow], counted: frozenset[DomainId], report: Report) -> StageRow:
    """Return the stage with what is left of its own energy when that of its functions is taken off."""
    taken: dict[DomainId, list[tuple[float, float, float]]] = defaultdict(list)
    for function in inside:
        for part in function.domains:
            taken[part.domain].append((part.energy_j, part.low_j, part.high_j))
    own = tuple(_less(row, taken.get(row.domain, [])) for row in stage.self_energy)
    return replace(stage, self_energy=own, self_sum=_sum(own, counted, report.stages_sum.energy_j))


def _less(row: EnergyRow, taken: Sequence[tuple[float, float, float]]) -> EnergyRow:
    if row.energy_j is None or row.low_j is None or row.high_j is None or not taken:
        return row
    energy_uj, low_uj, high_uj = (sum(round(part[at] * 1e6) for part in taken) for at in range(3))
    left_uj = max(round(row.energy_j * 1e6) - energy_uj, 0)
    # Nothing spends less than nothing, and what samples stand for cannot be more than the stage spent.
    least_uj = max(round(row.low_j * 1e6) - high_uj, 0)
    most_uj = max(round(row.high_j * 1e6) - low_uj, left_uj)
    provenance: Provenance = max(row.provenance, "inferred", key=PROVENANCES.index)
    return replace(
        row, energy_j=left_uj / 1e6, low_j=min(least_uj, left_uj) / 1e6, high_j=most_uj / 1e6, provenance=provenance
    )


def _function_row(
    function: FunctionRow, stage: StageRow, identity: StageId, name: str, counted: frozenset[DomainId]
) -> StageRow:
    own = tuple(
        EnergyRow(part.domain, part.energy_j, part.low_j, part.high_j, part.provenance, 1.0, "")
        for part in function.domains
    )
    whole = tuple(
        EnergyRow(part.domain, part.total_j, part.total_low_j, part.total_high_j, part.provenance, 1.0, "")
        for part in function.domains
    )
    return StageRow(
        stage=identity,
        name=name,
        path=(*stage.path, name),
        parent=stage.stage,
        kind="function",
        file=function.file,
        line=function.hot_line or function.line,
        calls=0,
        resumes=0,
        wall_s=0.0,
        self_wall_s=0.0,
        cpu_s=0.0,
        self_energy=own,
        total_energy=whole,
        self_sum=replace(_sum(own, counted, None), share=function.share),
        total_sum=_sum(whole, counted, None),
        embodied_j=None,
        facts={"samples": function.samples, "total_samples": function.total_samples},
    )


def _outside(report: Report) -> StageRow:
    """Return the row of the time in which no stage was open: what its functions do not stand for is not told."""
    domains = [row for row in report.ledger if row.measured_j is not None]
    nothing = tuple(EnergyRow(row.domain, 0.0, 0.0, 0.0, row.provenance, 1.0, "") for row in domains)
    totals: dict[DomainId, list[float]] = defaultdict(list)
    for function in report.functions:
        for part in function.domains if function.stage is None else ():
            totals[part.domain].append(part.energy_j)
    total = tuple(
        replace(row, energy_j=energy_j, low_j=energy_j, high_j=energy_j)
        for row in nothing
        for energy_j in [sum(round(part * 1e6) for part in totals[row.domain]) / 1e6]
    )
    counted = frozenset(row.domain for row in report.domains if row.counts)
    return StageRow(
        stage=OUTSIDE,
        name="outside any stage",
        path=("outside any stage",),
        parent=None,
        kind="program",
        file=None,
        line=None,
        calls=0,
        resumes=0,
        wall_s=0.0,
        self_wall_s=0.0,
        cpu_s=0.0,
        self_energy=nothing,
        total_energy=total,
        self_sum=_sum(nothing, counted, None),
        total_sum=_sum(total, counted, None),
        embodied_j=None,
    )


def _sum(rows: Sequence[EnergyRow], counted: frozenset[DomainId], stages_j: float | None) -> SumRow:
    parts = [row for row in rows if row.domain in counted]
    provenance: Provenance = max((row.provenance for row in parts), key=PROVENANCES.index, default="measured")
    figures = [_added([getattr(row, name) for row in parts]) for name in ("energy_j", "low_j", "high_j")]
    share = figures[0] / stages_j if figures[0] is not None and stages_j else None
    return SumRow(figures[0], figures[1], figures[2], provenance, share)


def _added(parts_j: Sequence[float | None]) -> float | None:
    known = [part for part in parts_j if part is not None]
    return sum(round(part * 1e6) for part in known) / 1e6 if known and len(known) == len(parts_j) else None


def _name(function: FunctionRow, inside: Sequence[FunctionRow]) -> str:
    """Return the function's name, with so much of the path of its file, or its line, as tells it from its namesakes."""
    same = [one for one in inside if one.function == function.function]
    if len(same) == 1:
        return function.function
    for parts in (1, 2, 3):
        end = _end_of(function.file, parts)
        if sum(_end_of(one.file, parts) == end for one in same) == 1:
            return f"{function.function} ({end})"
    return f"{function.function} ({function.file}:{function.line})"


def _end_of(file: str, parts: int) -> str:
    return "/".join(file.replace("\\", "/").split("/")[-parts:])


def _contains(rows: Iterable[StageRow]) -> list[EdgeRow]:
    return [
        EdgeRow(row.parent, row.stage, "contains", 0, own.energy_j, own.low_j, own.high_j, own.provenance)
        for row in rows
        for own in [row.self_sum]
        if row.kind == "function" and "samples" in row.facts and row.parent is not None
    ]


def _call_edges(
    calls: Iterable[CallRow],
    ids: Ids,
    rows: Iterable[StageRow],
) -> list[EdgeRow]:
    """Return what passes along calls: parts of the callees' energy, known as those are, but without bounds."""
    edges, ways = [], {row.stage: row.total_sum.provenance for row in rows}
    for call in calls:
        source, target = ids.get((call.stage, call.caller)), ids.get((call.stage, call.callee))
        if source is not None and target is not None and source != target:
            how = None if call.energy_j is None else ways[target]
            edges.append(EdgeRow(source, target, "calls", call.samples, call.energy_j, provenance=how))
    return sorted(edges, key=lambda edge: (edge.source, edge.target))


def _picture(ways: Iterable[WayRow], ids: Ids, functions: Sequence[FunctionRow]) -> CallPicture:
    columns: dict[StageId, int] = {}
    calls: list[DrawnCall] = []
    for way in ways:
        target = ids[way.stage, way.callee]
        around = OUTSIDE if way.stage is None else way.stage
        source = around if way.caller is None else ids[way.stage, way.caller]
        columns[target] = way.column
        calls.append(
            DrawnCall(source, target, way.energy_j, way.samples, way.fewest, way.most, way.through, is_main=way.is_main)
        )
    keys = [(row.stage, (row.function, row.file, row.line)) for row in functions]
    places = {ids[key]: place for place, key in enumerate(keys)}
    return CallPicture(columns, tuple(calls), {target: places[target] for target in columns})


def _by_energy(rows: Sequence[StageRow]) -> tuple[StageId, ...]:
    def rank(row: StageRow) -> tuple[bool, float, str]:
        energy_j = row.self_sum.energy_j
        return energy_j is None, -(row.self_sum.high_j or 0.0 if energy_j is None else energy_j), row.stage

    return tuple(row.stage for row in sorted(rows, key=rank))
