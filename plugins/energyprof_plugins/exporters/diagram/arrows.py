"""The arrows between boxes: data handed on, order, calls; with what they carry and how that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from energyprof.model.graph import EdgeKind
from energyprof.model.ids import StageId
from energyprof.model.report import Report
from energyprof_plugins.exporters.account import microjoules
from energyprof_plugins.exporters.diagram.anatomy import in_a_word, weakest
from energyprof_plugins.exporters.figures import joules


@dataclass(frozen=True, slots=True)
class Arrow:
    """What one arrow carries."""

    energy_uj: int | None
    """None: no energy, or not known which."""
    how: str | None
    """Its provenance; None where there is no energy."""

    def said(self, *, apart: bool) -> list[str]:
        """Return the lines that stand beside the arrow; `apart`: there are others of another provenance."""
        if self.energy_uj is None or self.how is None:
            return []
        return [joules(self.energy_uj / 1e6), *([in_a_word(self.how)] if apart else [])]

    def told(self) -> str:
        """Return the energy with its provenance; empty where there is none."""
        return "" if self.energy_uj is None else f"{joules(self.energy_uj / 1e6)} ({self.how})"


Arrows: TypeAlias = "dict[tuple[int, int], Arrow]"
"""(source, target), places of the boxes -> arrow."""


def ways_of(arrows: Arrows) -> frozenset[str]:
    """Return the provenances of what they carry."""
    return frozenset(arrow.how for arrow in arrows.values() if arrow.how is not None)


def between(report: Report, drawn: Mapping[StageId, int], kind: EdgeKind) -> Arrows:
    """Return the arrows of one kind between the boxes of the given stages; those of stacked stages are added up."""
    found: Arrows = {}
    for edge in report.edges:
        source, target = drawn.get(edge.source), drawn.get(edge.target)
        if edge.kind != kind or source is None or target is None or source == target:
            continue
        before = found.get((source, target), Arrow(None, None))
        found[source, target] = before if edge.energy_j is None else _added(before, edge.energy_j, edge.provenance)
    return found


def between_functions(report: Report, drawn: Mapping[StageId, int]) -> Arrows:
    """Return the calls between drawn functions with what passes along them."""
    found: Arrows = {}
    for edge in report.edges:
        source, target = drawn.get(edge.source), drawn.get(edge.target)
        if edge.kind == "calls" and source is not None and target is not None and source != target:
            none = Arrow(None, None)
            found[source, target] = none if edge.energy_j is None else _added(none, edge.energy_j, edge.provenance)
    return found


def thick(arrows: Arrows, least_uj: float) -> tuple[Arrows, int]:
    """Return the arrows that carry enough to be drawn, or an unknown amount, and how many others there are."""
    kept = {pair: arrow for pair, arrow in arrows.items() if arrow.energy_uj is None or arrow.energy_uj >= least_uj}
    return kept, len(arrows) - len(kept)


def behind_callers(calls: Arrows) -> frozenset[int]:
    """Return the functions that a call leads to from one that stands beside the others below its stage."""
    callees: dict[int, list[int]] = {}
    for source, target in sorted(calls):
        callees.setdefault(source, []).append(target)
    targets = {target for _, target in calls}
    waiting = sorted({source for source, _ in calls} - targets)
    reached: set[int] = set()
    while waiting or targets - reached:
        if not waiting:  # a circle that nothing leads into: its first function stands beside the others
            first = min(targets - reached)
            waiting, targets = [first], targets - {first}
        for target in callees.get(waiting.pop(), []):
            if target in targets and target not in reached:
                reached.add(target)
                waiting.append(target)
    return frozenset(reached)


def passes_by(level: Mapping[int, int], pair: tuple[int, int], arrows: Arrows) -> bool:
    """Return whether an arrow has to go around boxes of the spine, or around its own counterpart."""
    return abs(level[pair[0]] - level[pair[1]]) > 1 or (pair[1], pair[0]) in arrows


def without_stacks(order: Arrows, spine: Sequence[int], stacked: frozenset[int]) -> Arrows:
    """Return the arrows of order without those from or to a stack of siblings, but for one down to the next box.

    What ran before or after one of many siblings says nothing of the stack, and the arrows would run side by side.
    """
    level = {place: number for number, place in enumerate(spine)}
    return {
        (source, target): arrow
        for (source, target), arrow in order.items()
        if stacked.isdisjoint((source, target)) or level[target] == level[source] + 1
    }


def side_by_side(level: Mapping[int, int], pair: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether two arrows along the spine have more than an end in common."""
    (high, low), (above, below) = (sorted(level[place] for place in one) for one in (pair, other))
    return min(low, below) > max(high, above)


def _added(before: Arrow, energy_j: float, how: str | None) -> Arrow:
    ways = [way for way in (before.how, how) if way is not None]
    return Arrow((before.energy_uj or 0) + microjoules(energy_j), weakest(ways) if ways else None)
