"""The diagram as Graphviz source: the pipeline runs down the left, detail opens to the right."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import graphviz

from energyprof.model.report import Report
from energyprof_plugins.exporters.account import is_sampled, microjoules
from energyprof_plugins.exporters.diagram import anatomy
from energyprof_plugins.exporters.diagram.arrows import (
    Arrows,
    behind_callers,
    between,
    between_functions,
    passes_by,
    side_by_side,
    thick,
    ways_of,
    without_stacks,
)
from energyprof_plugins.exporters.diagram.fold import Folded, Joint, fold
from energyprof_plugins.exporters.diagram.label import arrow_label, fit, label, line, table
from energyprof_plugins.exporters.diagram.legend import Shown, families_of, legend
from energyprof_plugins.exporters.diagram.measure import Measure
from energyprof_plugins.exporters.diagram.palette import HEAT, LIGHT, heat_step, ink_on
from energyprof_plugins.exporters.diagram.ways import Ways, ways_between
from energyprof_plugins.exporters.diagram.wishes import Wishes
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
NODE_SEP: Final = "0.2"
"""Inches between boxes of a column."""
ARROW_SEP: Final = "0.38"
"""The same where an arrow and its amount stand between them."""
RANK_SEP: Final = "0.42"
"""Inches between columns."""
CALL_SEP: Final = "0.3"
"""The same where up to five columns of functions are to be read at once."""
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
        self.calls = None if report.view is None else report.view.calls
        self.spine = [place for place in folded.shown if self.groups[place].parent is None]
        rows = report.stages
        self.outermost = {rows[row].stage: place for place in self.spine for row in self.groups[place].members}
        self.stages = {
            rows[row].stage: place
            for place in folded.shown
            for row in self.groups[place].members
            if not is_sampled(rows[row])
        }
        self.graph = graphviz.Digraph("hotspot")
        self.called: frozenset[int] = frozenset()
        """Functions that stand behind a caller, and not beside the others below their stage."""
        self.ways = Ways()

    def source(self) -> str:
        is_everything, rows = self.folded.is_everything, self.report.stages
        thinnest = self.wishes.thinnest(is_everything=is_everything)
        least_uj = thinnest * self.spent_uj if thinnest > 0 else thinnest
        flows, thin = thick(between(self.report, self.outermost, "feeds"), least_uj)
        stacked = frozenset(place for place in self.spine if len(self.groups[place].members) > 1)
        order = without_stacks(between(self.report, self.outermost, "follows"), self.spine, stacked)
        inner, few = thick(self._inner_flows(), least_uj)
        thin += few
        functions = {
            rows[row].stage: place
            for place in self.folded.shown
            for row in self.groups[place].members
            if is_sampled(rows[row])
        }
        self.ways = ways_between(self.report, {**self.stages, **functions}, self.spent_uj)
        calls, few = ({}, 0) if self.calls else thick(between_functions(self.report, functions), least_uj)
        self.called = frozenset(functions.values()) if self.calls else behind_callers(calls)
        spread = ARROW_SEP if inner else NODE_SEP
        self._defaults(
            legend(
                self.report,
                Shown(
                    stages=self.folded.drawn_stages(), functions=len(functions), ways=frozenset(self._ways()),
                    metric=self.wishes.metric, flow_ways=ways_of(flows) | ways_of(inner), call_ways=ways_of(calls),
                    has_flow=bool(flows or inner), has_order=bool(order), has_calls=bool(calls),
                    has_ways=bool(self.ways.lines), thin_arrows=thin + few,
                ),
            ),
            spread,
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
        self._handed_on_within(inner)
        self._calls(calls)
        self._ways_to_functions()
        for upper, lower in pairwise(column):
            if frozenset((upper, lower)) not in joined:
                self.graph.edge(lower, upper, style="invis")
        return str(self.graph.source)

    def _defaults(self, text: str, spread: str) -> None:
        apart = CALL_SEP if self.calls else RANK_SEP
        self.graph.attr(
            rankdir="LR", newrank="true", ranksep=apart, nodesep=spread, fontname="Helvetica", bgcolor=LIGHT["page"],
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
                self._waiting(cluster, this)
                for child in reversed(self.groups[this].children):
                    if child in self.shown and child not in self.called:
                        # Heavier lines further in keep children beside their parent; without it the lines cross.
                        total_uj = self.groups[child].rank_uj
                        how = anatomy.total_provenance(self.folded.box(child).rows)
                        self._line(cluster, (this, self._id(child)), total_uj, weight=4 ** min(depth, 6), how=how)
                waiting += [(child, depth + 1) for child in self.groups[this].children if child in self.shown]

    def _box(self, where: Any, place: int) -> None:  # graphviz ships no types
        box = self.folded.box(place)
        step = heat_step(self.measure.share(box))
        where.node(
            self._id(place),
            anatomy.box_label(
                self.report,
                box,
                self.measure,
                ink_on(HEAT[step]),
                self.ways.beside.get(place, ()),
                bars=self.several_families,
            ),
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
            how = anatomy.weakest(rest.ways) if rest.ways else ""
            self._line(where, (place, identity), rest.energy_uj, "folded", how=how)

    def _waiting(self, where: Any, place: int) -> None:  # graphviz ships no types
        """Write the note beside the box that keeps devices waiting most."""
        wait = self.folded.wait
        if wait is None or wait.place != place:
            return
        names = ", ".join(wait.families)
        identity = f"{self._id(place)}wait"
        where.node(
            identity, anatomy.wait_label(wait.energy_uj, names, self.spent_uj), shape="note", style="filled",
            fillcolor=LIGHT["page"], color=LIGHT["frame"], id=identity,
            tooltip=graphviz.escape(
                f"idle energy of {names} while {self.groups[place].name} ran on the host and no kernel did (inferred); "
                "a part of the ledger's idle"
            ),
        )  # fmt: skip
        where.edge(self._id(place), identity, dir="none", style="dotted", color=LIGHT["frame"], tooltip="made to wait")

    def _inseparable(self, where: Any, place: int) -> None:  # graphviz ships no types
        for number, joint in enumerate(reversed(self.folded.joints.get(place, []))):
            identity = f"{self._id(place)}joint{number}"
            self._joint_box(where, identity, joint)
            self._line(where, (place, identity), joint.energy_uj, "that cannot be told apart", how="inferred")

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

    def _line(  # noqa: PLR0913 - what a line tells
        self, where: Any, ends: tuple[int, str], energy_uj: int, what: str = "", *, how: str, weight: int = 1
    ) -> None:
        told = ", ".join(filter(None, [f"contains {joules(energy_uj / 1e6)} {what}".strip(), how]))
        where.edge(
            self._id(ends[0]),
            ends[1],
            dir="none",
            weight=str(weight),
            penwidth=self._width(energy_uj),
            color=LIGHT["frame"],
            tooltip=graphviz.escape(told),
        )

    def _calls(self, calls: Arrows) -> None:
        for (source, target), arrow in sorted(calls.items()):
            names = [self.groups[place].name for place in (source, target)]
            said = arrow.said(apart=len(ways_of(calls)) > 1)
            self.graph.edge(
                self._id(source), self._id(target), label=f" {' '.join(said)} ", fontsize="9", fontcolor=LIGHT["dim"],
                color=LIGHT["frame"], arrowhead="vee", penwidth=self._width(arrow.energy_uj or 0, THICKEST_CALL),
                tooltip=graphviz.escape(f"{names[0]} calls {names[1]}: {arrow.told() or 'an unknown energy'} there"),
            )  # fmt: skip

    def _ways_to_functions(self) -> None:
        for way in self.ways.lines:
            source, target = (self.groups[place].name for place in way.ends)
            said = way.said()
            self.graph.edge(
                *map(self._id, way.ends), color=LIGHT["frame"], fontsize="9", fontcolor=LIGHT["dim"], arrowhead="vee",
                penwidth=self._width(way.arrow.energy_uj or 0, THICKEST_CALL),
                tooltip=graphviz.escape(way.told(source, target)),
                **({"label": "\n".join(f" {text} " for text in said)} if said else {}),
            )  # fmt: skip

    def _flow_edges(self, flows: Arrows, order: Arrows) -> set[frozenset[str]]:
        """Write data flow and order, and return the pairs of ids that they join."""
        level = {place: number for number, place in enumerate(self.spine)}
        for pair in sorted(flows):
            self._flow(level, pair, flows)
        for pair in sorted(order):
            if pair not in flows:
                self._down(level, pair, color=LIGHT["frame"], penwidth="1", tooltip="ran next", arrow="vee")
        return {frozenset(map(self._id, pair)) for pair in (*flows, *order)}

    def _inner_flows(self) -> Arrows:
        """Return what the drawn children of one stage hand on to each other."""
        rows = self.report.stages
        drawn = {rows[row].stage: place for place in self.folded.shown for row in self.groups[place].members}
        parent = {place: self.groups[place].parent for place in self.folded.shown}
        return {
            (source, target): arrow
            for (source, target), arrow in between(self.report, drawn, "feeds").items()
            if parent[source] is not None and parent[source] == parent[target]
        }

    def _handed_on_within(self, inner: Arrows) -> None:
        """Write the arrows between siblings; they leave each child where the line to its parent puts it."""
        by_parent: dict[int | None, Arrows] = {}
        for pair, arrow in sorted(inner.items()):
            by_parent.setdefault(self.groups[pair[0]].parent, {})[pair] = arrow
        for parent, flows in by_parent.items():
            children = () if parent is None else self.groups[parent].children
            level = {child: number for number, child in enumerate(child for child in children if child in self.shown)}
            for pair in flows:
                self._flow(level, pair, flows, is_inner=True)

    def _flow(self, level: dict[int, int], pair: tuple[int, int], flows: Arrows, *, is_inner: bool = False) -> None:
        """Write the arrow of data handed on; one that passes by other boxes stands left of the spine.

        Left of children are the lines to their parent: there it stands right of them.
        """
        arrow, names = flows[pair], [self.groups[place].name for place in pair]
        told = f"{names[0]} hands on {arrow.told() or 'data, in a circle,'} to {names[1]}"
        width, said = self._width(arrow.energy_uj or 0), arrow.said(apart=len(ways_of(flows)) > 1)
        # On one line they would reach across the arrow, beside whose head they are centred.
        where = {"headlabel": "\n".join(said)}
        distance, angle = ("3.9", "-65") if len(said) > 1 else ("2.4", "-65") if is_inner else ("2.85", "-72")
        if passes_by(level, pair, flows):
            side = "e" if is_inner else "w"
            where = {"headport": side, "tailport": side}
            around = [other for other in flows if passes_by(level, other, flows)]
            if is_inner and [target for _, target in around].count(pair[1]) == 1:
                # Lines from one box run close to each other there; their heads stand apart.
                goes_down = level[pair[0]] < level[pair[1]]
                where["taillabel" if goes_down else "headlabel"] = "\n".join(said)
                distance, angle = "2.25", "-40" if goes_down else "40"
            elif said:
                is_among = any(other != pair and side_by_side(level, pair, other) for other in around)
                source = [f"from {fit(names[0], 9, 90)}"] if is_among else []
                where["xlabel"] = arrow_label([*said, *source], float(width), LIGHT["feed"])
        within = {"constraint": "false", "fontsize": "9"} if is_inner else {}
        self._down(
            level, pair, color=LIGHT["feed"], fontcolor=LIGHT["feed"], penwidth=width, labeldistance=distance,
            labelangle=angle, tooltip=graphviz.escape(told), arrow="normal", **where, **within,
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
        """Return the id of a box: that of its first stage in the report, so that it stays when folding changes.

        A function that is chosen for a picture has its place among the functions.
        """
        if place is None:
            return "run"
        member = self.groups[place].members[0]
        function = None if self.calls is None else self.calls.places.get(self.report.stages[member].stage)
        return f"s{member}" if function is None else f"f{function}"
