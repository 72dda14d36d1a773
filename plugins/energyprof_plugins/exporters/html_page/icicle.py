"""The icicle of joules: width is energy, not time; what a stage is a part of stands above it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from energyprof.model.ids import StageId
from energyprof.model.report import Report, StageRow
from energyprof_plugins.exporters.account import ledger
from energyprof_plugins.exporters.diagram.palette import heat_step
from energyprof_plugins.exporters.figures import joules, percent
from energyprof_plugins.exporters.html_page.boxes import Box, boxes
from energyprof_plugins.exporters.html_page.ledger_bar import LINES
from energyprof_plugins.exporters.html_page.markup import name, words
from energyprof_plugins.exporters.html_page.section import Section
from energyprof_plugins.exporters.html_page.stage_rows import StageTable

ROW_PX: Final = 24
MOST_BOXES: Final = 360
SMALLEST: Final = 0.0005
"""Of all energy: less than half a pixel of a wide page."""
DEEPEST: Final = 24


def icicle(report: Report, table: StageTable) -> Section:
    """Return the chart; each of its boxes leads to its row by the number of its stage."""
    spent_uj = max(ledger(report).spent_uj, 1)
    laid = [box for box in boxes(report) if box.depth < DEEPEST]
    shown = [box for box in laid if box.width_uj >= SMALLEST * spent_uj]
    # The widest are kept; a box is never wider than the one it stands in, so that none loses its parent.
    shown = sorted(sorted(shown, key=lambda box: -box.width_uj)[:MOST_BOXES], key=lambda box: (box.depth, box.start_uj))
    stages_uj = sum(box.width_uj for box in laid if box.depth == 0)
    parts = _beside_stages(report)
    whole_uj = max(stages_uj + sum(part for _, _, part in parts), spent_uj)
    drawn = [_box(report, table, box, whole_uj) for box in shown]
    at = stages_uj
    for key, line, part in parts:
        drawn.append(_plain(key, line, at, part, whole_uj))
        at += part
    height = ROW_PX * (1 + max((box.depth for box in shown), default=0))
    smaller = len(laid) - len(shown)
    note = f" {smaller} smaller or deeper boxes are not drawn; the tables have them." if smaller else ""
    lead = (
        "Width is energy, not time; below each box is what it is made of, and an empty space there is its own. "
        f"Colour: energy of the stage itself. Click or Enter enlarges, Escape goes back, arrow keys move.{note}"
    )
    return Section(
        "icicle",
        "Icicle of joules",
        "<div class=bar><button id=ic-out disabled hidden>Zoom out</button></div>"
        f'<svg class=ic height={height} role=group aria-label="Icicle of joules">{"".join(drawn)}</svg>',
        lead,
    )


def _beside_stages(report: Report) -> list[tuple[str, str, int]]:
    account = ledger(report)
    parts = (account.idle_uj, account.outside_uj, account.others_uj, account.unattributed_uj)
    return [(key, line, part) for (key, line), part in zip(LINES[1:], parts, strict=True) if part > 0]


def _box(report: Report, table: StageTable, box: Box, whole_uj: int) -> str:
    amount = f"{joules(box.width_uj / 1e6)}, {percent(box.width_uj / whole_uj)}"
    frame = _frame(box.depth, box.start_uj, box.width_uj, whole_uj)
    if box.row is None:
        count = len(box.unsplit.members) if box.unsplit is not None else 0
        word = f"{count} parts, not separable" if count > 1 else "itself, not separable"
        where = f" on {name(box.unsplit.domain)}" if box.unsplit is not None else ""
        return f'{frame}><g class="c u"><title>{word}{where}: {amount}</title><rect/>{_label(word)}</g></svg>'
    row = report.stages[box.row]
    own = table.own[box.row]
    step = heat_step(own.energy_uj / max(table.stages_uj, 1))
    told = f"{name('/'.join(row.path))}: {amount}; itself {'not known' if own.nothing else joules(own.energy_j)}"
    return (
        f'{frame}><g class="c h{step}" data-s={box.row}><title>{told}</title>'
        f"<rect/>{_label(name(_own_name(table.names, row)))}</g></svg>"
    )


def _own_name(names: Mapping[StageId, str], row: StageRow) -> str:
    """Return a name, that of a layer without the layer it stands below: the end is what tells them apart."""
    return row.name if row.parent is None else row.name.removeprefix(f"{names[row.parent]}.")


def _plain(key: str, line: str, at_uj: int, width_uj: int, whole_uj: int) -> str:
    amount = f"{joules(width_uj / 1e6)}, {percent(width_uj / whole_uj)}"
    return (
        f'{_frame(0, at_uj, width_uj, whole_uj)}><g class="c l k-{key}"><title>{words(line)}: {amount}</title>'
        f"<rect/>{_label(words(line))}</g></svg>"
    )


def _label(markup: str) -> str:
    """Return what is written on a box: text that the browser cuts to its width, and reads out whole."""
    return f"<foreignObject><b>{markup}</b></foreignObject>"


def _frame(depth: int, start_uj: int, width_uj: int, whole_uj: int) -> str:
    left, width = 100 * start_uj / whole_uj, 100 * width_uj / whole_uj
    return f"<svg x={left:.3f}% y={depth * ROW_PX} width={width:.3f}% height={ROW_PX - 1}"
