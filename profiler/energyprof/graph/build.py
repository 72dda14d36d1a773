"""Build the stage graph from the stages, their attributed energies and the data flow between them."""

from __future__ import annotations

from collections.abc import Mapping

from energyprof.graph.energy import StageEnergy, sum_self, sum_total
from energyprof.graph.flow import Pair, lift, opened, spine, uses_of
from energyprof.graph.levels import Carried, carried, embody_levels
from energyprof.graph.outputs import NOTHING, HandedOut, outputs_of
from energyprof.graph.paths import costliest_path
from energyprof.model.attribution import Attribution
from energyprof.model.domain import Domain
from energyprof.model.graph import Edge, EdgeKind, Node, StageGraph
from energyprof.model.ids import StageId
from energyprof.model.span import Stage
from energyprof.model.trace import Flows, Outputs


def build_graph(
    stages: tuple[Stage, ...],
    domains: tuple[Domain, ...],
    attribution: Attribution,
    known: Flows,
    outputs: Outputs | None = None,
) -> StageGraph:
    """Return nodes in pipeline order with the edges between them.

    A `feeds` edge carries what its producer embodies as seen on their common level: between outermost stages
    everything spent before, between the children of one stage what was spent within that stage.
    """
    own, total = sum_self(domains, attribution, len(stages)), sum_total(domains, attribution, len(stages))
    flows = lift(known, stages)
    handed = outputs_of(outputs)
    embodied, handed_on = embody_levels(stages, total, uses_of(flows))
    children, calling = opened(attribution.calls, stages)

    edges = _contains(stages, total, children, attribution)
    edges += [_edge(stages, "calls", pair, count, None) for pair, count in calling.items()]
    edges += [_edge(stages, "feeds", pair, count, handed_on[pair]) for pair, (count, _) in flows.items()]
    edges += [_edge(stages, "follows", pair, n, None) for pair, n in spine(attribution.follows, stages, flows).items()]
    return StageGraph(
        nodes=_nodes(stages, own, total, embodied, attribution, handed),
        edges=tuple(sorted(edges, key=lambda edge: (edge.kind, edge.source, edge.target))),
        hotspots=_hotspots(stages, own),
        unused=tuple(stages[index].id for index, of in sorted(handed.items()) if of.unused),
        costliest_path=tuple(stages[index].id for index in costliest_path(total.known_uj(), flows, stages)),
    )


def _nodes(  # noqa: PLR0913, PLR0917 - what a node is told from
    stages: tuple[Stage, ...],
    own: StageEnergy,
    total: StageEnergy,
    embodied: Mapping[int, Carried],
    attribution: Attribution,
    handed: Mapping[int, HandedOut],
) -> tuple[Node, ...]:
    calls, wall_ns = attribution.times.calls.tolist(), attribution.times.wall_ns.tolist()
    own_j, own_how, total_j, total_how = own.energies_j(), own.provenances(), total.energies_j(), total.provenances()
    own_bounds, total_bounds = own.bounds_j(), total.bounds_j()
    nodes: list[Node] = []
    for index, stage in enumerate(stages):
        above, made = None if stage.parent is None else nodes[stage.parent], embodied.get(index)
        nodes.append(
            Node(
                stage=stage.id,
                name=stage.name,
                kind=stage.kind,
                parent=None if above is None else above.stage,
                depth=0 if above is None else above.depth + 1,
                self_j=own_j[index],
                self_bounds_j=own_bounds[index],
                total_j=total_j[index],
                total_bounds_j=total_bounds[index],
                embodied_j=None if made is None else made.energy_j,
                calls=calls[index],
                wall_s=wall_ns[index] / 1e9,
                provenance=own_how[index],
                total_provenance=total_how[index],
                outputs=handed.get(index, NOTHING).given,
                unused_outputs=handed.get(index, NOTHING).unused,
                repeated_inputs=handed.get(index, NOTHING).again,
                embodied_bounds_j=None if made is None else made.bounds_j,
                embodied_provenance="measured" if made is None else made.provenance,
            )
        )
    return tuple(nodes)


def _contains(
    stages: tuple[Stage, ...], total: StageEnergy, children: Mapping[Pair, int], attribution: Attribution
) -> list[Edge]:
    edges = []
    calls, totals = attribution.times.calls.tolist(), carried(total)
    for index, stage in enumerate(stages):
        if stage.parent is not None:
            # A stage opened first thing in a new thread has no caller on its lane: its own calls say how often.
            count = children.get((stage.parent, index), calls[index])
            edges.append(_edge(stages, "contains", (stage.parent, index), count, totals[index]))
    return edges


def _edge(stages: tuple[Stage, ...], kind: EdgeKind, pair: Pair, count: int, energy: Carried | None) -> Edge:
    ends = stages[pair[0]].id, stages[pair[1]].id
    if energy is None:
        return Edge(*ends, kind, count, None)
    return Edge(*ends, kind, count, energy.energy_j, energy.bounds_j, energy.provenance)


def _hotspots(stages: tuple[Stage, ...], own: StageEnergy) -> tuple[StageId, ...]:
    """Return all stages by falling self energy; those without a figure of their own come last, by their upper bound."""
    known_uj, high_uj = own.known_uj(), own.high_uj.tolist()

    def rank(index: int) -> tuple[bool, int, str]:
        energy_uj = known_uj[index]
        return energy_uj is None, -(high_uj[index] if energy_uj is None else energy_uj), stages[index].id

    return tuple(stages[index].id for index in sorted(range(len(stages)), key=rank))
