"""What a reader wishes to see of a graph, as the options of an exporter have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

Metric = Literal["self", "total", "embodied", "time", "per-call"]
METRICS: Final[tuple[Metric, ...]] = get_args(Metric)
NODES: Final = 40
MOST_NODES: Final = 400
"""No picture has more boxes: laying out 600 took 0.5 GB, and 10,000 would take hours."""
SMALLEST: Final = 0.005
"""Of all stage energy: what is cheaper is folded away as soon as not everything fits."""
THINNEST: Final = 0.001
"""Of all energy: arrows that carry less are left out as soon as not everything fits."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How much is drawn and what makes a box hot."""

    nodes: int = NODES
    node_fraction: float | None = None
    """Of all stage energy: cheaper boxes are folded, whether they fit or not; None: SMALLEST, where not all fit."""
    edge_fraction: float | None = None
    """Of all energy: arrows that carry less are left out; None: THINNEST, where not all boxes fit."""
    trim: bool = True
    """False: everything is drawn, up to MOST_NODES."""
    metric: Metric = "self"
    grouped: bool = False
    """Like siblings are one box even where all of them fit."""

    @property
    def room(self) -> int:
        """How many boxes there may be."""
        return min(max(self.nodes, 1), MOST_NODES) if self.trim else MOST_NODES

    def thinnest(self, *, is_everything: bool) -> float:
        """Return the part of all energy that an arrow must carry to be drawn; `is_everything`: all boxes fit."""
        if not self.trim or (self.edge_fraction is None and is_everything):
            return float("-inf")
        return THINNEST if self.edge_fraction is None else self.edge_fraction

    @staticmethod
    def of(options: Mapping[str, str]) -> Wishes:
        """Return the wishes that an exporter's options name; those they leave out are as usual."""
        metric = options.get("metric", "self")
        node_fraction, edge_fraction = options.get("node_fraction"), options.get("edge_fraction")
        return Wishes(
            nodes=int(options.get("nodes", NODES)),
            node_fraction=None if node_fraction is None else float(node_fraction),
            edge_fraction=None if edge_fraction is None else float(edge_fraction),
            trim=options.get("trim", "true") != "false",
            metric=next((one for one in METRICS if one == metric), "self"),
            grouped=options.get("group", "") == "repeats",
        )
