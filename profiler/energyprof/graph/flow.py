"""Edges between stages: data flow lifted to where both ends are siblings, and plain order where no flow is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from energyprof.model.span import Stage
from energyprof.model.trace import Flows

Pair: TypeAlias = tuple[int, int]
"""Stage indices (source, target)."""


def lift(flows: Flows, stages: tuple[Stage, ...]) -> dict[Pair, tuple[int, int]]:
    """Return (count, bytes) per pair of siblings that `flows` connects, be it through stages below them.

    A flow between a stage and one of its own ancestors stays inside that ancestor and is no edge.
    """
    lifted: dict[Pair, tuple[int, int]] = {}
    for source, target, count, nbytes in _rows(flows):
        ends = _siblings(source, target, stages)
        if ends is not None:
            seen = lifted.get(ends, (0, 0))
            lifted[ends] = (seen[0] + count, seen[1] + nbytes)
    return dict(sorted(lifted.items()))


def uses_of(lifted: Mapping[Pair, tuple[int, int]]) -> dict[Pair, int]:
    """Return what each consumer uses of its producer: bytes where all flows of the producer have them, else counts."""
    sized: dict[int, bool] = {}
    for (source, _), (_, nbytes) in lifted.items():
        sized[source] = sized.get(source, True) and nbytes > 0
    return {
        (source, target): nbytes if sized[source] else count for (source, target), (count, nbytes) in lifted.items()
    }


def spine(follows: Flows, stages: tuple[Stage, ...], known: Mapping[Pair, object]) -> dict[Pair, int]:
    """Return the count per (stage, its most frequent later successor) among outermost stages without known data flow.

    What runs in a loop also comes before itself; only successors seen first later keep the spine free of circles.
    """
    hands_on = {source for source, _ in known}
    receives = {target for _, target in known}
    best: dict[int, tuple[int, int]] = {}
    for source, target, count, _ in _rows(follows):
        outermost = stages[source].parent is None and stages[target].parent is None
        if not outermost or target <= source or source in hands_on or target in receives:
            continue
        if source not in best or (-count, target) < best[source]:
            best[source] = (-count, target)
    return {(source, target): -negative for source, (negative, target) in sorted(best.items())}


def opened(calls: Flows, stages: tuple[Stage, ...]) -> tuple[dict[Pair, int], dict[Pair, int]]:
    """Return how often each stage opened its child, and apart calls of functions and calls the tree does not show."""
    children: dict[Pair, int] = {}
    calling: dict[Pair, int] = {}
    for source, target, count, _ in _rows(calls):
        in_tree = stages[target].parent == source
        if in_tree:
            children[source, target] = children.get((source, target), 0) + count
        if not in_tree or stages[target].kind == "function":
            calling[source, target] = calling.get((source, target), 0) + count
    return children, dict(sorted(calling.items()))


def _rows(flows: Flows) -> list[tuple[int, int, int, int]]:
    columns = (flows.source, flows.target, flows.count, flows.nbytes)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _siblings(source: int, target: int, stages: tuple[Stage, ...]) -> tuple[int, int] | None:
    path: dict[int | None, int] = {}
    step: int | None = source
    while step is not None:
        path[stages[step].parent] = step
        step = stages[step].parent
    on_path = set(path.values())

    step = target
    while step is not None and step not in on_path:
        parent = stages[step].parent
        if parent in path:
            return path[parent], step
        step = parent
    return None  # one of the two lies within the other
