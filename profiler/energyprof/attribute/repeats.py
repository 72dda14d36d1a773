"""Leaves that the run itself cannot tell apart, told apart by what one repeated call of each costs.

For each domain with a sensor let U be the energy of an unsplit row, M its members, R those of them that were repeated
on inputs of their own, e_r the energy of one repeated call (`repeated_calls`) and c_r the calls of the run. The row's
energy is measured and stays what it is; the repeated calls only say how it is divided:

* R = M: energy_r = U * e_r c_r / sum over R of e c. The row is used up. Its interval holds that of e_r c_r as it stands
  and scaled, whichever reaches further: what repeated calls cost and what calls of the run cost may differ.
* R is a part of M, and sum over R of e c <= U: energy_r = e_r c_r. The rest stays an unsplit row of the other members,
  with U less that sum; its bounds are those of U less the other ends of the parts.
* R is a part of M and the sum is above U: repeated calls cost more than the run had, so the row stays as it is.

Every figure made in this way is `inferred (repeat mode)`; what the run tells by itself is never touched, nor is any
total but that of such a leaf. The sum of self energies and unsplit rows, and so the ledger, is the same before and
after, to the microjoule. Modelled domains refuse nothing, so nothing is added there.

Beside that stands the comparison of sums, which shows how far repeating is like running: the repeated calls below the
outermost module (or the function itself), times the calls of the run, beside its total as the run was measured.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from energyprof.attribute.ledger import MICRO, whole_microjoules
from energyprof.attribute.repeated_calls import repeated_calls
from energyprof.model.attribution import (
    REPEAT_MODE,
    Attribution,
    DomainAttribution,
    EnergyColumns,
    RepeatedCall,
    RepeatedWhole,
    RepeatFigures,
    Unsplit,
)
from energyprof.model.span import Floats, Stage
from energyprof.model.trace import Trace


def with_repeats(trace: Trace, attribution: Attribution, attribute: Callable[[Trace], Attribution]) -> Attribution:
    """Return the attribution with what repeated calls tell; `attribute` is what made it. Without any, as it is."""
    repeats = None if trace.cures is None else trace.cures.repeats
    if repeats is None:
        return attribution
    calls = repeated_calls(trace, repeats, attribute)
    inner = {stage.parent for stage in trace.stages}
    leaves: dict[str, dict[int, RepeatedCall]] = defaultdict(dict)
    for call in calls:
        if call.stage >= 0 and call.stage not in inner and call.energy_j is not None:
            leaves[call.domain][call.stage] = call
    sensed = {domain.id for domain in trace.domains if domain.provenance == "sensor"}
    times = attribution.times
    return replace(
        attribution,
        domains=tuple(
            _told_apart(part, leaves[part.domain], times.calls) if part.domain in sensed else part
            for part in attribution.domains
        ),
        repeats=RepeatFigures(
            calls=calls,
            wholes=tuple(
                whole
                for part in attribution.domains
                for whole in _wholes(trace.stages, part, leaves[part.domain], attribution)
            ),
            skipped=repeats.skipped,
            visit_ns=repeats.visit_ns,
            rounds=repeats.rounds,
            is_cut=repeats.is_cut,
        ),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What one stage has of an unsplit row, in joules."""

    stage: int
    energy_j: float
    low_j: float
    high_j: float
    call: RepeatedCall


def _told_apart(part: DomainAttribution, leaves: Mapping[int, RepeatedCall], calls: np.ndarray) -> DomainAttribution:
    rows: list[Unsplit] = []
    told: list[_Part] = []
    for row in part.unsplit:
        found = [_as_often(stage, leaves[stage], int(calls[stage])) for stage in row.members if stage in leaves]
        divided, rest = _divide(row, found)
        told += divided
        rows += rest
    if not told:
        return part
    return replace(
        part,
        self_energy=_with_parts(part.self_energy, told),
        total_energy=_with_parts(part.total_energy, told),
        unsplit=tuple(rows),
    )


def _as_often(stage: int, call: RepeatedCall, calls: int) -> _Part:
    """Return what the calls of the run would cost if each cost what a repeated one does."""
    energy_j, low_j, high_j = (float(value or 0.0) * calls for value in (call.energy_j, call.low_j, call.high_j))
    return _Part(stage, energy_j, low_j, high_j, call)


def _divide(row: Unsplit, found: Sequence[_Part]) -> tuple[list[_Part], list[Unsplit]]:
    """Return the parts of an unsplit row that are told apart, in whole microjoules, and what is left of the row."""
    sum_j = sum(part.energy_j for part in found)
    if sum_j <= 0 or row.energy_j <= 0:
        return [], [row]
    row_uj = round(row.energy_j * MICRO)
    if len(found) == len(row.members):
        scale = row.energy_j / sum_j
        energies_uj = whole_microjoules(np.array([part.energy_j * scale for part in found]), row_uj).tolist()
        return [_bounded(part, uj, scale) for part, uj in zip(found, energies_uj, strict=True)], []
    if sum_j > row.energy_j:
        return [], [row]
    energies_uj = [int(part.energy_j * MICRO) for part in found]
    told = [_bounded(part, uj, 1.0) for part, uj in zip(found, energies_uj, strict=True)]
    energy_j = (row_uj - sum(energies_uj)) / MICRO
    low_j = row.low_j - sum(part.high_j for part in told)
    high_j = row.high_j - sum(part.low_j for part in told)
    rest = replace(
        row,
        members=tuple(stage for stage in row.members if stage not in {part.stage for part in found}),
        energy_j=energy_j,
        low_j=_floor(min(max(low_j, 0.0), energy_j)),
        high_j=_ceil(max(high_j, energy_j)),
    )
    return told, [rest]


def _bounded(part: _Part, energy_uj: int, scale: float) -> _Part:
    energy_j = energy_uj / MICRO
    low_j = min(part.low_j, part.low_j * scale, energy_j)
    high_j = max(part.high_j, part.high_j * scale, energy_j)
    return replace(part, energy_j=energy_j, low_j=_floor(low_j), high_j=_ceil(high_j))


def _floor(energy_j: float) -> float:
    return float(np.floor(energy_j * MICRO + 1e-3)) / MICRO


def _ceil(energy_j: float) -> float:
    return float(np.ceil(energy_j * MICRO - 1e-3)) / MICRO


def _with_parts(columns: EnergyColumns, parts: Sequence[_Part]) -> EnergyColumns:
    """Return the columns with these stages named; a leaf's total is its own energy."""
    at = np.array([part.stage for part in parts])

    def changed(column: Floats, values: list[float]) -> Floats:
        copy = column.copy()
        copy[at] = values
        return copy

    refused, provenance = columns.refused.copy(), columns.provenance.copy()
    refused[at], provenance[at] = False, REPEAT_MODE
    reason = list(columns.reason)
    for part in parts:
        reason[part.stage] = f"by {part.call.visits} visits in repeat mode, where calls run warm"
    return replace(
        columns,
        energy_j=changed(columns.energy_j, [part.energy_j for part in parts]),
        low_j=changed(columns.low_j, [part.low_j for part in parts]),
        high_j=changed(columns.high_j, [part.high_j for part in parts]),
        data_share=changed(columns.data_share, [part.call.data_share for part in parts]),
        refused=refused,
        provenance=provenance,
        reason=tuple(reason),
    )


def _wholes(
    stages: tuple[Stage, ...], part: DomainAttribution, leaves: Mapping[int, RepeatedCall], attribution: Attribution
) -> Iterator[RepeatedWhole]:
    """Yield the comparison of sums for each outermost module or function that something was repeated of."""
    groups: dict[int, list[int]] = defaultdict(list)
    for stage in sorted(leaves):
        groups[_outermost_module(stages, stage)].append(stage)
    wall_ns, total = attribution.times.wall_ns, part.total_energy
    for whole, members in groups.items():
        parts = [_as_often(stage, leaves[stage], int(attribution.times.calls[stage])) for stage in members]
        refused, unread = bool(total.refused[whole]), bool(total.unread[whole])
        yield RepeatedWhole(
            domain=part.domain,
            stage=whole,
            layers=len(members),
            repeated_j=sum(one.energy_j for one in parts),
            repeated_low_j=sum(one.low_j for one in parts),
            repeated_high_j=sum(one.high_j for one in parts),
            whole_j=None if refused or unread else float(total.energy_j[whole]),
            whole_low_j=None if unread else float(total.low_j[whole]),
            whole_high_j=None if unread else float(total.high_j[whole]),
            time_share=min(1.0, float(wall_ns[members].sum()) / max(float(wall_ns[whole]), 1.0)),
        )


def _outermost_module(stages: tuple[Stage, ...], stage: int) -> int:
    while stages[stage].kind == "module":
        parent = stages[stage].parent
        if parent is None or stages[parent].kind != "module":
            break
        stage = parent
    return stage
