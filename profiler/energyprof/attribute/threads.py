"""Threads: which one a lane runs on, and who has it when several lanes could claim it.

A thread does one thing at a time. While a coroutine or a work item runs in a stage, the thread's own lane may have a
stage open as well (around `asyncio.run`); the energy of that time belongs to the guest's stage alone.
"""

from __future__ import annotations

import numpy as np

from energyprof.attribute.intervals import Stretches, between_stretches, clip_to_runs
from energyprof.attribute.segments import Segments
from energyprof.model.span import Ints, LaneRuns, Lanes


def thread_of_lanes(lanes: Lanes) -> Ints:
    """Return for each lane the lane whose thread it runs on: itself, or for a task or a work item its host."""
    return np.where(lanes.host >= 0, lanes.host, np.arange(len(lanes))).astype(np.int64)


def give_way(segments: Segments, busy: Segments, lanes: Lanes, runs: LaneRuns) -> Segments:
    """Cut from each thread's own segments the time in which a task or a work item (`busy`) ran on it in a stage."""
    host = thread_of_lanes(lanes)
    switched = np.zeros(len(lanes), np.bool_)
    switched[runs.lane] = True
    guest = np.flatnonzero(switched[busy.lane] & (host[busy.lane] != busy.lane))
    if not guest.size:
        return segments
    thread = host[busy.lane[guest]].astype(np.int32)
    order = np.lexsort((busy.start_ns[guest], thread))
    taken = Stretches(thread[order], busy.start_ns[guest[order]], busy.end_ns[guest[order]])
    free = between_stretches(taken, segments.start_ns.min() - 1, segments.end_ns.max() + 1)
    row, start, end = clip_to_runs(Stretches(segments.lane, segments.start_ns, segments.end_ns), free)
    order = np.argsort(start, kind="stable")
    row = row[order]
    return Segments(segments.stage[row], segments.lane[row], start[order], end[order])
