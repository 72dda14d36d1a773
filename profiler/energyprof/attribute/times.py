"""How often and how long each stage ran, by the program's own clock; no sensor is involved."""

from __future__ import annotations

import numpy as np

from energyprof.attribute.cpu_time import CpuTimes
from energyprof.attribute.intervals import Stretches, clip_to_runs
from energyprof.attribute.nesting import outermost
from energyprof.attribute.segments import Segments, runs_since, since
from energyprof.attribute.sums import sum_by
from energyprof.attribute.threads import thread_of_lanes
from energyprof.model.attribution import StageTimes
from energyprof.model.span import Floats, Index, Ints
from energyprof.model.trace import Trace


def stage_depths(trace: Trace) -> Index:
    """Return the depth of each stage in the stage tree, 0: outermost."""
    depth = np.zeros(len(trace.stages), np.int32)
    for index, stage in enumerate(trace.stages):
        if stage.parent is not None:
            depth[index] = depth[stage.parent] + 1
    return depth


def stage_times(trace: Trace, segments: Segments, cpu: CpuTimes) -> StageTimes:
    """Return calls, wall time (recursion counted once per lane), own time and CPU time per stage."""
    spans, count = trace.spans, len(trace.stages)
    top = np.flatnonzero(outermost(spans, stage_depths(trace)))
    stage = spans.stage[top]
    wall = spans.end_ns[top] - spans.start_ns[top]
    return StageTimes(
        calls=np.bincount(spans.stage[~spans.resumed], minlength=count).astype(np.int64),
        resumes=np.bincount(spans.stage[spans.resumed], minlength=count).astype(np.int64),
        wall_ns=_sum(stage, wall.astype(np.float64), count),
        self_wall_ns=_sum(segments.stage, segments.end_ns - segments.start_ns, count),
        cpu_ns=_sum(stage, _cpu_of_spans(trace, top, cpu), count),
    )


def _sum(stage: Index, amount: Floats, count: int) -> Ints:
    return np.rint(sum_by(stage, amount, count)).astype(np.int64)


def _cpu_of_spans(trace: Trace, rows: Ints, cpu: CpuTimes) -> Floats:
    """Return the CPU time of each span's own thread while its lane ran; 0 where the thread was never read."""
    spans, lanes, origin_ns = trace.spans, trace.lanes, trace.run.start_ns
    spent = Stretches(spans.lane[rows], since(spans.start_ns[rows], origin_ns), since(spans.end_ns[rows], origin_ns))
    row, start_ns, end_ns = clip_to_runs(spent, runs_since(trace.lane_runs, origin_ns))
    host = thread_of_lanes(lanes)[spent.lane[row]]
    thread = (lanes.pid[host].astype(np.int64) << 32) | lanes.tid[host]
    order = np.argsort(thread, kind="stable")
    first = np.flatnonzero(np.diff(thread[order], prepend=-1))
    used = np.zeros(len(row))
    for part in np.split(order, first[1:]):
        at = host[part[:1]].tolist()
        measure = cpu.threads.get((int(lanes.pid[at[0]]), int(lanes.tid[at[0]]))) if at else None
        if measure is not None:
            used[part] = measure.at(end_ns[part]) - measure.at(start_ns[part])
    return sum_by(row, used, len(rows))
