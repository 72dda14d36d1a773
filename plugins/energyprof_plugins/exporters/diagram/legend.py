"""The legend above the diagram: the run, the ledger by kind of hardware, and what colours, borders and lines mean."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from energyprof.model import amounts
from energyprof.model.footprint_rows import FootprintRow
from energyprof.model.footprint_text import assumed_text
from energyprof.model.report import Report
from energyprof_plugins.exporters.account import (
    FAMILY_ORDER,
    MODEL,
    covered_text,
    family,
    is_sampled,
    is_stage,
    ledger,
    sensed_word,
    sum_word,
    unread_domains,
)
from energyprof_plugins.exporters.diagram.anatomy import ROLES, in_a_word, total_provenance
from energyprof_plugins.exporters.diagram.label import cell, fit, font, label, row, steady, table
from energyprof_plugins.exporters.diagram.measure import SCALES
from energyprof_plugins.exporters.diagram.palette import HEAT, LIGHT
from energyprof_plugins.exporters.diagram.wishes import Metric
from energyprof_plugins.exporters.figures import (
    column_unit,
    decimals_for,
    grouped,
    joules,
    joules_with_bounds,
    percent,
    rounded_to_add_up,
    seconds,
)
from energyprof_plugins.exporters.visible import program_name, visible

INK, DIM = LIGHT["ink"], LIGHT["dim"]
SENSORS_SHOWN: Final = 6
LINE_PT: Final = 330
BORDER_PT, BORDER_GAP_PT = 72, 9
FOOTPRINT_PT: Final = 640
"""No figure is cut in it; a long source may be."""
SENSOR_PT: Final = 430
"""Plain letters of 9 pt are about a quarter narrower than the bold ones that widths are reckoned with."""


def families_of(report: Report) -> list[str]:
    """Return the kinds of hardware whose energy is added up in this run."""
    present = {family(row.domain) for row in report.domains if row.counts}
    return [name for name in FAMILY_ORDER if name in present]


@dataclass(frozen=True, slots=True)
class Shown:
    """What is drawn, as far as the legend speaks of it."""

    stages: int
    functions: int
    ways: Collection[str]
    """The provenances of the boxes."""
    metric: Metric
    flow_ways: Collection[str]
    """The provenances of what the arrows of data carry."""
    call_ways: Collection[str]
    has_flow: bool
    has_order: bool
    has_calls: bool
    has_ways: bool
    """Lines lead to sampled functions that were chosen for the picture."""
    thin_arrows: int
    """How many are left out because they carry too little."""


def legend(report: Report, shown: Shown) -> str:
    """Return the legend as the label of the graph."""
    families = families_of(report)
    gap = cell("", 'WIDTH="16"')
    top = 'ALIGN="LEFT" VALIGN="TOP"'
    left = table([row(cell(text)) for text in _run(report, shown)], padding=2)
    cells = [cell(left, top), gap]
    if families:
        cells += [cell(_ledger(report, families), top), gap]
    cells.append(cell(_key(families, shown), top))
    return label(table([row(*cells)], spacing=6, padding=2))


def _run(report: Report, shown: Shown) -> list[str]:
    run, whole, total, drawn = report.run, report.measured, sum(map(is_stage, report.stages)), shown.stages
    said = [font(fit(program_name(run.command), 17, LINE_PT), 17, INK, bold=True)]
    if whole.energy_j is not None:
        amount = joules_with_bounds(whole.energy_j, whole.low_j, whole.high_j)
        said.append(font(f"{amount} {sum_word(report)} in {seconds(run.wall_s)}", 11, INK))
    else:
        what = "no reading covers this run" if report.domains else "no power was recorded"
        said.append(font(f"{what}; it took {seconds(run.wall_s)}", 11, INK))
    if report.domains and all(one.provenance == MODEL for one in report.domains):
        said.append(font(f"{MODEL}: no power sensor was read", 10, INK, bold=True))
    if report.footprint is not None:
        said += [font(fit(text, 9, FOOTPRINT_PT), 9, INK) for text in _footprint(report.footprint)]
    said += [font(text, 10, INK, bold=True) for text in _view(report)]
    if covered_text(report):
        said.append(font(f"the ledger {covered_text(report)}", 9, INK, bold=True))
    machine = [run.host, *(run.versions[name] for name in ("cpu", "platform") if run.versions.get(name))]
    if any(machine):
        said.append(font(fit(", ".join(part for part in machine if part), 9, LINE_PT), 9, DIM))
    folded = ", rest folded" if drawn < total else ""
    cost = percent(report.overhead.share)
    said.append(
        font(f"profiler overhead {cost} \u00b7 {grouped(drawn)} of {grouped(total)} stages drawn{folded}", 9, DIM)
    )
    functions = sum(map(is_sampled, report.stages))
    if shown.has_ways:
        left = ", rest folded" if shown.functions < functions else ""
        some = f"{grouped(shown.functions)} of {grouped(functions)}"
        said.append(font(f"functions by samples of the stack every 10 ms \u00b7 {some} drawn{left}", 9, DIM))
    for one in report.domains[:SENSORS_SHOWN]:
        period = f", every {seconds(one.period_s)}" if one.period_s is not None else ""
        inside = "" if one.counts else ", energy unknown" if one.domain in unread_domains(report) else ", not added"
        text = f"{visible(one.domain)}: {visible(one.source)}, {one.provenance}{period}{inside}"
        said.append(font(fit(text, 9, SENSOR_PT), 9, DIM))
    if len(report.domains) > SENSORS_SHOWN:
        said.append(font(f"and {len(report.domains) - SENSORS_SHOWN} more domains", 9, DIM))
    return said


def _footprint(row: FootprintRow) -> list[str]:
    """Return CO2e and money of the whole run, with how they are known, and in a line what they rest on."""
    told = [] if row.carbon_g is None else [f"{amounts.carbon(row.carbon_g)}, {row.carbon_provenance}"]
    price = row.assumptions.price
    if row.cost is not None and price is not None:
        told.append(f"{amounts.money(row.cost, price.currency)}, {row.cost_provenance}")
    return [*told, assumed_text(row.assumptions)] if told else []


def _view(report: Report) -> list[str]:
    """Return what part of the run is shown, and the costliest path."""
    said, view, spent_j = [], report.view, report.measured.energy_j or 0.0
    if view is not None:
        chosen = [] if view.domain == "all" else [f"{view.domain} only"]
        chosen += [
            f"{word} {visible(value)}" for word, value in (("focus", view.focus), ("ignore", view.ignore)) if value
        ]
        if chosen:
            said.append(fit(" \u00b7 ".join(chosen), 10, LINE_PT))
        is_partial = bool(view.focus or view.ignore)
        if is_partial and view.shown_j is None:
            said.append("the energy of what is shown is not known")
        elif is_partial and view.shown_j is not None and view.left_out_j is not None:
            said.append(f"shown {joules(view.shown_j)} of stage energy, {joules(view.left_out_j)} left out")
        if view.level == "function" and not any(map(is_sampled, report.stages)):
            said.append("no functions were sampled; run with --stacks")
    names = {row.stage: row.name for row in report.stages}
    if len(report.costliest_path) > 1:
        path = [row for row in report.stages if row.stage in report.costliest_path]
        energy_j = sum(row.total_sum.energy_j or 0.0 for row in path)
        share = f" ({percent(energy_j / spent_j)})" if spent_j > 0 else ""
        share += f", {in_a_word(total_provenance(path))}"
        steps = " \u2192 ".join(visible(names[stage]) for stage in report.costliest_path)
        said += [f"costliest path: {joules(energy_j)}{share}", fit(steps, 10, LINE_PT)]
    return said


def _ledger(report: Report, families: Sequence[str]) -> str:
    """Every column adds up as printed, and the last one is the sum of the printed others."""
    largest_j = ledger(report).spent_uj / 1e6
    unit, unit_j = column_unit(largest_j)
    decimals = decimals_for(largest_j / unit_j)
    columns: list[list[str]] = []
    sums = [0.0] * 6
    for name in families:
        account = ledger(report, name)
        parts = (account.stages_uj, account.idle_uj, account.outside_uj, account.others_uj, account.unattributed_uj)
        shown, total = rounded_to_add_up([part / 1e6 / unit_j for part in parts], decimals)
        columns.append([*shown, total])
        sums = [
            before + float(text.replace(" ", "").replace("\u2212", "-"))
            for before, text in zip(sums, columns[-1], strict=True)
        ]
    if len(families) > 1:
        columns.append([grouped(value, decimals).replace("-", "\u2212") for value in sums])
    word = {"partly estimated": "total"}.get(sum_word(report), sum_word(report))
    names = ("in stages", "idle", "outside any stage", "other processes", "unattributed", f"= {word} ({unit})")
    headings = [*families, *(["all"] if len(families) > 1 else [])]
    right = 'ALIGN="RIGHT" WIDTH="40"'
    rows = [row(cell(""), *(cell(font(text, 9, DIM), right) for text in headings))]
    for place, name in enumerate(names):
        bold = place == len(names) - 1
        figures = [cell(font(column[place], 9, INK, bold=bold), right) for column in columns]
        rows.append(row(cell(font(name, 9, INK, bold=bold)), *figures))
    if word == "total":
        ways = [_way(report, name) for name in families]
        cells = [cell(font(text, 9, DIM), right) for text in (*ways, *(["mixed"] if len(families) > 1 else []))]
        rows.append(row(cell(font("how", 9, DIM)), *cells))
    return table(rows, padding=2)


def _way(report: Report, name: str) -> str:
    """Return how the energy of one kind of hardware came about, in one word."""
    account = ledger(report, name)
    if not account.estimated_uj:
        return sensed_word(report)
    return "mixed" if account.measured_uj else "model"


def _key(families: Sequence[str], shown: Shown) -> str:
    lines = [table([row(*map(_swatch, HEAT))], spacing=1, padding=0)]
    lines.append(font(f"{SCALES[shown.metric]}: below 0.5 % \u2026 32 % and more", 9, DIM))
    if shown.ways:
        lines.append(_borders(shown.ways))
    if len(families) > 1:
        cells = [part for name in families for part in (_swatch(LIGHT[ROLES[name]]), cell(font(name, 9, INK)))]
        lines.append(table([row(*cells)], spacing=3, padding=0))
    if shown.has_flow:
        how = _one_of(shown.flow_ways)
        lines.append(font(f"arrow down = data handed on, with the J it embodies{how}", 9, LIGHT["feed"]))
    if shown.has_order:
        lines.append(font("thin arrow down = ran next, data flow unknown", 9, DIM))
    if shown.has_calls:
        how = _one_of(shown.call_ways)
        lines.append(font(f"thin arrow right = calls, with the J that pass along{how}", 9, DIM))
    if shown.has_ways:
        lines.append(font("arrow right = leads to, by calls that are counted and not drawn;", 9, DIM))
        lines.append(font("width and J = what is spent there (all of the box, where none are told)", 9, DIM))
    else:
        lines.append(font("plain line right = contains; width = J carried", 9, DIM))
    if shown.thin_arrows:
        one = "arrow that carries little is" if shown.thin_arrows == 1 else "arrows that carry little are"
        lines.append(font(f"{grouped(shown.thin_arrows)} {one} left out", 9, DIM))
    return table([row(cell(text)) for text in lines], padding=1)


def _one_of(ways: Collection[str]) -> str:
    """Return the provenance of all arrows of a kind; where there are several, each arrow says its own."""
    return f" ({in_a_word(*ways)})" if len(ways) == 1 else ""


def _swatch(color: str) -> str:
    frame = f'BORDER="1" COLOR="{LIGHT["frame"]}" FIXEDSIZE="TRUE" WIDTH="20" HEIGHT="11"'
    return cell("", f'{frame} BGCOLOR="{color}"')


def _borders(ways: Collection[str]) -> str:
    def framed(style: str, word: str, width: int = 1) -> str:
        return cell(font(word, 9, INK), f'BORDER="{width}" STYLE="{style}" COLOR="{INK}"')

    inner = f'<TABLE BORDER="1" STYLE="dashed" COLOR="{INK}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">'
    twice = f"{inner}{row(cell(font('repeat mode', 9, INK)))}</TABLE>"
    samples = {
        "measured": framed("solid", "measured"),
        "inferred": framed("dashed", "inferred"),
        "inferred (repeat mode)": cell(twice, f'BORDER="1" STYLE="dashed" COLOR="{INK}" CELLPADDING="2"'),
        MODEL: framed("dotted", "model", 2),
    }
    shown = [sample for way, sample in samples.items() if way in ways]
    return steady(table([row(*shown)], spacing=BORDER_GAP_PT, padding=3), BORDER_PT * len(shown), 28)
