"""The stage graph as plain data: nodes with self, total and embodied energy, edges with the energy they carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from energyprof.model.domain import Provenance
from energyprof.model.ids import StageId
from energyprof.model.span import StageKind

EdgeKind = Literal["contains", "calls", "feeds", "follows"]


@dataclass(frozen=True, slots=True)
class Node:
    """One stage in the graph; energies are sums over the domains that count (nested domains are not added)."""

    stage: StageId
    name: str
    kind: StageKind
    parent: StageId | None
    depth: int
    self_j: float | None
    """None: the data cannot tell it apart (refused in some domain)."""
    self_bounds_j: tuple[float, float] | None
    """Lower and upper; None: no reading covers it in some domain."""
    total_j: float | None
    total_bounds_j: tuple[float, float] | None
    embodied_j: float | None
    """For top-level stages: own total plus the share of what its inputs embody; None elsewhere."""
    calls: int
    wall_s: float
    provenance: Provenance
    """Of the self energy: the weakest of its parts."""
    total_provenance: Provenance = "measured"
    """Of the total energy: the weakest of its parts."""
    outputs: int = 0
    """Objects that it was seen to hand out."""
    unused_outputs: int = 0
    """Those of them that no stage was seen to receive, told only where others were received."""
    repeated_inputs: int = 0
    """Objects that it received for the second time or more: what it does with them may be done already."""
    embodied_bounds_j: tuple[float, float] | None = None
    """Lower and upper; None where there is no `embodied_j`, or no bounds of a part of it."""
    embodied_provenance: Provenance = "measured"
    """The weakest of its parts."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge; `energy_j`: the child's total (contains), embodied energy handed on (feeds), None (calls, follows)."""

    source: StageId
    target: StageId
    kind: EdgeKind
    count: int
    energy_j: float | None
    bounds_j: tuple[float, float] | None = None
    """Lower and upper; None where no joules are carried, or no bounds of a part of them are known."""
    provenance: Provenance | None = None
    """The weakest of the parts; None where no joules are carried."""


@dataclass(frozen=True, slots=True)
class StageGraph:
    """Nodes in pipeline order (first seen, parents first), edges sorted by (kind, source, target)."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    hotspots: tuple[StageId, ...]
    """All stages by falling self energy, ties by id."""
    unused: tuple[StageId, ...]
    """Stages of whose outputs some were received by other stages and some by none."""
    costliest_path: tuple[StageId, ...] = ()
    """Outermost stages along the flow of data whose totals add up to most, first to last; one stage is no path."""
