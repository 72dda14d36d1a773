"""Events of many lanes to spans, vectorised: depth by a running sum per lane, begins paired with ends per level.

The work per event is a handful of array operations; Python loops run over nesting levels and over lanes whose events
had to be repaired, never over spans.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from energyprof.collect.convert_repair import repair
from energyprof.model.events import END_ANY, RESUME, SPAWN
from energyprof.model.recording import SpanChunk
from energyprof.model.span import Flags, Index, Ints

Resolve = Callable[[Index, Ints], Index]
"""(enclosing stage, code) -> stage, see `StageResolver.resolve`."""


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """A span that has begun and not ended: what a lane carries from one piece of events to the next."""

    code: int
    """Of the event that began it: `RESUME` still added where it goes on with a generator."""
    start_ns: int
    stage: int


@dataclass(frozen=True, slots=True, eq=False)
class LaneEvents:
    """Begin, end and SPAWN events of some lanes, equal-length columns; each lane's are in order of time."""

    rank: Ints
    """Which of the lanes, counted from 0."""
    code: Ints
    t_ns: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Spawns:
    """Lanes created, equal-length columns."""

    lane: Index
    """The creating lane."""
    stage: Index
    """Stage open on it; -1: none."""
    number: Ints
    """Number of the created lane within its process."""
    t_ns: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Converted:
    """What one piece of events gave."""

    spans: SpanChunk
    still_open: dict[int, list[OpenSpan]]
    """Per lane of the piece on which anything is open, outermost first."""
    spawns: Spawns
    stray: int
    clipped: int


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    level: Index
    """Per event: depth of the span it begins or ends; of a SPAWN: the depth a span begun there would have."""
    begin: NDArray[np.intp]
    """Rows of begin events, in order of (lane, level, time)."""
    end: NDArray[np.intp]
    """Row of the matching end event; -1: still open."""
    broken: Ints
    """Lanes (ranks) whose events are not well-formed; if any, the other fields are meaningless."""


def convert_events(
    events: LaneEvents, lanes: Sequence[int], stacks: Sequence[Sequence[OpenSpan]], resolve: Resolve
) -> Converted:
    """Turn begin, end and SPAWN events of `lanes` (ascending) into spans; `stacks` is what was open on them before."""
    events = _with_open_spans(events, stacks)
    pairs = _pair(events.rank, events.code)
    stray = clipped = 0
    while len(pairs.broken):  # twice at most: lanes with an end too many are found first, wrong ends after that
        events, more_stray, more_clipped = _repair_lanes(events, pairs.broken)
        stray += more_stray
        clipped += more_clipped
        pairs = _pair(events.rank, events.code)
    stage = _stages(pairs, events.code, resolve)
    lane = np.array(lanes, np.int32)[events.rank]
    ended = pairs.end >= 0
    begin = pairs.begin[ended]
    order = np.argsort(begin)  # rows stand in order of (lane, time), and so must the spans
    begin, end = begin[order], pairs.end[ended][order]
    spans = SpanChunk(
        stage=stage[begin],
        lane=lane[begin],
        start_ns=events.t_ns[begin],
        end_ns=events.t_ns[end],
        depth=pairs.level[begin],
        is_open=np.zeros(len(begin), np.bool_),
        resumed=events.code[begin] > RESUME,
    )
    still_open: dict[int, list[OpenSpan]] = {}
    for row in pairs.begin[~ended].tolist():
        span = OpenSpan(int(events.code[row]), int(events.t_ns[row]), int(stage[row]))
        still_open.setdefault(int(lane[row]), []).append(span)
    created = np.flatnonzero(events.code >= SPAWN)
    spawns = Spawns(lane[created], stage[created], events.code[created] - SPAWN, events.t_ns[created])
    return Converted(spans, still_open, spawns, stray, clipped)


def _with_open_spans(events: LaneEvents, stacks: Sequence[Sequence[OpenSpan]]) -> LaneEvents:
    """Return the events ordered by lane, each lane's beginning with the begins of what was open before."""
    rank, code, t_ns = events.rank, events.code, events.t_ns
    carried = [(at, span.code, span.start_ns) for at, stack in enumerate(stacks) for span in stack]
    if carried:
        head = np.array(carried, np.int64)
        rank = np.concatenate((head[:, 0], rank))
        code = np.concatenate((head[:, 1], code))
        t_ns = np.concatenate((head[:, 2], t_ns))
    if len(stacks) > 1:
        order = stable_order(rank)
        rank, code, t_ns = rank[order], code[order], t_ns[order]
        back = (rank[1:] == rank[:-1]) & (t_ns[1:] < t_ns[:-1])
        if back.any():  # a lane that wandered between threads, whose frames arrive in any order
            t_ns = _rising(rank, t_ns, np.unique(rank[1:][back]))
    return LaneEvents(rank, code, t_ns)


def _rising(rank: Ints, t_ns: Ints, lanes: Ints) -> Ints:
    t_ns = t_ns.copy()
    for lane in lanes.tolist():
        low, high = np.searchsorted(rank, [lane, lane + 1])
        t_ns[low:high] = np.maximum.accumulate(t_ns[low:high])
    return t_ns


def stable_order(key: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return the stable ascending order of non-negative integers; numpy sorts 16-bit ones by radix, far faster."""
    small = key.astype(np.uint16) if len(key) and int(key.max()) < 1 << 16 else key
    return np.argsort(small, kind="stable")


def _pair(rank: Ints, code: Ints) -> _Pairs:
    is_begin = (code > 0) & (code < SPAWN)
    step = is_begin.astype(np.int32)
    step -= code < 0
    total = np.cumsum(step, dtype=np.int32)
    first = np.flatnonzero(rank[1:] != rank[:-1]) + 1
    base = np.concatenate((np.zeros(1, np.int32), total[first - 1]))
    lengths = np.diff(first, prepend=0, append=len(rank))
    level = (total - np.repeat(base, lengths) - is_begin).astype(np.int32)
    below = level < 0
    none = np.zeros(0, np.intp)
    if below.any():
        return _Pairs(level, none, none, np.unique(rank[below]))
    rows = np.flatnonzero(step)
    levels = int(level.max(initial=0)) + 1
    key = rank[rows] * levels + level[rows]
    order = stable_order(key)
    rows, key = rows[order], key[order]
    # Within one lane and level, begins and ends take turns, so the row after a begin is its end, or there is none.
    starts = is_begin[rows]
    following = np.full(len(rows), -1, np.intp)
    following[:-1] = np.where(key[1:] == key[:-1], rows[1:], -1)
    begin, end = rows[starts], following[starts]
    ended: Flags = end >= 0
    closing, opening = code[end], code[begin]
    wrong = ended & (closing != -(opening % RESUME)) & (closing != END_ANY)
    return _Pairs(level, begin, end, np.unique(rank[begin[wrong]]))


def _repair_lanes(events: LaneEvents, broken: Ints) -> tuple[LaneEvents, int, int]:
    """Return the events with those of the broken lanes made well-formed, and how many ends were stray or clipping."""
    kept = ~np.isin(events.rank, broken)
    parts = [LaneEvents(events.rank[kept], events.code[kept], events.t_ns[kept])]
    stray = clipped = 0
    for lane in broken.tolist():
        low, high = np.searchsorted(events.rank, [lane, lane + 1])
        done = repair(events.code[low:high], events.t_ns[low:high])
        parts.append(LaneEvents(np.full(len(done.code), lane, np.int64), done.code, done.t_ns))
        stray += done.stray
        clipped += done.clipped
    rank = np.concatenate([part.rank for part in parts])
    order = stable_order(rank)
    code = np.concatenate([part.code for part in parts])[order]
    t_ns = np.concatenate([part.t_ns for part in parts])[order]
    return LaneEvents(rank[order], code, t_ns), stray, clipped


def _stages(pairs: _Pairs, code: Ints, resolve: Resolve) -> Index:
    """Return per event the stage that begins there; at a SPAWN, the stage open there."""
    stage = np.full(len(code), -1, np.int32)
    spawned = np.flatnonzero(code >= SPAWN)
    by_level = _group(pairs.begin, pairs.level)
    spawned_by_level = _group(spawned, pairs.level)
    outer = np.zeros(0, np.intp)
    for level in range(max(len(by_level), len(spawned_by_level))):
        begins = by_level[level] if level < len(by_level) else np.zeros(0, np.intp)
        if level < len(spawned_by_level):
            stage[spawned_by_level[level]] = _enclosing(stage, outer, spawned_by_level[level])
        if len(begins):
            stage[begins] = resolve(_enclosing(stage, outer, begins), code[begins] % RESUME)
        outer = begins
    return stage


def _enclosing(stage: Index, outer: NDArray[np.intp], rows: NDArray[np.intp]) -> Index:
    """Return the stage of the last of `outer` before each of `rows`; it is always on the same lane."""
    if not len(outer):
        return np.full(len(rows), -1, np.int32)
    return stage[outer[np.searchsorted(outer, rows) - 1]]


def _group(rows: NDArray[np.intp], level: Index) -> list[NDArray[np.intp]]:
    """Return the rows of each level, ascending."""
    if not len(rows):
        return []
    rows = np.sort(rows)
    levels = level[rows]
    order = stable_order(levels)
    return np.split(rows[order], np.cumsum(np.bincount(levels))[:-1])
