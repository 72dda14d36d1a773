"""How often and how long each stage ran, by the program's own clock; no sensor is involved."""

from __future__ import annotations

import numpy as np

from energyprof.attribute.cpu_time import CpuTimes
from energyprof.attribute.measure import within
from energyprof.attribute.nesting import outermost
from energyprof.attribute.segments import Segments
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
        calls=np.bincount(spans.stage, minlength=count).astype(np.int64),
        wall_ns=_sum(stage, wall.astype(np.float64), count),
        self_wall_ns=_sum(segments.stage, segments.end_ns - segments.start_ns, count),
        cpu_ns=_sum(stage, _cpu_of_spans(trace, top, cpu), count),
    )


def _sum(stage: Index, amount: Floats, count: int) -> Ints:
    return np.rint(sum_by(stage, amount, count)).astype(np.int64)


def _cpu_of_spans(trace: Trace, rows: Ints, cpu: CpuTimes) -> Floats:
    """Return the CPU time of each span's own thread while its lane ran; 0 where the thread was never read."""
    lanes, runs, origin = trace.lanes, trace.lane_runs, trace.run.start_ns
    lane = trace.spans.lane[rows]
    start = (trace.spans.start_ns[rows] - origin).astype(np.float64)
    end = (trace.spans.end_ns[rows] - origin).astype(np.float64)
    host = thread_of_lanes(lanes)
    result = np.zeros(len(rows))
    bounds = np.searchsorted(lane, np.arange(len(lanes) + 1))  # spans are ordered by lane
    run_bounds = np.searchsorted(runs.lane, np.arange(len(lanes) + 1))
    for index in np.flatnonzero(bounds[1:] > bounds[:-1]).tolist():
        part = slice(int(bounds[index]), int(bounds[index + 1]))
        measure = cpu.threads.get((int(lanes.pid[host[index]]), int(lanes.tid[host[index]])))
        if measure is None:
            continue
        run = slice(int(run_bounds[index]), int(run_bounds[index + 1]))
        if run.start == run.stop:
            result[part] = measure.at(end[part]) - measure.at(start[part])
            continue
        ran = ((runs.start_ns[run] - origin).astype(np.float64), (runs.end_ns[run] - origin).astype(np.float64))
        result[part] = within(measure, ran, start[part], end[part])
    return result
