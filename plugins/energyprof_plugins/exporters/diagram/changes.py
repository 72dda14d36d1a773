"""The diagram of what changed between two runs: significant changes, their ancestors and the spine; the rest is folded.

Only significant changes are filled. Sign and glyph carry the direction; no border is dashed, for that means inferred.
"""

from __future__ import annotations

import heapq
import math
from itertools import pairwise
from typing import Any, Final

import graphviz

from energyprof.model.call_picture import OTHER_FUNCTIONS
from energyprof.model.comparison import Change, Comparison, StageChange
from energyprof.model.ids import StageId
from energyprof.model.report import Report
from energyprof_plugins.exporters.account import microjoules
from energyprof_plugins.exporters.diagram.anatomy import in_a_word, weakest
from energyprof_plugins.exporters.diagram.changes_legend import changes_legend
from energyprof_plugins.exporters.diagram.drawing import MARGIN_PT
from energyprof_plugins.exporters.diagram.label import arrow_label, fit, label, line, table
from energyprof_plugins.exporters.diagram.palette import LIGHT
from energyprof_plugins.exporters.diagram.ways import boxes_left
from energyprof_plugins.exporters.diagram.wishes import Wishes
from energyprof_plugins.exporters.figures import grouped, joules, joules_change, percent
from energyprof_plugins.exporters.function_names import MODULE, shown_name, shown_place
from energyprof_plugins.exporters.visible import visible

UP, DOWN = "\u25b2", "\u25bc"
SMALLEST_PT, LARGEST_PT = 11, 20
NAME_WIDTH_PT: Final = 230
NAMES_TOLD: Final = 20
ABSENT: Final = {"before_j": "new", "after_j": "vanished"}
"""Which stages have nothing on a side, because they were not there."""


def changes_drawing(report: Report, comparison: Comparison, wishes: Wishes) -> str:
    """Return DOT source, the same for the same comparison; `report` is that of the later run."""
    return _Changes(report, comparison, wishes).source()


class _Changes:
    """Collect the statements of one diagram; stages go by their place in the comparison."""

    def __init__(self, report: Report, comparison: Comparison, wishes: Wishes) -> None:
        self.report, self.comparison = report, comparison
        self.rows = comparison.stages
        place_of = {row.stage: place for place, row in enumerate(self.rows)}
        self.parent = [None if row.parent is None else place_of.get(row.parent) for row in self.rows]
        self.children: list[list[int]] = [[] for _ in self.rows]
        for place, above in enumerate(self.parent):
            if above is not None:
                self.children[above].append(place)
        self.calls = None if report.view is None else report.view.calls
        self.functions = frozenset(
            place for place, row in enumerate(self.rows) if self.calls and row.stage in self.calls.columns
        )
        left = {} if self.calls is None else boxes_left(self.calls)
        self.left = {place: place_of[left[self.rows[place].stage]] for place in self.functions}
        self.later = {row.stage: row for row in report.stages}
        roots = [place for place, above in enumerate(self.parent) if above is None]
        self.spine = sorted(heapq.nlargest(wishes.room, roots, key=lambda place: (self._size(place), -place)))
        self.shown = self._choose(wishes)
        self.largest_uj = max((abs(microjoules(row.total.change_j)) for row in self.rows), default=0)
        self.place_of = place_of
        self.graph = graphviz.Digraph("changes")
        self._not_significant = "not tested" if comparison.obstacles else "within noise"

    def source(self) -> str:
        folded = sum(place not in self.shown and place not in self.functions for place in range(len(self.rows)))
        self.graph.attr(
            rankdir="LR", newrank="true", ranksep="0.42", nodesep="0.2", fontname="Helvetica", bgcolor=LIGHT["page"],
            pad="0.2", labelloc="t", labeljust="l", outputorder="edgesfirst", tooltip=" ",
            label=changes_legend(
                self.report, self.comparison, folded, self._handed_on(),
                functions=sum(self.rows[place].name != OTHER_FUNCTIONS for place in self.functions & self.shown),
            ),
        )  # fmt: skip
        self.graph.attr(
            "node", shape="box", fontname="Helvetica", margin="0.09,0.05", height="0.2", width="0.5", color=LIGHT["ink"]
        )
        self.graph.attr("edge", fontname="Helvetica", fontsize="10", arrowsize="0.7")
        for number, place in enumerate(reversed(self.spine)):
            self._cluster(number, place)
        column = [f"s{place}" for place in self.spine]
        hidden = [place for place, above in enumerate(self.parent) if above is None and place not in self.shown]
        if hidden:
            self._rest(self.graph, None, hidden)
            column.append("runrest")
        if not column:
            text = table([line("no stage was recorded in either run", 11, LIGHT["ink"], bold=True)])
            self.graph.node("nothing", label(text), style="rounded,filled", fillcolor=LIGHT["panel"])
        with self.graph.subgraph() as same:
            same.attr(rank="same")
            for identity in column:
                same.node(identity)
        joined = self._flows()
        for upper, lower in pairwise(column):
            if (upper, lower) not in joined:
                self.graph.edge(lower, upper, style="invis")
        return str(self.graph.source)

    def _size(self, place: int) -> int:
        row = self.rows[place]
        return abs(microjoules(row.total.change_j)) or max(
            microjoules(row.total.before_j), microjoules(row.total.after_j)
        )

    def _choose(self, wishes: Wishes) -> frozenset[int]:
        shown = set(self.spine)
        changed = [place for place, row in enumerate(self.rows) if row.own.is_significant]
        for place in sorted(changed, key=lambda place: (-abs(microjoules(self.rows[place].own.change_j)), place)):
            path, step = [], place
            while step not in shown:
                path.append(step)
                above = self.parent[step]
                if above is None:
                    path = []  # its outermost stage is folded
                    break
                step = above
            if len(shown) + len(path) <= wishes.room:
                shown.update(path)
        # They were chosen for this picture, changed or not.
        return frozenset(shown | {place for place in self.functions if self.parent[place] in shown})

    def _cluster(self, number: int, root: int) -> None:
        with self.graph.subgraph(name=f"cluster_{number}") as cluster:
            framed = bool(self.children[root])
            cluster.attr(label="", margin=MARGIN_PT, tooltip=" ")
            cluster.attr(style="rounded,filled" if framed else "invis", color=LIGHT["line"], fillcolor=LIGHT["panel"])
            waiting = [(root, 1)]
            while waiting:
                place, depth = waiting.pop()
                self._box(cluster, place)
                children = self.children[place]
                hidden = [child for child in children if child not in self.shown]
                if hidden:
                    self._rest(cluster, place, hidden)
                    cluster.edge(f"s{place}", f"s{place}rest", dir="none", color=LIGHT["frame"], penwidth="0.7")
                for child in reversed(children):
                    if child in self.shown:
                        self._line(cluster, self.left.get(child, place), child, depth)
                waiting += [(child, depth + 1) for child in children if child in self.shown]

    def _line(self, where: Any, place: int, child: int, depth: int) -> None:  # graphviz ships no types
        change = self.rows[child].total
        part = abs(microjoules(change.change_j)) / self.largest_uj if self.largest_uj else 0.0
        color = _color(change) if change.is_significant else LIGHT["frame"]
        where.edge(
            f"s{place}", f"s{child}", color=color, weight=str(4 ** min(depth, 6)),
            **({"arrowhead": "vee"} if child in self.functions else {"dir": "none"}),
            penwidth=f"{0.7 + 7 * part:.2f}", tooltip=graphviz.escape(f"total {_told(change)}, {change.provenance}"),
        )  # fmt: skip

    def _box(self, where: Any, place: int) -> None:  # graphviz ships no types
        row = self.rows[place]
        own = row.own
        significant = own.is_significant
        fill = (LIGHT["morefill"] if _is_more(own) else LIGHT["lessfill"]) if significant else LIGHT["page"]
        where.node(
            f"s{place}",
            self._label(row),
            style="filled",
            fillcolor=fill,
            color=_color(own) if significant else LIGHT["frame"],
            penwidth="2" if significant else "1",
            tooltip=graphviz.escape(_tooltip(row, "significant" if significant else self._not_significant)),
            id=f"s{place}",
            **{"class": ("more" if _is_more(own) else "less") if significant else "same"},
        )

    def _label(self, row: StageChange) -> str:
        own, ink = row.own, LIGHT["ink"]
        part = abs(microjoules(own.change_j)) / self.largest_uj if own.is_significant and self.largest_uj else 0.0
        size = SMALLEST_PT + round((LARGEST_PT - SMALLEST_PT) * math.sqrt(min(part, 1.0)))
        lines = [line(fit(self._name(row), size, NAME_WIDTH_PT), size, ink, bold=True)]
        is_divided = any(child in self.functions for child in self.children[self.place_of[row.stage]])
        word = "not sampled" if is_divided else "self"
        if row.presence != "both":
            lines.append(line(f"{row.presence}, {_told(own)}", 10, _color(own), bold=own.is_significant))
        elif own.change_j == 0:
            lines.append(line(f"{word} unchanged", 10, LIGHT["dim"]))
        elif own.is_significant:
            lines.append(line(_told(own), 10, _color(own), bold=True))
        else:
            noise = "" if own.change_j is None else f", {self._not_significant}"
            lines.append(line(f"{word} {_told(own)}{noise}", 10, LIGHT["dim"]))
        if row.presence == "both" and own.change_j != 0:
            lines.append(line(f"{word} {_from_to(own)}", 9, ink))
        elif own.before_j is not None and row.presence == "both":
            lines.append(line(f"{word} {joules(own.before_j)}", 9, ink))
        if row.total.change_j is not None and (self._has_below(row) or own.change_j is None):
            lines.append(line(f"total {_from_to(row.total)}{_by(row.total)}", 9, ink))
        if self._is_function(row) and (row.total.before_j, row.total.after_j) != (own.before_j, own.after_j):
            lines.append(line(f"with callees {_from_to(row.total)}", 9, ink))
        lines.append(line(f"{_calls(row)}{in_a_word(own.provenance)}", 9, ink))
        there = self.later[row.stage] if self._is_function(row) else None
        if there is not None and there.file and not row.name.startswith(MODULE):
            lines.append(line(fit(f"{shown_place(there.file)}:{there.line}", 9, NAME_WIDTH_PT), 9, ink))
        return label(table(lines))

    def _is_function(self, row: StageChange) -> bool:
        return self.place_of[row.stage] in self.functions

    def _name(self, row: StageChange) -> str:
        return shown_name(row.name, self.later[row.stage].file or "") if self._is_function(row) else row.name

    def _has_below(self, row: StageChange) -> bool:
        return bool(self.children[self.place_of[row.stage]])

    def _rest(self, where: Any, parent: int | None, hidden: list[int]) -> None:  # graphviz ships no types
        """Draw what is folded: how many stages, how many of them changed, and their joules together."""
        above = "run" if parent is None else f"s{parent}"
        waiting, below = list(hidden), list[int]()
        while waiting:
            place = waiting.pop()
            below.append(place)
            waiting += (child for child in self.children[place] if child not in self.functions)
        changed = sum(self.rows[place].own.is_significant for place in below)
        unknown = sum(self.rows[place].own.change_j is None for place in below)
        what = f", {grouped(changed)} changed" if changed else " folded" if unknown else f" {self._not_significant}"
        before_uj, after_uj = (self._left_uj(parent, hidden, side) for side in ("before_j", "after_j"))
        amount = "change not known"
        if before_uj is not None and after_uj is not None:
            of = [row.total for row in map(self.rows.__getitem__, hidden if parent is None else [parent])]
            how = in_a_word(weakest(change.provenance for change in of))
            amount = f"{_signed(after_uj - before_uj)} of {joules(before_uj / 1e6)}, {how}"
        lines = [line(f"+ {grouped(len(below))}{what}", 10, LIGHT["ink"]), line(amount, 10, LIGHT["ink"])]
        if unknown:
            lines.append(line(f"{grouped(unknown)} of them not known one by one", 9, LIGHT["ink"]))
        names = [f"{visible(self.rows[place].name)}  {_told(self.rows[place].total)}" for place in sorted(hidden)]
        left = len(names) - NAMES_TOLD
        how = weakest(self.rows[place].total.provenance for place in hidden)
        told = [f"folded here ({how}):", *names[:NAMES_TOLD], *([f"and {grouped(left)} more"] if left > 0 else [])]
        where.node(
            f"{above}rest", label(table(lines)), style="rounded,filled", fillcolor=LIGHT["panel"],
            color=LIGHT["frame"], tooltip=graphviz.escape("\n".join(told)), id=f"{above}rest", **{"class": "rest"},
        )  # fmt: skip

    def _left_uj(self, parent: int | None, hidden: list[int], side: str) -> int | None:
        """Return the energy of what is folded, before or after; None: not known.

        It is what is left of its parent: so it holds what cannot be told apart there, too.
        """
        if parent is None:
            parts = [(1, self.rows[place], self.rows[place].total) for place in hidden]
        else:
            row = self.rows[parent]
            parts = [(1, row, row.total), (-1, row, row.own)]
            drawn = [self.rows[child] for child in self.children[parent] if child in self.shown]
            # What a function calls is another's of the same stage: it takes away only what it spent itself.
            parts += [(-1, one, one.own if self._is_function(one) else one.total) for one in drawn]
        left_uj = 0
        for sign, row, change in parts:
            energy_j = getattr(change, side)
            if energy_j is None and row.presence == ABSENT[side]:
                continue  # it was not there
            if energy_j is None:
                return None
            left_uj += sign * microjoules(energy_j)
        return left_uj

    def _handed_on(self) -> str | None:
        """Return the weakest provenance of what arrows carry; None: there are no joules on any."""
        feeds = [edge for edge in self.comparison.edges if edge.kind == "feeds"]
        ways = [edge.provenance for edge in feeds if edge.provenance is not None]
        return weakest(ways) if ways else None

    def _flows(self) -> set[tuple[str, str]]:
        """Write data flow between neighbours on the spine with the change of what is handed on; return their ids."""
        level = {self.rows[place].stage: number for number, place in enumerate(self.spine)}
        joined: set[tuple[str, str]] = set()
        for edge in self.comparison.edges:
            upper, lower = level.get(edge.source), level.get(edge.target)
            if edge.kind != "feeds" or upper is None or lower is None or lower <= upper:
                continue
            ends = self._id(edge.source), self._id(edge.target)
            both = edge.before_j is not None and edge.after_j is not None
            amount = _signed(microjoules(edge.after_j) - microjoules(edge.before_j)) if both else ""
            tip = f"handed on {amount} ({edge.provenance})" if amount else "data handed on"
            beside = {"headlabel": amount}
            if lower - upper > 1:
                told = {"xlabel": arrow_label([amount], 1.0, LIGHT["feed"])} if amount else {}
                beside = {"headport": "w", "tailport": "w", **told}
            self.graph.edge(
                ends[1], ends[0], dir="back", arrowtail="normal", color=LIGHT["feed"], fontcolor=LIGHT["feed"],
                labeldistance="2.85", labelangle="-72", tooltip=graphviz.escape(tip), **beside,
            )  # fmt: skip
            joined.add(ends)
        return joined

    def _id(self, stage: StageId) -> str:
        return f"s{self.place_of[stage]}"


def _is_more(change: Change) -> bool:
    return (change.change_j or 0.0) > 0


def _color(change: Change) -> str:
    if not change.is_significant:
        return LIGHT["dim"]
    return LIGHT["more"] if _is_more(change) else LIGHT["less"]


def _told(change: Change) -> str:
    """Return the change with its interval, a glyph and a sign; in words where there is no figure."""
    if change.change_j is None:
        return "change not known"
    glyph = "" if not change.is_significant else f"{UP if _is_more(change) else DOWN} "
    return f"{glyph}{joules_change(change.change_j, change.low_j, change.high_j)}"


def _from_to(change: Change) -> str:
    # Where the change is known, a side without a figure is one on which the stage was not there.
    absent = "not known" if change.change_j is None else "none"
    before, after = (absent if one is None else joules(one) for one in (change.before_j, change.after_j))
    return f"{before} \u2192 {after}"


def _by(change: Change) -> str:
    if not change.before_j or change.change_j is None:
        return ""
    share = change.change_j / change.before_j
    return f" ({'+' if share > 0 else ''}{percent(share, 0 if abs(share) >= 0.01 else 1)})"


def _calls(row: StageChange) -> str:
    if row.calls_before == row.calls_after or row.presence != "both":
        count = row.calls_after or row.calls_before
        return f"{grouped(count)} call{'' if count == 1 else 's'} \u00b7 " if count else ""
    return f"{grouped(row.calls_before)} \u2192 {grouped(row.calls_after)} calls \u00b7 "


def _signed(change_uj: int) -> str:
    return ("+" if change_uj > 0 else "") + joules(change_uj / 1e6)


def _tooltip(row: StageChange, verdict: str) -> str:
    told = [" / ".join(map(visible, row.path)), f"self {_from_to(row.own)}"]
    if row.own.change_j is None:
        told.append("change not known: it cannot be told apart in one of the runs")
    else:
        told.append(f"change of self {_told(row.own)} ({verdict}), {row.own.provenance}")
    told.append(f"total {_from_to(row.total)}: {_told(row.total)}")
    told.append(f"{grouped(row.calls_before)} calls before, {grouped(row.calls_after)} after")
    return "\n".join(told)
