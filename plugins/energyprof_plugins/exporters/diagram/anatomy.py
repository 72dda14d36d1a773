"""What a box says: name, joules with their interval, bar of domains, calls and provenance, flags; and its tooltip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from energyprof.model.attribution import PROVENANCES
from energyprof.model.report import Report, StageRow
from energyprof_plugins.exporters.account import FAMILY_ORDER, Known
from energyprof_plugins.exporters.diagram.fold import Joint, Rest
from energyprof_plugins.exporters.diagram.label import cell, fit, label, line, row, table
from energyprof_plugins.exporters.diagram.palette import LIGHT
from energyprof_plugins.exporters.diagram.stacks import Group
from energyprof_plugins.exporters.figures import (
    grouped,
    joules,
    joules_with_error,
    joules_within,
    percent,
    seconds,
    watts,
)
from energyprof_plugins.exporters.visible import visible

SHORT: Final = {"inferred (repeat mode)": "repeat mode", "estimated (model)": "model"}
ROLES: Final = {"GPU": "gpu", "CPU": "cpu", "DRAM": "dram", "other": "other"}
SMALLEST_PT, LARGEST_PT, FULL_SHARE = 11, 22, 0.2
"""Font of a name, and the share of all stage energy from which it is largest."""
NAME_WIDTH_PT: Final = 230
BAR_PT: Final = 112
NAMES_TOLD: Final = 20


def provenance(rows: Sequence[StageRow]) -> str:
    """Return the weakest provenance among the self energies of `rows`."""
    return max((row.self_sum.provenance for row in rows), key=PROVENANCES.index)


def name_size(share: float) -> int:
    """Return the font size of a name; whole points, for the renderer cuts off fractions."""
    grown = (LARGEST_PT - SMALLEST_PT) * math.sqrt(max(share, 0.0) / FULL_SHARE)
    return min(LARGEST_PT, SMALLEST_PT + round(grown))


def short_name(group: Group, above: Group | None) -> str:
    """Return a module's name without what it repeats of the module around it."""
    if above is not None and group.name.startswith(f"{above.name}."):
        return group.name[len(above.name) + 1 :]
    return group.name


def box_label(report: Report, group: Group, above: Group | None, ink: str, *, bars: bool) -> str:
    """Return the label of a stage or stack; `above` is the box around it, `bars` whether domains are told apart."""
    rows = [report.stages[member] for member in group.members]
    stages_j = report.stages_sum.energy_j or 0.0
    size = name_size(group.own.energy_j / stages_j if stages_j > 0 else 0.0)
    stack = f" \u00d7{len(rows)}" if len(rows) > 1 else ""
    lines = [line(fit(short_name(group, above), size, NAME_WIDTH_PT) + stack, size, ink, bold=True)]
    lines += [line(text, 10, ink) for text in _energies(report, group)]
    if bars and group.own.energy_uj > 0:
        lines.append(_bar(group.own))
    if stack:
        lines.append(line(_spread(rows), 9, ink))
    how = provenance(rows)
    calls = sum(one.calls for one in rows)
    lines.append(line(f"{grouped(calls)} call{'' if calls == 1 else 's'} \u00b7 {SHORT.get(how, how)}", 9, ink))
    if group.dearer is not None:
        lines.append(line(f"{group.dearer:.1f} \u00d7 the median of its {group.alike} siblings", 9, ink, bold=True))
    if group.own.refused and not group.own.nothing:
        lines.append(line(f"{', '.join(group.own.refused)} part not separable", 9, ink))
    return label(table(lines))


def rest_label(rest: Rest, measured_uj: int, ink: str) -> str:
    """Return the label of a remainder: how many stages, the costliest by name, their joules."""
    _, first = rest.names[0]
    more = " \u2026" if rest.count > 1 else ""
    head = f"+ {grouped(rest.count)}: {fit(first, 10, 110)}{more}"
    return label(table([line(head, 10, ink), line(_amount(rest.energy_uj, measured_uj), 10, ink)]))


def joint_label(joint: Joint, measured_uj: int, ink: str) -> str:
    """Return the label of stages that cannot be told apart."""
    half_uj = max(joint.energy_uj - joint.low_uj, joint.high_uj - joint.energy_uj, 0)
    amount = f"{joules_with_error(joint.energy_uj / 1e6, half_uj / 1e6)} together{_of(joint.energy_uj, measured_uj)}"
    names = fit(", ".join(map(visible, joint.names)), 9, 170)
    count = len(joint.members)
    head = f"{count} parts not separable" if count > 1 else "1 part not separable"
    return label(table([line(head, 10, ink, bold=True), line(amount, 10, ink), line(names, 9, ink)]))


def box_tooltip(report: Report, group: Group) -> str:
    """Return everything the box has no room for."""
    rows = [report.stages[member] for member in group.members]
    alike = f"  ({len(rows)} alike)" if len(rows) > 1 else ""
    own_s, calls = sum(one.self_wall_s for one in rows), sum(one.calls for one in rows)
    told = [" / ".join(map(visible, rows[0].path)) + alike]
    if not group.own.nothing:
        told.append(f"self {joules_with_error(group.own.energy_j, group.own.half_j)} (95 %), {provenance(rows)}")
    told.append(f"total {joules(group.total.energy_j)}{_of(group.total.energy_uj, _measured_uj(report))} of measured")
    told += [f"self on {name}: {joules(uj / 1e6)}" for name, uj in sorted(group.own.by_family_uj.items())]
    if rows[0].embodied_j is not None and len(rows) == 1:
        told.append(f"embodied in its result: {joules(rows[0].embodied_j)}")
    each = f", {joules(group.total.energy_j / calls)} each" if calls else ""
    power = f", {watts(group.own.energy_j / own_s)} while it ran itself" if own_s > 0 else ""
    told.append(f"{grouped(calls)} calls{each}; {seconds(own_s)} of its own{power}")
    told += list(dict.fromkeys(visible(energy.reason) for one in rows for energy in one.self_energy if energy.reason))
    if rows[0].file is not None:
        told.append(visible(f"{rows[0].file}:{rows[0].line}" if rows[0].line is not None else rows[0].file))
    return "\n".join(told)


def rest_tooltip(rest: Rest) -> str:
    """Return what was folded, the costliest first."""
    told = [f"{visible(name)}  {joules(-negative / 1e6)}" for negative, name in rest.names[:NAMES_TOLD]]
    left = len(rest.names) - len(told)
    return "\n".join(["folded here:", *told, *([f"and {grouped(left)} more"] if left else [])])


def joint_tooltip(joint: Joint) -> str:
    """Return the names of all members, and why they cannot be told apart."""
    left = len(joint.names) - NAMES_TOLD
    more = [f"and {grouped(left)} more"] if left > 0 else []
    where = f"on {', '.join(dict.fromkeys(joint.families))}: {visible(joint.reason)}"
    return "\n".join([where, *map(visible, joint.names[:NAMES_TOLD]), *more])


def _energies(report: Report, group: Group) -> list[str]:
    measured_uj = _measured_uj(report)
    own = group.own
    told = "not separable" if own.nothing else joules_with_error(own.energy_j, own.half_j)
    if group.total.energy_uj == own.energy_uj and not group.children:
        if own.nothing:
            sums = [report.stages[member].self_sum for member in group.members]
            return [f"{told}: {joules(sum(s.low_j for s in sums))} to {joules(sum(s.high_j for s in sums))}"]
        return [f"{told}{_of(own.energy_uj, measured_uj)}"]
    total = joules_within(group.total.energy_j, group.total.half_j)
    return [f"self {told}", f"of {total}{_of(group.total.energy_uj, measured_uj)}"]


def _spread(rows: Sequence[StageRow]) -> str:
    each = sorted(row.total_sum.energy_j for row in rows if row.total_sum.energy_j is not None)
    if not each:
        return "not separable"
    low, high = joules(each[0]), joules(each[-1])
    return f"each {low}" if low == high else f"each {low} to {high}"


def _bar(own: Known) -> str:
    whole = sum(uj for uj in own.by_family_uj.values() if uj > 0)
    parts = [(name, own.by_family_uj.get(name, 0) / whole) for name in FAMILY_ORDER]
    widths = [(ROLES[name], max(3, round(BAR_PT * part))) for name, part in parts if part >= 0.01]
    cells = "".join(
        cell("", f'FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="9" BGCOLOR="{LIGHT[role]}"') for role, width in widths
    )
    # Without FIXEDSIZE the cells drift apart in a box that is wider than the bar.
    size = f'FIXEDSIZE="TRUE" WIDTH="{sum(width for _, width in widths) + 2}" HEIGHT="11"'
    frame = f'BORDER="1" COLOR="{LIGHT["frame"]}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" ALIGN="LEFT" {size}'
    return row(cell(f"<TABLE {frame}>{row(cells)}</TABLE>", 'ALIGN="LEFT" CELLPADDING="0"'))


def _amount(energy_uj: int, measured_uj: int) -> str:
    return joules(energy_uj / 1e6) + _of(energy_uj, measured_uj)


def _of(energy_uj: int, measured_uj: int) -> str:
    return f" ({percent(energy_uj / measured_uj)})" if measured_uj > 0 else ""


def _measured_uj(report: Report) -> int:
    return round((report.measured.energy_j or 0.0) * 1e6)
