"""Groups of stages that are drawn as one box: like siblings such as `layer.0` to `layer.11` become a stack."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from energyprof.model.report import StageRow
from energyprof_plugins.exporters.account import Known, add

LEAST: Final = 4
"""Fewer like siblings stay single."""
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
    own: Known
    total: Known
    children: list[int] = field(default_factory=list)
    dearer: float | None = None
    """How many medians of its like siblings it costs, where that keeps it out of their stack."""
    alike: int = 0
    """How many like siblings it was compared with."""


@dataclass(frozen=True, slots=True)
class Energies:
    """What is known of each row of the report, and which rows stand below which."""

    rows: Sequence[StageRow]
    own: Sequence[Known]
    total: Sequence[Known]
    children: Sequence[Sequence[int]]
    """Without refused leaves: what they spent stands where they cannot be told apart."""
    roots: Sequence[int]


def group(energies: Energies, stacking: bool) -> list[Group]:
    """Return the groups, parents first and siblings in pipeline order; without `stacking` every stage is one."""
    groups: list[Group] = []
    open_places: deque[int | None] = deque([None])
    while open_places:
        parent = open_places.popleft()
        members = groups[parent].members if parent is not None else []
        below = energies.roots if parent is None else [child for row in members for child in energies.children[row]]
        for made in _partition(energies, below, parent, len(members) > 1, stacking):
            place = len(groups)
            groups.append(made)
            if parent is not None:
                groups[parent].children.append(place)
            if any(energies.children[row] for row in made.members):
                open_places.append(place)
    return groups


def _partition(
    energies: Energies, rows: Sequence[int], parent: int | None, below_stack: bool, stacking: bool
) -> list[Group]:
    if not stacking:
        return [_single(energies, row, parent) for row in rows]
    alike: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        alike.setdefault((NUMBER.sub("*", energies.rows[row].name), energies.rows[row].kind), []).append(row)
    made: list[tuple[int, Group]] = []
    for (name, _), like in alike.items():
        many = len(like) >= LEAST and "*" in name
        dearer = _dearer(energies, like) if len(like) >= LEAST and (many or below_stack) else {}
        stack = [row for row in like if row not in dearer]
        if len(stack) > 1 and (many or below_stack):
            made.append((stack[0], _stack(energies, stack, name, parent)))
        else:
            made += [(row, _single(energies, row, parent)) for row in stack]
        for row, medians in dearer.items():
            odd = _single(energies, row, parent)
            odd.dearer, odd.alike = medians, len(like)
            made.append((row, odd))
    return [one for _, one in sorted(made, key=lambda pair: pair[0])]


def _dearer(energies: Energies, like: Sequence[int]) -> dict[int, float]:
    middle = median(energies.total[row].energy_uj for row in like)
    medians = {row: energies.total[row].energy_uj / middle for row in like} if middle > 0 else {}
    return {row: times for row, times in medians.items() if times > DEARER}


def _single(energies: Energies, row: int, parent: int | None) -> Group:
    return Group([row], energies.rows[row].name, parent, energies.own[row], energies.total[row])


def _stack(energies: Energies, members: list[int], name: str, parent: int | None) -> Group:
    own, total = add(energies.own[row] for row in members), add(energies.total[row] for row in members)
    return Group(members, name, parent, own, total)
