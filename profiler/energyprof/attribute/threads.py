"""Threads: which one a lane runs on, and who has it when several lanes could claim it.

A thread does one thing at a time. While a coroutine with a stage of its own runs, the own lane may have a stage
open as well (around `asyncio.run`); the energy of that time belongs to the coroutine's stage alone.
"""

from __future__ import annotations

import numpy as np

from energyprof.attribute.intervals import Stretches, clip_to_runs
from energyprof.attribute.segments import Segments
from energyprof.model.span import Ints, LaneRuns, Lanes


def thread_of_lanes(lanes: Lanes) -> Ints:
    """Return for each lane the lane whose thread it runs on: itself, or for a coroutine the nearest creator."""
    host = np.arange(len(lanes), dtype=np.int64)
    climbing = np.flatnonzero((lanes.tid == 0) & (lanes.parent >= 0))
    for _ in range(len(lanes)):
        climbing = climbing[lanes.parent[host[climbing]] >= 0]
        creator = lanes.parent[host[climbing]]
        climbing = climbing[lanes.pid[creator] == lanes.pid[climbing]]
        host[climbing] = lanes.parent[host[climbing]]
        climbing = climbing[lanes.tid[host[climbing]] == 0]
        if not climbing.size:
            break
    return host


def give_way(segments: Segments, busy: Segments, lanes: Lanes, runs: LaneRuns) -> Segments:
    """Cut from each thread's own segments the time in which a coroutine with an open stage (`busy`) ran on it."""
    host = thread_of_lanes(lanes)
    switched = np.zeros(len(lanes), np.bool_)
    switched[runs.lane] = True
    guest = np.flatnonzero(switched[busy.lane] & (host[busy.lane] != busy.lane))
    if not guest.size:
        return segments
    thread = host[busy.lane[guest]].astype(np.int32)
    order = np.lexsort((busy.start_ns[guest], thread))
    guest, thread = guest[order], thread[order]
    start, end = busy.start_ns[guest], busy.end_ns[guest]
    first = np.append(True, thread[1:] != thread[:-1])
    last = np.append(first[1:], True)
    before = np.where(first, segments.start_ns.min() - 1, np.append(0.0, end[:-1]))
    free_lane = np.concatenate((thread, thread[last]))
    free_start = np.concatenate((before, end[last]))
    free_end = np.concatenate((start, np.full(np.count_nonzero(last), segments.end_ns.max() + 1)))
    kept = np.flatnonzero(free_end > free_start)
    kept = kept[np.lexsort((free_start[kept], free_lane[kept]))]
    free = Stretches(free_lane[kept], free_start[kept], free_end[kept])
    row, start, end = clip_to_runs(Stretches(segments.lane, segments.start_ns, segments.end_ns), free)
    order = np.argsort(start, kind="stable")
    row = row[order]
    return Segments(segments.stage[row], segments.lane[row], start[order], end[order])
