"""What threads did from event to event: which lane each ran, and which stage was innermost there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from energyprof.collect.convert_counts import Counter
from energyprof.collect.convert_lanes import LaneTable
from energyprof.collect.convert_process import Thread, ThreadEvents
from energyprof.collect.convert_spans import Converted
from energyprof.model.span import Index, Ints

_UNKNOWN = -2
"""In a column of stages: the event was left out."""


class ThreadTimes:
    """Counts the time of threads, thread by thread without a gap and without an overlap."""

    def __init__(self, counter: Counter, innermost: Callable[[int], int], lanes: LaneTable) -> None:
        """`innermost` returns the stage open innermost on a lane by now; -1: none."""
        self._counter = counter
        self._innermost = innermost
        self._lanes = lanes

    def count(self, parts: Sequence[ThreadEvents], before: Mapping[int, int], lane: Ints, done: Converted) -> None:
        """Count what threads did up to their last events; `before` gives per lane the stage innermost before them."""
        after = np.full(len(lane), _UNKNOWN, np.int32)
        after[done.row] = done.after
        if (after == _UNKNOWN).any():  # an end of nothing changes nothing
            after = _carried_on(after, lane, before)
        seen: dict[int, tuple[int, int, int, int]] = {}
        at = 0
        for part in parts:
            thread, rows = part.thread, slice(at, at + len(part.lane))
            at = rows.stop
            if not len(part.lane):
                continue
            last_ns, running, stage, own_stage = seen.get(
                thread.own, (part.last_ns, part.running, before[part.running], before[thread.own])
            )
            own = _on_own_lane(part.lane, thread.own, after[rows], own_stage)
            on = np.append(running, part.lane[:-1])
            stages = np.append(stage, after[rows][:-1]).astype(np.int32)
            owns = np.append(own_stage, own[:-1]).astype(np.int32)
            since = np.append(last_ns or part.t_ns[0], part.t_ns[:-1])
            self._count(thread, (on, stages, owns), since, part.t_ns)
            seen[thread.own] = int(part.t_ns[-1]), int(part.lane[-1]), int(after[rows][-1]), int(own[-1])

    def count_until(self, threads: Iterable[Thread], t_ns: int) -> None:
        """Count what threads did since their last events."""
        for thread in threads:
            running, own = self._innermost(thread.running), self._innermost(thread.own)
            since_ns = max(thread.last_ns, thread.counted_ns)
            if since_ns and since_ns < t_ns and (running >= 0 or own >= 0 or thread.running != thread.own):
                state = (np.array([thread.running]), np.array([running], np.int32), np.array([own], np.int32))
                self._count(thread, state, np.array([since_ns]), np.array([t_ns]))

    def _count(self, thread: Thread, state: tuple[Ints, Index, Index], start_ns: Ints, end_ns: Ints) -> None:
        """Count intervals in which a thread ran a lane in a stage, another being open on its own lane."""
        on, stage, own = state
        start_ns = np.maximum(start_ns, thread.counted_ns)
        thread.counted_ns = max(thread.counted_ns, int(end_ns[-1]))
        is_guest = on != thread.own
        rows = np.flatnonzero(is_guest | (stage >= 0))
        self._counter.times(
            self._lanes.stored_column(on[rows]), stage[rows], (start_ns[rows], end_ns[rows]), under=False
        )
        rows = np.flatnonzero(is_guest & (own >= 0))
        if len(rows):
            lane = np.full(len(rows), self._lanes.stored(thread.own), np.int64)
            self._counter.times(lane, own[rows], (start_ns[rows], end_ns[rows]), under=True)


def _on_own_lane(lane: Ints, own: int, after: Index, before: int) -> Index:
    """Return per event the stage innermost on the thread's own lane, which was `before` until then."""
    at = np.maximum.accumulate(np.where(lane == own, np.arange(len(lane)), -1))
    return np.where(at >= 0, after[at], before).astype(np.int32)


def _carried_on(after: Index, lane: Ints, before: Mapping[int, int]) -> Index:
    """Return the stages with those of events left out as they were on the same lane until then."""
    after = after.copy()
    for row in np.flatnonzero(after == _UNKNOWN).tolist():
        earlier = np.flatnonzero(lane[:row] == lane[row])
        after[row] = after[earlier[-1]] if len(earlier) else before[int(lane[row])]
    return after
