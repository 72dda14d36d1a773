"""How often and how long each stage ran, by the program's own clock; no sensor is involved."""

from __future__ import annotations

import numpy as np

from energyprof.attribute.cpu_time import CpuTimes
from energyprof.attribute.device_lanes import HOST, of_device
from energyprof.attribute.intervals import Stretches, clip_to_runs
from energyprof.attribute.nesting import outermost
from energyprof.attribute.segments import Segments, runs_since, since
from energyprof.attribute.stretches import Between
from energyprof.attribute.sums import sum_by
from energyprof.attribute.threads import thread_of_lanes
from energyprof.model.attribution import StageTimes
from energyprof.model.span import Flags, Floats, Index, Ints
from energyprof.model.trace import Trace


def stage_depths(trace: Trace) -> Index:
    """Return the depth of each stage in the stage tree, 0: outermost."""
    depth = np.zeros(len(trace.stages), np.int32)
    for index, stage in enumerate(trace.stages):
        if stage.parent is not None:
            depth[index] = depth[stage.parent] + 1
    return depth


def stage_times(trace: Trace, segments: Segments, cpu: CpuTimes, between: Between | None = None) -> StageTimes:
    """Return calls, wall time (recursion counted once per lane), own time and CPU time per stage.

    Between bursts they come from what was counted there; `segments` lie outside.
    """
    spans, count = trace.spans, len(trace.stages)
    is_own = _counts_for_time(spans.stage, spans.lane, trace)
    is_top = outermost(spans, stage_depths(trace)) & is_own
    segments = segments.of(_counts_for_time(segments.stage, segments.lane, trace))
    if between is not None:
        return _with_counted(trace, segments, cpu, between, is_top)
    top = np.flatnonzero(is_top)
    stage = spans.stage[top]
    wall = spans.end_ns[top] - spans.start_ns[top]
    return StageTimes(
        calls=np.bincount(spans.stage[~spans.resumed], minlength=count).astype(np.int64),
        resumes=np.bincount(spans.stage[spans.resumed & is_own], minlength=count).astype(np.int64),
        wall_ns=_sum(stage, wall.astype(np.float64), count),
        self_wall_ns=_sum(segments.stage, segments.end_ns - segments.start_ns, count),
        cpu_ns=_sum(stage, _cpu_of_spans(trace, top, cpu), count),
    )


def _counts_for_time(stage: Index, lane: Index, trace: Trace) -> Flags:
    """Return which rows count for time: those on devices only where a stage was on no thread at all."""
    on_host, spans = of_device(trace.lanes, HOST), trace.spans
    has_host = np.zeros(len(trace.stages), np.bool_)
    has_host[spans.stage[on_host[spans.lane]]] = True
    counts: Flags = on_host[lane] | ~has_host[stage]
    return counts


def _sum(stage: Index, amount: Floats, count: int) -> Ints:
    return np.rint(sum_by(stage, amount, count)).astype(np.int64)


def _with_counted(trace: Trace, segments: Segments, cpu: CpuTimes, between: Between, is_top: Flags) -> StageTimes:
    spans, count, counted = trace.spans, len(trace.stages), between.counted
    top = np.flatnonzero(is_top & ~counted.is_counted)
    wall = (spans.end_ns[top] - spans.start_ns[top]).astype(np.float64)
    held = np.flatnonzero(counted.stage >= 0)
    own = (counted.self_ns + counted.under_ns)[held].astype(np.float64)
    calls = np.bincount(spans.stage[~(spans.resumed | counted.is_counted)], minlength=count).astype(np.int64)
    calls += np.bincount(counted.call_stage, counted.calls, count).astype(np.int64)
    resumes = np.bincount(spans.stage[spans.resumed & ~counted.is_counted], minlength=count).astype(np.int64)
    resumes += np.bincount(counted.call_stage, counted.resumes, count).astype(np.int64)
    rows = np.flatnonzero(is_top)
    stored_cpu = sum_by(spans.stage[rows], _cpu_of_spans(trace, rows, cpu, between), count)
    return StageTimes(
        calls=calls,
        resumes=resumes,
        wall_ns=_sum(spans.stage[top], wall, count)
        + _sum(counted.call_stage, counted.wall_ns.astype(np.float64), count),
        self_wall_ns=_sum(segments.stage, segments.end_ns - segments.start_ns, count)
        + _sum(counted.stage[held], own, count),
        cpu_ns=np.rint(stored_cpu + _cpu_between(trace, cpu, between)).astype(np.int64),
    )


def _cpu_between(trace: Trace, cpu: CpuTimes, between: Between) -> Floats:
    """Return the CPU time of stages in stretches: a thread's is divided by the time it had for each of them.

    It counts for all stages around on the same lane as well. A thread used no more CPU time than it had stages open.
    """
    counted, lanes, count = between.counted, trace.lanes, len(trace.stages)
    thread = thread_of_lanes(lanes)[counted.lane]
    key = counted.stretch * max(len(lanes), 1) + thread
    distinct, at = np.unique(key, return_inverse=True)
    busy = sum_by(at, counted.self_ns.astype(np.float64), len(distinct))
    used = np.zeros(len(distinct))
    for host in np.unique(thread).tolist():
        measure = cpu.threads.get((int(lanes.pid[host]), int(lanes.tid[host])))
        if measure is not None:
            mine = np.flatnonzero(distinct % max(len(lanes), 1) == host)
            stretch = distinct[mine] // max(len(lanes), 1)
            used[mine] = measure.at(between.end_ns[stretch]) - measure.at(between.start_ns[stretch])
    rate = np.minimum(used, busy) / np.where(busy > 0, busy, 1.0)
    spent = counted.self_ns * rate[at]
    result = np.zeros(count)
    stage, prefix = counted.stage.astype(np.int64), lanes.prefix[counted.lane]
    parents = np.array([-1 if one.parent is None else one.parent for one in trace.stages], np.int64)
    while (stage >= 0).any():
        held = np.flatnonzero((stage >= 0) & (stage != prefix))
        result += sum_by(stage[held], spent[held], count)
        following = np.full(len(stage), -1, np.int64)
        following[held] = parents[stage[held]]
        stage = following
    return result


def _cpu_of_spans(trace: Trace, rows: Ints, cpu: CpuTimes, between: Between | None = None) -> Floats:
    """Return the CPU time of each span's own thread while its lane ran; 0 where the thread was never read.

    Not that of stretches between bursts.
    """
    spans, lanes, origin_ns = trace.spans, trace.lanes, trace.run.start_ns
    spent = Stretches(spans.lane[rows], since(spans.start_ns[rows], origin_ns), since(spans.end_ns[rows], origin_ns))
    row, start_ns, end_ns = clip_to_runs(spent, runs_since(trace.lane_runs, origin_ns))
    if between is not None and len(row):
        # `stage` carries the row, to know it again once cut.
        pieces = between.outside(Segments(row.astype(np.int32), spent.lane[row], start_ns, end_ns))
        row, start_ns, end_ns = pieces.stage.astype(np.int64), pieces.start_ns, pieces.end_ns
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
