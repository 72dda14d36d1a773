"""How long it takes to draw the diagram of a report, and to choose a view or compare two runs of many stages.

Each figure is the quickest of a few rounds: that which nobody else on the machine disturbed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

import sample_report as sample

from energyprof.model.report import Report
from energyprof.model.view import View
from energyprof.report.compare import compare
from energyprof.run import draw_graph

ROUNDS = 5
NODES = 60
SVG_S, PNG_S = 1.0, 2.0
MANY = 10_000

Row = tuple[str, float, str, float]


def rows() -> list[Row]:
    """Return (what, figure, unit, upper bound) of everything measured here."""
    report, many = of_nodes(NODES), sample.many(MANY)
    parts = [sample.Part(f"s{n}x", (1.0,), (sample.Part("Net", (1.0,), kind="module"),)) for n in range(MANY // 2)]
    return [
        (f"diagram of {NODES} boxes as SVG", quickest(lambda: drawn(report, "svg")), "s", SVG_S),
        (f"diagram of {NODES} boxes as PNG", quickest(lambda: drawn(report, "png")), "s", PNG_S),
        (f"diagram of {MANY} stages, folded, as SVG", quickest(lambda: drawn(many, "svg")), "s", SVG_S),
        (f"graph of {MANY} stages as JSON", quickest(lambda: drawn(many, "graph-json")), "s", 2.0),
        (f"stage level of {MANY} stages", quickest(lambda: sample.view_report(parts, View(level="stage"))), "s", 3.0),
        (f"comparison of {MANY} stages", quickest(lambda: compare(many, many)), "s", 2.0),
    ]


def of_nodes(count: int) -> Report:
    """Return a report of six outermost stages and what makes `count` boxes below and with them."""
    inner = [tuple(sample.Part(f"part{n}q{k}", (5.0 + k, 3.0)) for k in range(count // 6 - 1)) for n in range(6)]
    tops = [sample.Part(f"stage{n}q", (4.0, 2.0), inner[n]) for n in range(6)]
    order = [(f"stage{n}q", f"stage{n + 1}q") for n in range(5)]
    return sample.make_report(tops, (sample.CPU, sample.GPU), after=order)


def drawn(report: Report, name: str) -> object:
    """Return a rendering with room for all boxes of the smaller reports."""
    return draw_graph(name, report, {"nodes": str(NODES)})


def quickest(work: Callable[[], object]) -> float:
    """Return the seconds of the quickest round."""
    found = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return min(found)
