"""Groups of stages that are drawn as one box: like siblings such as `layer.0` to `layer.11` become a stack."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from statistics import median
from typing import Final

from energyprof.model.report import StageRow
from energyprof_plugins.exporters.account import StageEnergies, is_sampled, microjoules

LEAST: Final = 4
"""Fewer like siblings stay single, where nobody asked for stacks."""
FEWEST: Final = 2
"""Where somebody did."""
DEARER: Final = 1.5
"""A member above this many medians stays single and says so."""
NUMBER: Final = re.compile(r"(?<![^._\-\s#:])\d+(?![^._\-\s#:])")
"""A number that stands by itself within a name: `layer.0`, `epoch 3`; not the 1 of `conv1`."""


@dataclass(slots=True)
class Group:
    """One box that could be drawn: one stage, or a stack of them."""

    members: list[int]
    """Rows of the report."""
    name: str
    parent: int | None
    own_uj: int
    total_uj: int
    children: list[int] = field(default_factory=list)
    dearer: float | None = None
    """How many medians of its like siblings it costs, where that keeps it out of their stack."""
    alike: int = 0
    """How many like siblings it was compared with."""
    rank_uj: int = 0
    """By which it is chosen: a sampled function's total, of which its callees have their part, too; else its own."""

    def __post_init__(self) -> None:
        self.rank_uj = self.rank_uj or self.total_uj


@dataclass(frozen=True, slots=True)
class Energies:
    """What is known of each row of the report, and which rows stand below which."""

    rows: Sequence[StageRow]
    own: StageEnergies
    total: StageEnergies
    children: Sequence[Sequence[int]]
    """Without refused leaves: what they spent stands where they cannot be told apart."""
    parents: Sequence[int | None]
    roots: Sequence[int]


def group(energies: Energies, least: int | None) -> list[Group]:
    """Return the groups, parents first and siblings in pipeline order.

    `least` like siblings or more are a stack; None: every stage is a group by itself.
    """
    groups: list[Group] = []
    open_places: deque[int | None] = deque([None])
    while open_places:
        parent = open_places.popleft()
        members = groups[parent].members if parent is not None else []
        below = energies.roots if parent is None else [child for row in members for child in energies.children[row]]
        for made in _partition(energies, below, parent, len(members) > 1, least):
            place = len(groups)
            groups.append(made)
            if parent is not None:
                groups[parent].children.append(place)
            if any(energies.children[row] for row in made.members):
                open_places.append(place)
    return groups


def _partition(
    energies: Energies, rows: Sequence[int], parent: int | None, below_stack: bool, least: int | None
) -> list[Group]:
    if least is None or (len(rows) < least and not below_stack):
        return [_single(energies, row, parent) for row in rows]
    alike: dict[Hashable, list[int]] = {}
    for row in rows:
        alike.setdefault(_likeness(energies, row, below_stack), []).append(row)
    made: list[tuple[int, Group]] = []
    for like in alike.values():
        many = len(like) >= least and NUMBER.search(energies.rows[like[0]].name) is not None
        dearer = _dearer(energies, like) if len(like) >= max(least, 3) and (many or below_stack) else {}
        stack = [row for row in like if row not in dearer]
        if len(stack) > 1 and (many or below_stack):
            made.append((stack[0], _stack(energies, stack, parent)))
        else:
            made += [(row, _single(energies, row, parent)) for row in stack]
        for row, medians in dearer.items():
            odd = _single(energies, row, parent)
            odd.dearer, odd.alike = medians, len(like)
            made.append((row, odd))
    return [one for _, one in sorted(made, key=lambda pair: pair[0])]


def _likeness(energies: Energies, row: int, below_stack: bool) -> Hashable:
    """Return what like siblings have in common: name but for numbers, kind, code, and what stands below them.

    The steps of a torch.nn.Sequential have numbers for names and may be anything; the code of their classes tells.
    Below a stack, modules are alike that stand at the same place of each member: `mlp.0` and `mlp.2` are two things.
    """
    stage, around = energies.rows[row], energies.parents[row]
    if is_sampled(stage):
        return row  # functions that have a name in common are still different functions
    # A path names stages and not the modules around a module: only the row above knows what its name repeats.
    name = _within(stage.name, "" if around is None else energies.rows[around].name)
    if stage.kind != "module" or not below_stack:
        name = NUMBER.sub("*", name)
    below = [_within(energies.rows[child].name, stage.name) for child in energies.children[row]]
    return name, stage.kind, stage.file, stage.line, frozenset(NUMBER.sub("*", one) for one in below)


def _within(name: str, around: str) -> str:
    """Return a module's name without that of the module around it."""
    return name[len(around) + 1 :] if around and name.startswith(f"{around}.") else name


def _dearer(energies: Energies, like: Sequence[int]) -> dict[int, float]:
    middle = median(energies.total.energy_uj[row] for row in like)
    medians = {row: energies.total.energy_uj[row] / middle for row in like} if middle > 0 else {}
    return {row: times for row, times in medians.items() if times > DEARER}


def _single(energies: Energies, row: int, parent: int | None) -> Group:
    rank_uj = 0
    if is_sampled(energies.rows[row]):
        rank_uj = microjoules(energies.rows[row].total_sum.energy_j)
    own_uj, total_uj = energies.own.energy_uj[row], energies.total.energy_uj[row]
    return Group([row], energies.rows[row].name, parent, own_uj, total_uj, rank_uj=rank_uj)


def _stack(energies: Energies, members: list[int], parent: int | None) -> Group:
    own_uj = sum(energies.own.energy_uj[row] for row in members)
    total_uj = sum(energies.total.energy_uj[row] for row in members)
    return Group(members, stack_name([energies.rows[row].name for row in members]), parent, own_uj, total_uj)


def stack_name(names: Sequence[str]) -> str:
    """Return the name that all members share, with a star for each number in which they differ."""
    words = NUMBER.split(names[0])
    if any(NUMBER.split(name) != words for name in names):
        return NUMBER.sub("*", names[0])
    numbers = zip(*map(NUMBER.findall, names), strict=True)
    shown = (place[0] if len(set(place)) == 1 else "*" for place in numbers)
    return "".join(chain.from_iterable(zip_longest(words, shown, fillvalue="")))
