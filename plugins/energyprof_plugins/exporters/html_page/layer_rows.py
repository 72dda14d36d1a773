"""The table of layers: each with its phases apart, whichever stages called it."""

from __future__ import annotations

from typing import Final

from energyprof.model.report import LAYER_PHASES, LayerRow, Report
from energyprof_plugins.exporters.figures import column_unit, grouped, seconds, watts
from energyprof_plugins.exporters.html_page.markup import badge, figure, name, rate
from energyprof_plugins.exporters.html_page.section import Section
from energyprof_plugins.exporters.html_page.stage_rows import MOST_ROWS, is_layer
from energyprof_plugins.exporters.html_page.tables import INTERVAL, NAMELESS, Column, Row, Table

NOT_TOLD: Final = "not separable"


def layer_section(report: Report) -> Section:
    """Return the table, or nothing where no layer was recorded; of too many layers, those that took most."""
    by_layer: dict[str, dict[str, LayerRow]] = {}
    for row in report.layers:
        by_layer.setdefault(row.layer, {})[row.phase] = row
    whole = [phases["total"] for phases in by_layer.values() if "total" in phases]
    if not whole:
        return Section("layers", "Layers", "")
    costliest = sorted(whole, key=lambda row: -(row.total_sum.energy_j or row.total_sum.high_j or 0.0))[:MOST_ROWS]
    kept = {row.layer for row in costliest}
    shown = [row for row in whole if row.layer in kept]
    phases = [phase for phase in LAYER_PHASES[:-1] if any(phase in by_layer[row.layer] for row in shown)]
    unit, unit_j = column_unit(max((row.total_sum.high_j or 0.0) for row in shown) or 1.0)
    each, each_j = column_unit(max((row.per_call_j or 0.0) for row in shown) or 1.0)
    sample, sample_j = column_unit(max((row.per_sample_j or 0.0) for row in shown) or 1.0)
    with_samples = any(row.per_sample_j is not None for row in shown)
    columns = [
        Column("Layer", "t"), Column(f"itself, {unit}", "n"), INTERVAL, NAMELESS,
        Column(f"in all, {unit}", "n"), INTERVAL,
        *(Column(f"{phase}, {unit}", "n") for phase in phases),
        Column("calls", "n"), Column(f"{each} / call", "n"),
        *([Column(f"{sample} / sample", "n")] if with_samples else []),
        Column("mean", "n"), Column("wall", "n"), Column("how it is known", "t"),
    ]  # fmt: skip
    stages = _stages_of(report)
    rows = []
    for number, row in enumerate(shown):
        cells = [*_sum(row, own=True, unit_j=unit_j), "", *_sum(row, own=False, unit_j=unit_j)]
        cells += [_phase(by_layer[row.layer].get(phase), unit_j) for phase in phases]
        cells += [grouped(row.calls), rate(row.per_call_j, each_j)]
        cells += [rate(row.per_sample_j, sample_j)] if with_samples else []
        cells += ["" if row.mean_power_w is None else watts(row.mean_power_w), seconds(row.wall_s), _how(row)]
        mine = " ".join(map(str, stages.get(row.layer, ())))
        rows.append(Row(f'<tr id=l{number} data-s="{mine}">', _named(row), cells))
    lead = "Each layer over all stages that called it; in all: with the layers it calls. Phases: in all."
    if len(shown) < len(whole):
        lead += f" {len(whole) - len(shown)} cheaper layers are left out; --format json has all."
    return Table("layers", "Layers", columns, rows).section(lead)


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


def _sum(row: LayerRow, *, own: bool, unit_j: float) -> tuple[str, str]:
    of = row.self_sum if own else row.total_sum
    return figure(of.energy_j, of.low_j, of.high_j, unit_j)


def _phase(row: LayerRow | None, unit_j: float) -> str:
    if row is None:
        return ""
    value, interval = figure(row.total_sum.energy_j, row.total_sum.low_j, row.total_sum.high_j, unit_j)
    shown = interval if interval.startswith("\u00b1") or not value else f"({interval})" if interval else ""
    return f"{value} <small>{shown}</small>".strip() if shown else value


def _how(row: LayerRow) -> str:
    if row.folded:
        return name(row.folded)
    if row.self_sum.energy_j is not None:
        return badge(row.self_sum.provenance)
    return NOT_TOLD if row.self_sum.high_j is not None else "not read"
