"""Order and calls: which stage followed which, and which opened which; counts, no joules."""

from __future__ import annotations

import numpy as np

from energyprof.attribute.nesting import previous_siblings
from energyprof.model.span import Ints, Lanes, Spans
from energyprof.model.trace import Flows


def follows(spans: Spans, stages: int) -> Flows:
    """Return how often a span of one stage came next after one of another, under the same parent span and lane."""
    previous = previous_siblings(spans)
    later = np.flatnonzero(previous >= 0)
    return _counted(spans.stage[previous[later]], spans.stage[later], stages)


def calls(spans: Spans, lanes: Lanes, stages: int) -> Flows:
    """Return how often a stage called another: directly, or by creating the lane on which it was outermost."""
    inner = np.flatnonzero((spans.parent >= 0) & ~spans.resumed)
    prefix = lanes.prefix[spans.lane]
    created = np.flatnonzero((spans.parent < 0) & (prefix >= 0) & ~spans.resumed)
    source = np.concatenate((spans.stage[spans.parent[inner]], prefix[created]))
    return _counted(source, np.concatenate((spans.stage[inner], spans.stage[created])), stages)


def _counted(source: np.ndarray, target: np.ndarray, stages: int) -> Flows:
    key: Ints = source.astype(np.int64) * stages + target
    if stages * stages <= 4 * len(key):
        total = np.bincount(key, minlength=stages * stages)
        edge = np.flatnonzero(total)
        count = total[edge]
    else:
        edge, count = np.unique(key, return_counts=True)
    count = count.astype(np.int64)
    return Flows((edge // stages).astype(np.int32), (edge % stages).astype(np.int32), count, np.zeros_like(count))
