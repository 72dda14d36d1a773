"""Exclusive segments: per lane, the innermost open stage as a step function of time.

A span's own time is its interval minus its children's. In preorder there are two kinds of pieces, found without a
loop: the stretch before a span, from its previous sibling's end (or its parent's start) to its start, belongs to the
parent; the tail, from the last child's end (or the own start) to the own end, belongs to the span. The lane of a task
or a work item is cut to the time in which it really ran: a stage that awaits has no time, hence no energy. While such
a lane runs with no stage of its own open, it works for the stage in which it was created (`inherited_segments`); that
is energy and CPU time of that stage, and no wall time of it. Times are float nanoseconds since the start of the run:
whole numbers are exact up to 2**53 ns, 104 days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.attribute.intervals import Stretches, between_stretches, clip_to_runs
from energyprof.attribute.nesting import last_children, previous_siblings
from energyprof.model.span import Flags, Floats, Index, Ints, LaneRuns, Lanes, Spans


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Disjoint within a lane, of positive length, ordered by start over all lanes."""

    stage: Index
    lane: Index
    start_ns: Floats
    end_ns: Floats

    def __len__(self) -> int:
        return len(self.stage)

    def of(self, rows: Flags) -> Segments:
        """Return the segments for which `rows` is True."""
        return self if rows.all() else self.at(np.flatnonzero(rows))

    def at(self, rows: Ints) -> Segments:
        """Return the segments of these rows."""
        return Segments(self.stage[rows], self.lane[rows], self.start_ns[rows], self.end_ns[rows])

    def with_more(self, more: Segments) -> Segments:
        """Return these segments and `more`, which overlap none of them on its lane."""
        if not len(more):
            return self
        start_ns = np.concatenate((self.start_ns, more.start_ns))
        order = np.argsort(start_ns, kind="stable")
        return Segments(
            stage=np.concatenate((self.stage, more.stage))[order],
            lane=np.concatenate((self.lane, more.lane))[order],
            start_ns=start_ns[order],
            end_ns=np.concatenate((self.end_ns, more.end_ns))[order],
        )


def exclusive_segments(spans: Spans, runs: LaneRuns, origin_ns: int) -> Segments:
    """Return the time that each span has for itself, in pieces."""
    start, end = since(spans.start_ns, origin_ns), since(spans.end_ns, origin_ns)
    previous, last = previous_siblings(spans), last_children(spans)
    child = np.flatnonzero(spans.parent >= 0)
    parent = spans.parent[child]
    lead_start = np.where(previous[child] >= 0, end[previous[child]], start[parent])
    lead = np.flatnonzero(start[child] > lead_start)
    lead_start, child, parent = lead_start[lead], child[lead], parent[lead]
    tail_start = np.where(last >= 0, end[last], start)
    tail = np.flatnonzero(end > tail_start)
    pieces = Segments(
        stage=np.concatenate((spans.stage[parent], spans.stage[tail])),
        lane=np.concatenate((spans.lane[child], spans.lane[tail])),
        start_ns=np.concatenate((lead_start, tail_start[tail])),
        end_ns=np.concatenate((start[child], end[tail])),
    )
    return _cut_and_ordered(pieces, runs, origin_ns)


def busy_segments(spans: Spans, runs: LaneRuns, origin_ns: int) -> Segments:
    """Return when each lane had any stage open (and ran): the outermost spans, `stage` being theirs."""
    top = spans.parent < 0
    start, end = since(spans.start_ns[top], origin_ns), since(spans.end_ns[top], origin_ns)
    return _cut_and_ordered(Segments(spans.stage[top], spans.lane[top], start, end), runs, origin_ns)


def inherited_segments(spans: Spans, lanes: Lanes, runs: LaneRuns, origin_ns: int) -> Segments:
    """Return when tasks and work items ran outside any stage of their own, `stage` being the one that made them."""
    run = np.flatnonzero(lanes.prefix[runs.lane] >= 0)
    ran = Stretches(runs.lane[run], since(runs.start_ns[run], origin_ns), since(runs.end_ns[run], origin_ns))
    inherits = np.zeros(len(lanes), np.bool_)
    inherits[ran.lane] = True
    top = np.flatnonzero((spans.parent < 0) & inherits[spans.lane])
    staged = Stretches(spans.lane[top], since(spans.start_ns[top], origin_ns), since(spans.end_ns[top], origin_ns))
    low_ns, high_ns = ran.start_ns.min(initial=0.0) - 1, ran.end_ns.max(initial=0.0) + 1
    row, start, end = clip_to_runs(ran, between_stretches(staged, low_ns, high_ns))
    kept = np.flatnonzero(end > start)
    kept = kept[np.argsort(start[kept], kind="stable")]
    lane = ran.lane[row[kept]]
    return Segments(lanes.prefix[lane], lane, start[kept], end[kept])


def runs_since(runs: LaneRuns, origin_ns: int) -> Stretches:
    """Return the runs as stretches of time since the start of the run."""
    return Stretches(runs.lane, since(runs.start_ns, origin_ns), since(runs.end_ns, origin_ns))


def since(t_ns: Ints, origin_ns: int) -> Floats:
    """Return times in ns since the start of the run."""
    return (t_ns - origin_ns).astype(np.float64)


def _cut_and_ordered(pieces: Segments, runs: LaneRuns, origin_ns: int) -> Segments:
    stage, lane, start, end = pieces.stage, pieces.lane, pieces.start_ns, pieces.end_ns
    if len(runs):
        row, start, end = clip_to_runs(Stretches(lane, start, end), runs_since(runs, origin_ns))
        stage, lane = stage[row], lane[row]
    order = np.argsort(start, kind="stable")
    if (end <= start).any():
        order = order[(end > start)[order]]
    return Segments(stage[order], lane[order], start[order], end[order])
