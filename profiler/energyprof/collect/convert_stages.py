"""Lane-relative stages: which (enclosing stage, name) pairs exist, recursion folded so that the tree stays finite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from energyprof.model.events import OTHER_STAGE
from energyprof.model.recording import LocalStage
from energyprof.model.span import Facts, Flags, Index, Ints, StageKind

PATH_LIMIT = 100_000
"""At most this many lane-relative stages (paths, not names) are kept; later ones become `<other>`."""
FACTS_LIMIT = 32
"""At most this many facts of a stage are kept."""


@dataclass(frozen=True, slots=True)
class StageName:
    """What a process announced about one of its stage codes."""

    name: str
    kind: StageKind = "stage"
    file: str | None = None
    line: int | None = None
    is_module: bool = False
    after: tuple[str, ...] = ()
    facts: Facts = field(default_factory=dict, hash=False)


def facts_in(entry: Mapping[str, Any]) -> Facts:
    """Return what an announced name tells besides: as many texts and numbers as anybody can read."""
    told = entry.get("facts")
    items = told.items() if isinstance(told, dict) else ()
    kept = {name: value for name, value in items if isinstance(name, str) and isinstance(value, (str, int))}
    return dict(list(kept.items())[:FACTS_LIMIT])


class StageTable:
    """All lane-relative stages of a run, shared by its processes; indices count up from 0, parents first."""

    def __init__(self, limit: int = PATH_LIMIT) -> None:
        self.stages: list[LocalStage] = []
        self.overflowed = 0
        """How many distinct paths were counted as `<other>`."""
        self._limit = limit
        self._known: dict[tuple[int, str, StageKind, bool], int] = {}
        self._named: dict[tuple[str, StageKind], list[int]] = {}
        """By name and kind of every stage: what is not in it is open on no path, however deep."""
        self._fresh: dict[int, None] = {}
        self._parents = np.zeros(0, np.int32)

    def intern(self, parent: int, stage: StageName) -> int:
        """Return the index of `stage` opened inside `parent` (-1: outermost).

        A name that is already open on the path (same name and kind) is that same stage: `fib` in `fib` stays `fib`.
        """
        ancestor = parent if (stage.name, stage.kind) in self._named else -1
        while ancestor >= 0:
            above = self.stages[ancestor]
            if (above.name, above.kind) == (stage.name, stage.kind):
                return self._declare(ancestor, stage)
            ancestor = above.parent
        known = self._known.get((parent, stage.name, stage.kind, stage.is_module))
        if known is not None:
            return self._declare(known, stage)
        if len(self.stages) >= self._limit:
            self.overflowed += 1
            return self._add(-1, StageName(OTHER_STAGE))
        return self._add(parent, stage)

    def _add(self, parent: int, stage: StageName) -> int:
        key = (parent, stage.name, stage.kind, stage.is_module)
        if key not in self._known:
            index = len(self.stages)
            self._known[key] = index
            self.stages.append(
                LocalStage(
                    index,
                    parent,
                    stage.name,
                    stage.kind,
                    stage.file,
                    stage.line,
                    stage.is_module,
                    stage.after,
                    stage.facts,
                )
            )
            self._named.setdefault((stage.name, stage.kind), []).append(index)
            self._fresh[index] = None
        return self._known[key]

    def _declare(self, index: int, stage: StageName) -> int:
        """Add to a stage that is known already what this announcement of it knows beyond."""
        known = self.stages[index]
        told = known
        if known.file is None and stage.file is not None:
            told = replace(told, file=stage.file, line=stage.line)
        new = tuple(name for name in stage.after if name not in known.after)
        if new:
            told = replace(told, after=known.after + new)
        if told is not known:
            self.stages[index] = told
            self._fresh[index] = None
        return index

    def tell(self, stage: StageName) -> None:
        """Add the facts of an announced name to the stages that bear it, wherever they stand."""
        for index in self._named.get((stage.name, stage.kind), ()):
            known = self.stages[index]
            if known.is_module == stage.is_module and {**known.facts, **stage.facts} != known.facts:
                self.stages[index] = replace(known, facts={**known.facts, **stage.facts})
                self._fresh[index] = None

    def is_outermost(self, enclosing: Index, stage: Index) -> Flags:
        """Tell per span of `stage` inside `enclosing` (-1: none) that no span of the same stage is around it."""
        if len(self._parents) != len(self.stages):
            self._parents = np.array([known.parent for known in self.stages], np.int32)
        # What opens anew stands right below the stage around it; what is open already is found further up.
        return np.asarray(self._parents[stage] == enclosing)

    def path(self, index: int) -> tuple[str, ...]:
        """Return the names from the outermost stage down to `index`."""
        names: list[str] = []
        while index >= 0:
            names.append(self.stages[index].name)
            index = self.stages[index].parent
        return tuple(reversed(names))

    def go_on(self, stages: Iterable[LocalStage]) -> None:
        """Take up with stages that have been handed on before, row = index."""
        self.stages = list(stages)
        self._known = {(stage.parent, stage.name, stage.kind, stage.is_module): stage.index for stage in self.stages}
        self._named = {}
        for stage in self.stages:
            self._named.setdefault((stage.name, stage.kind), []).append(stage.index)

    def take_fresh(self) -> list[LocalStage]:
        """Return the stages that are new or changed since the last call, parents first."""
        fresh = [self.stages[index] for index in sorted(self._fresh)]
        self._fresh.clear()
        return fresh


class StageResolver:
    """One process's map from (enclosing stage, code) to stage, applied to whole columns at once."""

    def __init__(self, table: StageTable, names: Mapping[int, StageName]) -> None:
        self._table = table
        self._names = names
        self.unnamed: set[int] = set()
        """Codes that no name was announced for."""
        self.forget()

    def forget(self) -> None:
        """Start anew: a name was announced again with more to say."""
        self._keys = np.full(1, np.iinfo(np.int64).max)  # a sentinel, so that every search lands on a row
        self._values = np.full(1, -1, np.int32)

    def resolve(self, parent: Index, code: Ints, t_ns: Ints) -> Index:
        """Return the stage that begins with `code` inside `parent` at `t_ns`, row by row.

        New stages are numbered in the order in which they first began, on whatever lane; the code only tells when
        the name was announced, which may be at import.
        """
        key = ((parent.astype(np.int64) + 1) << 32) | code
        slot = np.searchsorted(self._keys, key)
        unknown = self._keys[slot] != key
        if unknown.any():
            rows = np.flatnonzero(unknown)
            rows = rows[np.argsort(t_ns[rows], kind="stable")]
            pairs, first = np.unique(key[rows], return_index=True)
            learnt = np.zeros(len(pairs), np.int32)
            for at in np.argsort(first).tolist():
                pair = int(pairs[at])
                learnt[at] = self._learn((pair >> 32) - 1, pair & 0xFFFFFFFF)
            # Put in between, not sorted anew: a chain of stages brings one new pair on each of its levels.
            place = np.searchsorted(self._keys, pairs)
            self._keys, self._values = np.insert(self._keys, place, pairs), np.insert(self._values, place, learnt)
            slot = np.searchsorted(self._keys, key)
        found: Index = self._values[slot]
        return found

    def _learn(self, parent: int, code: int) -> int:
        stage = self._names.get(code)
        if stage is None:
            self.unnamed.add(code)
            stage = StageName(f"<unnamed {code}>")
        return self._table.intern(parent, stage)
