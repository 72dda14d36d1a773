"""The lines between the functions of a picture: each function stands right of where most of its energy comes from.

So the lines make a tree, and none crosses another. What else leads to a function is said in its box.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from energyprof.model.call_picture import CallPicture, DrawnCall
from energyprof.model.domain import Provenance
from energyprof.model.ids import StageId
from energyprof.model.report import Report, StageRow
from energyprof_plugins.exporters.account import is_sampled, microjoules
from energyprof_plugins.exporters.diagram.arrows import Arrow
from energyprof_plugins.exporters.diagram.label import fit
from energyprof_plugins.exporters.figures import grouped, joules
from energyprof_plugins.exporters.function_names import MODULE, shown_name
from energyprof_plugins.exporters.visible import visible

SMALLEST_TOLD: Final = 0.01
"""Of all energy: what comes to a function on another way is told from there on."""
WHOLE: Final = 0.98
"""Of a function's energy: a line that carries so much of it need not say how much."""
NAME_PT: Final = 70
CALLER_PT: Final = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One line between two boxes, left and right of each other."""

    ends: tuple[int, int]
    """Places of the boxes."""
    arrow: Arrow
    fewest: int
    most: int
    """Calls between the two."""
    through: str
    """The function by which most of it comes to the target; empty: it is called directly."""
    is_all: bool
    """It carries as good as all that was spent below the target."""

    def said(self) -> list[str]:
        """Return the lines that stand beside it; nothing that its boxes say already."""
        how_much = [] if self.is_all else self.arrow.said(apart=False)
        if not self.most or (self.most == 1 and not self.fewest):
            return how_much
        if self.most == 1:
            name = "1 caller" if self.through.startswith(MODULE) else fit(self.through, 9, NAME_PT)
            return [*how_much, f"via {name}"]
        fewest = "" if self.fewest == self.most else f"{grouped(self.fewest)}\u2013" if self.fewest else "up to "
        return [*how_much, f"via {fewest}{grouped(self.most)} callers"]

    def told(self, source: str, target: str) -> str:
        """Return all of it as a sentence."""
        by = f", most by {visible(self.through)}" if self.through else ""
        word = "through other functions that are not drawn" if self.most and not self.fewest else ""
        word = f"through {grouped(self.fewest)} or more functions" if self.fewest else word
        way = f" {word}{by}" if word else by
        return f"{visible(source)} leads to {visible(target)}{way}: {self.arrow.told() or 'an unknown energy'} there"


@dataclass(frozen=True, slots=True)
class Ways:
    """What is drawn of a picture's calls."""

    lines: tuple[Line, ...] = ()
    beside: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """Place of a function -> what its box says of other ways to it."""


def ways_between(report: Report, places: Mapping[StageId, int], spent_uj: int) -> Ways:
    """Return the lines between drawn boxes; none where no functions were chosen for a picture."""
    picture = None if report.view is None else report.view.calls
    if picture is None:
        return Ways()
    rows = {row.stage: row for row in report.stages}
    drawn = [call for call in picture.calls if call.source in places and call.target in places]
    main = {call.target: call for call in drawn if call.is_main}
    beside: defaultdict[int, list[str]] = defaultdict(list)
    lines = []
    for target, call in sorted(main.items(), key=lambda pair: (-(pair[1].energy_j or 0.0), pair[0])):
        way = list(_way_back(picture, main, target))
        if len(way) > 1:
            beside[places[target]].append(f"called by {fit(_name(rows[call.source]), 9, CALLER_PT)}")
        lines.append(_line(rows[target], _name(rows[call.source]), way, places))
    for call in sorted(drawn, key=lambda one: (-(one.energy_j or 0.0), one.source)):
        if not call.is_main and call.energy_j and microjoules(call.energy_j) >= SMALLEST_TOLD * spent_uj:
            beside[places[call.target]].append(
                f"{joules(call.energy_j)} by {fit(_name(rows[call.source]), 9, NAME_PT)}"
            )
    return Ways(tuple(lines), beside)


def boxes_left(picture: CallPicture) -> dict[StageId, StageId]:
    """Return for each chosen function the box from which its line comes: another function, or its stage."""
    main = {call.target: call for call in picture.calls if call.is_main}
    return {target: [*_way_back(picture, main, target)][-1].source for target in main}


def _name(row: StageRow) -> str:
    return shown_name(row.name, row.file or "") if is_sampled(row) else row.name


def _way_back(picture: CallPicture, main: Mapping[StageId, DrawnCall], target: StageId) -> Iterator[DrawnCall]:
    """Yield the main way to a function, back to the first that stands left of it."""
    at = target
    while True:
        call = main[at]
        yield call
        at = call.source
        if picture.columns.get(at, 0) < picture.columns[target]:
            return


def _line(row: StageRow, name: str, way: Sequence[DrawnCall], places: Mapping[StageId, int]) -> Line:
    """Return the line of a way back; `name` is what calls its last function."""
    last = way[0]
    through = last.through or (name if len(way) > 1 else "")
    energy_uj = None if last.energy_j is None else microjoules(last.energy_j)
    how: Provenance | None = None if energy_uj is None else row.total_sum.provenance
    between = len(way) - 1
    return Line(
        ends=(places[way[-1].source], places[last.target]),
        arrow=Arrow(energy_uj, how),
        fewest=sum(call.fewest for call in way) + between,
        most=sum(call.most for call in way) + between,
        through=through,
        is_all=(energy_uj or 0) >= WHOLE * microjoules(row.total_sum.energy_j),
    )
