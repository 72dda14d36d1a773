"""Embodied energy on every level of nesting, with bounds and provenance that follow from those of the stages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from energyprof.graph.embodied import Embodied, embody
from energyprof.graph.energy import StageEnergy, joules
from energyprof.graph.flow import Pair
from energyprof.model.attribution import PROVENANCES
from energyprof.model.domain import Provenance
from energyprof.model.span import Stage


@dataclass(frozen=True, slots=True)
class Carried:
    """An energy that stands for several stages."""

    energy_uj: int
    bounds_uj: tuple[int, int] | None
    """None: of one of its parts no bounds are known."""
    way: int
    """Index into PROVENANCES, the weakest of the parts."""

    @property
    def energy_j(self) -> float:
        """The energy in joules."""
        return joules(self.energy_uj)

    @property
    def bounds_j(self) -> tuple[float, float] | None:
        """Lower and upper bound in joules."""
        return None if self.bounds_uj is None else (joules(self.bounds_uj[0]), joules(self.bounds_uj[1]))

    @property
    def provenance(self) -> Provenance:
        """How it came about."""
        return PROVENANCES[self.way]


def carried(total: StageEnergy) -> list[Carried | None]:
    """Return the total of each stage; None where it is refused."""
    rows = zip(total.known_uj(), total.low_uj.tolist(), total.high_uj.tolist(), total.unread.tolist(), strict=True)
    ways = total.provenance.tolist()
    return [
        None if energy_uj is None else Carried(energy_uj, None if unread else (low_uj, high_uj), way)
        for (energy_uj, low_uj, high_uj, unread), way in zip(rows, ways, strict=True)
    ]


def embody_levels(
    stages: tuple[Stage, ...], total: StageEnergy, uses: Mapping[Pair, int]
) -> tuple[dict[int, Carried], dict[Pair, Carried | None]]:
    """Return what each outermost stage embodies, where all of it is known, and what each flow on any level hands on.

    Bounds are added, which is never too narrow: errors of stages that feed one another are not known to be independent.
    """
    levels: dict[int | None, dict[Pair, int]] = defaultdict(dict)
    for pair, use in uses.items():
        levels[stages[pair[0]].parent][pair] = use
    siblings: dict[int | None, list[int]] = {None: []}
    for index, stage in enumerate(stages):
        if stage.parent is None or stage.parent in levels:
            siblings.setdefault(stage.parent, []).append(index)

    totals = carried(total)
    handed: dict[Pair, Carried | None] = {}
    outermost: dict[int, Carried] = {}
    for parent, members in siblings.items():
        level = _Level.of(totals, members, levels[parent])
        for pair in level.middle.flows:
            handed[pair] = level.flow(pair)
        if parent is None:
            outermost = {index: level.stage(index) for index in members if level.middle.complete[index]}
    return outermost, handed


@dataclass(frozen=True, slots=True)
class _Level:
    """Embodied energies among siblings: of their totals and of both bounds of those."""

    middle: Embodied
    low: Embodied
    high: Embodied
    way: Mapping[int, int]
    bounded: Mapping[int, bool]

    @staticmethod
    def of(totals: Sequence[Carried | None], members: Sequence[int], uses: Mapping[Pair, int]) -> _Level:
        known = {index: totals[index] for index in members}
        bounds = {index: None if one is None else one.bounds_uj for index, one in known.items()}
        middle = embody({index: None if one is None else one.energy_uj for index, one in known.items()}, uses)
        low = embody({index: None if one is None else one[0] for index, one in bounds.items()}, uses)
        high = embody({index: None if one is None else one[1] for index, one in bounds.items()}, uses)
        ways = {index: 0 if one is None else one.way for index, one in known.items()}
        return _Level(middle, low, high, _weakest(ways, uses), low.complete)

    def stage(self, index: int) -> Carried:
        return self._carried(self.middle.stages[index], self.low.stages[index], self.high.stages[index], index)

    def flow(self, pair: Pair) -> Carried | None:
        energy_uj, low_uj, high_uj = (one.flows[pair] for one in (self.middle, self.low, self.high))
        if energy_uj is None or low_uj is None or high_uj is None or not self.middle.complete[pair[0]]:
            return None
        return self._carried(energy_uj, low_uj, high_uj, pair[0])

    def _carried(self, energy_uj: int, low_uj: int, high_uj: int, index: int) -> Carried:
        # Within a circle the parts go by energies themselves: a bound of one need not be on the right side of it.
        bounds = (min(low_uj, energy_uj), max(high_uj, energy_uj)) if self.bounded[index] else None
        return Carried(energy_uj, bounds, self.way[index])


def _weakest(ways: Mapping[int, int], uses: Iterable[Pair]) -> dict[int, int]:
    """Return the weakest provenance among each stage and all that feed it."""
    found, targets = dict(ways), defaultdict[int, list[int]](list)
    for source, target in uses:
        targets[source].append(target)
    waiting = sorted(found, key=lambda index: found[index])
    while waiting:  # the weakest first: each stage is passed once
        index = waiting.pop()
        for target in targets[index]:
            if found[target] < found[index]:
                found[target] = found[index]
                waiting.append(target)
    return found
