"""The table of stages, costliest first; its joules add up to the stages line of the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from types import MappingProxyType
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from energyprof.model.ids import StageId
from energyprof.model.recorded_names import FOLDED, PASSED_OVER
from energyprof.model.report import Report, UnsplitRow
from energyprof_plugins.exporters.account import counted_domains, ledger, microjoules, stage_energies
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.interval_columns import BOUNDS_KEY, IntervalColumns
from energyprof_plugins.exporters.figures import column_unit, grouped, percent, warranted, with_error

LETTERS: Final = {"measured": "M", "inferred": "I", "inferred (repeat mode)": "R", "estimated (model)": "E"}
KEY: Final = {"inferred (repeat mode)": "repeat mode"}
WIDE: Final = 80
"""From this width on the table also has calls and joules per call; where it has both bounds it needs `BOUNDS` more."""
BOUNDS: Final = 12
LONGEST_NAME: Final = 72
OUTER_SHARE: Final = 0.3
"""Of the cells of a name at most go to what stands before the last component, where that is cut itself."""
LEAST_BAR: Final = 5
"""Cells of a bar at least; where names need more room a wider one gives it to them."""
FEWEST_LETTERS: Final = 3
"""Of an outer name that ends in dots: with fewer a single letter says as much."""
LEAST_END: Final = 10
"""Cells of a last name that gives its front, so that the outer ones keep `FEWEST_LETTERS`."""
ELLIPSIS: Final = "\u2026"
ONE_LETTER: Final[Mapping[tuple[str, ...], int]] = MappingProxyType({})
NAMED: Final = 3
"""Members of a group that are named; the JSON report names all."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row before it is written; energies in whole microjoules."""

    path: tuple[str, ...]
    energy_uj: int
    low_uj: int
    high_uj: int
    calls: int | None
    how: str
    order: str
    """Ties are broken by it."""
    members: tuple[str, ...] = ()
    """Of a group that cannot be told apart: their names below `path`."""
    domain: str = ""
    """The one domain that it is about, where the table would not say so."""
    reason: str = ""
    """Why a stage's own figure is none of the stage alone."""


def entries(report: Report) -> list[Entry]:
    """Return what is known of every stage by itself, and every group that cannot be told apart, costliest first.

    Their energies add up to the stages line of the ledger.
    """
    counted = counted_domains(report)
    paths = {row.stage: row.path for row in report.stages}
    joint = [row for row in report.unsplit if row.domain in counted]
    several = len(counted) > 1
    rows = [_joint_entry(row, paths, row.domain if several else "") for row in joint]
    own = stage_energies([stage.self_energy for stage in report.stages], counted)
    figures = zip(report.stages, own.energy_uj, own.low_uj, own.high_uj, own.nothing, strict=True)
    rows += [
        Entry(stage.path, energy_uj, low_uj, high_uj, stage.calls, LETTERS[stage.self_sum.provenance], stage.stage)
        for stage, energy_uj, low_uj, high_uj, nothing in figures
        if not nothing and (stage.calls or energy_uj)  # what only others stand below was never called itself
    ]
    return sorted(rows, key=lambda entry: (-entry.energy_uj, entry.order))


@dataclass(frozen=True, slots=True)
class Listing:
    """Which rows the table has, and what it leaves out."""

    shown: Sequence[Entry]
    rest: Sequence[Entry]
    letters: frozenset[str]
    """Of all rows."""

    @staticmethod
    def of(report: Report, limit: int) -> Listing:
        """Show the costliest rows, one more than `limit` rather than a remainder of one."""
        rows = entries(report)
        shown = rows if len(rows) <= limit + 1 else [entry for entry in rows[:limit] if entry.energy_uj > 0]
        return Listing(shown, rows[len(shown) :], frozenset(entry.how[0] for entry in rows))

    def largest_uj(self) -> int:
        """Return the energy of the costliest row."""
        return max((entry.energy_uj for entry in (*self.shown, *self.rest[:1])), default=0)

    def figures(self, unit: str) -> IntervalColumns:
        """Return how the energies are written."""
        return IntervalColumns.of(unit, [(entry.energy_uj, entry.low_uj, entry.high_uj) for entry in self.shown])


def key(report: Report, listing: Listing) -> str:
    """Return what the letters in the last column mean, those of this report only."""
    said = [f"{letter} {KEY.get(word, word)}" for word, letter in LETTERS.items() if letter in listing.letters]
    if any(len(row.members) > 1 for row in report.unsplit):
        said.append("*n  n stages not separable")
    lines = ["how  " + "  ".join(said)] if said else []
    if listing.figures("").bounds:
        lines.append(BOUNDS_KEY)
    if listing.rest:
        lines.append("smaller  all of them: report --format csv")
    reasons: dict[str, list[str]] = {}
    for entry in listing.shown:
        if entry.reason:
            name = "/".join((*entry.path, f"{len(entry.members)} stages")) if entry.members else "/".join(entry.path)
            reasons.setdefault(entry.reason, []).append(name)
    lines += [f"{', '.join(names[:NAMED])}: {reason}" for reason, names in reasons.items()]
    folded = sum(FOLDED in row.facts for row in report.stages)
    if folded:
        them = "1 stage is" if folded == 1 else f"{grouped(folded)} stages are"
        lines.append(f"{them} too short to be recorded and counted to those that call them")
    if any(PASSED_OVER in row.facts for row in report.stages):
        lines.append(
            "layers were recorded in some calls of their models only, drawn at random, and are inferred from those"
        )
    missing = uncovered(report)
    if missing:
        stages = "no reading covers 1 stage" if missing == 1 else f"no reading covers {grouped(missing)} stages"
        lines.append(f"{stages}, which the table leaves out")
    return "; ".join(lines)


def uncovered(report: Report) -> int:
    """Return how many stages have no figure at all, not even together with others, and count to no others."""
    counted = counted_domains(report)
    together = {member for row in report.unsplit if row.domain in counted for member in row.members}
    own = stage_energies([row.self_energy for row in report.stages], counted)
    unknown = zip(report.stages, own.nothing, strict=True)
    elsewhere = {FOLDED, PASSED_OVER}
    return sum(nothing and row.stage not in together and not elsewhere & row.facts.keys() for row, nothing in unknown)


def stage_table(report: Report, listing: Listing, glyphs: Glyphs, width: int) -> Table:
    """Return the table, never wider than `width`; what is left out is one row that says how many and their joules."""
    shown = listing.shown
    wide = width >= WIDE + (BOUNDS if listing.figures("").bounds else 0)
    columns = _Columns(glyphs, ledger(report).spent_uj, listing, wide)
    lines, widths, room = _laid_out(columns, listing, width)
    lacking = max((cell_len("/".join(entry.path)) for entry in shown), default=0) - room
    if lacking > 0 and columns.bar_width > LEAST_BAR:  # a name is told by nothing else; a bar repeats the share
        columns.bar_width = max(columns.bar_width - lacking, LEAST_BAR)
        lines, widths, room = _laid_out(columns, listing, width)

    headings, gap = columns.headings(), columns.gap
    letters = telling_letters([entry.path for entry in shown])
    names = fit_entries(shown, room, glyphs, letters)
    names += [line[0] for line in lines[len(shown) :]]

    table = Table(box=glyphs.rule(), padding=(0, gap - 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    table.add_column(headings[0], width=max(map(cell_len, [headings[0], *names])), no_wrap=True)
    for place, heading in enumerate(headings[1:]):
        justify: JustifyMethod = "left" if heading in ("", "how") else "right"
        table.add_column(heading, width=widths[place], justify=justify, no_wrap=True)
    for place, (name, line) in enumerate(zip(names, lines, strict=True)):
        first = place == 0 and bool(shown)
        bar = headings.index("")
        styled = [Text(cell, style="yellow" if at == bar else "") for at, cell in enumerate(line[1:], 1)]
        table.add_row(Text(name, style="bold" if first else ""), *styled)
    return table


def _laid_out(columns: _Columns, listing: Listing, width: int) -> tuple[list[list[str]], list[int], int]:
    """Return the lines, the widths of their columns but the first, and what is left for that one."""
    lines = [columns.cells(entry) for entry in listing.shown]
    if listing.rest:
        lines.append(columns.remainder(len(listing.rest), sum(entry.energy_uj for entry in listing.rest)))
    headings = columns.headings()
    widths = [max(cell_len(line[place]) for line in [headings, *lines]) for place in range(1, len(headings))]
    return lines, widths, min(width - sum(widths) - columns.gap * len(widths), LONGEST_NAME)


def fit_entries(
    shown: Sequence[Entry], width: int, glyphs: Glyphs, letters: Mapping[tuple[str, ...], int]
) -> list[str]:
    """Return the names of all rows in at most `width` cells, no two alike if that can be.

    Where outer names would be single letters, all names of a path are cut alike, else the outermost are left out.
    """
    names = [fit_entry(entry, width, glyphs, letters) for entry in shown]
    crowded = {
        place: entry.path
        for place, entry in enumerate(shown)
        if not entry.members and not entry.domain and _is_crowded(entry.path, names[place], glyphs)
    }
    for left_out in range(max(map(len, crowded.values()), default=1)):
        cut = {place: _cut_alike(path, left_out, width, glyphs, letters) for place, path in crowded.items()}
        often = Counter(cut.values())
        for place, name in cut.items():
            if name and often[name] == 1:
                names[place] = name
                del crowded[place]
    return names


def _is_crowded(path: Sequence[str], shown: str, glyphs: Glyphs) -> bool:
    """Return whether outer names were cut to less than tells them, or away."""
    parts = shown.split("/")
    whole = [glyphs.name(component) for component in path]
    if len(parts) != len(whole):
        return shown.startswith(glyphs.text(ELLIPSIS))
    return any(part != name and len(part) < FEWEST_LETTERS for part, name in zip(parts[:-1], whole, strict=False))


def _cut_alike(
    path: Sequence[str], left_out: int, width: int, glyphs: Glyphs, letters: Mapping[tuple[str, ...], int]
) -> str:
    """Return the starts of outer names, the outermost `left_out` of them left out, and the end of the last name.

    Empty where that leaves too little of it; with all but the last left out, of the one before it a letter is told.
    """
    ellipsis = glyphs.text(ELLIPSIS)
    front, last = f"{ellipsis}/" if left_out else "", glyphs.name(path[-1])
    if 0 < left_out == len(path) - 1:
        return front + fit_path(path[-2:], width - cell_len(front), glyphs)
    for depth, name in enumerate(map(glyphs.name, path[left_out:-1]), left_out + 1):
        kept = max(FEWEST_LETTERS, letters.get(tuple(path[:depth]), 1))
        front += f"{name}/" if cell_len(name) <= kept + 1 else f"{name[:kept]}{ellipsis}/"
    room = width - cell_len(front)
    if left_out >= len(path) or room < min(cell_len(last), LEAST_END + cell_len(ellipsis)):
        return ""
    return front + (last if cell_len(last) <= room else ellipsis + _end(last, room - cell_len(ellipsis)))


def fit_entry(entry: Entry, width: int, glyphs: Glyphs, letters: Mapping[tuple[str, ...], int] = ONE_LETTER) -> str:
    """Return the name of a row in at most `width` cells; a group names as many members as fit, at least one."""
    if entry.domain:
        about = f" ({glyphs.name(entry.domain)})"
        return fit_entry(replace(entry, domain=""), max(width - cell_len(about), 1), glyphs, letters) + about
    for named in range(min(len(entry.members), NAMED), 0, -1):
        more = [f"+{len(entry.members) - named}"] if named < len(entry.members) else []
        together = "{" + ", ".join([*entry.members[:named], *more]) + "}"
        text = fit_path((*entry.path, together), width, glyphs, letters)
        if text.endswith(glyphs.name(together)) or named == 1:
            return text
    return fit_path(entry.path, width, glyphs, letters)


def telling_letters(paths: Sequence[Sequence[str]]) -> dict[tuple[str, ...], int]:
    """Return of each outer name, by the path to it, with how many letters it begins as none beside it does."""
    outer = {tuple(path[:depth]) for path in paths for depth in range(1, len(path))}
    named = outer | {tuple(path) for path in paths if path}
    beside: dict[tuple[str, ...], list[str]] = {}
    for path in named:
        beside.setdefault(path[:-1], []).append(path[-1])
    return {path: 1 + max((_alike(path[-1], name) for name in beside[path[:-1]]), default=0) for path in outer}


def _alike(name: str, other: str) -> int:
    """Return with how many letters both begin; of a name and itself none."""
    if name == other:
        return 0
    pairs = zip(name, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(name), len(other)))


def fit_path(
    path: Sequence[str], width: int, glyphs: Glyphs, letters: Mapping[tuple[str, ...], int] = ONE_LETTER
) -> str:
    """Return a path in at most `width` cells: outer names shorten first, then the front is cut off.

    They shorten by no more than they must while that leaves `FEWEST_LETTERS`, else to what `letters` says tells them
    from those beside them, else to one. The end is what tells one stage from another; of a layer whose name alone is
    too long, also whether it stands below `backward`.
    """
    # Every component takes two cells at least: what stands before these cannot fit.
    first = max(len(path) - max(width, 1), 0)
    whole, ellipsis = [glyphs.name(component) for component in path[first:]], glyphs.text(ELLIPSIS)
    for least in (letters, ONE_LETTER) if letters else (ONE_LETTER,):
        parts = whole[:]
        for place in range(len(parts) - 1):
            over = cell_len("/".join(parts)) - width
            if over <= 0:
                break
            kept = len(parts[place]) - over - cell_len(ellipsis)
            short = parts[place][: least.get(tuple(path[: first + place + 1]), 1)]
            parts[place] = parts[place][:kept] + ellipsis if kept >= max(FEWEST_LETTERS, len(short)) else short
        text = "/".join(parts)
        if cell_len(text) <= width:
            return text
    room = width - cell_len(ellipsis)
    outer = ""
    if cell_len(parts[-1]) >= room:
        fronts = ("".join(f"{part}/" for part in front[:-1]) for front in (whole, parts))
        outer = next((front for front in fronts if cell_len(front) <= width * OUTER_SHARE), "")
        text, room = parts[-1], room - cell_len(outer)
    return outer + set_cell_size(ellipsis + _end(text, room), width - cell_len(outer)).rstrip()


def fit_command(text: str, width: int, glyphs: Glyphs) -> str:
    """Return a command in at most `width` cells: what it calls comes first, its last arguments are cut off."""
    shown = glyphs.name(text)
    if cell_len(shown) <= width:
        return shown
    ellipsis = glyphs.text(ELLIPSIS)
    return set_cell_size(shown, width - cell_len(ellipsis)).rstrip() + ellipsis


def _end(text: str, width: int) -> str:
    while text and cell_len(text) > width:
        text = text[1:]
    return text


class _Columns:
    """Write figures in the unit that suits the largest of them, as many columns as there is room for."""

    def __init__(self, glyphs: Glyphs, spent_uj: int, listing: Listing, wide: bool) -> None:
        self.glyphs, self.spent_uj, self.largest_uj, self.wide = glyphs, spent_uj, listing.largest_uj(), wide
        unit, self.unit_j = column_unit(self.largest_uj / 1e6)
        self.figures = listing.figures(unit)
        each_uj = [entry.energy_uj / entry.calls for entry in listing.shown if entry.calls]
        # One call of one stage is a million calls of another: the unit of the middle one suits most.
        self.each_unit, self.each_unit_j = column_unit(median(each_uj) / 1e6 if each_uj else 0.0)
        self.bar_width = 12 if wide else LEAST_BAR
        self.gap = 2 if wide else 1

    def headings(self) -> list[str]:
        """Return the heading of every column."""
        first, middle = (
            ("stage (self energy)", ["calls", f"{self.each_unit}/call"]) if self.wide else ("stage (self)", [])
        )
        return [first, *map(self.glyphs.text, [*self.figures.headings(), "share %", "", *middle, "how"])]

    def cells(self, entry: Entry) -> list[str]:
        """Return the cells of one stage or group; its name is fitted in later."""
        figure = self.figures.cells(*map(self._in_unit, (entry.energy_uj, entry.low_uj, entry.high_uj)))
        bar = self.glyphs.bar(max(entry.energy_uj, 0) / self.largest_uj if self.largest_uj else 0.0, self.bar_width)
        middle = ["", ""] if self.wide else []
        if self.wide and entry.calls:
            per_call = 1e6 * self.each_unit_j * entry.calls
            bounds = (uj / per_call for uj in (entry.energy_uj, entry.low_uj, entry.high_uj))
            middle = [grouped(entry.calls), warranted(*bounds)]
        figures = map(self.glyphs.text, [*figure, self._share(entry.energy_uj)])
        return ["", *figures, bar, *map(self.glyphs.text, middle), entry.how]

    def remainder(self, count: int, energy_uj: int) -> list[str]:
        """Return the cells of what is not listed."""
        finest = self._in_unit(self.largest_uj) / 1000
        figure = self.figures.value_only(with_error(self._in_unit(energy_uj), finest)[0])
        figures = map(self.glyphs.text, [*figure, self._share(energy_uj)])
        return [f"+ {grouped(count)} smaller", *figures, "", *(["", ""] if self.wide else []), ""]

    def _in_unit(self, energy_uj: int) -> float:
        return energy_uj / 1e6 / self.unit_j

    def _share(self, energy_uj: int) -> str:
        return percent(energy_uj / self.spent_uj).removesuffix(" %") if self.spent_uj > 0 else ""


def _joint_entry(row: UnsplitRow, paths: dict[StageId, tuple[str, ...]], domain: str) -> Entry:
    members = [paths[member] for member in row.members]
    if len(members) == 1:
        (path,), order = members, "/".join(members[0])
        energy_uj, low_uj, high_uj = map(microjoules, (row.energy_j, row.low_j, row.high_j))
        return Entry(
            path, energy_uj, low_uj, high_uj, None, LETTERS["inferred"], order, domain=domain, reason=row.reason
        )
    common = members[0][:-1]
    for path in members[1:]:
        same = [a == b for a, b in zip(common, path[:-1], strict=False)]
        common = common[: same.index(False) if False in same else len(same)]
    names = tuple("/".join(path[len(common) :]) for path in members)
    uj = microjoules
    how, order = f"I*{len(names)}", "/".join((*common, *names))
    figures = uj(row.energy_j), uj(row.low_j), uj(row.high_j)
    return Entry(common, *figures, None, how, order, names, domain, row.reason)
