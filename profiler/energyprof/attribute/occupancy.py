"""The overlap kernel: how long (or how much CPU time) each stage had in each window, in O((N + W) log) without a loop.

Segments come sorted by start. Rather than looking up every one among the windows, the few window edges are looked up
among the segments of a chunk, which gives each its first bin by repetition. Nearly all end in that bin; the others
 (at most one per edge and lane) are cut at the edges. Everything is then summed by key = window * stages + stage.
Chunks of 2**16 segments stay in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.attribute.intervals import ranges
from energyprof.attribute.measure import Measure, between
from energyprof.attribute.segments import Segments
from energyprof.attribute.sums import SumsByKey
from energyprof.model.span import Floats, Ints

CHUNK = 1 << 16


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


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """A sparse matrix windows x stages of positive amounts; `key` = window * stages + stage ascends."""

    key: Ints
    amount: Floats


def occupancy(segments: Segments, bins: Bins, stages: int, measure: Measure | None = None) -> Overlaps:
    """Return what each stage had of each window: nanoseconds, or what `measure` weighs."""
    start_ns = segments.start_ns
    if not len(bins.window) or not len(start_ns):
        return Overlaps(np.zeros(0, np.int64), np.zeros(0))
    beyond = int(np.searchsorted(start_ns, bins.edge_ns[-1], "left"))
    sums = SumsByKey(len(bins.window) * stages, beyond)
    for low in range(0, beyond, CHUNK):
        _add_chunk(sums, segments, slice(low, min(low + CHUNK, beyond)), _Axes(bins.edge_ns, stages, measure))
    key, amount = sums.found()
    if len(bins.window) == bins.window[-1] + 1:  # no gaps: bins are windows
        return Overlaps(key, amount)
    window = bins.window[key // stages]
    held = window >= 0
    return Overlaps(window[held] * stages + key[held] % stages, amount[held])


@dataclass(frozen=True, slots=True, eq=False)
class _Axes:
    edge_ns: Floats
    stages: int
    measure: Measure | None


def _add_chunk(sums: SumsByKey, segments: Segments, rows: slice, axes: _Axes) -> None:
    edges, stages, measure = axes.edge_ns, axes.stages, axes.measure
    start, end, stage = segments.start_ns[rows], segments.end_ns[rows], segments.stage[rows]
    if start[0] < edges[0]:
        start, end = np.maximum(start, edges[0]), np.maximum(end, edges[0])
    if end.max() > edges[-1]:
        end = np.minimum(end, edges[-1])
    low = int(np.searchsorted(edges, start[0], "right")) - 1
    high = int(np.searchsorted(edges, start[-1], "right"))
    cuts = np.searchsorted(start, edges[low + 1 : high], "left")
    counts = np.diff(np.concatenate(([0], cuts, [len(start)])))
    upper = np.repeat(edges[low + 1 : high + 1], counts)
    key = np.repeat(np.arange(0, (high - low) * stages, stages), counts)
    key += stage
    crossing = np.flatnonzero(end > upper)
    if crossing.size:
        ends = end[crossing]
        end = np.minimum(end, upper)
        first = low + 1 + key[crossing] // stages
        count = np.searchsorted(edges, ends, "left") - first
        cell, source = ranges(first, count), np.repeat(np.arange(len(crossing)), count)
        piece = between(measure, edges[cell], np.minimum(edges[cell + 1], ends[source]))
        sums.add(cell * stages + stage[crossing][source], piece, 0, (len(edges) - 1) * stages)
    sums.add(key, between(measure, start, end), low * stages, (high - low) * stages)
