"""Which boxes an icicle of joules has: everything inside what it is a part of, as wide as what it took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from energyprof.model.ids import StageId
from energyprof.model.report import Report, UnsplitRow
from energyprof_plugins.exporters.account import counted_domains, is_stage, known, microjoules


@dataclass(frozen=True, slots=True)
class Box:
    """One box; places are in whole microjoules from the left end of the run's energy."""

    row: int | None
    """The stage's place in the report; None: stages that cannot be told apart."""
    unsplit: UnsplitRow | None
    depth: int
    start_uj: int
    width_uj: int


@dataclass(slots=True)
class _Node:
    row: int | None
    unsplit: UnsplitRow | None
    total_uj: int
    children: list[_Node] = field(default_factory=list)

    def width_uj(self) -> int:
        return self.total_uj


def boxes(report: Report) -> list[Box]:
    """Return all boxes that took anything, outermost first, in pipeline order."""
    laid: list[Box] = []
    at = 0
    for node in _tree(report):
        _lay(node, 0, at, laid)
        at += node.width_uj()
    return sorted(laid, key=lambda box: (box.depth, box.start_uj))


def _lay(node: _Node, depth: int, at_uj: int, laid: list[Box]) -> None:
    """Place a node and all below it; a stack of its own, for stages may be thousands deep."""
    waiting = [(node, depth, at_uj)]
    while waiting:
        this, level, start = waiting.pop()
        if this.width_uj() <= 0:
            continue
        laid.append(Box(this.row, this.unsplit, level, start, this.width_uj()))
        for child in this.children:
            waiting.append((child, level + 1, start))
            start += child.width_uj()


def _tree(report: Report) -> list[_Node]:
    counted = counted_domains(report)
    nodes: dict[StageId, _Node] = {}
    roots: list[_Node] = []
    order: list[tuple[_Node, list[_Node]]] = []
    for place, row in enumerate(report.stages):
        if not is_stage(row):
            continue
        node = _Node(place, None, known(row.total_energy, counted).energy_uj)
        nodes[row.stage] = node
        beside = nodes[row.parent].children if row.parent in nodes else roots
        beside.append(node)
        order.append((node, node.children))
    for group in report.unsplit:
        if group.domain in counted:
            above = _common(report, group.members)
            inside = nodes[above].children if above in nodes else roots
            inside.append(_Node(None, group, microjoules(group.energy_j)))
    # A total that is refused itself is at least what is known inside it.
    for node, children in reversed(order):
        node.total_uj = max(node.total_uj, sum(max(child.total_uj, 0) for child in children))
    return roots


def _common(report: Report, members: Sequence[StageId]) -> StageId | None:
    """Return the innermost stage that all members are inside of (or are, where there is one alone); None: none."""
    parents = {row.stage: row.parent for row in report.stages}
    lines = [list(_upwards(member, parents))[::-1] for member in members]
    shared: StageId | None = None
    for level in zip(*lines, strict=False):
        if len(set(level)) > 1:
            break
        shared = level[0]
    return shared


def _upwards(stage: StageId, parents: dict[StageId, StageId | None]) -> Iterator[StageId]:
    at: StageId | None = stage
    while at is not None:
        yield at
        at = parents.get(at)
