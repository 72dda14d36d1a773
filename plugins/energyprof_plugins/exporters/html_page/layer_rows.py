"""The table of layers: each with its phases apart, whichever stages called it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

from energyprof.model.report import LAYER_PHASES, LayerRow, Report, SumRow
from energyprof_plugins.exporters.figures import column_unit, grouped, seconds, watts
from energyprof_plugins.exporters.html_page.markup import badge, figure, name, rate
from energyprof_plugins.exporters.html_page.section import Section
from energyprof_plugins.exporters.html_page.stage_rows import MOST_ROWS, is_layer
from energyprof_plugins.exporters.html_page.tables import HOW, INTERVAL, NAMELESS, Column, Row, Table, stacked

NOT_TOLD: Final = "not separable"
MOST_FOLDED: Final = 6
"""Layers named in the row of the one that they count to."""


def layer_section(report: Report) -> Section:
    """Return the table, or nothing where no layer was recorded; of too many layers, those that took most."""
    by_layer: dict[str, dict[str, LayerRow]] = {}
    for row in report.layers:
        by_layer.setdefault(row.layer, {})[row.phase] = row
    every = [phases["total"] for phases in by_layer.values() if "total" in phases]
    if not every:
        return Section("layers", "Layers", "")
    within = _folded_within(every)
    named_elsewhere = {row.layer for folded in within.values() for row in folded}
    whole = [row for row in every if row.layer not in named_elsewhere]
    costliest = sorted(whole, key=lambda row: -(row.total_sum.energy_j or row.total_sum.high_j or 0.0))[:MOST_ROWS]
    kept = {row.layer for row in costliest}
    shown = [row for row in whole if row.layer in kept]
    phases = [phase for phase in LAYER_PHASES[:-1] if any(phase in by_layer[row.layer] for row in shown)]
    unit, unit_j = column_unit(max((row.total_sum.high_j or 0.0) for row in shown) or 1.0)
    each, each_j = column_unit(_middle(row.per_call_j for row in shown))
    sample, sample_j = column_unit(_middle(row.per_sample_j for row in shown))
    with_samples = any(row.per_sample_j is not None for row in shown)
    columns = [
        Column("Layer", "t"), HOW, Column(f"itself, {unit}", "n", INTERVAL), NAMELESS,
        Column(f"in all, {unit}", "n", INTERVAL),
        *(Column(f"{phase}, {unit}", "n", INTERVAL) for phase in phases),
        Column("calls", "n"), Column(f"{each} / call", "n", f"{sample} / sample" if with_samples else ""),
        Column("wall", "n", "mean power"),
    ]  # fmt: skip
    stages = _stages_of(report)
    rows = []
    for number, row in enumerate(shown):
        cells = [_how(row), _energy(row.self_sum, unit_j), "", _energy(row.total_sum, unit_j)]
        cells += [_phase(by_layer[row.layer].get(phase), unit_j) for phase in phases]
        by_call, by_sample = _rate(row, row.per_call_j, each_j), _rate(row, row.per_sample_j, sample_j)
        cells += [grouped(row.calls), stacked(by_call, by_sample)]
        cells.append(stacked(seconds(row.wall_s), "" if row.mean_power_w is None else watts(row.mean_power_w)))
        folded = within.get(row.layer, ())
        mine = " ".join(str(place) for one in (row, *folded) for place in stages.get(one.layer, ()))
        rows.append(Row(f'<tr id=l{number} data-s="{mine}">', _named(row) + _with(row, folded), cells))
    lead = "Each layer over all stages that called it; in all: with the layers it calls. Phases: in all."
    if len(whole) < len(every):
        lead += (
            f" {len(every) - len(whole)} layers too short to be recorded stand below the name of the layer that calls "
            "them, whose own energy holds theirs."
        )
    if len(shown) < len(whole):
        lead += f" {len(whole) - len(shown)} cheaper layers are left out; --format json has all."
    return Table("layers", "Layers", columns, rows).section(lead)


def _middle(energies_j: Iterable[float | None]) -> float:
    """Return the middle one of those that are known and not nothing, whose unit suits most."""
    return median([energy_j for energy_j in energies_j if energy_j] or [1.0])


def _stages_of(report: Report) -> dict[str, list[int]]:
    """Return layer -> places of the stages that it is made of."""
    found: dict[str, list[int]] = {}
    for place, row in enumerate(report.stages):
        if is_layer(row):
            found.setdefault(row.name, []).append(place)
    return found


def _named(row: LayerRow) -> str:
    above, dot, own = row.layer.rpartition(".")
    prefix = "".join(f"{name(part)}.<wbr>" for part in above.split(".")) if dot else ""
    kind = f" <small>{name(row.module_class)}</small>" if row.module_class != own else ""
    return (f"<i>{prefix}</i>" if prefix else "") + name(own) + kind


def _folded_within(rows: Sequence[LayerRow]) -> dict[str, tuple[LayerRow, ...]]:
    """Return layer -> those that count to it because they are too short to be recorded, however deep below it."""
    by_name = {row.layer: row for row in rows}
    found: dict[str, tuple[LayerRow, ...]] = {}
    for row in rows:
        above = row
        while above.folded and above.parent is not None and above.parent in by_name:
            above = by_name[above.parent]
        if row.folded and not above.folded:
            found[above.layer] = (*found.get(above.layer, ()), row)
    return found


def _with(row: LayerRow, folded: Sequence[LayerRow]) -> str:
    if not folded:
        return ""
    names = [
        f"{name(one.layer.removeprefix(f'{row.layer}.'))} {name(one.module_class)}" for one in folded[:MOST_FOLDED]
    ]
    more = [f"{grouped(len(folded) - MOST_FOLDED)} more"] if len(folded) > MOST_FOLDED else []
    return f"<br><small>with {', '.join([*names, *more])}: too short to be recorded</small>"


def _energy(of: SumRow, unit_j: float) -> str:
    return stacked(*figure(of.energy_j, of.low_j, of.high_j, unit_j))


def _rate(row: LayerRow, each_j: float | None, unit_j: float) -> str:
    total = row.total_sum
    return rate(each_j, unit_j, total.energy_j, total.low_j, total.high_j)


def _phase(row: LayerRow | None, unit_j: float) -> str:
    return "" if row is None else _energy(row.total_sum, unit_j)


def _how(row: LayerRow) -> str:
    if row.folded:
        return name(row.folded)
    if row.self_sum.energy_j is not None:
        return badge(row.self_sum.provenance)
    return NOT_TOLD if row.self_sum.high_j is not None else "not read"
