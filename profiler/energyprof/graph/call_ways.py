"""Ways along chosen functions of sampled stacks: what reaches each from where, and how far from its stage it stands.

Each stack is one way along the chosen functions, each met once: what comes in at a function is all that was spent below
it, and what comes in at all of a stage's is what its stacks stand for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from energyprof.model.call_tree import CallTree

STAGE: Final = -1
"""In place of a function: the stage in which a stack begins."""
IMPORTS: Final = "<frozen importlib"
"""File of the functions that import modules; they stand between any two modules."""
IMPORT: Final = "_find_and_load"
"""The one of them that stands for all."""

NAMELESS: Final = -2
"""In place of another one of them, where a stack ends in it: it has no box."""

Place = tuple[int, int]
"""Stage and function, by place; the stage -1 is none."""
Path = tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """The functions of a stack, outermost first, each once but for the innermost; of imports one stands for all."""

    stage: int
    path: tuple[int, ...]
    energy_uj: int
    samples: int
    weight: int
    """Its energy; where none is known at all, its samples."""

    def places(self) -> dict[Place, None]:
        """Return its functions in their order, each once."""
        return dict.fromkeys((self.stage, function) for function in self.path)


@dataclass(frozen=True, slots=True)
class Way:
    """What reaches a chosen function from the one before it on its stacks."""

    stage: int
    caller: int
    """STAGE: no chosen function stands before it."""
    callee: int
    energy_uj: int
    samples: int
    fewest: int
    most: int
    """Functions between the two."""
    through: int
    """That of those next to the callee that carries most; -1: none."""
    is_main: bool
    """Most of it comes this way."""


def stacks_of(tree: CallTree) -> list[Stack]:
    """Return every stack of a tree with what was spent in it."""
    by_energy = bool((tree.energy_uj > 0).any())
    passing = _passing(tree)
    paths: dict[int, tuple[int, ...]] = {}
    found = []
    rows = zip(tree.node.tolist(), tree.stage.tolist(), tree.energy_uj.tolist(), tree.samples.tolist(), strict=True)
    for node, stage, energy_uj, samples in rows:
        if node not in paths:
            path = tree.path(node)
            innermost = NAMELESS if path[-1] in passing else path[-1]
            once = [function for function in dict.fromkeys(path) if function not in passing]
            # What calls itself in a circle spends where it is innermost, not where it began.
            paths[node] = tuple(once if once[-1:] == [innermost] else [*once, innermost])
        found.append(Stack(stage, paths[node], energy_uj, samples, max(energy_uj, 0) if by_energy else samples))
    return found


def _passing(tree: CallTree) -> frozenset[int]:
    """Return the functions of imports that do little but call the next one."""
    importing = {
        number
        for number, function in enumerate(tree.functions)
        if function.file.startswith(IMPORTS) and function.name != IMPORT
    }
    if not importing:
        return frozenset()
    own: Counter[int] = Counter()
    total: Counter[int] = Counter()
    for node, samples in zip(tree.node.tolist(), tree.samples.tolist(), strict=True):
        path = tree.path(node)
        own[path[-1]] += samples
        for function in importing.intersection(path):
            total[function] += samples
    return frozenset(function for function in importing if own[function] < total[function] / 2)


def along(stacks: Iterable[Stack], chosen: set[Place]) -> Counter[Path]:
    """Return what was spent along each way through the chosen functions."""
    found: Counter[Path] = Counter()
    for stack in stacks:
        found[tuple(place for place in stack.places() if place in chosen)] += stack.weight
    return found


def main_ways(spent: Mapping[Path, int], total: Mapping[Place, int]) -> dict[Place, int]:
    """Return for each function of these ways from where most of its energy comes; no circle is made."""
    carried: defaultdict[Place, Counter[int]] = defaultdict(Counter)
    for path, weight in spent.items():
        before = STAGE
        for place in path:
            carried[place][before] += weight
            before = place[1]
    main: dict[Place, int] = {}
    for place in sorted(carried, key=lambda one: (-total[one], one)):
        main[place] = STAGE
        for caller, _ in sorted(carried[place].items(), key=lambda pair: (-pair[1], pair[0])):
            if caller == STAGE or not _leads_back(main, (place[0], caller), place):
                main[place] = caller
                break
    return main


def columns(main: Mapping[Place, int]) -> dict[Place, int]:
    """Return how many boxes right of its stage each function stands."""
    found: dict[Place, int] = {}
    for place in main:
        way = [place]
        while way[-1] not in found and main[way[-1]] != STAGE:
            way.append((place[0], main[way[-1]]))
        for one in reversed(way):
            before = main[one]
            found[one] = 1 if before == STAGE else found[one[0], before] + 1
    return found


@dataclass(slots=True)
class _Sum:
    energy_uj: int = 0
    samples: int = 0
    between: Counter[tuple[int, int]] = field(default_factory=Counter)
    """(functions between, the last of them) -> weight."""


def ways(stacks: Iterable[Stack], chosen: set[Place], main: Mapping[Place, int]) -> tuple[Way, ...]:
    """Return the ways between chosen functions, to the microjoule."""
    sums: defaultdict[tuple[int, int, int], _Sum] = defaultdict(_Sum)
    for stack in stacks:
        before, skipped, last = STAGE, 0, -1
        for stage, function in stack.places():
            if (stage, function) not in chosen:
                skipped, last = skipped + 1, function
                continue
            one = sums[stage, before, function]
            one.energy_uj += stack.energy_uj
            one.samples += stack.samples
            one.between[skipped, last] += stack.weight
            before, skipped, last = function, 0, -1
    return tuple(_way(key, one, main) for key, one in sorted(sums.items()))


def _way(key: tuple[int, int, int], one: _Sum, main: Mapping[Place, int]) -> Way:
    stage, caller, callee = key
    through: Counter[int] = Counter()
    for (_, last), weight in one.between.items():
        through[last] += weight
    counts = [skipped for skipped, _ in one.between]
    most_by = max(through, key=lambda last: (through[last], -last))
    is_main = main[stage, callee] == caller
    return Way(stage, caller, callee, one.energy_uj, one.samples, min(counts), max(counts), most_by, is_main)


def _leads_back(main: Mapping[Place, int], place: Place, goal: Place) -> bool:
    """Return whether the way back from a function comes by another."""
    while place != goal:
        before = main.get(place, STAGE)
        if before == STAGE:
            return False
        place = (place[0], before)
    return True
