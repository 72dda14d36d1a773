"""Lane-relative stages to full ones: a lane created inside a stage stands below it, and every stage gets its id.

Rules: the same path of names is the same stage, whichever lane reached it. A name that stands on the path already (same
name and kind) is that stage again, also across lanes, so that recursive tasks keep the tree finite. A module's name is
one component below the nearest stage above it that is no module; where that id is taken by a module with another
parent, its id is its parent's id and its name, then `#2`, `#3`.

What an instrument records by itself (`backward`, `decode`) right inside a stage that the program calls the same is that
stage, which takes its kind; its spans there are no calls of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from energyprof.errors import CaptureError
from energyprof.model.ids import StageId, escape_component
from energyprof.model.recording import LocalStage
from energyprof.model.span import Flags, Index, Ints, Stage

_TABLE_LIMIT = 1 << 22
BY_THEMSELVES: Final = frozenset({"backward", "evaluation", "generation", "loader", "loss", "optimizer"})
"""Kinds of stages that instruments record without being asked."""


class StageTree:
    """The full stages of a run, parents first; grows as lane-relative ones are placed in it."""

    def __init__(self, local: Sequence[LocalStage]) -> None:
        self.stages: list[Stage] = []
        self.after: list[tuple[str, ...]] = []
        """Per stage the names it declares to receive from."""
        self.local = local
        self._origin: list[LocalStage] = []
        """Per stage the lane-relative one that it was first seen as."""
        self._known: dict[tuple[int, str, bool], int] = {}
        self._placed: dict[tuple[int, int], int] = {}
        self._merged: set[tuple[int, int]] = set()
        """(prefix, lane-relative stage) of those that are the stage around them."""
        self._ids: set[str] = set()
        self._met: set[tuple[str, str]] = set()
        """Name and kind of every stage: what is not in it is open on no path, however deep."""

    def place(self, prefix: int, local: int) -> int:
        """Return the stage that the lane-relative stage `local` is on a lane created below `prefix` (-1: no stage)."""
        chain = []
        while local >= 0 and (prefix, local) not in self._placed:
            chain.append(local)
            local = self.local[local].parent
        stage = self._placed[prefix, local] if local >= 0 else prefix
        for below in reversed(chain):
            around, stage = stage, self._enter(stage, self.local[below])
            self._placed[prefix, below] = stage
            if (
                stage == around
                and self._origin[around].kind != self.local[below].kind
                and self.local[below].kind in BY_THEMSELVES
            ):
                self._merged.add((prefix, below))
        return stage

    def is_merged(self, prefix: int, local: int) -> bool:
        """Return whether a placed lane-relative stage is the stage that is around it already."""
        return (prefix, local) in self._merged

    def first_places(self) -> dict[int, int]:
        """Return per lane-relative stage the first full one that it became."""
        places: dict[int, int] = {}
        for (_, local), stage in self._placed.items():
            places.setdefault(local, stage)
        return places

    def _enter(self, parent: int, local: LocalStage) -> int:
        above: int | None = parent if parent >= 0 and (local.name, local.kind) in self._met else None
        while above is not None:
            origin = self._origin[above]  # its name may have got a `#2` here
            if (origin.name, origin.kind) == (local.name, local.kind):
                return self._declare(above, local)
            above = self.stages[above].parent
        if parent >= 0 and self._takes_in(parent, local):
            self.stages[parent] = replace(self.stages[parent], kind=local.kind)
            return self._declare(parent, local)
        key = (parent, local.name, local.is_module)
        if key not in self._known:
            self._known[key] = self._add(parent, local)
        return self._declare(self._known[key], local)

    def _takes_in(self, parent: int, local: LocalStage) -> bool:
        origin = self._origin[parent]
        is_same = origin.name == local.name and origin.kind == "stage"
        return is_same and local.kind in BY_THEMSELVES and not local.is_module and not origin.is_module

    def _declare(self, stage: int, local: LocalStage) -> int:
        facts = self.stages[stage].facts
        if local.facts and local.facts != facts:
            self.stages[stage] = replace(self.stages[stage], facts={**facts, **local.facts})
        known = self.after[stage]
        self.after[stage] = known + tuple(name for name in local.after if name not in known)
        return stage

    def _add(self, parent: int, local: LocalStage) -> int:
        base = parent
        if local.is_module:
            while base >= 0 and self._origin[base].is_module:
                base = self._parent(base)
        name, number = local.name, 1
        id_ = self._id_below(base, name)
        if base != parent and id_ in self._ids:
            base = parent
            id_ = self._id_below(base, name)
        while id_ in self._ids:
            number += 1
            name = f"{local.name}#{number}"
            id_ = self._id_below(base, name)
        self._ids.add(id_)
        self._met.add((local.name, local.kind))
        path = (*(self.stages[base].path if base >= 0 else ()), name)
        above = parent if parent >= 0 else None
        self.stages.append(Stage(StageId(id_), name, path, above, local.kind, local.file, local.line))
        self.after.append(())
        self._origin.append(local)
        return len(self.stages) - 1

    def _parent(self, stage: int) -> int:
        parent = self.stages[stage].parent
        return -1 if parent is None else parent

    def _id_below(self, base: int, name: str) -> str:
        component = escape_component(name)
        return f"{self.stages[base].id}/{component}" if base >= 0 else component


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Where lanes and spans stand in the tree."""

    prefix: Index
    """Per lane: the stage below which all of its stages stand; -1: none."""
    parent: Index
    """Per lane: the lane that created it; -1: none or unknown."""
    stage: Index
    """Per span."""
    is_merged: Flags
    """Per span: it is within one of the same stage, and no call."""


def place_all(tree: StageTree, origins: Mapping[int, tuple[int, int]], lanes: int, stage: Index, lane: Index) -> Placed:
    """Place every lane and span; `origins` gives per created lane the creating lane and the stage open there."""
    # What runs on lanes that nobody created comes first, in the order in which it was seen: names met again elsewhere
    # are numbered after it. In which order stages are shown does not depend on it: see `first_begins`.
    is_first = np.ones(lanes, np.bool_)
    is_first[[created for created in origins if created < lanes]] = False
    for local in np.unique(stage[is_first[lane]]).tolist():
        tree.place(-1, local)
    prefix = np.full(lanes, -1, np.int32)
    parent = np.full(lanes, -1, np.int32)
    for created, below in _prefixes(tree, origins, lanes).items():
        prefix[created] = below
        parent[created] = origins[created][0]
    prefixes, rank = np.unique(np.append(prefix, -1), return_inverse=True)
    many = len(prefixes)
    # By stage first: a stage stands where it was first seen, whatever lane it was seen on.
    used, at = _distinct(stage.astype(np.int64) * many + rank[lane], (int(stage.max(initial=0)) + 1) * many)
    found, merged = np.zeros(len(used), np.int32), np.zeros(len(used), np.bool_)
    for row, key in enumerate(used.tolist()):
        below, local = int(prefixes[key % many]), key // many
        found[row] = tree.place(below, local)
        merged[row] = tree.is_merged(below, local)
    return Placed(prefix, parent, found[at], merged[at])


def _distinct(key: Ints, limit: int) -> tuple[Ints, Ints]:
    """Return the distinct keys, ascending, and per row which of them it has; all keys lie below `limit`."""
    if limit > _TABLE_LIMIT:
        distinct, at = np.unique(key, return_inverse=True)
        return distinct, at
    seen = np.zeros(limit, np.bool_)
    seen[key] = True
    number = np.cumsum(seen) - 1
    return np.flatnonzero(seen), number[key]


def _prefixes(tree: StageTree, origins: Mapping[int, tuple[int, int]], lanes: int) -> dict[int, int]:
    """Return the prefix of every lane that has an origin."""
    prefixes: dict[int, int] = {}
    for lane in origins:
        chain: list[int] = []
        at = lane
        while at in origins and at not in prefixes:
            if len(chain) > lanes or at >= lanes or origins[at][1] >= len(tree.local):
                raise CaptureError("its lanes' origins do not fit together")
            chain.append(at)
            at = origins[at][0]
        for created in reversed(chain):
            creator, stage = origins[created]
            above = prefixes.get(creator, -1)
            prefixes[created] = tree.place(above, stage) if stage >= 0 else above
    return prefixes
