"""Nesting of spans: the sibling before, the last child, and which spans are the outermost of a recursion.

Spans come ordered by (lane, start, -end), that is in preorder: the row before a span is its parent, its previous
sibling, or the deepest last descendant of that sibling, from which climbing the parents leads to it.
"""

from __future__ import annotations

import numpy as np

from energyprof.model.span import Flags, Index, Ints, Spans


def previous_siblings(spans: Spans) -> Ints:
    """Return the row of the span before each under the same parent span (or outermost on the same lane), -1: none."""
    parent = spans.parent
    previous = np.arange(len(spans), dtype=np.int64) - 1
    if not len(spans):
        return previous
    first = parent == previous
    first[0] = True
    first[1:] |= spans.lane[1:] != spans.lane[:-1]
    previous[first] = -1
    climbing = np.flatnonzero(~first & (parent[previous] != parent))
    while climbing.size:
        previous[climbing] = parent[previous[climbing]]
        reached = previous[climbing]
        climbing = climbing[(reached >= 0) & (parent[reached] != parent[climbing])]
    return previous


def last_children(spans: Spans) -> Ints:
    """Return the row of each span's last child, -1: none."""
    last = np.full(len(spans), -1, np.int64)
    child = np.flatnonzero(spans.parent >= 0)
    last[spans.parent[child]] = child  # rows ascend, and the last assignment stays
    return last


def outermost(spans: Spans, stage_depth: Index) -> Flags:
    """Return True for spans without a span of the same stage around them on their lane.

    Along a chain of spans the depth in the stage tree grows unless there is recursion, so that most traces need no
    climbing at all.
    """
    stage, parent = spans.stage, spans.parent
    result = np.ones(len(spans), np.bool_)
    inner = np.flatnonzero(parent >= 0)
    if not (stage_depth[stage[inner]] <= stage_depth[stage[parent[inner]]]).any():
        return result
    ancestor = parent[inner]
    while inner.size:
        same = stage[ancestor] == stage[inner]
        result[inner[same]] = False
        ancestor, inner = parent[ancestor[~same]], inner[~same]
        inner, ancestor = inner[ancestor >= 0], ancestor[ancestor >= 0]
    return result
