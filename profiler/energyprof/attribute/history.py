"""The history of power: windows of known energy and open stages, brought down to buckets without losing a peak."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from energyprof.attribute.power_series import read_windows
from energyprof.attribute.windows import Windows
from energyprof.model.domain import Domain
from energyprof.model.history import PowerEnvelope, PowerHistory, StageBand
from energyprof.model.span import Flags, Floats, Index, Spans, Stage
from energyprof.model.trace import Trace
from energyprof.model.view import Grouping

BUCKETS = 1024
"""About the pixels of a wide page: more could not be seen without zooming."""
BANDS = 10
FEWEST_LEVEL = 2
"""With fewer outermost stages than these, what is in them has bands too."""


def power_history(
    trace: Trace, buckets: int = BUCKETS, bands: int = BANDS, grouping: Grouping | None = None
) -> PowerHistory:
    """Return the power of every domain and the stages open in each of `buckets` equal parts of the run.

    `grouping`: the view whose stages have bands; None: those of the run. Times are the sensors' own, their known lag
    undone; what a statistical fit finds of it later is not in here.
    """
    run_ns = float(max(trace.run.end_ns - trace.run.start_ns, 1))
    edges = np.linspace(0.0, run_ns, buckets + 1)
    envelopes = (_envelope(domain, windows, edges) for domain, windows in read_windows(trace) if len(windows))
    stages = trace.stages if grouping is None else grouping.stages
    place = trace.spans.stage if grouping is None else grouping.place[trace.spans.stage]
    chosen, left_out = _chosen(stages, place, trace.spans, bands)
    return PowerHistory(
        bucket_ns=run_ns / buckets,
        buckets=buckets,
        domains=tuple(envelopes),
        bands=tuple(StageBand(stages[row].id, _open_share(_open(trace, place == row), edges)) for row in chosen),
        bands_left_out=left_out,
        is_complete=trace.counted is None,
    )


def _envelope(domain: Domain, windows: Windows, edges: Floats) -> PowerEnvelope:
    covered_ns = np.diff(_up_to(windows, windows.duration_ns(), edges))
    energy_j = np.diff(_up_to(windows, windows.energy_j, edges))
    # Differences of sums leave dust where nothing is known: no power is made of that.
    covered_ns[covered_ns < 1.0] = 0.0
    low_w, high_w = _extremes(windows, edges)
    mean_w = np.divide(energy_j * 1e9, covered_ns, out=np.zeros(len(energy_j)), where=covered_ns > 0)
    return PowerEnvelope(
        domain=domain.id,
        low_w=low_w,
        mean_w=mean_w,
        high_w=high_w,
        covered_share=np.minimum(covered_ns / np.diff(edges), 1.0),
        window_ns=float(np.median(windows.duration_ns())),
    )


def _up_to(windows: Windows, amounts: Floats, at_ns: Floats) -> Floats:
    """Return how much of `amounts`, each spread evenly over its window, lies before each instant."""
    knots = np.column_stack((windows.start_ns, windows.end_ns)).ravel()
    after = np.cumsum(amounts)
    sums = np.column_stack((after - amounts, after)).ravel()
    return np.asarray(np.interp(at_ns, knots, sums, left=0.0, right=float(after[-1])))


def _extremes(windows: Windows, edges: Floats) -> tuple[Floats, Floats]:
    """Return the least and the greatest power of the windows that reach into each bucket; 0 where none does."""
    power_w = windows.power_w()
    first = np.searchsorted(windows.end_ns, edges[:-1], side="right")
    behind = np.searchsorted(windows.start_ns, edges[1:], side="left")
    some = behind > first
    low_w, high_w = np.zeros(len(first)), np.zeros(len(first))
    if some.any():
        # Every other stretch that `reduceat` makes of these lies between two buckets and is thrown away.
        between = np.column_stack((first[some], behind[some])).ravel()
        padded = np.append(power_w, power_w[-1])
        low_w[some] = np.minimum.reduceat(padded, between)[::2]
        high_w[some] = np.maximum.reduceat(padded, between)[::2]
    return low_w, high_w


def _chosen(stages: Sequence[Stage], place: Index, spans: Spans, most: int) -> tuple[list[int], int]:
    """Return the stages that get a band, in pipeline order, and how many of their level do not; `place`: by span."""
    level = [row for row, stage in enumerate(stages) if stage.parent is None]
    if len(level) < FEWEST_LEVEL:
        level += [row for row, stage in enumerate(stages) if stage.parent in level]
    if len(level) <= most:
        return level, 0
    open_ns = np.bincount(place, weights=spans.end_ns - spans.start_ns, minlength=len(stages))
    longest = sorted(level, key=lambda row: (-open_ns[row], row))[:most]
    return sorted(longest), len(level) - most


def _open(trace: Trace, of: Flags) -> tuple[Floats, Floats]:
    """Return disjoint stretches, since the start of the run, in which any of these spans was open on any lane."""
    rows = np.flatnonzero(of)
    start = (trace.spans.start_ns[rows] - trace.run.start_ns).astype(np.float64)
    end = (trace.spans.end_ns[rows] - trace.run.start_ns).astype(np.float64)
    order = np.argsort(start, kind="stable")
    start, reached = start[order], np.maximum.accumulate(end[order]) if len(order) else end
    begins = np.append(True, start[1:] > reached[:-1]) if len(start) else np.zeros(0, np.bool_)
    ends = np.append(begins[1:], True) if len(start) else begins
    return start[begins], reached[ends]


def _open_share(stretches: tuple[Floats, Floats], edges: Floats) -> Floats:
    start, end = stretches
    if not len(start):
        return np.zeros(len(edges) - 1)
    sums = np.append(0.0, np.cumsum(end - start))
    knots = np.column_stack((start, end)).ravel()
    reached = np.interp(edges, knots, np.column_stack((sums[:-1], sums[1:])).ravel())
    share: Floats = np.clip(np.diff(reached) / np.diff(edges), 0.0, 1.0)
    return share
