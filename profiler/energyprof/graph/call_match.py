"""The sampled stacks of two runs as one tree of calls, functions of the one found again in the other.

A function is the same where name, file and line are; else where its name, or its name and the end of its path, is that
of a single function on either side: lines move when a program is changed, folders when it is moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from energyprof.model.call_picture import FunctionKey
from energyprof.model.call_tree import CallTree
from energyprof.model.span import Index, Stage
from energyprof.model.stacks import Function

Marks: TypeAlias = Callable[[Function], tuple[object, ...]]

ENDS: Final = (3, 2, 1)
"""Parts of a path that are compared, one after another."""


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Both runs together; functions go by what they are called in the later one, if they are in it."""

    tree: CallTree
    stages: tuple[Stage, ...]
    names_before: Mapping[FunctionKey, FunctionKey]
    """What functions of the earlier run are called here."""


def matched(before: tuple[CallTree, Sequence[Stage]], after: tuple[CallTree, Sequence[Stage]]) -> Matched:
    """Return the stacks of both runs, each with the joules that it had; stages are the same where their ids are."""
    (old, old_stages), (new, new_stages) = before, after
    again = same_functions(old.functions, new.functions)
    functions = list(new.functions)
    place: list[int] = []
    for number, function in enumerate(old.functions):
        place.append(again.get(number, len(functions)))
        if number not in again:
            functions.append(function)
    stages = list(new_stages)
    number_of = {stage.id: number for number, stage in enumerate(stages)}
    stage_place: list[int] = []
    for stage in old_stages:
        stage_place.append(number_of.get(stage.id, len(stages)))
        if stage.id not in number_of:
            stages.append(stage)
    calls = len(new.parent)
    tree = CallTree(
        functions=tuple(functions),
        parent=_joined(new.parent, np.where(old.parent < 0, -1, old.parent + calls)),
        function=_joined(new.function, _mapped(place, old.function)),
        node=_joined(new.node, old.node + calls),
        stage=_joined(new.stage, np.where(old.stage < 0, -1, _mapped(stage_place, old.stage))),
        energy_uj=np.concatenate([new.energy_uj, old.energy_uj]),
        samples=np.concatenate([new.samples, old.samples]),
    )
    names = {_key(function): _key(functions[at]) for function, at in zip(old.functions, place, strict=True)}
    return Matched(tree, tuple(stages), names)


def same_functions(before: Sequence[Function], after: Sequence[Function]) -> dict[int, int]:
    """Return where functions of one run stand among those of another."""
    marks: list[Marks] = [_key, lambda one: (one.name, one.file), *map(_ending, ENDS)]
    found: dict[int, int] = {}
    for mark in marks:
        old, new = _single(before, mark), _single(after, mark)
        taken = frozenset(found.values())
        found |= {
            old[key]: new[key] for key in old.keys() & new.keys() if old[key] not in found and new[key] not in taken
        }
    return found


def _single(functions: Sequence[Function], mark: Marks) -> dict[tuple[object, ...], int]:
    """Return the functions that alone bear a mark."""
    bearers: dict[tuple[object, ...], list[int]] = {}
    for number, function in enumerate(functions):
        bearers.setdefault(mark(function), []).append(number)
    return {key: numbers[0] for key, numbers in bearers.items() if len(numbers) == 1}


def _key(function: Function) -> FunctionKey:
    return function.name, function.file, function.line


def _ending(parts: int) -> Marks:
    return lambda one: (one.name, *one.file.replace("\\", "/").split("/")[-parts:])


def _mapped(place: Sequence[int], numbers: Index) -> Index:
    # One more, so that an empty run has a row, too; -1 takes it.
    return np.array([*place, -1], np.int32)[numbers]


def _joined(one: Index, other: Index) -> Index:
    return np.concatenate([one, other]).astype(np.int32)
