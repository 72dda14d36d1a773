"""What a box says: name, joules with their interval, bar of domains, calls and provenance, flags; and its tooltip."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Final

from energyprof.model.attribution import PROVENANCES
from energyprof.model.recorded_names import FOLDED
from energyprof.model.report import OUTSIDE, Report, StageRow
from energyprof_plugins.exporters.account import FAMILY_ORDER, Known, is_sampled
from energyprof_plugins.exporters.diagram.fold import Box, Joint, Rest, module_class
from energyprof_plugins.exporters.diagram.label import cell, fit, label, line, row, steady, table, width_pt
from energyprof_plugins.exporters.diagram.measure import Measure
from energyprof_plugins.exporters.diagram.palette import LIGHT
from energyprof_plugins.exporters.figures import (
    grouped,
    half_width,
    joules,
    joules_between,
    joules_with_bounds,
    joules_within,
    percent,
    seconds,
    watts,
)
from energyprof_plugins.exporters.function_names import MODULE, shown_name
from energyprof_plugins.exporters.visible import visible

SHORT: Final = {"inferred (repeat mode)": "repeat mode", "estimated (model)": "model"}
ROLES: Final = {"GPU": "gpu", "CPU": "cpu", "DRAM": "dram", "other": "other"}
SMALLEST_PT, LARGEST_PT, FULL_SHARE = 11, 22, 0.2
"""Font of a name, and the share of all stage energy from which it is largest."""
NAME_WIDTH_PT: Final = 230
FUNCTION_PT: Final = 135
"""Of a sampled function, of which up to five stand beside each other."""
BAR_PT: Final = 112
NAMES_TOLD: Final = 20


def provenance(rows: Sequence[StageRow]) -> str:
    """Return the weakest provenance among the self energies of `rows`; of the total of one that has none of its own."""
    sums = (row.total_sum if row.self_sum.energy_j is None else row.self_sum for row in rows)
    return weakest(one.provenance for one in sums)


def total_provenance(rows: Sequence[StageRow]) -> str:
    """Return the weakest provenance among the total energies of `rows`."""
    return weakest(row.total_sum.provenance for row in rows)


def weakest(ways: Iterable[str]) -> str:
    """Return the weakest of some provenances, of which there is at least one."""
    return max(ways, key=PROVENANCES.index)


def in_a_word(how: str) -> str:
    """Return a provenance as boxes and arrows say it."""
    return SHORT.get(how, how)


def name_size(share: float) -> int:
    """Return the font size of a name; whole points, for the renderer cuts off fractions."""
    grown = (LARGEST_PT - SMALLEST_PT) * math.sqrt(max(share, 0.0) / FULL_SHARE)
    return min(LARGEST_PT, SMALLEST_PT + round(grown))


def box_label(  # noqa: PLR0913 - what a box tells
    report: Report, box: Box, measure: Measure, ink: str, ways: Sequence[str] = (), *, bars: bool
) -> str:
    """Return the label of a stage, stack or function; `ways`: what leads to it without a line of its own.

    `bars`: domains are told apart.
    """
    rows = box.rows
    size = name_size(measure.share(box))
    if is_sampled(rows[0]):
        lines = [_function_name(rows[0], size, ink)]
    else:
        stack = f" \u00d7{len(rows)}" if len(rows) > 1 else ""
        size = _fitting(box.short_name, size, NAME_WIDTH_PT)
        lines = [line(fit(box.short_name, size, NAME_WIDTH_PT) + stack, size, ink, bold=True)]
    kind = module_class(rows)
    if kind and (box.short_name.endswith(".*") or box.short_name.rpartition(".")[2].isdigit()):
        lines.append(line(fit(visible(kind), 10, NAME_WIDTH_PT), 10, ink))
    headline = measure.headline(box)
    lines += [] if headline is None else [line(headline, 10, ink, bold=True)]
    lines += [line(text, 10, ink) for text in _energies(report, box)]
    if bars and box.own.energy_uj > 0:
        lines.append(_bar(box.own))
    if len(rows) > 1:
        lines.append(line(_spread(rows), 9, ink))
    how = provenance(rows)
    known_how = [] if box.own.nothing and box.total.nothing else [in_a_word(how)]
    called = _called(rows)
    if called or known_how:
        lines.append(line(" \u00b7 ".join([*called, *known_how]), 9, ink))
    if is_sampled(rows[0]) and rows[0].file and not rows[0].name.startswith(MODULE):
        lines.append(line(fit(f"{PurePath(rows[0].file).name}:{rows[0].line}", 9, FUNCTION_PT), 9, ink))
    lines += [line(text, 9, ink) for text in ways]
    lines += [line(text, 9, ink, bold=is_bold) for text, is_bold in _flags(box)]
    return label(table(lines))


def _fitting(name: str, size: int, room_pt: int) -> int:
    """Return the size of a name: smaller where it is long, before it is cut."""
    while size > SMALLEST_PT and width_pt(visible(name), size) > room_pt:
        size -= 1
    return size


def _function_name(row: StageRow, size: int, ink: str) -> str:
    """Return the line with a function's name; a module that is run goes by its file."""
    name = shown_name(row.name, row.file or "")
    size = _fitting(name, size, FUNCTION_PT)
    return line(fit(name, size, FUNCTION_PT), size, ink, bold=True)


def rest_label(rest: Rest, spent_uj: int, ink: str) -> str:
    """Return the label of a remainder: how many stages, the costliest by name, their joules."""
    _, first = rest.names[0]
    more = " \u2026" if rest.count > 1 else ""
    what = "" if not rest.functions else " functions" if rest.functions == rest.count else " parts"
    head = f"+ {grouped(rest.count)}{what}: {fit(first, 10, 110)}{more}"
    if rest.unknown == rest.count:
        told = "counted to their parent" if rest.folded == rest.count else "energy not known"
        return label(table([line(head, 10, ink), line(told, 10, ink)]))
    lines = [line(head, 10, ink), line(_amount(rest.energy_uj, spent_uj), 10, ink)]
    lines += [line(in_a_word(weakest(rest.ways)), 9, ink)] if rest.ways else []
    if rest.unknown > rest.folded:
        lines.append(line(f"and {grouped(rest.unknown - rest.folded)} not known", 9, ink))
    return label(table(lines))


def joint_label(joint: Joint, spent_uj: int, ink: str) -> str:
    """Return the label of stages that cannot be told apart."""
    together = joules_with_bounds(joint.energy_uj / 1e6, joint.low_uj / 1e6, joint.high_uj / 1e6)
    if len(joint.members) == 1:
        told = [line(f"{together}{_of(joint.energy_uj, spent_uj)}, inferred", 10, ink)]
        told.append(line(fit(visible(joint.reason), 9, 170), 9, ink))
        return label(table([line(fit(visible(joint.names[0]), 10, 170), 10, ink, bold=True), *told]))
    amount = f"{together} together{_of(joint.energy_uj, spent_uj)}"
    names = fit(", ".join(map(visible, joint.names)), 9, 170)
    head = f"{len(joint.members)} parts not separable, inferred"
    return label(table([line(head, 10, ink, bold=True), line(amount, 10, ink), line(names, 9, ink)]))


def wait_label(energy_uj: int, names: str, spent_uj: int) -> str:
    """Return the label of the note beside the stage that keeps a device waiting."""
    ink = LIGHT["ink"]
    told = [line(f"{names} idle, waiting", 11, ink, bold=True), line(_amount(energy_uj, spent_uj), 10, ink)]
    return label(table([*told, line("not in stage energy \u00b7 inferred", 9, LIGHT["dim"])]))


def box_tooltip(report: Report, box: Box) -> str:
    """Return everything the box has no room for."""
    rows, own, total = box.rows, box.own, box.total
    alike = f"  ({len(rows)} alike)" if len(rows) > 1 else ""
    if is_sampled(rows[0]):
        return _function_tooltip(report, box)
    own_s, calls = sum(one.self_wall_s for one in rows), sum(one.calls for one in rows)
    told = [" / ".join(map(visible, rows[0].path)) + alike]
    if not own.nothing:
        told.append(f"self {joules_with_bounds(own.energy_j, *own.bounds_j)} at 95 %, {provenance(rows)}")
    if not total.nothing:
        share = _of(total.energy_uj, _spent_uj(report))
        told.append(
            f"total {joules_with_bounds(total.energy_j, *total.bounds_j)}{share} of the run, {total_provenance(rows)}"
        )
    told += [f"self on {name}: {joules(uj / 1e6)}" for name, uj in sorted(own.by_family_uj.items())]
    if rows[0].embodied_j is not None and len(rows) == 1:
        bounds = rows[0].embodied_low_j, rows[0].embodied_high_j
        amount = joules_with_bounds(rows[0].embodied_j, *bounds)
        told.append(f"embodied in its result: {amount}, {rows[0].embodied_provenance}")
    each = ""
    if calls > 1 and not total.nothing:
        half_j = half_width(total.energy_j, *total.bounds_j)
        each = f", {joules_within(total.energy_j / calls, half_j / calls)} each"
    power = f", {watts(own.energy_j / own_s)} while it ran itself" if own_s > 0 and not own.nothing else ""
    resumes = sum(one.resumes for one in rows)
    again = f", {grouped(resumes)} times gone on with" if resumes else ""
    called = f"{grouped(calls)} call{'' if calls == 1 else 's'}"
    told.append(f"{called}{each}{again}; {seconds(own_s)} of its own{power}")
    if box.unrecorded:
        told.append(f"with what is too short to be recorded: {', '.join(map(visible, box.unrecorded[:NAMES_TOLD]))}")
    told += list(dict.fromkeys(visible(energy.reason) for one in rows for energy in one.self_energy if energy.reason))
    if rows[0].file is not None:
        told.append(visible(f"{rows[0].file}:{rows[0].line}" if rows[0].line is not None else rows[0].file))
    return "\n".join(told)


def _function_tooltip(report: Report, box: Box) -> str:
    row, own, whole = box.rows[0], box.own, box.rows[0].total_sum
    told = [f"{visible(row.name)}, sampled in {' / '.join(map(visible, row.path[:-1]))}"]
    if not own.nothing:
        told.append(f"self {joules_with_bounds(own.energy_j, *own.bounds_j)} at 95 %, {provenance([row])}")
    if whole.energy_j is not None:
        total_uj = round(whole.energy_j * 1e6)
        amount = joules_with_bounds(whole.energy_j, whole.low_j, whole.high_j)
        told.append(f"with callees {amount}{_of(total_uj, _spent_uj(report))} of the run, {total_provenance([row])}")
    told += [f"self on {name}: {joules(uj / 1e6)}" for name, uj in sorted(own.by_family_uj.items())]
    own_samples, samples = (int(row.facts[name]) for name in ("samples", "total_samples"))
    told.append(f"in {grouped(samples)} samples, innermost in {grouped(own_samples)}")
    told.append(visible(f"{row.file}:{row.line}"))
    return "\n".join(told)


def rest_tooltip(rest: Rest) -> str:
    """Return what was folded, the costliest first."""
    told = [f"{visible(name)}  {joules(-negative / 1e6)}" for negative, name in rest.names[:NAMES_TOLD]]
    left = len(rest.names) - len(told)
    how = f" ({weakest(rest.ways)})" if rest.ways else ""
    return "\n".join([f"folded here{how}:", *told, *([f"and {grouped(left)} more"] if left else [])])


def joint_tooltip(joint: Joint) -> str:
    """Return the names of all members, and why they cannot be told apart."""
    left = len(joint.names) - NAMES_TOLD
    more = [f"and {grouped(left)} more"] if left > 0 else []
    where = f"on {', '.join(dict.fromkeys(joint.families))}, inferred: {visible(joint.reason)}"
    return "\n".join([where, *map(visible, joint.names[:NAMES_TOLD]), *more])


def _energies(report: Report, box: Box) -> list[str]:
    spent_uj = _spent_uj(report)
    own, whole = box.own, box.total
    if is_sampled(box.rows[0]):
        return _of_function(box, spent_uj)
    if box.is_around and whole.nothing:
        return ["energy of what is shown not known"]
    if box.is_around:
        return [f"{joules(whole.energy_j)}{_of(whole.energy_uj, spent_uj)} shown of it"]
    bounds = [(row.self_sum.low_j, row.self_sum.high_j) for row in box.rows]
    known_bounds = [(low, high) for low, high in bounds if low is not None and high is not None]
    if own.nothing and whole.nothing and not known_bounds:
        return ["counted to its parent" if all(FOLDED in row.facts for row in box.rows) else "energy not known"]
    if own.nothing:
        told = "not separable" if known_bounds else "energy not known"
    else:
        told = joules_with_bounds(own.energy_j, *own.bounds_j)
    if whole.energy_uj == own.energy_uj and not box.group.children:
        if not own.nothing:
            return [_with_share(told, own.energy_uj, spent_uj)]
        if len(known_bounds) < len(bounds):
            return [told]
        return [f"{told}: {joules_between(sum(low for low, _ in known_bounds), sum(high for _, high in known_bounds))}"]
    total = joules_within(whole.energy_j, half_width(whole.energy_j, *whole.bounds_j))
    if box.rows[0].stage == OUTSIDE:
        return [f"{total}{_of(whole.energy_uj, spent_uj)}", "in no stage's energy"]
    word = "not sampled" if box.is_divided else "self"
    return [f"{word} {told}", f"of {total}{_of(whole.energy_uj, spent_uj)}"]


def _of_function(box: Box, spent_uj: int) -> list[str]:
    """Return own energy, and the total where it has callees: that holds theirs, and adds up to nothing."""
    own, total = box.own, box.rows[0].total_sum
    if own.nothing:
        return ["energy not known"]
    told = joules_with_bounds(own.energy_j, *own.bounds_j)
    if total.energy_j is None or round(total.energy_j * 1e6) == own.energy_uj:
        return [_with_share(told, own.energy_uj, spent_uj)]
    whole = f"{joules(total.energy_j)}{_of(round(total.energy_j * 1e6), spent_uj)}"
    if not own.energy_uj:
        return [f"{whole} in callees"]
    return [f"self {told}", f"{whole} with callees"]


def _called(rows: Sequence[StageRow]) -> list[str]:
    if is_sampled(rows[0]):
        own, all_of_them = (int(rows[0].facts[name]) for name in ("samples", "total_samples"))
        count = f"{grouped(all_of_them)} sample{'' if all_of_them == 1 else 's'}"
        return [count if own == all_of_them else f"{grouped(own)} of {count}"]
    calls = sum(one.calls for one in rows)
    return [f"{grouped(calls)} call{'' if calls == 1 else 's'}"] if calls else []


def _flags(box: Box) -> list[tuple[str, bool]]:
    """Return what is remarkable about a box, and whether it is written bold."""
    group, flags = box.group, list[tuple[str, bool]]()
    if group.dearer is not None:
        flags.append((f"{group.dearer:.1f} \u00d7 the median of its {group.alike} siblings", True))
    unused, outputs = (sum(getattr(row, name) for row in box.rows) for name in ("unused_outputs", "outputs"))
    if unused:
        flags.append((f"{grouped(unused)} of {grouped(outputs)} results to no stage", True))
    again = sum(row.repeated_inputs for row in box.rows)
    if again:
        flags.append((f"{grouped(again)} input{'' if again == 1 else 's'} received again", False))
    if box.unrecorded:
        flags.append((fit(f"with {', '.join(map(visible, box.unrecorded))}", 9, NAME_WIDTH_PT), False))
        flags.append(("too short to be recorded", False))
    if box.own.refused and not box.own.nothing:
        flags.append((f"{', '.join(box.own.refused)} part not separable", False))
    return flags


def _spread(rows: Sequence[StageRow]) -> str:
    each = sorted(row.total_sum.energy_j for row in rows if row.total_sum.energy_j is not None)
    return f"each {joules_between(each[0], each[-1])}" if each else "not separable"


def _bar(own: Known) -> str:
    whole = sum(uj for uj in own.by_family_uj.values() if uj > 0)
    parts = [(name, own.by_family_uj.get(name, 0) / whole) for name in FAMILY_ORDER]
    widths = [(ROLES[name], max(3, round(BAR_PT * part))) for name, part in parts if part >= 0.01]
    cells = "".join(
        cell("", f'FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="9" BGCOLOR="{LIGHT[role]}"') for role, width in widths
    )
    # Without FIXEDSIZE the cells drift apart in a box that is wider than the bar.
    width_pt = sum(width for _, width in widths) + 2
    size = f'FIXEDSIZE="TRUE" WIDTH="{width_pt}" HEIGHT="11"'
    frame = f'BORDER="1" COLOR="{LIGHT["frame"]}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" ALIGN="LEFT" {size}'
    bar = steady(f"<TABLE {frame}>{row(cells)}</TABLE>", width_pt, 11)
    return row(cell(bar, 'ALIGN="LEFT" CELLPADDING="0"'))


def _amount(energy_uj: int, spent_uj: int) -> str:
    return joules(energy_uj / 1e6) + _of(energy_uj, spent_uj)


def _with_share(told: str, energy_uj: int, spent_uj: int) -> str:
    """Return the figure with its share; one that ends in brackets gets no second pair of them."""
    if told.endswith(")") and spent_uj > 0:
        return f"{told}, {percent(energy_uj / spent_uj)}"
    return f"{told}{_of(energy_uj, spent_uj)}"


def _of(energy_uj: int, spent_uj: int) -> str:
    return f" ({percent(energy_uj / spent_uj)})" if spent_uj > 0 else ""


def _spent_uj(report: Report) -> int:
    return round((report.measured.energy_j or 0.0) * 1e6)
