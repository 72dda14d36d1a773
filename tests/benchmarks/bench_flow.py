"""What following objects costs the program per object, and how long the graph of a large run takes.

Costs are of the quickest of many short rounds: those that nobody else on the machine disturbed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from bench_attribution import large_trace

from energyprof.attribute.fit import attribute
from energyprof.graph.build import build_graph
from energyprof.model.trace import Flows, Outputs
from energyprof.record.flow import ObjectWatch
from energyprof.record.lanes import local
from energyprof.record.same_inputs import SameInputs

ROUNDS = 60
OBJECTS = 500
TRACKED_NS = 2_000
PAGE_NS = 20_000
GRAPH_S = 1.0
STAGES = 1_000
SPANS = 1_000_000

Row = tuple[str, float, str, float]


class _Thing:
    pass


class _Batch:
    def __init__(self, inputs: object, labels: object) -> None:
        self.inputs = inputs
        self.labels = labels


def rows() -> list[Row]:
    """Return (what, figure, unit, upper bound) of everything measured here."""
    return [*_costs(), _graph()]


def _costs() -> list[Row]:
    texts = [f"the text of document number {number}" for number in range(OBJECTS)]
    kinds: list[tuple[str, Sequence[object], int]] = [
        ("an object", [_Thing() for _ in range(OBJECTS)], 1),
        ("a text", texts, 1),
        ("a batch of two", [_Batch(_Thing(), _Thing()) for _ in range(OBJECTS)], 3),
        ("a list of 32 texts", [[f"{text} {part}" for part in range(32)] for text in texts], 33),
    ]
    found: list[Row] = []
    for name, objects, tracked in kinds:
        watch = ObjectWatch()
        given_ns = _quickest(watch.gives, objects) / tracked
        received_ns = _quickest(lambda item, watch=watch: watch.takes((item,)), objects)  # type: ignore[misc]
        found.append((f"give {name}, for each object known by it", given_ns, "ns", TRACKED_NS))
        found.append((f"receive {name}", received_ns, "ns", TRACKED_NS))
    return [*found, *_same_inputs()]


def _same_inputs() -> list[Row]:
    """Return what each call of a stage costs that is watched for inputs it has had before."""
    short = [f"a query of number {number}" for number in range(OBJECTS)]
    pages = [f"{number} {'word ' * 2_000}" for number in range(OBJECTS)]
    found: list[Row] = []
    for name, texts in (("a new text of 20 characters", short), ("the same text again", short[:1] * OBJECTS)):
        found.append((f"look whether a stage has had {name}", _quickest_look(texts), "ns", TRACKED_NS))
    found.append(("look whether a stage has had a new text of 10,000 characters", _quickest_look(pages), "ns", PAGE_NS))
    return found


def _quickest_look(texts: Sequence[str]) -> float:
    """Return the nanoseconds of one look, in the quickest round; texts are made anew, for Python keeps their hash."""
    best = float("inf")
    for _ in range(ROUNDS):
        watch, fresh = SameInputs(tell=lambda _code, _facts: None), [_fresh(text) for text in texts]
        begun_ns = time.perf_counter_ns()
        for text in fresh:
            watch.received(1, (text, 5))
        best = min(best, (time.perf_counter_ns() - begun_ns) / len(fresh))
    return best


def _fresh(text: str) -> str:
    return "".join((text[:1], text[1:]))


def _quickest(call: Callable[[object], None], objects: Sequence[object]) -> float:
    """Return the nanoseconds of one call, in the quickest round."""
    before, best = len(local.buffer), float("inf")
    for _ in range(ROUNDS):
        begun_ns = time.perf_counter_ns()
        for item in objects:
            call(item)
        best = min(best, (time.perf_counter_ns() - begun_ns) / len(objects))
        del local.buffer[before:]
    return best


def _graph() -> Row:
    """Attribute a large run and build its graph, with a flow from each leaf to two others."""
    trace = large_trace(spans=SPANS, readings=10_000, leaves=STAGES - 1)
    attribution = attribute(trace)
    source = np.repeat(np.arange(1, STAGES, dtype=np.int32), 2)
    target = np.random.default_rng(0).integers(1, STAGES, len(source)).astype(np.int32)
    between = source != target
    count = np.ones(int(between.sum()), np.int64)
    flows = Flows(source[between], target[between], count, count * 1000)
    spent_s = []
    for _ in range(3):
        begun_s = time.perf_counter()
        build_graph(trace.stages, trace.domains, attribution, flows, Outputs.none())
        spent_s.append(time.perf_counter() - begun_s)
    return (f"graph of {STAGES} stages and {SPANS} spans", min(spent_s), "s", GRAPH_S)
