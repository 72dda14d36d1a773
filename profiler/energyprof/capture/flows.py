"""Data flow between stages: what `stage(after=...)` declares, resolved to stages, and what was observed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from energyprof.model.span import Ints, Stage
from energyprof.model.trace import Flows

Edges = dict[tuple[int, int], tuple[int, int]]
"""(source, target) -> (count, bytes)."""


def declared_edges(stages: Sequence[Stage], after: Sequence[Sequence[str]], calls: Ints) -> tuple[Edges, list[str]]:
    """Return the flows into every stage that declares what it follows, and a warning per name that nothing has.

    The nearest stage of that name counts: a sibling, then one beside a stage around it, then any earlier stage, then
    any other. A whole id (`train/forward`) names a stage too. `calls` (spans per stage) counts how often.
    """
    by_name: dict[str, list[int]] = {}
    for index, stage in enumerate(stages):
        by_name.setdefault(stage.name, []).append(index)
    by_id = {str(stage.id): index for index, stage in enumerate(stages)}
    edges: Edges = {}
    warnings = []
    for target, names in enumerate(after):
        for name in names:
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


def with_observed(edges: Edges, observed: Iterable[Flows], stage_of: Mapping[int, int]) -> Edges:
    """Return `edges` with observed flows between lane-relative stages added; `stage_of` gives the full ones."""
    merged = dict(edges)
    for flows in observed:
        for source, target, count, nbytes in zip(
            flows.source.tolist(), flows.target.tolist(), flows.count.tolist(), flows.nbytes.tolist(), strict=True
        ):
            if source in stage_of and target in stage_of:
                key = (stage_of[source], stage_of[target])
                before = merged.get(key, (0, 0))
                merged[key] = (before[0] + count, before[1] + nbytes)
    return merged


def as_columns(edges: Edges) -> Flows:
    """Return the edges as columns, ordered by (source, target)."""
    rows = [(*key, *edges[key]) for key in sorted(edges)]
    source, target, count, nbytes = np.array(rows, np.int64).reshape(-1, 4).T.copy()
    return Flows(source.astype(np.int32), target.astype(np.int32), count, nbytes)
