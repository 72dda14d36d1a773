"""Work: what lanes did, in order of time, and its sums between ascending edges: cells of bins x columns.

Chunks of segments are cut and summed one after another, so that memory does not grow with their number. The few edges
within reach of a chunk are looked up among its starts, not they among the edges, which gives each segment its first
bin by repetition; those that end beyond it (at most one per edge and lane) are cut. No later segment starts before the
next chunk's first: bins before that are final, and what goes on beyond its bin is cut together with the next chunk.
Sums are taken in a table of the chunk's bins x columns, or by sorting where that would be mostly empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from energyprof.attribute.cpu_shares import CpuShares
from energyprof.attribute.inference.columns import Columns
from energyprof.attribute.intervals import ranges
from energyprof.attribute.measure import between
from energyprof.attribute.segments import Segments
from energyprof.attribute.sums import sum_by
from energyprof.attribute.weights import Cells
from energyprof.model.span import Flags, Floats, Index, Ints

CHUNK = 1 << 15
CELLS_PER_PIECE = 10
SPARE_CELLS = 1 << 16
"""Up to CELLS_PER_PIECE for each piece and SPARE_CELLS more, sums are taken in a table."""
LONGEST_OUTSIDE_S = 0.1
"""Time outside counts as pieces of at most this: its power wanders, it is no one call."""


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """By bin and column, bins ascending: what workload.py says is summed."""

    bin: Ints
    column: Index
    amounts: tuple[Floats, ...]
    """time, carried, stretched and, where a response was asked for, tail."""


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """Segments ordered by start, and the stretches in which no stage was open, which are those of the last column."""

    segments: Segments
    idle: tuple[Floats, Floats]
    """Starts and ends, ascending and disjoint."""
    longer: Floats
    """f of each segment."""
    columns: Columns
    shares: CpuShares | None
    """None: power goes with the time that lanes are busy."""

    def near(self, start_ns: Floats, end_ns: Floats) -> Work:
        """Return the segments that have something of these stretches, which ascend and lie apart."""
        rows = _near((self.segments.start_ns, self.segments.end_ns), start_ns, end_ns)
        free = _near(self.idle, start_ns, end_ns)
        idle = self.idle[0][free], self.idle[1][free]
        return replace(self, segments=self.segments.at(rows), idle=idle, longer=self.longer[rows])

    def between(self, edge_ns: Floats, asked: Flags, response_ns: float = 0.0, chunk: int = CHUNK) -> Sums:
        """Return the sums of each bin between two edges; bins not `asked` for have none."""
        size, wanted = self.columns.count + 1, 3 + (response_ns > 0) + (self.shares is not None)
        processes = 1 if self.shares is None else len(self.shares.pids())
        keys, found = [np.zeros(0, np.int64)], [[np.zeros(0)] for _ in range(wanted)]
        last, more = keys[0], [parts[0] for parts in found]
        """Sums of the one bin that is not final."""
        for parts, final in _sweep(self.segments, self.idle, edge_ns, asked, chunk):
            several = [self._amounts(part, edge_ns, response_ns) for part in parts]
            key = np.concatenate([last, *(key for key, _ in several)])
            columns = zip(more, *(amounts for _, amounts in several), strict=True)
            key, amounts = _summed(key, [np.concatenate(column) for column in columns])
            done = int(np.searchsorted(key, final * size * processes))
            keys.append(key[:done])
            for column, amount in zip(found, amounts, strict=True):
                column.append(amount[:done])
            last, more = key[done:], [amount[done:] for amount in amounts]
        key = np.concatenate(keys)
        keys.clear()  # an hour has millions of sums: their pieces are let go column by column
        amounts = [np.concatenate(found.pop(0)) for _ in range(wanted)]
        if self.shares is not None:
            key, amounts = self._credited(self.shares, key, amounts, edge_ns)
        bin_ = key // size
        key %= size
        return Sums(bin_, key.astype(np.int32), tuple(amounts))

    def _amounts(self, part: _Cut, edge_ns: Floats, response_ns: float) -> tuple[Ints, list[Floats]]:
        """Return keys and amounts; in a CPU's domain by process as well, and last the CPU time of its lanes in ns."""
        outside, segments, row = self.columns.count, self.segments, part.row
        length_ns = part.end_ns - part.start_ns
        length_s = length_ns * 1e-9
        if part.is_idle:
            column, lane = np.full(len(row), outside), np.full(len(row), -1)
            amounts = [length_s, length_s * LONGEST_OUTSIDE_S, np.zeros(len(row))]
        else:
            column, lane = self.columns.of_stage[segments.stage[row]], segments.lane[row]
            whole_s = (segments.end_ns[row] - segments.start_ns[row]) * 1e-9
            amounts = [length_s, length_s * whole_s, length_s * self.longer[row]]
        if response_ns:
            amounts.append(part.tail_s(edge_ns, response_ns))
        key = part.bin * (outside + 1) + column
        if self.shares is not None:
            thread = self.shares.of_lane[lane]
            used = np.where(thread >= 0, length_ns, 0.0)
            for number, (_, measure, _) in enumerate(self.shares.threads):
                mine = np.flatnonzero(thread == number) if measure is not None else thread[:0]
                used[mine] = between(measure, part.start_ns[mine], part.end_ns[mine])
            amounts.append(used)
            pids = self.shares.pids()
            if len(pids) > 1:
                of_thread = np.array([pids.index(pid) for pid, _, _ in self.shares.threads] + [0])
                key = key * len(pids) + of_thread[thread]
        return key, amounts

    def _credited(
        self, shares: CpuShares, key: Ints, amounts: list[Floats], edge_ns: Floats
    ) -> tuple[Ints, list[Floats]]:
        """Return the sums as CPU time, lanes credited with what threads without spans and children used for them."""
        pids, size = shares.pids(), self.columns.count + 1
        if len(pids) == 1:  # then keys are distinct already
            cells = Cells.of(key, amounts[0] * 1e9, len(edge_ns) - 1, size - 1)
            part = shares.credited(cells, edge_ns[:-1], edge_ns[1:], _SeenOfOne(pids[0], amounts[-1], cells.time_ns))
            part /= cells.time_ns
            return key, [total * part**power for total, power in zip(amounts[:-1], (1, 2, 1, 1), strict=False)]
        process, key = key % len(pids), key // len(pids)
        first = np.flatnonzero(np.append(True, key[1:] != key[:-1])) if len(key) else key
        at = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(key))))
        key = key[first]
        sums = [sum_by(at, amount, len(key)) for amount in amounts[:-1]]
        cells = Cells.of(key, sums[0] * 1e9, len(edge_ns) - 1, size - 1)
        seen = _Seen(at, process, pids, amounts[-1], amounts[0] * 1e9)
        part = shares.credited(cells, edge_ns[:-1], edge_ns[1:], seen) / cells.time_ns
        return key, [total * part**power for total, power in zip(sums, (1, 2, 1, 1), strict=False)]


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What lanes had of cells, row by row of cell and process."""

    cell: Ints
    process: Ints
    pids: tuple[int, ...]
    used_ns: Floats
    time_ns: Floats

    def own_ns(self, pid: int) -> Floats:
        return self._of(pid, self.used_ns)

    def open_ns(self, pid: int) -> Floats:
        return self._of(pid, self.time_ns)

    def _of(self, pid: int, amount: Floats) -> Floats:
        if pid not in self.pids:
            return np.zeros(int(self.cell[-1]) + 1 if len(self.cell) else 0)
        mine = self.process == self.pids.index(pid)
        return sum_by(self.cell, np.where(mine, amount, 0.0), int(self.cell[-1]) + 1 if len(self.cell) else 0)


@dataclass(frozen=True, slots=True, eq=False)
class _SeenOfOne:
    """What lanes had of cells, all of them of one process."""

    pid: int
    used_ns: Floats
    time_ns: Floats

    def own_ns(self, pid: int) -> Floats:
        return self.used_ns if pid == self.pid else np.zeros(len(self.used_ns))

    def open_ns(self, pid: int) -> Floats:
        return self.time_ns if pid == self.pid else np.zeros(len(self.time_ns))


def _near(intervals: tuple[Floats, Floats], start_ns: Floats, end_ns: Floats) -> Ints:
    """Return the rows of intervals that overlap a stretch; stretches ascend and lie apart."""
    start, end = intervals
    found, following_ns = [np.zeros(0, np.int64)], np.append(start_ns, np.inf)
    for first in range(0, len(start), CHUNK):
        rows = slice(first, first + CHUNK)
        at = np.searchsorted(end_ns, start[rows], "right")
        found.append(first + np.flatnonzero(following_ns[at] < end[rows]))
    return np.concatenate(found)


def _sweep(
    segments: Segments, idle: tuple[Floats, Floats], edge: Floats, asked: Flags, chunk: int
) -> Iterator[tuple[list[_Cut], int]]:
    """Yield segments cut at the edges, and before which bin nothing more is to come."""
    start, end = segments.start_ns, segments.end_ns
    high = int(np.searchsorted(start, edge[-1], "left"))
    low = next((at for at in range(0, high, chunk) if (end[at : at + chunk] > edge[0]).any()), high)
    goes_on, until_ns = np.zeros(0, np.int64), float(edge[0])
    """Segments that reach beyond the last bin looked at, and where that ends."""
    for first in range(low, max(high, low + 1), chunk):
        stop = min(first + chunk, high)
        bin_ = max(int(np.searchsorted(edge, start[stop], "right")) - 1, 0) if stop < high else len(edge) - 2
        limit_ns = max(float(edge[bin_ + 1]), until_ns)
        rows = np.arange(first, stop)
        yield (
            [
                _cut(goes_on, np.full(len(goes_on), until_ns), np.minimum(end[goes_on], limit_ns), edge, asked),
                _cut(rows, np.maximum(start[rows], edge[0]), np.minimum(end[rows], limit_ns), edge, asked),
                _idle_between(idle, until_ns, limit_ns, edge, asked),
            ],
            bin_ if stop < high else len(edge) - 1,
        )
        goes_on, until_ns = np.concatenate((goes_on, rows)), limit_ns
        goes_on = goes_on[end[goes_on] > limit_ns]


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    bin: Ints
    start_ns: Floats
    end_ns: Floats
    row: Ints
    """Of the segment."""
    is_idle: bool = False
    """These are of the time outside."""

    def tail_s(self, edge_ns: Floats, response_ns: float) -> Floats:
        until = edge_ns[self.bin + 1]
        late, early = (self.end_ns - until) / response_ns, (self.start_ns - until) / response_ns
        return (np.exp(late) - np.exp(early)) * (response_ns * 1e-9)


def _idle_between(idle: tuple[Floats, Floats], start_ns: float, end_ns: float, edge: Floats, asked: Flags) -> _Cut:
    start, end = idle
    rows = np.arange(np.searchsorted(end, start_ns, "right"), np.searchsorted(start, end_ns, "left"))
    found = _cut(rows, np.maximum(start[rows], start_ns), np.minimum(end[rows], end_ns), edge, asked)
    return replace(found, is_idle=True)


def _cut(row: Ints, start: Floats, end: Floats, edge: Floats, asked: Flags) -> _Cut:
    """Cut segments between the edges, ordered by start; what lies in bins not asked for is left out."""
    if not len(row) or start[0] >= edge[-1]:
        return _Cut(row[:0], start[:0], end[:0], row[:0])
    low = int(np.searchsorted(edge, start[0], "right")) - 1
    high = min(int(np.searchsorted(edge, start[-1], "right")), len(edge) - 1)
    counts = np.diff(np.concatenate(([0], np.searchsorted(start, edge[low + 1 : high], "left"), [len(start)])))
    first = np.repeat(np.arange(low, high), counts)
    until = np.repeat(edge[low + 1 : high + 1], counts)
    crossing = np.flatnonzero(end > until)
    count = np.searchsorted(edge, end[crossing], "left") - 1 - first[crossing]
    further, source = ranges(first[crossing] + 1, count), np.repeat(crossing, count)
    bin_, row = np.concatenate((first, further)), np.concatenate((row, row[source]))
    begin = np.concatenate((start, edge[further]))
    until = np.concatenate((np.minimum(end, until), np.minimum(end[source], edge[further + 1])))
    kept = (until > begin) & asked[bin_]
    if not kept.all():
        held = np.flatnonzero(kept)
        bin_, begin, until, row = bin_[held], begin[held], until[held], row[held]
    return _Cut(bin_, begin, until, row)


def _summed(key: Ints, amounts: list[Floats]) -> tuple[Ints, list[Floats]]:
    """Return the distinct keys, ascending, and the sums of their amounts; pieces of a chunk have keys near by."""
    first = int(key.min()) if len(key) else 0
    cells = int(key.max()) + 1 - first if len(key) else 0
    if cells > CELLS_PER_PIECE * len(key) + SPARE_CELLS:
        return _grouped(key, amounts)
    near = key - first
    sums: list[Floats] = [sum_by(near, amount, cells) for amount in amounts]
    held = np.flatnonzero(sums[1]) if len(key) else key
    return held + first, [total[held] for total in sums]


def _grouped(key: Ints, amounts: list[Floats]) -> tuple[Ints, list[Floats]]:
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.append(True, key[1:] != key[:-1])) if len(key) else key
    return key[first], [np.add.reduceat(amount[order], first) if len(key) else amount for amount in amounts]
