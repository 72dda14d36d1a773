"""Intervals as pairs of sorted columns: ranges without a loop, cutting lanes to their runs, what lies in between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from energyprof.model.span import Floats, Index, Ints


def ranges(first: NDArray[np.integer], count: NDArray[np.integer]) -> Ints:
    """Return `first[0], first[0]+1, ... (count[0] of them), first[1], ...` as one column."""
    total = int(count.sum())
    before = np.cumsum(count) - count
    shift: Ints = np.repeat(first - before, count)
    return np.arange(total, dtype=np.int64) + shift


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """Stretches of time on lanes."""

    lane: Index
    start_ns: Floats
    end_ns: Floats

    def __len__(self) -> int:
        return len(self.lane)


def between_stretches(taken: Stretches, low_ns: float, high_ns: float) -> Stretches:
    """Return the rest of [low, high] on each lane that has any of `taken`, which are ordered by (lane, start)."""
    if not len(taken):
        return taken
    first = np.append(True, taken.lane[1:] != taken.lane[:-1])
    last = np.append(first[1:], True)
    before_ns = np.where(first, low_ns, np.append(0.0, taken.end_ns[:-1]))
    lane = np.concatenate((taken.lane, taken.lane[last]))
    start_ns = np.concatenate((before_ns, taken.end_ns[last]))
    end_ns = np.concatenate((taken.start_ns, np.full(np.count_nonzero(last), high_ns)))
    kept = np.flatnonzero(end_ns > start_ns)
    kept = kept[np.lexsort((start_ns[kept], lane[kept]))]
    return Stretches(lane[kept], start_ns[kept], end_ns[kept])


def clip_to_runs(stretches: Stretches, runs: Stretches) -> tuple[Ints, Floats, Floats]:
    """Cut stretches to when their lane ran; returns (row of the stretch it came from, start, end), unordered.

    Runs are ordered by (lane, start) and disjoint within a lane; a lane without a run keeps its stretches whole.
    All lanes are cut at once: each gets a part of its own on one long time axis, laid end to end.
    """
    rows = np.arange(len(stretches), dtype=np.int64)
    start_ns, end_ns = stretches.start_ns, stretches.end_ns
    if not len(runs):
        return rows, start_ns, end_ns
    lanes, first_run = np.unique(runs.lane, return_index=True)
    rank = np.minimum(np.searchsorted(lanes, stretches.lane), len(lanes) - 1)
    has_runs = lanes[rank] == stretches.lane
    whole, cut = rows[~has_runs], rows[has_runs]
    rank = rank[cut]

    # Whole numbers here: a float would lose nanoseconds on an axis that is as long as all lanes together.
    cut_start, cut_end = start_ns[cut].astype(np.int64), end_ns[cut].astype(np.int64)
    run_start, run_end = runs.start_ns.astype(np.int64), runs.end_ns.astype(np.int64)
    begins, ends = run_start[first_run], np.maximum.reduceat(run_end, first_run)
    np.minimum.at(begins, rank, cut_start)
    np.maximum.at(ends, rank, cut_end)
    extent = ends - begins + 1
    offset = np.cumsum(extent) - extent - begins
    run_offset = np.repeat(offset, np.diff(np.append(first_run, len(runs))))
    first = np.searchsorted(run_end + run_offset, cut_start + offset[rank], "right")
    beyond = np.searchsorted(run_start + run_offset, cut_end + offset[rank], "left")
    count = np.maximum(beyond - first, 0)

    run = ranges(first, count)
    source = np.repeat(cut, count)
    return (
        np.concatenate((whole, source)),
        np.concatenate((start_ns[whole], np.maximum(start_ns[source], runs.start_ns[run]))),
        np.concatenate((end_ns[whole], np.minimum(end_ns[source], runs.end_ns[run]))),
    )
