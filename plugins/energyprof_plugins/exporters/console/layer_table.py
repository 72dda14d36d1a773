"""The table of layers, as a tree in the order of the model or the costliest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from rich.cells import cell_len
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from energyprof.model.report import LAYER_PHASES, LayerPhase, LayerRow, Report, SumRow
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.interval_columns import BOUNDS_KEY, IntervalColumns
from energyprof_plugins.exporters.console.stage_table import KEY, LETTERS, fit_path
from energyprof_plugins.exporters.figures import column_unit, each_warranted, grouped, percent, with_error
from energyprof_plugins.exporters.layer_choice import Choice

INDENT: Final = 2
SHORTEST_NAME: Final = 24
"""Columns beyond the first figures are left out, the last first, until names have this much room."""
LONGEST_NAME: Final = 60
REFUSED: Final = "?"
FOLDED_SIGN: Final = "^"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what stands above it and in it."""

    heading: str
    cells: list[str]
    is_needed: bool = False
    left: bool = False

    def width(self) -> int:
        """Return the terminal cells that its widest text takes."""
        return max(cell_len(text) for text in [self.heading, *self.cells])


def layer_table(report: Report, choice: Choice, glyphs: Glyphs, width: int) -> Table:
    """Return the table, never wider than `width`; what is left out is one row that says how many and their joules."""
    columns = layer_columns(report, choice, glyphs)
    gap = 2
    while len(columns) > 1:
        room = width - sum(column.width() + gap for column in columns)
        spare = [place for place, column in enumerate(columns) if not column.is_needed]
        if room >= SHORTEST_NAME or not spare:
            break
        del columns[spare[-1]]
    room = min(max(room, 8), LONGEST_NAME)
    names = [_name(row, choice, room, glyphs) for row in choice.rows] + rest_name(choice)
    heading = name_heading(choice)
    table = Table(box=glyphs.rule(), padding=(0, gap - 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    table.add_column(heading, width=max(map(cell_len, [heading, *names])), no_wrap=True)
    for column in columns:
        justify: JustifyMethod = "left" if column.left else "right"
        table.add_column(column.heading, width=column.width(), justify=justify, no_wrap=True)
    for place, name in enumerate(names):
        styled = [Text(column.cells[place], style="" if column.heading else "yellow") for column in columns]
        table.add_row(Text(name), *styled)
    return table


def name_heading(choice: Choice) -> str:
    """Return what stands above the names."""
    return "layer (with those below)" if choice.depth == 0 else "layer"


def rest_name(choice: Choice) -> list[str]:
    """Return the name of the row for what is left out; nothing where nothing is."""
    return [f"+ {grouped(len(choice.rest))} smaller"] if choice.rest else []


def own_name(row: LayerRow, choice: Choice) -> str:
    """Return what a layer is called below the one that calls it; its whole name where no tree is shown."""
    if choice.by_cost or row.parent is None or not row.layer.startswith(f"{row.parent}."):
        return row.layer
    return row.layer[len(row.parent) + 1 :]


def bar_parts(choice: Choice) -> list[float]:
    """Return how long each row's bar is, 0..1 of the longest figure; a refused row has none."""
    figures = [choice.figure(row) for row in choice.rows]
    most_j = max((_size(figure) for figure in figures), default=0.0)
    return [max(figure.energy_j or 0.0, 0.0) / most_j if most_j else 0.0 for figure in figures]


def layer_key(choice: Choice, report: Report) -> str:
    """Return what the signs of the table mean."""
    figures = [choice.figure(row) for row in choice.rows]
    letters = {figure.provenance for figure in figures}
    said = [f"{letter} {KEY.get(word, word)}" for word, letter in LETTERS.items() if word in letters]
    lines = ["how  " + "  ".join(said)]
    if _intervals(figures, "").bounds:
        lines.append(BOUNDS_KEY)
    if any(row.folded for row in choice.rows):
        reasons = dict.fromkeys(row.folded for row in choice.rows if row.folded)
        lines.append(f"{FOLDED_SIGN} {'; '.join(reasons)}")
    if any(choice.figure(row).energy_j is None and not row.folded for row in choice.rows):
        lines.append(f"{REFUSED} cannot be told from its neighbours, only bounds are known")
    if choice.depth is not None:
        lines.append(f"at depth {choice.depth} the layers below are included")
    else:
        has_phases = choice.phase == "total" and len({row.phase for row in report.layers}) > 2
        lines.append(f"each layer without those it calls; total{' and phases' if has_phases else ''} with them")
    if any(row.flops for row in choice.rows):
        lines.append("GFLOP by formula from the first call's shapes, a lower bound")
    lines += [f"no GFLOP: {reason}" for reason in dict.fromkeys(row.no_flops for row in choice.rows if row.no_flops)]
    if report.overhead.dropped:
        lines.append(f"{grouped(report.overhead.dropped)} events were lost")
    return "; ".join(lines)


def layer_columns(report: Report, choice: Choice, glyphs: Glyphs) -> list[Column]:
    """Return all columns behind the names, a cell for each row and one for what is left out; bars have no heading."""
    rows = choice.rows
    figures = [choice.figure(row) for row in rows]
    most_j = max((_size(figure) for figure in figures), default=0.0)
    unit, unit_j = column_unit(most_j)
    intervals = _intervals(figures, unit)
    cells = [
        intervals.value_only(FOLDED_SIGN) if row.folded else _energy_cells(figure, intervals, unit_j)
        for row, figure in zip(rows, figures, strict=True)
    ]
    shares = ["" if figure.share is None else percent(figure.share).removesuffix(" %") for figure in figures]
    bars = [glyphs.bar(part, 10) for part in bar_parts(choice)]
    if choice.rest:
        rest_j = sum(choice.figure(row).energy_j or 0.0 for row in choice.rest)
        cells.append(intervals.value_only(with_error(rest_j / unit_j, most_j / unit_j / 1000)[0]))
        shares.append("")
        bars.append("")
    more = [""] * bool(choice.rest)
    made = [
        Column(heading, [line[place] for line in cells], is_needed=True)
        for place, heading in enumerate(intervals.headings())
    ]
    made += [Column("share %", shares, is_needed=True), Column("", bars, left=True)]
    if choice.depth is None and any(row.total_sum != row.self_sum for row in rows):
        made.append(Column("total", [_of_layer(row, row.total_sum.energy_j, unit_j) for row in rows] + more))
    made += _phase_columns(report, choice, unit_j, more)
    has_tokens = any(row.per_token_j is not None for row in rows)
    if has_tokens:
        made.append(_each(rows, "token", lambda row: row.per_token_j, more))
    made.append(Column("calls", [grouped(row.calls) for row in rows] + more))
    made.append(_each(rows, "call", lambda row: row.per_call_j, more))
    if not has_tokens:
        made.append(_each(rows, "sample", lambda row: row.per_sample_j, more))
    made.append(Column("W", [_number(row.mean_power_w) for row in rows] + more))
    made.append(Column("params", [_count(row.parameters) for row in rows] + more))
    made.append(Column("GFLOP", [_number(None if row.flops is None else row.flops / 1e9) for row in rows] + more))
    made.append(Column("J/GFLOP", [_number(row.joules_per_gflop) for row in rows] + more))
    kept = [column for column in made if column.is_needed or column.left or any(column.cells)]
    how = [LETTERS[figure.provenance] for figure in figures] + more
    kept.append(Column("how", how, is_needed=True, left=True))
    written = [glyphs.text(column.heading) for column in kept]
    return [
        Column(heading, [glyphs.text(cell) for cell in column.cells], column.is_needed, column.left)
        for heading, column in zip(written, kept, strict=True)
    ]


def _phase_columns(report: Report, choice: Choice, unit_j: float, more: list[str]) -> list[Column]:
    """Return what each phase spent with the layers below, where all phases are shown and there is more than one.

    So they add up to the total beside them, as in the page for browsers.
    """
    if choice.phase != "total":
        return []
    apart = {(row.layer, row.phase): row for row in report.layers}
    phases: list[LayerPhase] = [
        phase for phase in LAYER_PHASES[:-1] if any(row.phase == phase for row in report.layers)
    ]
    if len(phases) < 2:
        return []
    made = []
    for phase in phases:
        found = [apart.get((row.layer, phase)) for row in choice.rows]
        values = ["" if row is None else _of_layer(row, row.total_sum.energy_j, unit_j) for row in found]
        made.append(Column(phase, values + more))
    return made


def _each(rows: Sequence[LayerRow], what: str, value: Callable[[LayerRow], float | None], more: list[str]) -> Column:
    known = [found for row in rows if (found := value(row))]
    unit, unit_j = column_unit(median(known) if known else 0.0)
    return Column(f"{unit}/{what}", [_rate(row, value(row), unit_j) for row in rows] + more)


def _rate(row: LayerRow, each_j: float | None, unit_j: float) -> str:
    total = row.total_sum
    if row.folded or each_j is None or total.energy_j is None:
        return _of_layer(row, each_j, unit_j)
    return each_warranted(each_j / unit_j, total.energy_j, total.low_j, total.high_j)


def _intervals(figures: Sequence[SumRow], unit: str) -> IntervalColumns:
    refused = any(figure.energy_j is None for figure in figures)
    told = [(f.energy_j, _low(f), _high(f)) for f in figures if f.energy_j is not None]
    return IntervalColumns(unit, bounds=True) if refused else IntervalColumns.of(unit, told)


def _energy_cells(figure: SumRow, intervals: IntervalColumns, unit_j: float) -> list[str]:
    low_j, high_j = _low(figure), _high(figure)
    if figure.energy_j is not None:
        return intervals.cells(figure.energy_j / unit_j, low_j / unit_j, high_j / unit_j)
    if figure.high_j is None:
        return intervals.value_only(REFUSED)
    middle = (low_j + high_j) / 2
    return [REFUSED, *intervals.cells(middle / unit_j, low_j / unit_j, high_j / unit_j)[1:]]


def _low(figure: SumRow) -> float:
    return figure.low_j if figure.low_j is not None else figure.energy_j or 0.0


def _high(figure: SumRow) -> float:
    return figure.high_j if figure.high_j is not None else figure.energy_j or 0.0


def _size(figure: SumRow) -> float:
    return abs(figure.energy_j) if figure.energy_j is not None else _high(figure)


def _of_layer(row: LayerRow, energy_j: float | None, unit_j: float) -> str:
    return "" if row.folded else _plain_j(energy_j, unit_j)


def _plain_j(energy_j: float | None, unit_j: float) -> str:
    return REFUSED if energy_j is None else _number(energy_j / unit_j)


def _number(value: float | None) -> str:
    """Return three digits; nothing for what is not known."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    return with_error(value, abs(value) / 300)[0]


def _count(number: int) -> str:
    """Return a number of parameters as people write it: `66.4 M`, `590 k`."""
    for sign, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= 0.9995 * size:
            return f"{number / size:.3g} {sign}"
    return str(number) if number else ""


def _name(row: LayerRow, choice: Choice, room: int, glyphs: Glyphs) -> str:
    if choice.by_cost:
        return fit_path((row.layer,), room, glyphs)
    own = own_name(row, choice)
    margin = " " * min(INDENT * row.depth, room // 2)
    name = margin + fit_path((own,), room - len(margin), glyphs)
    with_class = f"{name} {glyphs.name(row.module_class)}"
    return with_class if row.module_class != own and cell_len(with_class) <= room else name
