"""A chunk of spans as columns whose noise is stored once: times are differences between neighbouring events.

Rows stand in order of (lane, start, depth), so the depths alone say in which order the spans began and ended. Between
one begin or end and the next there is little time (a leaf's run, or the gap before the next one), whereas a span's
duration and its distance from its predecessor repeat each other's noise: 4 bytes a span instead of 5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from energyprof.capture.codec import pack_columns, unpack_columns
from energyprof.errors import CaptureError
from energyprof.model.recording import SpanChunk
from energyprof.model.span import Index, Ints

_COLUMNS = 8
_PLACE_COLUMNS = 4


def pack_spans(spans: SpanChunk) -> bytes:
    """Return the spans packed; they must be ordered by (lane, start_ns, depth)."""
    lane_first = _first_rows(spans.lane)
    begin, end = _event_order(spans.depth, lane_first)
    t_ns = np.empty(2 * len(spans), np.int64)
    t_ns[begin] = spans.start_ns
    t_ns[end] = spans.end_ns
    step = np.diff(t_ns, prepend=t_ns[:1])
    first = begin[lane_first]
    step[first] = 0  # a lane's first time is kept apart, so that no step goes back
    flagged = (np.flatnonzero(spans.is_open), np.flatnonzero(spans.resumed))
    columns = (spans.lane[lane_first], lane_first, t_ns[first], spans.stage, spans.depth, step, *flagged)
    return pack_columns(columns, (0, 1, 0, 0, 0, 0, 1, 1))


def unpack_spans(packed: bytes) -> SpanChunk:
    """Return the spans; raises CaptureError where the bytes do not fit together."""
    lanes, lane_first, first_ns, stage, depth, step, *flagged = unpack_columns(packed, _COLUMNS)
    rows = len(stage)
    _check_lanes(lanes, lane_first, first_ns, rows)
    fits = len(depth) == rows and len(step) == 2 * rows and all(_within(which, rows) for which in flagged)
    if not fits or not _within(depth, 1 << 31):
        raise CaptureError("a block of spans does not fit together")
    depth_32 = depth.astype(np.int32)
    begin, end = _event_order(depth_32, lane_first)
    t_ns = np.cumsum(step)
    first = begin[lane_first]
    lengths = np.diff(lane_first, append=rows)
    t_ns += np.repeat(first_ns - t_ns[first], 2 * lengths)
    is_open, resumed = np.zeros((2, rows), np.bool_)
    is_open[flagged[0]] = True
    resumed[flagged[1]] = True
    lane = np.repeat(lanes, lengths).astype(np.int32)
    return SpanChunk(stage.astype(np.int32), lane, t_ns[begin], t_ns[end], depth_32, is_open, resumed)


def unpack_places(packed: bytes) -> tuple[Index, Index, Ints]:
    """Return only stage and lane of each span and a time it began at or after, many times faster than all of it."""
    lanes, lane_first, first_ns, stage = unpack_columns(packed, _PLACE_COLUMNS, only_first=True)
    _check_lanes(lanes, lane_first, first_ns, len(stage))
    lengths = np.diff(lane_first, append=len(stage))
    return stage.astype(np.int32), np.repeat(lanes, lengths).astype(np.int32), np.repeat(first_ns, lengths)


def _check_lanes(lanes: Ints, lane_first: Ints, first_ns: Ints, rows: int) -> None:
    """Raise CaptureError unless the rows are cut into one stretch per lane."""
    rising = bool((np.diff(lane_first, prepend=-1, append=rows) > 0).all()) if rows else not len(lane_first)
    if not len(lanes) == len(lane_first) == len(first_ns) or not rising or (rows and lane_first[:1].any()):
        raise CaptureError("a block of spans does not fit together")


def _within(column: Ints, limit: int) -> bool:
    return bool(((column >= 0) & (column < limit)).all())


def _first_rows(lane: Index) -> Ints:
    rows: Ints = np.flatnonzero(np.diff(lane, prepend=lane[:1] - 1)).astype(np.int64)
    return rows


def _event_order(depth: Index, lane_first: Ints) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where the begin and the end of each row stand among all begins and ends.

    A span ends before the next row of its lane that is not deeper begins, after everything deeper has ended.
    """
    rows = len(depth)
    bound = depth.copy()
    bound[lane_first] = -1  # nothing reaches over into the next lane
    until = np.full(rows, rows, np.int64)
    for level in range(int(depth.max(initial=-1)) + 1):
        here = np.flatnonzero(depth == level)
        if len(here):
            stops = np.append(np.flatnonzero(bound <= level), rows)
            until[here] = stops[np.searchsorted(stops, here, side="right")]
    ended_before = np.cumsum(np.bincount(until, minlength=rows + 1))
    begin = np.arange(rows) + ended_before[:rows]
    deepest_first = np.arange(rows)[::-1]
    small = until.astype(np.uint16) if rows < 1 << 16 else until  # numpy sorts 16-bit integers by radix
    order = deepest_first[np.argsort(small[::-1], kind="stable")]
    end = np.empty(rows, np.int64)
    end[order] = np.arange(rows) + until[order]
    return begin, end
