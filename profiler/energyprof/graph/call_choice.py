"""Choose the functions that a picture of sampled stacks shows, so that it says where the energy went and can be read.

Drawn is what spent energy itself, then what hands it on to several others; callers that only pass one call on are not,
nor is what every stack of a stage goes through.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from energyprof.graph.call_ways import Path, Place, Stack, Way, along, columns, main_ways, stacks_of, ways
from energyprof.model.call_picture import WayRow
from energyprof.model.call_tree import CallTree
from energyprof.model.span import Stage

HOT: Final = 0.01
"""Of all energy: what spends it by itself comes before what only calls others."""
HOT_ROOM: Final = 0.6
"""Of all boxes, for what is hot."""
SMALLEST: Final = 0.005
"""Of all energy: functions that explain less are not drawn."""
ALIKE: Final = 0.02
"""Of two functions' energy: where less is spent below one alone, both say the same."""
COLUMNS: Final = 4
"""Boxes beside each other, right of the stage; a page is about as wide."""
LOOKED_AT: Final = 4
"""Functions thought of for each that there is room for."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Functions to draw with their columns, and the ways between them."""

    columns: Mapping[Place, int]
    ways: tuple[Way, ...]


def choose_calls(tree: CallTree, count: int) -> Chosen:
    """Return at most `count` functions, those of all stages counted, with what passes between them."""
    stacks = stacks_of(tree)
    figures = _Figures.of(stacks)
    chosen = _outermost(stacks, figures, _chosen(stacks, figures, count))
    main = main_ways(along(stacks, chosen), figures.total)
    capped = {place: min(column, COLUMNS) for place, column in columns(main).items()}
    return Chosen(capped, ways(stacks, chosen, main))


def way_rows(tree: CallTree, count: int, stages: tuple[Stage, ...]) -> Iterator[WayRow]:
    """Yield what `choose_calls` returns, by name."""
    chosen = choose_calls(tree, count)
    names = [(function.name, function.file, function.line) for function in tree.functions]
    for way in chosen.ways:
        yield WayRow(
            stage=stages[way.stage].id if way.stage >= 0 else None,
            caller=names[way.caller] if way.caller >= 0 else None,
            callee=names[way.callee],
            column=chosen.columns[way.stage, way.callee],
            energy_j=way.energy_uj / 1e6,
            samples=way.samples,
            fewest=way.fewest,
            most=way.most,
            through=names[way.through][0] if way.through >= 0 else "",
            is_main=way.is_main,
        )


@dataclass(frozen=True, slots=True)
class _Figures:
    whole: int
    own: Mapping[Place, int]
    total: Mapping[Place, int]
    explained: Mapping[Place, int]
    """Its own, and what it hands on to others than its costliest callee."""
    of_stage: Mapping[int, int]

    @staticmethod
    def of(stacks: Sequence[Stack]) -> _Figures:
        own: Counter[Place] = Counter()
        total: Counter[Place] = Counter()
        of_stage: Counter[int] = Counter()
        handed: defaultdict[Place, Counter[int]] = defaultdict(Counter)
        for stack in stacks:
            of_stage[stack.stage] += stack.weight
            own[stack.stage, stack.path[-1]] += stack.weight
            for place in stack.places():
                total[place] += stack.weight
            for caller, callee in pairwise(stack.path):
                handed[stack.stage, caller][callee] += stack.weight
        explained = {place: energy - max(handed[place].values(), default=0) for place, energy in total.items()}
        return _Figures(sum(of_stage.values()), own, total, explained, of_stage)

    def is_hot(self, place: Place) -> bool:
        return place[1] >= 0 and self.own[place] > 0 and self.own[place] >= HOT * self.whole

    def is_alike(self, one: Place, other: Place, together: Mapping[tuple[Place, Place], int]) -> bool:
        """Return whether nearly the same stacks go through both."""
        apart = self.total[one] + self.total[other] - 2 * together.get((one, other), 0)
        return apart <= ALIKE * max(self.total[one], self.total[other])


def _chosen(stacks: Sequence[Stack], figures: _Figures, count: int) -> set[Place]:
    hot = sorted(filter(figures.is_hot, figures.own), key=lambda place: (-figures.own[place], place))
    chosen = set(hot[: max(round(HOT_ROOM * count), 1)])
    wanted = [place for place in _explaining(figures) if place not in chosen][: LOOKED_AT * count]
    spent = along(stacks, chosen | set(wanted))
    together = _together(spent)
    deepest = _depth(spent, chosen, figures)
    for place in wanted:
        if len(chosen) >= count:
            break
        is_hot = figures.is_hot(place)
        if not is_hot and any(figures.is_alike(place, other, together) for other in chosen):
            continue
        depth = _depth(spent, chosen | {place}, figures)
        if is_hot or depth <= max(deepest, COLUMNS):
            chosen.add(place)
            deepest = depth
    return chosen


def _explaining(figures: _Figures) -> list[Place]:
    """Return the functions that tell more than their stage does, those first without which most is not explained."""
    found = [
        place
        for place, energy in figures.explained.items()
        if place[1] >= 0 and energy > 0 and energy >= SMALLEST * figures.whole
        if figures.is_hot(place) or figures.total[place] < (1 - ALIKE) * figures.of_stage[place[0]]
    ]
    return sorted(found, key=lambda place: (-figures.explained[place], place))


def _outermost(stacks: Sequence[Stack], figures: _Figures, chosen: set[Place]) -> set[Place]:
    """Return the functions, each that only hands on replaced by the outermost through which the same stacks go.

    That is the nearest to what the reader of the picture wrote.
    """
    drawn = set(chosen)
    for place in sorted(chosen, key=lambda one: (-figures.total[one], one)):
        if figures.is_hot(place):
            continue
        with_it = [stack for stack in stacks if place in stack.places()]
        together: Counter[tuple[Place, Place]] = Counter()
        for stack in with_it:
            for other in stack.places():
                together[other, place] += stack.weight
        way = list(max(with_it, key=lambda stack: stack.weight).places())
        before = way[: way.index(place)]
        alike = (one for one in before if one not in drawn and figures.is_alike(one, place, together))
        drawn = drawn - {place} | {next(alike, place)}
    return drawn


def _together(spent: Mapping[Path, int]) -> Counter[tuple[Place, Place]]:
    found: Counter[tuple[Place, Place]] = Counter()
    for path, weight in spent.items():
        for one in path:
            for other in path:
                found[one, other] += weight
    return found


def _depth(spent: Mapping[Path, int], chosen: set[Place], figures: _Figures) -> int:
    fewer: Counter[Path] = Counter()
    for path, weight in spent.items():
        fewer[tuple(place for place in path if place in chosen)] += weight
    return max(columns(main_ways(fewer, figures.total)).values(), default=0)
