"""The functions of two runs that a picture of their difference shows: the same rows in both reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from energyprof.model.attribution import PROVENANCES
from energyprof.model.call_picture import OTHER_FUNCTIONS, FunctionKey, WayRow
from energyprof.model.domain import Provenance
from energyprof.model.ids import DomainId, StageId
from energyprof.model.report import FunctionEnergyRow, FunctionRow, Report

OTHERS: Final[FunctionKey] = (OTHER_FUNCTIONS, "", 0)
UNSEEN_SAMPLES: Final = 3
"""What was seen in none of many samples stands for less than three of them at 95 % (the rule of three)."""


def for_both(ways: Sequence[WayRow]) -> tuple[WayRow, ...]:
    """Return the ways with one to what else ran in each of their stages."""
    stages = dict.fromkeys(way.stage for way in ways)
    others = [
        WayRow(stage, None, OTHERS, 1, energy_j=None, samples=0, fewest=0, most=0, through="", is_main=True)
        for stage in stages
    ]
    return (*ways, *others)


def with_chosen(report: Report, names: Mapping[FunctionKey, FunctionKey], ways: Iterable[WayRow]) -> Report:
    """Return the report with a row for each function that `ways` lead to, and one for all others of its stage.

    `names`: what functions of this run are called in the other one. A function of which there is no sample has a row
    that says how little it can have spent.
    """
    wanted: dict[StageId | None, list[FunctionKey]] = {}
    for way in ways:
        if way.callee not in wanted.setdefault(way.stage, []):
            wanted[way.stage].append(way.callee)
    found: dict[StageId | None, dict[FunctionKey, FunctionRow]] = {stage: {} for stage in wanted}
    for row in report.functions:
        key = (row.function, row.file, row.line)
        if row.stage in found:
            found[row.stage][names.get(key, key)] = row
    rows: list[FunctionRow] = []
    for stage, keys in wanted.items():
        seen = found[stage]
        least = _unseen(stage, tuple(seen.values()))
        others = [row for key, row in seen.items() if key not in keys]
        rows += (_named(seen.get(key, least), key) for key in keys if key != OTHERS)
        rows.append(_named(_together(others, least), OTHERS))
    return replace(report, functions=tuple(rows))


def _named(row: FunctionRow, key: FunctionKey) -> FunctionRow:
    return replace(row, function=key[0], file=key[1], line=key[2])


def _unseen(stage: StageId | None, seen: Sequence[FunctionRow]) -> FunctionRow:
    """Return the row of a function without a sample; nothing is known of it where nothing else has one."""
    samples = sum(row.samples for row in seen)
    sums = _by_domain(seen)
    parts = tuple(
        replace(part, energy_j=0.0, low_j=0.0, high_j=most_j, total_j=0.0, total_low_j=0.0, total_high_j=most_j)
        for part in sums
        for most_j in [part.energy_j * min(UNSEEN_SAMPLES / samples, 1.0) if samples else 0.0]
    )
    return _row(stage, parts, seen)


def _together(rows: Sequence[FunctionRow], least: FunctionRow) -> FunctionRow:
    """Return the sum of functions, of what they spent themselves; bounds are added, which is never too narrow."""
    if not rows:
        return least
    samples = sum(row.samples for row in rows)
    whole = _row(rows[0].stage, _by_domain(rows), rows)
    return replace(whole, samples=samples, total_samples=samples)


def _by_domain(rows: Iterable[FunctionRow]) -> tuple[FunctionEnergyRow, ...]:
    sums: dict[DomainId, FunctionEnergyRow] = {}
    for part in (part for row in rows for part in row.domains):
        known = sums.get(part.domain)
        energy_j, low_j, high_j = (
            (0.0 if known is None else getattr(known, name)) + getattr(part, name)
            for name in ("energy_j", "low_j", "high_j")
        )
        way = part.provenance if known is None else max(known.provenance, part.provenance, key=PROVENANCES.index)
        sums[part.domain] = FunctionEnergyRow(part.domain, energy_j, low_j, high_j, energy_j, low_j, high_j, way)
    return tuple(sums.values())


def _row(stage: StageId | None, parts: tuple[FunctionEnergyRow, ...], of: Sequence[FunctionRow]) -> FunctionRow:
    way: Provenance = max((row.provenance for row in of), key=PROVENANCES.index, default="inferred")
    energies = [sum(getattr(part, name) for part in parts) for name in ("energy_j", "low_j", "high_j")]
    energy_j, low_j, high_j = energies if parts else (None, None, None)
    return FunctionRow("", "", 0, stage, energy_j, low_j, high_j, way, energy_j, low_j, high_j, domains=parts)
