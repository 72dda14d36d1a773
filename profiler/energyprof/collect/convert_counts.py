"""Count what is not stored: time per thread and stage in every stretch between bursts, calls and order of all spans."""

from __future__ import annotations

from typing import Any

import numpy as np

from energyprof.collect.bursts import Bursts
from energyprof.model.recording import SpanChunk
from energyprof.model.span import Flags, Index, Ints
from energyprof.model.tally import CALLS, ORDER, SELVES, WIDTH, Tally

KEPT_NS = 60_000_000_000
"""A stretch that has been over for so long is forgotten; what comes later makes another tally of it."""
_STAGE_BITS = 17
"""Stages are fewer than 2**17 (`PATH_LIMIT`), and -1 is one more."""

Rows = dict[tuple[int, ...], list[int]]


class Counter:
    """The tallies of one recording."""

    def __init__(self, bursts: Bursts) -> None:
        self._bursts = bursts
        self._next = 0
        """Number of the next tally."""
        self._numbers: dict[tuple[int, int], int] = {}
        """Of tallies that may still change, by kind and place (0 where the kind has none)."""
        self._rows: dict[tuple[int, int], Rows] = {}
        self._changed: set[tuple[int, int]] = set()
        self._reached = 0
        """The first place that is not known to have begun."""
        self.counted = 0
        """Spans counted and not stored."""

    def state(self) -> dict[str, Any]:
        """Return what it takes to go on, as JSON values; all tallies have been taken."""
        return {"next": self._next, "counted": self.counted, "reached": self._reached}

    def go_on(self, state: dict[str, Any]) -> None:
        """Go on beside the tallies taken until `state` was returned."""
        self._next, self.counted, self._reached = state["next"], state["counted"], state["reached"]

    def spans(self, spans: SpanChunk, enclosing: Index, previous: Index, is_outermost: Flags) -> Flags:
        """Count spans that have ended; return which of them are to be stored as well."""
        stored = self.is_stored(spans.start_ns, spans.end_ns)
        self.counted += int(np.count_nonzero(~stored))
        wall = np.where(is_outermost, spans.end_ns - spans.start_ns, 0)
        key = _key(spans.lane, enclosing, spans.stage)
        self._add((CALLS, 0), key, ((~spans.resumed).astype(np.int64), spans.resumed.astype(np.int64), wall))
        came_after = np.flatnonzero(previous >= 0)
        key = _key(spans.lane[came_after], previous[came_after], spans.stage[came_after])
        self._add((ORDER, 0), key, (np.ones(len(key), np.int64),))
        return stored

    def is_stored(self, start_ns: Ints, end_ns: Ints) -> Flags:
        """Tell what is stored one by one: whatever no stretch has wholly."""
        place = self._bursts.place(start_ns)
        stored: Flags = (place < 0) | (place % 2 == 1) | (place != self._bursts.place(end_ns))
        return stored

    def times(self, lane: Index | Ints, stage: Index, t_ns: tuple[Ints, Ints], under: bool) -> None:
        """Count intervals (starts, ends) in which a thread ran a lane in a stage.

        `under`: in which it was open on the thread's own lane, while the thread ran another.
        """
        start, end = t_ns
        kept = np.flatnonzero(end > start)
        lane, stage, start, end = lane[kept], stage[kept], start[kept], end[kept]
        first, last = self._bursts.place(start), self._bursts.place(end - 1)
        key = _key(lane, np.full(len(lane), -1), stage)
        for place in np.unique(first[(first == last) & (first >= 0) & (first % 2 == 0)]).tolist():
            rows = np.flatnonzero((first == place) & (last == place))
            self._add_times(place, key[rows], (end - start)[rows], under)
        for row in np.flatnonzero(first != last).tolist():
            for place in range(int(first[row]), int(last[row]) + 1):
                if place < 0 or place % 2:
                    continue
                begin_ns, until_ns = self._bursts.bounds(place)
                part = min(int(end[row]), until_ns) - max(int(start[row]), begin_ns)
                self._add_times(place, key[row : row + 1], np.array([part], np.int64), under)

    def _add_times(self, place: int, key: Ints, spent: Ints, under: bool) -> None:
        nothing = np.zeros(len(key), np.int64)
        self._add((SELVES, place), key, (nothing, spent) if under else (spent, nothing))

    def reach(self, until_ns: int) -> None:
        """Have a tally of every stretch that has begun, though nothing may have run in it."""
        last = self._bursts.place_of(until_ns)
        for place in range(self._reached, last + 1):
            is_known = self._bursts.bounds(place)[1] > 0  # not forgotten since
            if place % 2 == 0 and is_known and (SELVES, place) not in self._rows:
                self._rows[SELVES, place] = {}
                self._changed.add((SELVES, place))
        self._reached = max(self._reached, last + 1)

    def _add(self, which: tuple[int, int], key: Ints, amounts: tuple[Ints, ...]) -> None:
        if not len(key):
            return
        distinct, at = np.unique(key, return_inverse=True)
        sums = [np.bincount(at, amount, len(distinct)).astype(np.int64) for amount in amounts]
        if any(int(amount.max()) >= 1 << 40 for amount in amounts):  # beyond what a float keeps exactly
            sums = [_exact_sums(at, amount, len(distinct)) for amount in amounts]
        rows = self._rows.setdefault(which, {})
        for row, (lane, outer, stage) in enumerate(_unpacked(distinct)):
            told = (lane, stage) if which[0] == SELVES else (lane, outer, stage)
            total = rows.setdefault(told, [0] * len(amounts))
            for column, amount in enumerate(sums):
                total[column] += int(amount[row])
        self._changed.add(which)

    def take(self) -> dict[int, Tally]:
        """Return by number the tallies that changed since the last time; each replaces the one taken before."""
        taken: dict[int, Tally] = {}
        for which in sorted(self._changed):
            if which not in self._numbers:
                self._numbers[which] = self._next
                self._next += 1
            taken[self._numbers[which]] = self._tally(which)
        self._changed.clear()
        for kind, place in list(self._rows):
            if kind == SELVES and self._bursts.bounds(place)[1] + KEPT_NS < self._bursts.seen_ns:
                del self._rows[kind, place]
                del self._numbers[kind, place]
        return taken

    def _tally(self, which: tuple[int, int]) -> Tally:
        kind, place = which
        rows = [(*key, *total) for key, total in self._rows[which].items()]
        columns = np.array(rows, np.int64).reshape(-1, WIDTH[kind]).T
        start_ns, end_ns = self._bursts.bounds(place) if kind == SELVES else (0, 0)
        return Tally(kind, start_ns, end_ns, tuple(np.ascontiguousarray(column) for column in columns))


def _exact_sums(at: Ints, amount: Ints, count: int) -> Ints:
    sums = np.zeros(count, np.int64)
    np.add.at(sums, at, amount)
    return sums


def _key(lane: Index | Ints, outer: Index | Ints, stage: Index) -> Ints:
    key: Ints = lane.astype(np.int64) << (2 * _STAGE_BITS)
    key |= (outer.astype(np.int64) + 1) << _STAGE_BITS
    key |= stage.astype(np.int64) + 1
    return key


def _unpacked(key: Ints) -> list[tuple[int, int, int]]:
    mask = (1 << _STAGE_BITS) - 1
    columns = (key >> (2 * _STAGE_BITS), ((key >> _STAGE_BITS) & mask) - 1, (key & mask) - 1)
    return list(zip(*(column.tolist() for column in columns), strict=True))
