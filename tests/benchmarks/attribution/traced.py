"""What is recorded of a simulated run: the `Trace` that the product's `attribute` takes.

Leaf calls become spans below spans of the stages above them, as decorators and modules leave them. Stamps may be off,
and the clock of the stamps may be off against that of the readings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sensors import Sensor
from truth import Ints, Truth

from energyprof.model.ids import StageId
from energyprof.model.power import Readings, ThreadCpu
from energyprof.model.span import LANE_KINDS, LaneRuns, Lanes, Spans, Stage
from energyprof.model.trace import Flows, RecorderFacts, RunFacts, Trace

ORIGIN_NS = 5_000_000_000
"""CLOCK_MONOTONIC at which the run starts."""


@dataclass(frozen=True, slots=True)
class Stamping:
    """How well the spans' times are known."""

    error_ns: float = 0.0
    """Standard deviation of each stamp; their order on a lane stays right."""
    offset_ns: int = 0
    """Common to all."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The stages of a run, parents first, and where its leaves are."""

    stages: tuple[Stage, ...]
    leaf: tuple[int, ...]
    """Stage index of each leaf of the truth."""

    def members(self, stage: int) -> list[int]:
        """Return the leaves at or below a stage."""
        path = self.stages[stage].path
        return [k for k, index in enumerate(self.leaf) if self.stages[index].path[: len(path)] == path]

    def upwards(self, leaf: int) -> list[int]:
        """Return the stages from a leaf up to its root."""
        found = [self.leaf[leaf]]
        while (above := self.stages[found[-1]].parent) is not None:
            found.append(above)
        return found


def tree_of(paths: tuple[tuple[str, ...], ...]) -> Tree:
    """Return the stages with these leaves."""
    known: dict[tuple[str, ...], int] = {}
    stages: list[Stage] = []
    for path in paths:
        for depth in range(1, len(path) + 1):
            part = path[:depth]
            if part not in known:
                known[part] = len(stages)
                stages.append(Stage(StageId("/".join(part)), part[-1], part, known.get(part[:-1])))
    return Tree(tuple(stages), tuple(known[path] for path in paths))


def traced(truth: Truth, tree: Tree, sensor: Sensor, readings: Readings, stamping: Stamping, seed: int = 0) -> Trace:
    """Return the trace of the run; `seed` is of the stamps' errors."""
    domain = sensor.domain()
    count = int(truth.calls.lane.max()) + 1
    kind = LANE_KINDS.index("device" if domain.driver == "device" else "thread")
    none, one = np.full(count, -1, np.int32), np.ones(count, np.int32)
    nothing = np.zeros(0, np.int64)
    index = nothing.astype(np.int32)
    return Trace(
        run=RunFacts(("simulated",), 0, ORIGIN_NS, ORIGIN_NS + truth.run_ns, 0),
        recorder=RecorderFacts(),
        domains=(domain,),
        readings={domain.id: readings},
        stages=tree.stages,
        lanes=Lanes(
            pid=one,
            tid=np.zeros(count, np.int32) if domain.driver == "device" else np.arange(1, count + 1, dtype=np.int32),
            number=np.arange(count, dtype=np.int64),
            kind=np.full(count, kind, np.uint8),
            parent=none,
            prefix=none,
            host=none,
        ),
        spans=_spans(truth, tree, *_stamped(truth, stamping, seed)),
        lane_runs=LaneRuns(index, nothing, nothing),
        cpu=ThreadCpu(index, index, nothing, nothing),
        flows=Flows.none(),
    )


def _stamped(truth: Truth, stamping: Stamping, seed: int) -> tuple[Ints, Ints]:
    """Return the recorded starts and ends of the leaf calls."""
    calls = truth.calls
    stamps = np.stack((calls.start_ns, calls.end_ns), axis=1).astype(np.float64)
    if stamping.error_ns:
        stamps += stamping.error_ns * np.random.default_rng(20_000 + seed).standard_normal(stamps.shape)
        for lane in np.unique(calls.lane):
            mine = calls.lane == lane
            stamps[mine] = np.maximum.accumulate(stamps[mine].ravel()).reshape(-1, 2)
    whole = np.rint(stamps).astype(np.int64) + stamping.offset_ns + ORIGIN_NS
    return whole[:, 0], whole[:, 1]


def _spans(truth: Truth, tree: Tree, start_ns: Ints, end_ns: Ints) -> Spans:
    calls = truth.calls
    stage_of = _ancestors(tree)[calls.stage]  # one row a call: its stages from the root on, -1 below the leaf
    changed = (np.diff(calls.lane, prepend=-1) != 0) | (np.diff(calls.step, prepend=-1) != 0)
    columns, above = [], np.full(len(calls), -1)
    made = 0
    for depth in range(stage_of.shape[1]):
        stage = stage_of[:, depth]
        is_leaf = stage == np.array(tree.leaf)[calls.stage]
        changed = changed | (np.diff(stage, prepend=-1) != 0) | is_leaf
        first = np.flatnonzero(changed & (stage >= 0))
        run = np.cumsum(changed) - 1
        last = np.append(np.flatnonzero(changed)[1:] - 1, len(calls) - 1)[run[first]]
        columns.append(
            (stage[first], calls.lane[first], start_ns[first], end_ns[last], above[first], np.full(len(first), depth))
        )
        number = np.full(len(calls), -1)
        number[first] = made + np.arange(len(first))
        held = np.flatnonzero(stage >= 0)
        above = above.copy()
        above[held] = np.maximum.accumulate(number)[held]
        made += len(first)
    stage, lane, start, end, parent, depth_of = (np.concatenate(column) for column in zip(*columns, strict=True))
    order = np.lexsort((depth_of, -end, start, lane))
    row = np.empty(made, np.int64)
    row[order] = np.arange(made)
    parent = parent[order]
    return Spans(
        stage=stage[order].astype(np.int32),
        lane=lane[order].astype(np.int32),
        start_ns=start[order],
        end_ns=end[order],
        parent=np.where(parent >= 0, row[parent], -1).astype(np.int32),
        is_open=np.zeros(made, np.bool_),
    )


def _ancestors(tree: Tree) -> Ints:
    deepest = max(len(stage.path) for stage in tree.stages)
    table = np.full((len(tree.leaf), deepest), -1)
    for leaf in range(len(tree.leaf)):
        upwards = tree.upwards(leaf)[::-1]
        table[leaf, : len(upwards)] = upwards
    return table
