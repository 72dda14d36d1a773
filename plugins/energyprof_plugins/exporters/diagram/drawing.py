"""The diagram as Graphviz source: the pipeline runs down the left, detail opens to the right."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import graphviz

from energyprof.model.report import EdgeRow, Report
from energyprof_plugins.exporters.account import is_sampled, microjoules
from energyprof_plugins.exporters.diagram import anatomy
from energyprof_plugins.exporters.diagram.fold import Folded, Joint, fold
from energyprof_plugins.exporters.diagram.label import arrow_label, label, line, table
from energyprof_plugins.exporters.diagram.legend import Shown, families_of, legend
from energyprof_plugins.exporters.diagram.measure import Measure
from energyprof_plugins.exporters.diagram.palette import HEAT, LIGHT, heat_step, ink_on
from energyprof_plugins.exporters.diagram.wishes import THINNEST, Wishes
from energyprof_plugins.exporters.figures import joules

BORDERS: Final = {
    "measured": {"style": "filled", "penwidth": "1.6"},
    "inferred": {"style": "filled,dashed", "penwidth": "1.6"},
    "inferred (repeat mode)": {"style": "filled,dashed", "penwidth": "1.6", "peripheries": "2"},
    "estimated (model)": {"style": "filled,dotted", "penwidth": "2"},
}
UNKNOWN: Final = {"style": "filled", "penwidth": "1", "color": LIGHT["frame"]}
"""Of a box whose energy is not known: it has no provenance."""

THICKEST: Final = 9
"""Points of a line that carries all energy, beside those that every line has."""
THICKEST_CALL: Final = 3
"""Of a call: its joules stand on the line and must not be covered by it."""
MARGIN_PT: Final = "16"
"""Room around the boxes of a cluster: a line of text below the lowest one fits."""


def drawing(report: Report, wishes: Wishes = Wishes()) -> str:  # noqa: B008 - frozen
    """Return DOT source, the same for the same report."""
    return _Drawing(report, fold(report, wishes), wishes).source()


class _Drawing:
    """Collect the statements of one diagram."""

    def __init__(self, report: Report, folded: Folded, wishes: Wishes) -> None:
        self.report, self.folded, self.wishes = report, folded, wishes
        self.measure = Measure.of(folded, wishes.metric)
        self.groups = folded.groups
        self.spent_uj = microjoules(report.measured.energy_j)
        self.several_families = len(families_of(report)) > 1
        self.shown = frozenset(folded.shown)
        self.spine = [place for place in folded.shown if self.groups[place].parent is None]
        rows = report.stages
        self.outermost = {rows[row].stage: place for place in self.spine for row in self.groups[place].members}
        self.graph = graphviz.Digraph("hotspot")
        self.called: frozenset[int] = frozenset()
        """Functions that stand behind a caller, and not beside the others below their stage."""

    def source(self) -> str:
        flows, thin = self._thick(self._between_spine("feeds"))
        order = self._between_spine("follows")
        calls, few = self._thick(self._between_functions())
        self.called = self._behind_callers(calls)
        self._defaults(
            legend(
                self.report,
                Shown(
                    stages=self.folded.drawn_stages(), ways=frozenset(self._ways()), metric=self.wishes.metric,
                    has_flow=bool(flows), has_order=bool(order), has_calls=bool(calls), thin_arrows=thin + few,
                ),
            )
        )  # fmt: skip
        # In a left-to-right layout the nodes of one rank grow upwards: the last stage is written first.
        last = self._below_spine()
        for number, place in enumerate(reversed(self.spine)):
            self._cluster(number, place)
        column = [*map(self._id, self.spine), *last]
        if not column:
            self._nothing()
        with self.graph.subgraph() as same:
            same.attr(rank="same")
            for identity in column:
                same.node(identity)
        joined = self._flow_edges(flows, order)
        self._calls(calls)
        for upper, lower in pairwise(column):
            if frozenset((upper, lower)) not in joined:
                self.graph.edge(lower, upper, style="invis")
        return str(self.graph.source)

    def _defaults(self, text: str) -> None:
        self.graph.attr(
            rankdir="LR", newrank="true", ranksep="0.42", nodesep="0.2", fontname="Helvetica", bgcolor=LIGHT["page"],
            pad="0.2", labelloc="t", labeljust="l", outputorder="edgesfirst", tooltip=" ", label=text,
        )  # fmt: skip
        self.graph.attr(
            "node", shape="box", fontname="Helvetica", margin="0.09,0.05", height="0.2", width="0.5", color=LIGHT["ink"]
        )
        self.graph.attr("edge", fontname="Helvetica", fontsize="10", arrowsize="0.7")

    def _cluster(self, number: int, place: int) -> None:
        below = any(child in self.shown for child in self.groups[place].children)
        framed = below or place in self.folded.rest or place in self.folded.joints
        style = "rounded,filled" if framed else "invis"
        # Every outermost stage is a cluster, framed or not: Graphviz keeps the order of the spine only among equals.
        with self.graph.subgraph(name=f"cluster_{number}") as cluster:
            # A cluster inherits the label of the graph unless it has its own.
            cluster.attr(label="", margin=MARGIN_PT, tooltip=" ")
            cluster.attr(style=style, color=LIGHT["line"], fillcolor=LIGHT["panel"])
            waiting = [(place, 1)]
            while waiting:
                this, depth = waiting.pop()
                self._box(cluster, this)
                self._remainder(cluster, this)
                self._inseparable(cluster, this)
                for child in reversed(self.groups[this].children):
                    if child in self.shown and child not in self.called:
                        # Heavier lines further in keep children beside their parent; without it the lines cross.
                        total_uj = self.groups[child].rank_uj
                        self._line(cluster, (this, self._id(child)), total_uj, weight=4 ** min(depth, 6))
                waiting += [(child, depth + 1) for child in self.groups[this].children if child in self.shown]

    def _box(self, where: Any, place: int) -> None:  # graphviz ships no types
        box = self.folded.box(place)
        step = heat_step(self.measure.share(box))
        where.node(
            self._id(place),
            anatomy.box_label(self.report, box, self.measure, ink_on(HEAT[step]), bars=self.several_families),
            fillcolor=HEAT[step],
            tooltip=graphviz.escape(anatomy.box_tooltip(self.report, box)),
            id=self._id(place),
            **{"class": f"h{step}"},
            **(UNKNOWN if box.own.nothing and box.total.nothing else BORDERS[anatomy.provenance(box.rows)]),
        )

    def _ways(self) -> set[str]:
        """Return the provenances that the borders of the drawn boxes tell."""
        drawn = map(self.folded.box, self.folded.shown)
        return {anatomy.provenance(box.rows) for box in drawn if not (box.own.nothing and box.total.nothing)}

    def _remainder(self, where: Any, place: int | None) -> None:  # graphviz ships no types
        rest = self.folded.rest.get(place)
        if rest is None:
            return
        step = heat_step(self.measure.share_of_rest(rest, self.report.stages))
        identity = f"{self._id(place)}rest"
        where.node(
            identity,
            anatomy.rest_label(rest, self.spent_uj, ink_on(HEAT[step])),
            style="rounded,filled",
            fillcolor=HEAT[step],
            color=LIGHT["frame"],
            tooltip=graphviz.escape(anatomy.rest_tooltip(rest)),
            id=identity,
            **{"class": f"h{step}"},
        )
        if place is not None:
            self._line(where, (place, identity), rest.energy_uj, "folded")

    def _inseparable(self, where: Any, place: int) -> None:  # graphviz ships no types
        for number, joint in enumerate(reversed(self.folded.joints.get(place, []))):
            identity = f"{self._id(place)}joint{number}"
            self._joint_box(where, identity, joint)
            self._line(where, (place, identity), joint.energy_uj, "that cannot be told apart")

    def _joint_box(self, where: Any, identity: str, joint: Joint) -> None:  # graphviz ships no types
        step = heat_step(self.measure.share_of_energy(joint.energy_uj))
        where.node(
            identity,
            anatomy.joint_label(joint, self.spent_uj, ink_on(HEAT[step])),
            style="rounded,filled,dashed",
            fillcolor=HEAT[step],
            penwidth="1.6",
            tooltip=graphviz.escape(anatomy.joint_tooltip(joint)),
            id=identity,
            **{"class": f"h{step}"},
        )

    def _below_spine(self) -> list[str]:
        """Write what belongs to the run as a whole, below its last stage, and return the ids from top to bottom."""
        drawn: list[str] = []
        for number, joint in enumerate(self.folded.joints.get(None, [])):
            drawn.append(f"runjoint{number}")
            with self._unframed(drawn[-1]) as cluster:
                self._joint_box(cluster, drawn[-1], joint)
        if None in self.folded.rest:
            drawn.append("runrest")
            with self._unframed("runrest") as cluster:
                self._remainder(cluster, None)
        return drawn

    def _unframed(self, identity: str) -> Any:  # graphviz ships no types
        return self.graph.subgraph(
            name=f"cluster_{identity}", graph_attr={"label": "", "style": "invis", "margin": MARGIN_PT, "tooltip": " "}
        )

    def _nothing(self) -> None:
        text = [line("no stage was recorded", 11, LIGHT["ink"], bold=True)]
        text.append(line('mark one with: with energyprof.stage("name"):', 10, LIGHT["ink"]))
        self.graph.node(
            "nothing", label(table(text)), style="rounded,filled", fillcolor=LIGHT["panel"], color=LIGHT["frame"]
        )

    def _line(self, where: Any, ends: tuple[int, str], energy_uj: int, what: str = "", weight: int = 1) -> None:
        where.edge(
            self._id(ends[0]),
            ends[1],
            dir="none",
            weight=str(weight),
            penwidth=self._width(energy_uj),
            color=LIGHT["frame"],
            tooltip=graphviz.escape(f"contains {joules(energy_uj / 1e6)} {what}".strip()),
        )

    def _between_spine(self, kind: str) -> dict[tuple[int, int], int | None]:
        """Return the edges of one kind between drawn outermost boxes; those of stacked stages are added up."""
        found: dict[tuple[int, int], int | None] = {}
        for edge in self.report.edges:
            if edge.kind != kind:
                continue
            pair = self._ends(edge)
            if pair is not None:
                before, more = found.get(pair), edge.energy_j
                found[pair] = before if more is None else (before or 0) + microjoules(more)
        return found

    def _between_functions(self) -> dict[tuple[int, int], int | None]:
        """Return the calls between drawn functions with what passes along them."""
        rows = self.report.stages
        place_of = {rows[self.groups[place].members[0]].stage: place for place in self.shown}
        found: dict[tuple[int, int], int | None] = {}
        for edge in self.report.edges:
            source, target = place_of.get(edge.source), place_of.get(edge.target)
            if edge.kind != "calls" or source is None or target is None or source == target:
                continue
            if is_sampled(rows[self.groups[target].members[0]]):
                found[source, target] = None if edge.energy_j is None else microjoules(edge.energy_j)
        return found

    def _thick(self, edges: dict[tuple[int, int], int | None]) -> tuple[dict[tuple[int, int], int | None], int]:
        """Return the edges that carry enough to be drawn, and how many others there are."""
        wishes = self.wishes
        if not wishes.trim or (wishes.edge_fraction is None and self.folded.is_everything):
            return edges, 0
        least_uj = (THINNEST if wishes.edge_fraction is None else wishes.edge_fraction) * self.spent_uj
        kept = {pair: energy_uj for pair, energy_uj in edges.items() if energy_uj is None or energy_uj >= least_uj}
        return kept, len(edges) - len(kept)

    def _behind_callers(self, calls: dict[tuple[int, int], int | None]) -> frozenset[int]:
        """Return the functions that a call leads to from one that stands beside the others below its stage."""
        callees: dict[int, list[int]] = {}
        for source, target in sorted(calls):
            callees.setdefault(source, []).append(target)
        targets = {target for _, target in calls}
        waiting = sorted({source for source, _ in calls} - targets)
        reached: set[int] = set()
        while waiting or targets - reached:
            if not waiting:  # a circle that nothing leads into: its first function stands beside the others
                first = min(targets - reached)
                waiting, targets = [first], targets - {first}
            for target in callees.get(waiting.pop(), []):
                if target in targets and target not in reached:
                    reached.add(target)
                    waiting.append(target)
        return frozenset(reached)

    def _calls(self, calls: dict[tuple[int, int], int | None]) -> None:
        for (source, target), energy_uj in sorted(calls.items()):
            amount = "" if energy_uj is None else joules(energy_uj / 1e6)
            names = [self.groups[place].name for place in (source, target)]
            self.graph.edge(
                self._id(source), self._id(target), label=f" {amount} ", fontsize="9", fontcolor=LIGHT["dim"],
                color=LIGHT["frame"], arrowhead="vee", penwidth=self._width(energy_uj or 0, THICKEST_CALL),
                tooltip=graphviz.escape(f"{names[0]} calls {names[1]}: {amount or 'an unknown energy'} there"),
            )  # fmt: skip

    def _ends(self, edge: EdgeRow) -> tuple[int, int] | None:
        source, target = self.outermost.get(edge.source), self.outermost.get(edge.target)
        return None if source is None or target is None or source == target else (source, target)

    def _flow_edges(
        self, flows: dict[tuple[int, int], int | None], order: dict[tuple[int, int], int | None]
    ) -> set[frozenset[str]]:
        """Write data flow and order, and return the pairs of ids that they join."""
        level = {place: number for number, place in enumerate(self.spine)}
        passing = {pair for pair in flows if abs(level[pair[0]] - level[pair[1]]) > 1 or pair[::-1] in flows}
        for pair, energy_uj in sorted(flows.items()):
            reach = sorted(level[place] for place in pair)
            beside = [other for other in passing if other != pair and _overlap(reach, [level[one] for one in other])]
            self._flow(level, pair, energy_uj, by=pair in passing, among_others=bool(beside))
        for pair in sorted(order):
            if pair not in flows:
                self._down(level, pair, color=LIGHT["frame"], penwidth="1", tooltip="ran next", arrow="vee")
        return {frozenset(map(self._id, pair)) for pair in (*flows, *order)}

    def _flow(
        self, level: dict[int, int], pair: tuple[int, int], energy_uj: int | None, *, by: bool, among_others: bool
    ) -> None:
        """Write the arrow of data handed on; `by`: it passes by other boxes, at the left of the spine."""
        amount = "" if energy_uj is None else joules(energy_uj / 1e6)
        names = [self.groups[place].name for place in pair]
        told = f"{names[0]} hands on {amount or 'data, in a circle,'} to {names[1]}"
        width = self._width(energy_uj or 0)
        where = {"headlabel": amount}
        if by:
            where = {"headport": "w", "tailport": "w"}
            if amount:
                source = names[0] if among_others else ""
                where["xlabel"] = arrow_label(amount, source, float(width), LIGHT["feed"])
        self._down(
            level, pair, color=LIGHT["feed"], fontcolor=LIGHT["feed"], penwidth=width, labeldistance="2.85",
            labelangle="-72", tooltip=graphviz.escape(told), arrow="normal", **where,
        )  # fmt: skip

    def _down(self, level: dict[int, int], pair: tuple[int, int], *, arrow: str, **attributes: str) -> None:
        """Draw an edge between two boxes of the spine, always written from the lower to the upper one."""
        source, target = pair
        if level[source] < level[target]:
            self.graph.edge(self._id(target), self._id(source), dir="back", arrowtail=arrow, **attributes)
        else:
            self.graph.edge(self._id(source), self._id(target), arrowhead=arrow, **attributes)

    def _width(self, energy_uj: int, thickest: float = THICKEST) -> str:
        part = max(energy_uj, 0) / self.spent_uj if self.spent_uj > 0 else 0.0
        return f"{0.7 + thickest * min(part, 1.0):.2f}"

    def _id(self, place: int | None) -> str:
        """Return the id of a box: that of its first stage in the report, so that it stays when folding changes."""
        return "run" if place is None else f"s{self.groups[place].members[0]}"


def _overlap(reach: list[int], other: list[int]) -> bool:
    """Return whether two stretches of the spine have more than an end in common."""
    return min(reach[1], max(other)) > max(reach[0], min(other))
