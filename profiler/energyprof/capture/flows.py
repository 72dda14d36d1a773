"""Data flow between stages: what `stage(after=...)` declares, resolved to stages, and what was observed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from energyprof.capture.tallies import joined_tallies
from energyprof.model.span import Index, Ints, Stage
from energyprof.model.tally import FLOWS, GIVEN, Tally
from energyprof.model.trace import Flows, Outputs

Edges = dict[tuple[int, int], tuple[int, int]]
"""(source, target) -> (count, bytes)."""


def declared_edges(stages: Sequence[Stage], after: Sequence[Sequence[str]], calls: Ints) -> tuple[Edges, list[str]]:
    """Return the flows into every stage that declares what it follows, and a warning per name that nothing has.

    The nearest stage of that name counts: a sibling, then one beside a stage around it, then any earlier stage, then
    any other. A whole id (`train/forward`) names a stage too. `calls` (spans per stage) counts how often. What hands
    its results to a module is known from the model itself: a sibling, or nobody where that one was not recorded.
    """
    by_name: dict[str, list[int]] = {}
    for index, stage in enumerate(stages):
        by_name.setdefault(stage.name, []).append(index)
    by_id = {str(stage.id): index for index, stage in enumerate(stages)}
    edges: Edges = {}
    warnings = []
    for target, names in enumerate(after):
        for name in names:
            if stages[target].kind == "module":
                beside = [index for index in by_name.get(name, ()) if stages[index].parent == stages[target].parent]
                edges.update({(index, target): (int(calls[target]), 0) for index in beside if index != target})
                continue
            source = _nearest(stages, [index for index in by_name.get(name, ()) if index != target], target)
            if source is None and by_id.get(name) != target:
                source = by_id.get(name)
            if source is not None:
                edges[source, target] = (int(calls[target]), 0)
                continue
            warnings.append(
                f"stage {stages[target].id!r} is declared after {name!r}, but no other stage has that name; "
                "check the spelling in stage(after=...)"
            )
    return edges, warnings


def _nearest(stages: Sequence[Stage], named: Sequence[int], target: int) -> int | None:
    scope: int | None = target
    while scope is not None:
        scope = stages[scope].parent
        beside = [index for index in named if stages[index].parent == scope]
        if beside:
            return beside[-1]
    earlier = [index for index in named if index < target]
    return earlier[-1] if earlier else next(iter(named), None)


def with_observed(edges: Edges, observed: Flows) -> Edges:
    """Return `edges` with observed flows added; a flow that is declared as well counts as observed."""
    merged: Edges = {}
    for source, target, count, nbytes in zip(
        *(column.tolist() for column in (observed.source, observed.target, observed.count, observed.nbytes)),
        strict=True,
    ):
        before = merged.get((source, target), (0, 0))
        merged[source, target] = (before[0] + count, before[1] + nbytes)
    return {**edges, **merged}


def as_columns(edges: Edges) -> Flows:
    """Return the edges as columns, ordered by (source, target)."""
    rows = [(*key, *edges[key]) for key in sorted(edges)]
    source, target, count, nbytes = np.array(rows, np.int64).reshape(-1, 4).T.copy()
    return Flows(source.astype(np.int32), target.astype(np.int32), count, nbytes)


@dataclass(frozen=True, slots=True, eq=False)
class FlowTallies:
    """All data flow of a capture as columns; stages are lane-relative."""

    edges: tuple[Ints, ...]
    """Columns as of FLOWS."""
    given: tuple[Ints, ...]
    """Columns as of GIVEN."""

    @staticmethod
    def of(tallies: Sequence[Tally]) -> FlowTallies:
        """Put together what the collectors of a run have counted, one after the other."""
        return FlowTallies(joined_tallies(tallies, FLOWS), joined_tallies(tallies, GIVEN))

    def places(self) -> tuple[Index, Index]:
        """Return the stages and the lanes on which they occur, as they have to be placed in the tree."""
        stage = np.concatenate((self.edges[1], self.edges[3], self.given[1]))
        lane = np.concatenate((self.edges[0], self.edges[2], self.given[0]))
        return stage.astype(np.int32), lane.astype(np.int32)

    def placed(self, stage: Index) -> tuple[Flows, Outputs]:
        """Return flows and outputs between full stages; `stage` are those of `places()`."""
        rows = len(self.edges[0])
        flows = Flows(stage[:rows], stage[rows : 2 * rows], self.edges[4], self.edges[5])
        stages, at = np.unique(stage[2 * rows :], return_inverse=True)
        sums = [np.zeros(len(stages), np.int64) for _ in self.given[2:]]
        for total, column in zip(sums, self.given[2:], strict=True):
            np.add.at(total, at, column)
        between = flows.source != flows.target
        columns = (flows.source, flows.target, flows.count, flows.nbytes)
        return Flows(*(column[between] for column in columns)), Outputs(stages.astype(np.int32), *sums)
