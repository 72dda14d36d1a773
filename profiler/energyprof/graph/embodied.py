"""Embodied energy: what the results of each stage cost to make, their inputs included.

A stage embodies its own energy and its share of what its inputs embody; a producer's embodied energy is divided among
its consumers by use. Stages in a data-flow cycle are one unit towards the outside and share what the unit embodies by
their own energies. So nothing is lost or counted twice: the stages that hand nothing on embody all energy together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Embodied:
    """What each stage embodies and what each flow hands on, in whole microjoules."""

    stages: Mapping[int, int]
    flows: Mapping[tuple[int, int], int | None]
    """None inside a cycle, where no amount can be said."""
    complete: Mapping[int, bool]
    """False where the own energy of the stage, or of one before it, is unknown and therefore missing."""


def embody(own_uj: Mapping[int, int | None], uses: Mapping[tuple[int, int], int]) -> Embodied:
    """Follow the flows from sources to sinks; `own_uj` None: unknown, `uses` weighs each (producer, consumer).

    The sum of `stages` over the sinks (stages in units that hand nothing on) is the sum of all known `own_uj`.
    """
    if not uses:  # a run of ten thousand stages and no data flow needs no graph to say that each embodies itself
        order = sorted(own_uj)
        return Embodied({one: own_uj[one] or 0 for one in order}, {}, {one: own_uj[one] is not None for one in order})
    from energyprof.graph import directed  # here, as in `paths`: a run without a data flow waits for no networkx

    flow = directed.DiGraph()
    flow.add_nodes_from(sorted(own_uj))
    flow.add_edges_from(sorted(uses))
    # Units in order of their first stage: networkx leaves it open, and same input must give same output.
    units = sorted((sorted(unit) for unit in directed.strongly_connected_components(flow)), key=lambda unit: unit[0])
    unit_of = {stage: number for number, unit in enumerate(units) for stage in unit}
    leaving: list[list[tuple[int, int]]] = [[] for _ in units]
    for source, target in sorted(uses):
        if unit_of[source] != unit_of[target]:
            leaving[unit_of[source]].append((source, target))

    received = [0] * len(units)
    complete = [all(own_uj[stage] is not None for stage in unit) for unit in units]
    stages: dict[int, int] = {}
    flows: dict[tuple[int, int], int | None] = dict.fromkeys(sorted(uses))
    for number in _upstream_first(unit_of, uses, len(units)):
        own = [own_uj[stage] or 0 for stage in units[number]]
        whole = sum(own) + received[number]
        stages.update(zip(units[number], split(whole, own), strict=True))
        handed = split(whole, [uses[pair] for pair in leaving[number]])
        for (source, target), share in zip(leaving[number], handed, strict=True):
            flows[source, target] = share
            received[unit_of[target]] += share
            complete[unit_of[target]] = complete[unit_of[target]] and complete[number]
    return Embodied(stages, flows, {stage: complete[unit_of[stage]] for stage in sorted(own_uj)})


def split(whole: int, weights: Sequence[int]) -> list[int]:
    """Divide `whole` by `weights` into integers that add up to it exactly; equal parts where no weight is above 0."""
    if not weights:
        return []
    weights = [max(weight, 0) for weight in weights]
    total = sum(weights)
    parts = [whole * weight // total for weight in weights] if total else [whole // len(weights)] * len(weights)
    missing = whole - sum(parts)
    for place in sorted(range(len(weights)), key=lambda i: -weights[i])[:missing]:
        parts[place] += 1
    return parts


def _upstream_first(unit_of: Mapping[int, int], uses: Mapping[tuple[int, int], int], units: int) -> list[int]:
    from energyprof.graph import directed

    order = directed.DiGraph()
    order.add_nodes_from(range(units))
    order.add_edges_from(sorted({(unit_of[a], unit_of[b]) for a, b in uses if unit_of[a] != unit_of[b]}))
    return list(directed.lexicographical_topological_sort(order))
