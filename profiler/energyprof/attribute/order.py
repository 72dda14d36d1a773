"""Order and calls: which stage followed which, and which opened which; counts, no joules."""

from __future__ import annotations

import numpy as np

from energyprof.attribute.nesting import previous_siblings
from energyprof.model.span import Index, Ints, Lanes, Spans
from energyprof.model.tally import Counted
from energyprof.model.trace import Flows


def follows(spans: Spans, stages: int, counted: Counted | None = None) -> Flows:
    """Return how often a span of one stage came next after one of another, under the same parent span and lane."""
    previous = previous_siblings(spans)
    later = np.flatnonzero(previous >= 0 if counted is None else (previous >= 0) & ~counted.is_counted)
    found = _counted(spans.stage[previous[later]], spans.stage[later], stages)
    if counted is None:
        return found
    return _with_more(found, (counted.order_source, counted.order_target, counted.order_count), stages)


def calls(spans: Spans, lanes: Lanes, stages: int, counted: Counted | None = None) -> Flows:
    """Return how often a stage called another: directly, or by creating the lane on which it was outermost."""
    is_call = ~spans.resumed if counted is None else ~(spans.resumed | counted.is_counted)
    inner = np.flatnonzero((spans.parent >= 0) & is_call)
    prefix = lanes.prefix[spans.lane]
    created = np.flatnonzero((spans.parent < 0) & (prefix >= 0) & is_call)
    source = np.concatenate((spans.stage[spans.parent[inner]], prefix[created]))
    found = _counted(source, np.concatenate((spans.stage[inner], spans.stage[created])), stages)
    if counted is None:
        return found
    source = np.where(counted.call_source >= 0, counted.call_source, lanes.prefix[counted.call_lane])
    held = source >= 0
    return _with_more(found, (source[held], counted.call_stage[held], counted.calls[held]), stages)


def _with_more(flows: Flows, more: tuple[Index, Index, Ints], stages: int) -> Flows:
    source, target, count = more
    key = np.concatenate((flows.source, source)).astype(np.int64) * stages + np.concatenate((flows.target, target))
    edge, at = np.unique(key, return_inverse=True)
    total = np.bincount(at, np.concatenate((flows.count, count)), len(edge)).astype(np.int64)
    return Flows((edge // stages).astype(np.int32), (edge % stages).astype(np.int32), total, np.zeros_like(total))


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
