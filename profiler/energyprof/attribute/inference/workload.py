"""The workload: who was there between ascending instants, as sparse matrices bins x columns.

For bin m = [t_m, t_m+1] and column k, over the segments i of k:

    time      o_mk = sum of overlap_mi, in s; in a CPU's domain the CPU time of that overlap
    carried   v_mk = sum of overlap_mi * d_i, d_i the length of segment i: a segment whose power is off by e_i from its
              column's D_k adds e_i * overlap, and with e_i of variance (rho D_k)^2, shared out evenly over the segment,
              rho^2 D_k^2 v_mk is the variance that k carries in bin m: (rho D_k d_i)^2 for the whole of i
    stretched sum of overlap_mi * f_i, f_i = ln(d_i / c_k) within +- ln 3 and less its mean over the time of k, c_k the
              usual length: by how much the calls there are longer than others of k (parameters.py)
    tail      what of an impulse response with time constant T is still to come at the bin's end (design.py):
              sum of exp(-(t_m+1 - end)/T) - exp(-(t_m+1 - start)/T)

Bins that nobody asks about cost nothing. The last column is the time outside any stage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from energyprof.attribute.cpu_shares import CpuShares
from energyprof.attribute.inference.columns import Columns
from energyprof.attribute.intervals import ranges
from energyprof.attribute.segments import Segments
from energyprof.attribute.sums import sum_by
from energyprof.attribute.timeline import Timeline
from energyprof.attribute.weights import presence
from energyprof.model.span import Flags, Floats, Ints

CHUNK = 1 << 15
SPARE_CELLS = 1 << 16
"""Cells beyond four to a piece up to which sums are taken in a table; a larger one would be mostly empty."""
_FAR_NS = 2.0**60
LONGEST = float(np.log(3.0))
"""Calls three times as long as usual, or a third, count as the longest and shortest: what is rare bends no slope."""
LONGEST_OUTSIDE_S = 0.1
"""Time outside counts as pieces of at most this: its power wanders, it is no one call."""


@dataclass(frozen=True, slots=True, eq=False)
class Occupancy:
    """Sparse matrices bins x columns, in seconds."""

    time: csr_matrix
    carried: csr_matrix
    stretched: csr_matrix
    tail: csr_matrix | None
    """None: not asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """The segments that count for a domain, and how they share it."""

    segments: Segments
    """Ordered by start."""
    with_outside: Segments
    """The same with the stretches in which no stage was open, whose stage is the one after the last."""
    line: Timeline
    shares: CpuShares | None
    """None: power goes with the time that lanes are busy."""
    columns: Columns
    longer: Floats
    """f_i of each of `with_outside`."""

    @staticmethod
    def of(segments: Segments, line: Timeline, shares: CpuShares | None, columns: Columns) -> Workload:
        """Return the workload of segments; `line` knows when none is open."""
        start, end = np.maximum(line.idle[0], -_FAR_NS), np.minimum(line.idle[1], _FAR_NS)
        kept = end > start
        outside = np.full(np.count_nonzero(kept), len(columns.of_stage), np.int32)
        idle = Segments(outside, np.full(len(outside), -1, np.int32), start[kept], end[kept])
        every = segments.with_more(idle)
        return Workload(segments, every, line, shares, columns, _longer(every, columns))

    def occupancy(self, edge_ns: Floats, asked: Flags, response_ns: float = 0.0) -> Occupancy:
        """Return who was there in each bin between ascending edges; bins not `asked` for stay empty."""
        size, wanted = (len(edge_ns) - 1, self.columns.count + 1), 4 if response_ns else 3
        found: list[tuple[Ints, list[Floats]]] = []
        of_stage = np.append(self.columns.of_stage, self.columns.count)
        low, high = _overlapping(self.with_outside, edge_ns)
        for first in range(low, high, CHUNK):
            if self._is_beside(slice(first, min(first + CHUNK, high)), edge_ns, asked):
                continue
            part = _pieces(self.with_outside, of_stage, slice(first, min(first + CHUNK, high)), edge_ns, asked)
            key = part.bin * size[1] + part.column
            whole_s = np.where(part.column == self.columns.count, LONGEST_OUTSIDE_S, part.whole_s)
            length_s = part.length_s
            amounts = [length_s, length_s * whole_s, length_s * self.longer[part.row]]
            if response_ns:
                amounts.append(part.tail_s(edge_ns, response_ns))
            found.append(_summed(key, amounts))
        key, amounts = _together(found, wanted)
        if self.shares is not None:
            part_on_cpu = self._on_cpu(self.shares, edge_ns, asked, key) / amounts[0]
            amounts = [amount * part_on_cpu**power for amount, power in zip(amounts, (1, 2, 1, 1), strict=False)]
        begins = np.searchsorted(key, np.arange(size[0] + 1) * size[1])
        matrices = [csr_matrix((amount, key % size[1], begins), shape=size) for amount in amounts]
        return Occupancy(matrices[0], matrices[1], matrices[2], matrices[3] if response_ns else None)

    def _is_beside(self, rows: slice, edge_ns: Floats, asked: Flags) -> bool:
        """Return whether these segments all lie in one bin that nobody asks about."""
        start, end = self.with_outside.start_ns[rows], self.with_outside.end_ns[rows]
        bin_ = int(np.searchsorted(edge_ns, start[0], "right")) - 1
        return bin_ >= 0 and not asked[bin_] and start[-1] < edge_ns[bin_ + 1] and end.max() <= edge_ns[bin_ + 1]

    def shared(self, edge_ns: Floats, asked: Flags) -> csr_matrix:
        """Return the time of each bin divided evenly among the lanes busy, in s: what carries the baseline."""
        size = (len(edge_ns) - 1, self.columns.count + 1)
        stages = len(self.columns.of_stage)
        cells = presence(self.segments, self.line, edge_ns[:-1][asked], edge_ns[1:][asked], stages)
        column = np.append(self.columns.of_stage, self.columns.count)[cells.stage]
        return csr_matrix((cells.time_ns * 1e-9, (np.flatnonzero(asked)[cells.window], column)), shape=size)

    def _on_cpu(self, shares: CpuShares, edge_ns: Floats, asked: Flags, key: Ints) -> Floats:
        """Return the CPU time behind each bin and column, in s."""
        start, end = edge_ns[:-1][asked], edge_ns[1:][asked]
        cells = presence(self.segments, self.line, start, end, len(self.columns.of_stage))
        used = shares.weights(cells, start, end) * 1e-9
        size = self.columns.count + 1
        column = np.append(self.columns.of_stage, self.columns.count)[cells.stage]
        known, at = np.unique(np.flatnonzero(asked)[cells.window] * size + column, return_inverse=True)
        amount = sum_by(at, used, len(known))
        row = np.minimum(np.searchsorted(known, key), max(len(known) - 1, 0))
        return np.where(known[row] == key, amount[row], 0.0) if len(known) else np.zeros(len(key))


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """Segments cut at the edges."""

    bin: Ints
    column: Ints
    start_ns: Floats
    end_ns: Floats
    whole_s: Floats
    row: Ints
    """Of the segment."""

    @property
    def length_s(self) -> Floats:
        return (self.end_ns - self.start_ns) * 1e-9

    def tail_s(self, edge_ns: Floats, response_ns: float) -> Floats:
        until = edge_ns[self.bin + 1]
        return (np.exp((self.end_ns - until) / response_ns) - np.exp((self.start_ns - until) / response_ns)) * (
            response_ns * 1e-9
        )


def _pieces(segments: Segments, of_stage: Ints, rows: slice, edge: Floats, asked: Flags) -> _Pieces:
    start, end = segments.start_ns[rows], segments.end_ns[rows]
    column, whole = of_stage[segments.stage[rows]], (end - start) * 1e-9
    start, end = np.maximum(start, edge[0]), np.minimum(end, edge[-1])
    # Starts ascend: the few edges are looked up among them, not they among the edges.
    counts = np.diff(np.concatenate(([0], np.searchsorted(start, edge[1:-1], "left"), [len(start)])))
    first = np.repeat(np.arange(len(edge) - 1, dtype=np.int64), counts)
    crossing = np.flatnonzero(end > edge[first + 1])
    last = np.searchsorted(edge, end[crossing], "left") - 1
    count = last - first[crossing]
    bin_ = np.concatenate((first, ranges(first[crossing] + 1, count)))
    row = np.concatenate((np.arange(len(start)), np.repeat(crossing, count)))
    kept = np.flatnonzero(asked[bin_])
    bin_, row = bin_[kept], row[kept]
    begin, until = np.maximum(start[row], edge[bin_]), np.minimum(end[row], edge[bin_ + 1])
    kept = np.flatnonzero((until > begin) & (column[row] >= 0))
    row = row[kept]
    return _Pieces(bin_[kept], column[row], begin[kept], until[kept], whole[row], row + rows.start)


def _longer(segments: Segments, columns: Columns) -> Floats:
    """Return of each segment by how much it is longer than others of its column, 0 for the time outside."""
    column = np.append(columns.of_stage, -1)[segments.stage]
    known = column >= 0
    length = np.where(known, segments.end_ns - segments.start_ns, 1.0)
    at = np.maximum(column, 0)
    total = np.maximum(sum_by(at, np.where(known, length, 0.0), columns.count), 1e-9)
    usual = np.maximum(sum_by(at, np.where(known, length**2, 0.0), columns.count) / total, 1e-9)
    longer = np.clip(np.log(length / usual[at]), -LONGEST, LONGEST)
    mean = sum_by(at, np.where(known, length * longer, 0.0), columns.count) / total
    return np.where(known, longer - mean[at], 0.0)


def _overlapping(segments: Segments, edge_ns: Floats) -> tuple[int, int]:
    """Return the range of segments, ordered by start, outside of which none reaches between the edges."""
    if not len(segments):
        return 0, 0
    reached = np.flatnonzero(segments.end_ns > edge_ns[0])
    return int(reached[0]) if len(reached) else 0, int(np.searchsorted(segments.start_ns, edge_ns[-1], "left"))


def _summed(key: Ints, amounts: list[Floats]) -> tuple[Ints, list[Floats]]:
    """Return the distinct keys, ascending, and the sums of their amounts; segments of a chunk have keys near by."""
    first = int(key.min()) if len(key) else 0
    cells = int(key.max()) + 1 - first if len(key) else 0
    if cells > 4 * len(key) + SPARE_CELLS:
        return _grouped(key, amounts)
    sums: list[Floats] = [sum_by(key - first, amount, cells) for amount in amounts]
    held = np.flatnonzero(sums[0] > 0) if len(key) else key
    return held + first, [total[held] for total in sums]


def _grouped(key: Ints, amounts: list[Floats]) -> tuple[Ints, list[Floats]]:
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.append(True, key[1:] != key[:-1])) if len(key) else key
    return key[first], [np.add.reduceat(amount[order], first) if len(key) else amount for amount in amounts]


def _together(found: list[tuple[Ints, list[Floats]]], wanted: int) -> tuple[Ints, list[Floats]]:
    if len(found) < 2:
        return found[0] if found else (np.zeros(0, np.int64), [np.zeros(0)] * wanted)
    columns = [np.concatenate([amounts[at] for _, amounts in found]) for at in range(wanted)]
    return _grouped(np.concatenate([key for key, _ in found]), columns)
