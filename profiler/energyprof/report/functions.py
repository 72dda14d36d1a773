"""The rows of sampled functions, costliest first."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from energyprof.model.attribution import PROVENANCES, Attribution, DomainAttribution, FunctionTable
from energyprof.model.domain import Domain, Provenance, counted_ids
from energyprof.model.ids import DomainId
from energyprof.model.report import FunctionEnergyRow, FunctionRow
from energyprof.model.span import Stage
from energyprof.report.sums import exact_sum, weakest


def function_rows(
    stages: tuple[Stage, ...], attribution: Attribution, counted: AbstractSet[DomainId]
) -> tuple[FunctionRow, ...]:
    """Return one row for each function and stage it ran in; sums are over the domains `counted`."""
    table = attribution.functions
    if table is None:
        return ()
    per_domain = [_energy_rows(found) for found in attribution.domains if found.functions is not None]
    energies = list(zip(*per_domain, strict=True)) or [()] * len(table.functions)
    all_j = exact_sum([row.energy_j for rows in energies for row in rows if row.domain in counted])
    rows = [_row(stages, table, at, energies[at], counted, all_j) for at in range(len(table.functions))]
    return tuple(
        sorted(
            rows,
            key=lambda row: (-(row.energy_j or 0), -row.samples, -(row.total_j or 0), row.file, row.line, row.function),
        )
    )


def tell_most(stages: tuple[Stage, ...], domains: tuple[Domain, ...], attribution: Attribution) -> bool:
    """Return whether sampled functions say most of a run: it has no stage or layer, or spent less in them."""
    table, counted = attribution.functions, counted_ids(domains)
    if table is None or [stage.kind for stage in stages] == ["program"]:
        return table is not None
    outside_j = stages_j = 0.0
    for found in attribution.domains:
        if found.functions is not None and found.ledger is not None and found.domain in counted:
            outside_j += float(found.functions.energy_j[table.stage < 0].sum())
            stages_j += found.ledger.stages_j
    return outside_j > stages_j


def _row(  # noqa: PLR0913, PLR0917 - what a row is made of
    stages: tuple[Stage, ...],
    table: FunctionTable,
    at: int,
    domains: tuple[FunctionEnergyRow, ...],
    counted: AbstractSet[DomainId],
    all_j: float,
) -> FunctionRow:
    function, stage = table.functions[at], int(table.stage[at])
    summed = [row for row in domains if row.domain in counted]

    def added(name: str) -> float | None:
        found = [getattr(row, name) for row in summed]
        return exact_sum(found) if found and None not in found else None

    energy_j = added("energy_j")
    return FunctionRow(
        function=function.name,
        file=function.file,
        line=function.line,
        stage=stages[stage].id if stage >= 0 else None,
        energy_j=energy_j,
        low_j=added("low_j"),
        high_j=added("high_j"),
        provenance=weakest([row.provenance for row in summed]),
        total_j=added("total_j"),
        total_low_j=added("total_low_j"),
        total_high_j=added("total_high_j"),
        share=energy_j / all_j if energy_j is not None and all_j > 0 else None,
        samples=int(table.samples[at]),
        total_samples=int(table.total_samples[at]),
        hot_line=int(table.line[at]) or None,
        domains=domains,
        idle_j=added("idle_j"),
        total_idle_j=added("total_idle_j"),
    )


def _energy_rows(found: DomainAttribution) -> list[FunctionEnergyRow]:
    energy = found.functions
    if energy is None:
        return []
    names = ("energy_j", "low_j", "high_j", "total_j", "total_low_j", "total_high_j")
    columns = [getattr(energy, name).tolist() for name in names]
    idle = [
        [None] * len(energy.energy_j) if one is None else one.tolist() for one in (energy.idle_j, energy.total_idle_j)
    ]
    provenance: Provenance = PROVENANCES[energy.provenance]
    return [
        FunctionEnergyRow(found.domain, own, low, high, total, total_low, total_high, provenance, idle_j, total_idle_j)
        for own, low, high, total, total_low, total_high, idle_j, total_idle_j in zip(*columns, *idle, strict=True)
    ]
