"""The costliest path along the flow of data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from energyprof.graph.flow import Pair
from energyprof.model.span import Stage


def costliest_path(total_uj: Sequence[int | None], flows: Iterable[Pair], stages: Sequence[Stage]) -> list[int]:
    """Return the outermost stages along a path of flows whose known totals add up to most; none without a flow.

    Stages in a circle are one step of the path and count together, in their order. Of equal paths the one through
    earlier stages is returned.
    """
    pairs = sorted(pair for pair in flows if stages[pair[0]].parent is None)
    if not pairs:
        return []
    from energyprof.graph import directed  # here: without a flow nothing waits for networkx

    flow = directed.DiGraph(pairs)
    units = directed.condensation(flow)
    members = {unit: sorted(units.nodes[unit]["members"]) for unit in units}
    weight = {unit: sum(total_uj[stage] or 0 for stage in stages_of) for unit, stages_of in members.items()}
    best: dict[int, tuple[int, list[int]]] = {}
    for unit in directed.lexicographical_topological_sort(units, key=lambda unit: members[unit][0]):
        before = [best[source] for source in units.predecessors(unit)]
        sum_uj, path = min(before, key=lambda one: (-one[0], one[1]), default=(0, []))
        best[unit] = sum_uj + weight[unit], [*path, *members[unit]]
    return min(best.values(), key=lambda one: (-one[0], one[1]))[1]
