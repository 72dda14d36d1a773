"""Which stage each sample of a stack belongs to, and which functions were seen there.

A sample belongs to the stage that was open in its thread; in a thread without spans of its own (a worker of a pool, a
child process), to the stage opened last among those open elsewhere. The index after the last stage: no stage was open.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from energyprof.attribute.cpu_time import CpuTimes
from energyprof.attribute.segments import Segments
from energyprof.attribute.threads import thread_of_lanes
from energyprof.attribute.unseen import Pieces, unseen
from energyprof.model.attribution import FunctionTable
from energyprof.model.span import Floats, Index, Ints, Lanes
from energyprof.model.stacks import Stacks

_LOOK_BACK = 8
"""Stages opened last, of all threads, that are looked at for one that is still open."""


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """The samples of a run; times in ns since the start of the run."""

    start_ns: Floats
    end_ns: Floats
    stage: Ints
    pid: Index
    tid: Index
    entry: Ints
    """Row of the function table to whose own energy the sample counts."""
    stack: Ints
    """Row of the function table's whole stacks."""
    above: tuple[tuple[Ints, Ints], ...]
    """(sample, row of the function table) to whose total energy it counts, for depth after depth of the stacks."""
    table: FunctionTable
    stages: int
    unseen: Pieces
    """When threads ran without being looked at."""

    def __len__(self) -> int:
        return len(self.stage)


def sampled(  # noqa: PLR0913, PLR0917 - samples, and what stood around them
    stacks: Stacks, segments: Segments, lanes: Lanes, stages: int, origin_ns: int, cpu: CpuTimes
) -> Sampled:
    """Sort the samples by stage and function; `segments` are those of the host's lanes."""
    rows = stacks.samples
    start = (rows.start_ns - origin_ns).astype(np.float64)
    end = (rows.end_ns - origin_ns).astype(np.float64)
    thread_of_segment = _threads(segments, lanes)
    stage = _stage_of(_pair(rows.pid, rows.tid), end, segments, thread_of_segment, stages)
    climbs = _climb(stacks, stage, stages + 1)
    key = stacks.nodes.function[rows.node].astype(np.int64) * (stages + 1) + stage
    known = np.unique(np.concatenate([key, *(at for _, at in climbs)]))
    entry = np.searchsorted(known, key)
    above = tuple((row, np.searchsorted(known, at)) for row, at in climbs)
    total = np.zeros(len(known), np.int64)
    for _, at in above:
        total += np.bincount(at, minlength=len(known))
    stacks_seen, stack = np.unique(rows.node.astype(np.int64) * (stages + 1) + stage, return_inverse=True)
    table = FunctionTable(
        functions=tuple(stacks.functions[function] for function in (known // (stages + 1)).tolist()),
        stage=np.where(known % (stages + 1) < stages, known % (stages + 1), -1).astype(np.int32),
        line=_hottest_line(entry, rows.line, len(known)),
        samples=np.bincount(entry, minlength=len(known)).astype(np.int64),
        total_samples=total,
        stack_node=(stacks_seen // (stages + 1)).astype(np.int32),
        stack_stage=np.where(stacks_seen % (stages + 1) < stages, stacks_seen % (stages + 1), -1).astype(np.int32),
        stack_samples=np.bincount(stack, minlength=len(stacks_seen)).astype(np.int64),
    )
    gaps = unseen(rows, origin_ns, cpu)
    gaps = replace(gaps, stage=_stage_of(_pair(gaps.pid, gaps.tid), gaps.end_ns, segments, thread_of_segment, stages))
    return Sampled(start, end, stage, rows.pid, rows.tid, entry, stack.astype(np.int64), above, table, stages, gaps)


def _threads(segments: Segments, lanes: Lanes) -> Ints:
    host = thread_of_lanes(lanes)
    return _pair(lanes.pid[host], lanes.tid[host])[segments.lane]


def _stage_of(thread_of_row: Ints, at_ns: Floats, segments: Segments, thread_of_segment: Ints, stages: int) -> Ints:
    stage = np.full(len(thread_of_row), stages, np.int64)
    if not len(segments):
        return stage
    for thread in np.unique(thread_of_row).tolist():
        mine = np.flatnonzero(thread_of_row == thread)
        own = segments.of(thread_of_segment == thread)
        if len(own):
            stage[mine] = _open_at(own, at_ns[mine], stages, 1)
        else:
            stage[mine] = _open_at(segments, at_ns[mine], stages, _LOOK_BACK)
    return stage


def _open_at(segments: Segments, at_ns: Floats, stages: int, look_back: int) -> Ints:
    """Return the stage of the latest of these segments that holds each instant, else `stages`."""
    found = np.full(len(at_ns), stages, np.int64)
    latest = np.searchsorted(segments.start_ns, at_ns, "right") - 1
    for back in range(look_back):
        at = latest - back
        holds = (found == stages) & (at >= 0)
        holds[holds] = segments.end_ns[at[holds]] >= at_ns[holds]
        found[holds] = segments.stage[at[holds]]
    return found


def _pair(pid: Index, tid: Index) -> Ints:
    return (pid.astype(np.int64) << 32) | tid


def _climb(stacks: Stacks, stage: Ints, columns: int) -> list[tuple[Ints, Ints]]:
    """Return (sample, function * columns + stage) up the stacks; a recursive function's outermost call counts alone."""
    nodes, outermost = stacks.nodes, stacks.outermost()
    row = np.arange(len(stage), dtype=np.int64)
    node = stacks.samples.node.astype(np.int64)
    climbs = []
    while len(row):
        counts = outermost[node]
        climbs.append((row[counts], nodes.function[node[counts]].astype(np.int64) * columns + stage[row[counts]]))
        node = nodes.parent[node].astype(np.int64)
        row, node = row[node >= 0], node[node >= 0]
    return climbs


def _hottest_line(entry: Ints, line: Index, entries: int) -> Index:
    """Return for each function the line seen most often; 0: none is known."""
    found = np.zeros(entries, np.int32)
    pair, count = np.unique((entry << 32) | line, return_counts=True)
    order = np.argsort(count, kind="stable")  # the last one written stays
    known = order[(pair[order] & 0xFFFFFFFF) > 0]
    found[pair[known] >> 32] = (pair[known] & 0xFFFFFFFF).astype(np.int32)
    return found
