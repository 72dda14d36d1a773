"""The overlap kernel: how long (or how much CPU time) each stage had in each window, in O((N + W) log) without a loop.

Segments come sorted by start. Rather than looking up every one among the windows, the few window edges are looked up
among the segments of a chunk, which gives each its first bin by repetition. Nearly all end in that bin; the others
 (at most one per edge and lane) are cut at the edges. Everything is then summed by key = window * stages + stage.

Chunks of 2**16 segments stay in the processor's cache, their columns in arrays used again and again, for memory touched
for the first time costs more than the sums. No segment of a later chunk starts before one of this chunk, so that bins
before the next start are done: they leave as a piece of the sparse matrix, and what remains is the last bin and the
segments still open. So the matrix needs no table, and a sum over its rows not even the matrix (`normal_equations`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from energyprof.attribute.intervals import ranges
from energyprof.attribute.measure import Weighing, between
from energyprof.attribute.segments import Segments
from energyprof.attribute.sums import sum_by, sum_by_sorting
from energyprof.model.span import Floats, Index, Ints

CHUNK = 1 << 16
_SPARE_CELLS = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Ascending edges; the bin between two of them is a window or, between windows, nothing."""

    edge_ns: Floats
    window: Ints
    """Window of each bin, -1: none."""

    @staticmethod
    def of(start_ns: Floats, end_ns: Floats) -> Bins:
        """Return the bins of ascending windows that do not overlap but may leave gaps."""
        if not len(start_ns):
            return Bins(np.zeros(0), np.zeros(0, np.int64))
        gap = start_ns[1:] > end_ns[:-1]
        count = np.append(1 + gap, 1).astype(np.int64)  # a window and, where one follows, its gap
        edges = np.append(np.repeat(start_ns, count), end_ns[-1])
        position = np.cumsum(count) - count
        window = np.full(len(edges) - 1, -1, np.int64)
        window[position] = np.arange(len(start_ns))
        edges[position[:-1][gap] + 1] = end_ns[:-1][gap]
        return Bins(edges, window)

    def __len__(self) -> int:
        return len(self.window)

    def are_windows(self) -> bool:
        """Return whether no bin is a gap."""
        return bool(len(self.window) == self.window[-1] + 1)


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """A sparse matrix windows x stages of positive amounts; `key` = window * stages + stage ascends."""

    key: Ints
    amount: Floats


def occupancy(segments: Segments, bins: Bins, stages: int, measure: Weighing | None = None) -> Overlaps:
    """Return what each stage had of each window: nanoseconds, or what `measure` weighs."""
    room = min(len(bins) * stages, len(segments) + len(bins))
    key, amount, held = np.empty(room, np.int64), np.empty(room), 0
    for part in pieces(segments, bins, stages, measure):
        end = held + len(part.key)
        if end > len(key):
            key = np.concatenate((key, np.empty(end, np.int64)))
            amount = np.concatenate((amount, np.empty(end)))
        key[held:end], amount[held:end], held = part.key, part.amount, end
    return Overlaps(key[:held], amount[:held])


def normal_equations(
    segments: Segments, bins: Bins, stages: int, value: Floats, measure: Weighing | None = None
) -> tuple[Floats, Floats]:
    """Return X'X and X'y, X being the windows x stages that `occupancy` returns and y a `value` for each window.

    X itself is never held: memory does not grow with segments or windows.
    """
    products, moments = np.zeros((stages, stages)), np.zeros(stages)
    for passed in _sweep(segments, bins, stages, measure):
        for first, table in passed.tables(stages):
            window = bins.window[first : first + len(table)]
            held = window >= 0
            rows = table if held.all() else table[held]
            products += rows.T @ rows
            moments += value[window[held]] @ rows
    return products, moments


def pieces(segments: Segments, bins: Bins, stages: int, measure: Weighing | None = None) -> Iterator[Overlaps]:
    """Yield what `occupancy` returns in pieces, keys ascending, in memory that does not grow with the segments."""
    for passed in _sweep(segments, bins, stages, measure):
        part = passed.overlaps(stages)
        if not bins.are_windows():
            window = bins.window[part.key // stages]
            held = np.flatnonzero(window >= 0)
            part = Overlaps(window[held] * stages + part.key[held] % stages, part.amount[held])
        yield part


def _sweep(segments: Segments, bins: Bins, stages: int, measure: Weighing | None) -> Iterator[_Passed]:
    start_ns, edges = segments.start_ns, bins.edge_ns
    if not len(bins) or not len(start_ns):
        return
    sweep = _Sweep(edges, stages, measure)
    beyond = int(np.searchsorted(start_ns, edges[-1], "left"))
    for low in range(0, beyond, CHUNK):
        high = min(low + CHUNK, beyond)
        chunk = slice(low, high)
        following_ns = start_ns[high] if high < beyond else np.inf
        yield sweep.over(segments.stage[chunk], start_ns[chunk], segments.end_ns[chunk], following_ns)


@dataclass(frozen=True, slots=True, eq=False)
class _Passed:
    """Bins that are final, from `first` on: a table of them, or where that would be mostly empty, its cells."""

    first: int
    table: Floats | None
    """All cells, flat."""
    key: Ints
    """Of the cells, counted from the first bin on."""
    amount: Floats

    def overlaps(self, stages: int) -> Overlaps:
        """Return the cells that are not empty."""
        if self.table is None:
            return Overlaps(self.key + self.first * stages, self.amount)
        held = np.flatnonzero(self.table > 0)
        return Overlaps(held + self.first * stages, self.table[held])

    def tables(self, stages: int) -> Iterator[tuple[int, Floats]]:
        """Yield (first bin, bins x stages); of very many bins several, without the empty ones in between."""
        if self.table is not None:
            yield self.first, self.table.reshape(-1, stages)
            return
        most, low = max(1, CHUNK // stages), 0
        while low < len(self.key):
            row = int(self.key[low]) // stages
            high = int(np.searchsorted(self.key, (row + most) * stages, "left"))
            rows = int(self.key[high - 1]) // stages - row + 1
            cells = sum_by(self.key[low:high] - row * stages, self.amount[low:high], rows * stages)
            yield self.first + row, cells.reshape(-1, stages)
            low = high


class _Sweep:
    """Moves over the bins in order of time; what it has passed is final."""

    def __init__(self, edge_ns: Floats, stages: int, measure: Weighing | None) -> None:
        self._edge_ns, self._stages, self._measure = edge_ns, stages, measure
        self._row = 0
        """The first bin that is not final."""
        self._key, self._amount = np.zeros(0, np.int64), np.zeros(0)
        """What that bin has so far."""
        self._open_stage, self._open_end_ns = np.zeros(0, np.int32), np.zeros(0)
        """Segments that go on beyond the last bin looked at, `_open_row`."""
        self._open_row = 0
        self._length_ns = np.empty(CHUNK)

    def over(self, stage: Index, start_ns: Floats, end_ns: Floats, following_ns: float) -> _Passed:
        """Add segments and return the bins that are final, no segment to come starting before `following_ns`."""
        edges, stages, row = self._edge_ns, self._stages, self._row
        if start_ns[0] < edges[0]:
            start_ns, end_ns = np.maximum(start_ns, edges[0]), np.maximum(end_ns, edges[0])
        bins = len(edges) - 1
        last = min(int(np.searchsorted(edges, following_ns, "right")) - 1, bins)  # the bin of the next start
        reach = bins if last == bins else int(np.searchsorted(edges, start_ns[-1], "right"))
        cuts = np.searchsorted(start_ns, edges[row + 1 : reach], "left")
        counts = np.diff(np.concatenate(([0], cuts, [len(start_ns)])))
        key = np.repeat(np.arange(0, (reach - row) * stages, stages), counts)
        key += stage
        upper = np.repeat(edges[row + 1 : reach + 1], counts)
        crossing = np.flatnonzero(end_ns > upper)
        more_key, more = self._open_pieces(reach)
        if crossing.size:
            from_row = row + key[crossing] // stages + 1
            across_key, across = self._across(stage[crossing], from_row, end_ns[crossing], reach)
            more_key, more = np.concatenate((more_key, across_key)), np.concatenate((more, across))
        if self._measure is None:
            amount = np.subtract(end_ns, start_ns, out=self._length_ns[: len(key)])
            amount[crossing] = upper[crossing] - start_ns[crossing]
        else:
            amount = between(self._measure, start_ns, np.minimum(end_ns, upper))
        more_key, more = np.concatenate((self._key, more_key)), np.concatenate((self._amount, more))
        last = max(row, min(last, reach))  # starts before the first edge count as there
        self._row = last
        cut = (last - row) * stages
        if (reach - row) * stages > 4 * len(key) + _SPARE_CELLS:
            key, amount = sum_by_sorting(np.concatenate((key, more_key)), np.concatenate((amount, more)))
            before = int(np.searchsorted(key, cut, "left"))
            self._key, self._amount = key[before:] - cut, amount[before:].copy()
            return _Passed(row, None, key[:before], amount[:before])
        table = sum_by(key, amount, (reach - row) * stages)
        np.add.at(table, more_key, more)
        self._key = np.flatnonzero(table[cut:])
        self._amount = table[cut:][self._key]
        return _Passed(row, table[:cut], key[:0], amount[:0])

    def _open_pieces(self, reach: int) -> tuple[Ints, Floats]:
        """Return the pieces of the segments still open in the bins up to `reach`."""
        stage, end_ns, row = self._open_stage, self._open_end_ns, self._open_row
        self._open_stage, self._open_end_ns, self._open_row = stage[:0], end_ns[:0], reach
        if not len(stage):
            return np.zeros(0, np.int64), np.zeros(0)
        return self._across(stage, np.full(len(stage), row), end_ns, reach)

    def _across(self, stage: Index, from_row: Ints, end_ns: Floats, reach: int) -> tuple[Ints, Floats]:
        """Cut segments at the edges from the start of `from_row` on; what lies beyond `reach` stays open."""
        edges = self._edge_ns
        until = np.minimum(end_ns, edges[reach])
        goes_on = np.flatnonzero((end_ns > edges[reach]) & (reach < len(edges) - 1))
        self._open_stage = np.concatenate((self._open_stage, stage[goes_on]))
        self._open_end_ns = np.concatenate((self._open_end_ns, end_ns[goes_on]))
        count = np.maximum(np.searchsorted(edges, until, "left") - from_row, 0)
        cell, source = ranges(from_row, count), np.repeat(np.arange(len(stage)), count)
        piece = between(self._measure, edges[cell], np.minimum(edges[cell + 1], until[source]))
        return (cell - self._row) * self._stages + stage[source], piece
