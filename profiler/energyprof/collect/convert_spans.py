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
from energyprof.model.events import END_ANY, GIVE, LANE, RESUME, SPAWN, WORK
from energyprof.model.recording import SpanChunk
from energyprof.model.span import Flags, Index, Ints

Resolve = Callable[[Index, Ints, Ints], Index]
"""(enclosing stage, code, time of begin) -> stage, see `StageResolver.resolve`."""


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """A span that has begun and not ended: what a lane carries from one piece of events to the next."""

    code: int
    """Of the event that began it: `RESUME` still added where it goes on with a generator."""
    start_ns: int
    stage: int
    previous: int = -1
    """Stage of the span before it in the same span, or outermost on the same lane; -1: none."""
    last_inside: int = -1
    """Stage of the span that began last directly inside it; -1: none."""


@dataclass(frozen=True, slots=True, eq=False)
class LaneEvents:
    """Begin, end, SPAWN and WORK events of some lanes, and `LANE` where a thread turns to a lane; equal-length columns.

    Each lane's are in order of time.
    """

    rank: Ints
    """Which of the lanes, counted from 0."""
    code: Ints
    t_ns: Ints
    row: Ints
    """Any number by which the caller knows the event again; -1 of none that came now."""


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
class Handled:
    """Objects given, received or handed on, and calls of models; equal-length columns, each lane's in order of time."""

    lane: Index
    stage: Index
    """Open there at that instant; -1: none."""
    code: Ints
    """Of the event."""
    open_ns: Ints
    """How long that stage has been open by then; 0: none is."""

    def where(self, rows: Flags) -> Handled:
        """Return these rows only."""
        if rows.all():
            return self
        return Handled(self.lane[rows], self.stage[rows], self.code[rows], self.open_ns[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Handed:
    """Work handed over, equal-length columns."""

    lane: Index
    stage: Index
    """Stage open on it; -1: none."""
    work: Ints
    """Unit and count, as in the event's code without `WORK`."""


@dataclass(frozen=True, slots=True, eq=False)
class Converted:
    """What one piece of events gave."""

    spans: SpanChunk
    enclosing: Index
    """Per span the stage around it on its lane; -1: none."""
    previous: Index
    """Per span the stage of the one before it in the same span, or outermost on the same lane; -1: none."""
    still_open: dict[int, list[OpenSpan]]
    """Per lane of the piece on which anything is open, outermost first."""
    last_outermost: dict[int, int]
    """Stage of the outermost span that began last, per lane that had one begin now."""
    row: Ints
    """Of the events that came, as they had it."""
    after: Index
    """Per event of `row` the stage innermost on its lane from there on; -1: none."""
    spawns: Spawns
    objects: Handled
    handed: Handed
    stray: int
    clipped: int


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    level: Index
    """Per event: depth of the span it begins or ends; of a SPAWN or WORK: the depth a span begun there would have."""
    begin: NDArray[np.intp]
    """Rows of begin events, in order of (lane, level, time)."""
    end: NDArray[np.intp]
    """Row of the matching end event; -1: still open."""
    broken: Ints
    """Lanes (ranks) whose events are not well-formed; if any, the other fields are meaningless."""


def convert_events(
    events: LaneEvents,
    lanes: Sequence[int],
    stacks: Sequence[Sequence[OpenSpan]],
    resolve: Resolve,
    outermost: Callable[[int], int] = lambda _lane: -1,
) -> Converted:
    """Turn events of `lanes` (ascending) into spans; `stacks` is what was open on them before.

    `outermost` knows the stage of the outermost span that began last on a lane before this.
    """
    events = _with_open_spans(events, stacks)
    pairs = _pair(events.rank, events.code)
    stray = clipped = 0
    while len(pairs.broken):  # twice at most: lanes with an end too many are found first, wrong ends after that
        events, more_stray, more_clipped = _repair_lanes(events, pairs.broken)
        stray += more_stray
        clipped += more_clipped
        pairs = _pair(events.rank, events.code)
    stage, around = _stages(pairs, events.code, events.t_ns, resolve)
    enclosing = np.where(around >= 0, stage[around], -1).astype(np.int32)
    lane = np.array(lanes, np.int32)[events.rank]
    siblings = _siblings(events, pairs, around, stage, (lanes, stacks, outermost))
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
        span = OpenSpan(
            int(events.code[row]),
            int(events.t_ns[row]),
            int(stage[row]),
            int(siblings.previous[row]),
            siblings.last_inside.get(row, -1),
        )
        still_open.setdefault(int(lane[row]), []).append(span)
    after = np.where(events.code > 0, stage, -1)
    after[end] = enclosing[begin]
    came = events.row >= 0
    created = np.flatnonzero((events.code >= SPAWN) & (events.code < WORK))
    objects = np.flatnonzero(events.code >= GIVE)
    open_ns = np.where(around[objects] >= 0, events.t_ns[objects] - events.t_ns[around[objects]], 0)
    spawns = Spawns(lane[created], stage[created], events.code[created] - SPAWN, events.t_ns[created])
    given = np.flatnonzero((events.code >= WORK) & (events.code < GIVE))
    handed = Handed(lane[given], stage[given], events.code[given] - WORK)
    return Converted(
        spans=spans,
        enclosing=enclosing[begin],
        previous=siblings.previous[begin],
        still_open=still_open,
        last_outermost=siblings.last_outermost,
        row=events.row[came],
        after=after[came].astype(np.int32),
        spawns=spawns,
        objects=Handled(lane[objects], stage[objects], events.code[objects], open_ns),
        handed=handed,
        stray=stray,
        clipped=clipped,
    )


def _with_open_spans(events: LaneEvents, stacks: Sequence[Sequence[OpenSpan]]) -> LaneEvents:
    """Return the events ordered by lane, each lane's beginning with the begins of what was open before."""
    rank, code, t_ns, number = events.rank, events.code, events.t_ns, events.row
    carried = [(at, span.code, span.start_ns) for at, stack in enumerate(stacks) for span in stack]
    if carried:
        head = np.array(carried, np.int64)
        rank = np.concatenate((head[:, 0], rank))
        code = np.concatenate((head[:, 1], code))
        t_ns = np.concatenate((head[:, 2], t_ns))
        number = np.concatenate((np.full(len(head), -1, np.int64), number))
    if len(stacks) > 1:
        order = stable_order(rank)
        rank, code, t_ns, number = rank[order], code[order], t_ns[order], number[order]
        back = (rank[1:] == rank[:-1]) & (t_ns[1:] < t_ns[:-1])
        if back.any():  # a lane that wandered between threads, whose frames arrive in any order
            t_ns = _rising(rank, t_ns, np.unique(rank[1:][back]))
    return LaneEvents(rank, code, t_ns, number)


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
    is_begin = (code > 0) & (code < LANE)
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
    parts = [LaneEvents(events.rank[kept], events.code[kept], events.t_ns[kept], events.row[kept])]
    stray = clipped = 0
    for lane in broken.tolist():
        low, high = np.searchsorted(events.rank, [lane, lane + 1])
        done = repair(events.code[low:high], events.t_ns[low:high])
        rank = np.full(len(done.code), lane, np.int64)
        parts.append(LaneEvents(rank, done.code, done.t_ns, events.row[low:high][done.row]))
        stray += done.stray
        clipped += done.clipped
    rank = np.concatenate([part.rank for part in parts])
    order = stable_order(rank)
    code = np.concatenate([part.code for part in parts])[order]
    t_ns = np.concatenate([part.t_ns for part in parts])[order]
    row = np.concatenate([part.row for part in parts])[order]
    return LaneEvents(rank[order], code, t_ns, row), stray, clipped


def _stages(pairs: _Pairs, code: Ints, t_ns: Ints, resolve: Resolve) -> tuple[Index, NDArray[np.intp]]:
    """Return per event the stage that begins there, at others the stage open there; and where that began.

    The second column gives of each begin, SPAWN, WORK and turn the row at which the stage around it began; -1: none.
    """
    stage = np.full(len(code), -1, np.int32)
    around = np.full(len(code), -1, np.intp)
    spawned = np.flatnonzero(code >= LANE)
    by_level = _group(pairs.begin, pairs.level)
    spawned_by_level = _group(spawned, pairs.level)
    outer = np.zeros(0, np.intp)
    for level in range(max(len(by_level), len(spawned_by_level))):
        begins = by_level[level] if level < len(by_level) else np.zeros(0, np.intp)
        if level < len(spawned_by_level):
            rows = spawned_by_level[level]
            around[rows] = _enclosing(outer, rows)
            stage[rows] = np.where(around[rows] >= 0, stage[around[rows]], -1)
        if len(begins):
            around[begins] = _enclosing(outer, begins)
            enclosing = np.where(around[begins] >= 0, stage[around[begins]], -1).astype(np.int32)
            stage[begins] = resolve(enclosing, code[begins] % RESUME, t_ns[begins])
        outer = begins
    return stage, around


def _enclosing(outer: NDArray[np.intp], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the last of `outer` before each of `rows`; it is always on the same lane."""
    if not len(outer):
        return np.full(len(rows), -1, np.intp)
    found: NDArray[np.intp] = outer[np.searchsorted(outer, rows) - 1]
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Siblings:
    previous: Index
    """Per event that begins a span, the stage of the span before it in the same span or lane."""
    last_inside: dict[int, int]
    """By the row at which a span that is still open began."""
    last_outermost: dict[int, int]


def _siblings(
    events: LaneEvents,
    pairs: _Pairs,
    around: NDArray[np.intp],
    stage: Index,
    before: tuple[Sequence[int], Sequence[Sequence[OpenSpan]], Callable[[int], int]],
) -> _Siblings:
    """Find which span came next after which; what `before` tells is from earlier pieces (lanes, stacks, outermost)."""
    lanes, stacks, outermost = before
    previous = np.full(len(events.code), -1, np.int32)
    begin = pairs.begin  # in order of (lane, level, time)
    if not len(begin):
        return _Siblings(previous, {}, {})
    rank, inside = events.rank[begin], around[begin]
    same = (rank[1:] == rank[:-1]) & (inside[1:] == inside[:-1]) & (pairs.level[begin[1:]] == pairs.level[begin[:-1]])
    first = np.flatnonzero(np.append(True, ~same))
    previous[begin[1:][same]] = stage[begin[:-1][same]]
    carried = events.row[begin] < 0
    level = pairs.level[begin]
    for at in np.flatnonzero(carried).tolist():
        previous[begin[at]] = stacks[int(rank[at])][int(level[at])].previous
    # Only what began on the lane itself, or in a span from before this piece, may follow what this piece does not show.
    unseen = (inside[first] < 0) | (events.row[inside[first]] < 0)
    for at in first[unseen & ~carried[first]].tolist():
        row, lane = int(inside[at]), int(rank[at])
        above = None if row < 0 else stacks[lane][int(pairs.level[row])]
        previous[begin[at]] = outermost(lanes[lane]) if above is None else above.last_inside
    last = np.append(first[1:] - 1, len(begin) - 1)
    top = inside[last] < 0
    last_outermost = {lanes[int(rank[at])]: int(stage[begin[at]]) for at in last[top].tolist()}
    still_open = begin[pairs.end < 0]
    last_inside = {
        row: stacks[int(events.rank[row])][int(pairs.level[row])].last_inside
        for row in still_open[events.row[still_open] < 0].tolist()
    }
    within = ~top & np.isin(inside[last], still_open)
    last_inside.update({int(inside[at]): int(stage[begin[at]]) for at in last[within].tolist()})
    return _Siblings(previous, last_inside, last_outermost)


def _group(rows: NDArray[np.intp], level: Index) -> list[NDArray[np.intp]]:
    """Return the rows of each level, ascending."""
    if not len(rows):
        return []
    rows = np.sort(rows)
    levels = level[rows]
    order = stable_order(levels)
    return np.split(rows[order], np.cumsum(np.bincount(levels))[:-1])
