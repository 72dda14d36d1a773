"""In which order stages stand: as they first began, on whatever lane, parents first.

Worked out when a run is read: what wrote it learns stages piece by piece, level by level and process by process, and
another one may have gone on after a kill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from energyprof.capture.span_codec import unpack_spans
from energyprof.model.span import Index, Ints, Stage

NEVER_NS: Final = int(np.iinfo(np.int64).max)
"""Nobody knows when it began."""
FirstBegins = Callable[[Index, int], Ints]
"""(full stage per occurrence, number of stages) -> when each stage first began, `NEVER_NS`: unknown."""


def begins_of(start_ns: Ints) -> FirstBegins:
    """Return what finds the first begins where all are known, one for each occurrence."""

    def found(stage: Index, count: int) -> Ints:
        first_ns = np.full(count, NEVER_NS)
        np.minimum.at(first_ns, stage, start_ns)
        return first_ns

    return found


def begins_in(since_ns: Ints, chunks: Iterable[tuple[int, int, bytes]]) -> FirstBegins:
    """Return what finds the first begins and unpacks no chunk of spans that holds none.

    Each occurrence began at `since_ns`, but those of packed chunks, given with the rows (from, to) they stand for,
    began then or later.
    """

    def found(stage: Index, count: int) -> Ints:
        packed, is_exact = list(chunks), np.ones(len(stage), np.bool_)
        for start, end, _ in packed:
            is_exact[start:end] = False
        first_ns = begins_of(since_ns[is_exact])(stage[is_exact], count)
        for start, end, content in packed:
            rows = slice(start, end)
            if (since_ns[rows] < first_ns[stage[rows]]).any():
                np.minimum.at(first_ns, stage[rows], unpack_spans(content).start_ns)
        return first_ns

    return found


def places_in_order(stages: Sequence[Stage], first_ns: Ints) -> Index:
    """Return the number of each stage in order of its first begin; `stages` have parents first, and so has the order.

    A stage of which no span was stored began no later than what is in it.
    """
    first = first_ns.tolist()
    for at in range(len(stages) - 1, -1, -1):
        parent = stages[at].parent
        if parent is not None:
            first[parent] = min(first[parent], first[at])
    number = np.empty(len(stages), np.int32)
    number[np.argsort(np.array(first, np.int64), kind="stable")] = np.arange(len(stages), dtype=np.int32)
    return number


def reordered(stages: Sequence[Stage], number: Index) -> list[Stage]:
    """Return the stages in the order of their new numbers."""
    new = number.tolist()
    moved = [stage if stage.parent is None else replace(stage, parent=new[stage.parent]) for stage in stages]
    return [moved[at] for at in np.argsort(number).tolist()]


def renumbered(stage: Index, number: Index) -> Index:
    """Return a column of stages, -1: none, with their new numbers."""
    return np.append(number, np.int32(-1))[stage]
