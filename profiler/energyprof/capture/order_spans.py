"""Bring spans and lane runs into the order that analysis relies on, and find each span's parent row."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from energyprof.capture.columns import picked
from energyprof.model.recording import SpanChunk
from energyprof.model.span import Index, Ints, LaneRuns, Spans

Rows = NDArray[np.intp]


def ordered_spans(spans: SpanChunk, stage: Index) -> tuple[Spans, Rows]:
    """Return the spans ordered by (lane, start_ns, -end_ns) with parent rows, and which row each was.

    `stage` replaces their own.
    """
    order = _by_lane_and_start(spans.lane, spans.start_ns)
    sorted_ = picked(spans, order)
    ties = (sorted_.start_ns[1:] == sorted_.start_ns[:-1]) & (sorted_.lane[1:] == sorted_.lane[:-1])
    if ties.any():
        rows = np.flatnonzero(np.append(ties, False) | np.append(False, ties))
        tied = picked(sorted_, rows)
        order[rows] = order[rows][np.lexsort((tied.depth, -tied.end_ns, tied.start_ns, tied.lane))]
        sorted_ = picked(spans, order)
    parent = _parents(sorted_)
    times = (sorted_.start_ns, sorted_.end_ns)
    return Spans(stage[order], sorted_.lane, *times, parent, sorted_.is_open, sorted_.resumed), order


def ordered_runs(runs: LaneRuns) -> LaneRuns:
    """Return lane runs ordered by (lane, start_ns)."""
    return picked(runs, _by_lane_and_start(runs.lane, runs.start_ns))


def _by_lane_and_start(lane: Index, start_ns: Ints) -> Rows:
    """Return the stable order; one key where both fit into 63 bits, since chunks are runs in order already."""
    if not len(lane):
        return np.zeros(0, np.intp)
    since = start_ns - start_ns.min()
    bits = int(since.max()).bit_length()
    if bits + int(lane.max()).bit_length() > 63 or lane.min() < 0:
        return np.lexsort((start_ns, lane))
    return np.argsort((lane.astype(np.int64) << bits) | since, kind="stable")


def _parents(spans: SpanChunk) -> Index:
    """Return per row the last row before it that is one level up on its lane and still runs; -1: none.

    None happens below depth 0 only where the collector was stopped: spans still open were never stored then.
    """
    lane, end_ns, depth = spans.lane, spans.end_ns, spans.depth
    parent = np.full(len(lane), -1, np.int32)
    small = depth.astype(np.uint16) if int(depth.max(initial=0)) < 1 << 16 else depth  # numpy's radix sort
    by_level = np.split(np.argsort(small, kind="stable"), np.cumsum(np.bincount(depth))[:-1]) if len(depth) else []
    for outer, inner in pairwise(by_level):
        at = np.searchsorted(outer, inner) - 1
        candidate = outer[np.maximum(at, 0)] if len(outer) else np.zeros(len(inner), np.intp)
        fits = (at >= 0) & (lane[candidate] == lane[inner]) & (end_ns[candidate] >= end_ns[inner])
        parent[inner] = np.where(fits, candidate, -1)
    return parent
