"""From rows of a trace to spans: what lies within what on a thread, and which stage put which kernel on a device.

A span that overlaps the one before it without lying in it runs beside it: it goes to a further lane of the same thread
or stream. Overlaps up to ROUNDING_NS come from times in microseconds; there the later span begins where the earlier
one ends, or ends with the one around it.

PyTorch's autograd threads work on behalf of the thread that called backward(), which waits meanwhile: what they run
stands below the stage open there.

A kernel's stage stands below the stage that was open on the host when it was launched: by the correlation of the call,
by the arrow from host to device, else by the operator with the same `External id`.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from energyprof.model.events import NAME_LIMIT
from energyprof.model.recording import LocalStage, SpanChunk
from energyprof.model.span import Ints
from energyprof_plugins.recordings.chrome_names import EventName

ROUNDING_NS: Final = 2_000
STAGE_LIMIT: Final = NAME_LIMIT
"""At most this many paths of names are kept apart; what lies deeper counts to the stage around it."""
_NONE: Final = -1


class StageTable:
    """The stages found so far, as paths of names."""

    def __init__(self, names: Sequence[EventName]) -> None:
        self._names = names
        self.stages: list[LocalStage] = []
        self.folded = 0
        """Spans that count to the stage around them, because there were too many paths."""
        self._children: dict[tuple[int, int], int] = {}
        self._code: list[int] = []

    def below(self, parent: int, code: int) -> int:
        """Return the stage of that name below `parent` (-1: outermost), or the one above that has the name already."""
        found = self._children.get((parent, code))
        return self._enter(parent, code) if found is None else found

    def _enter(self, parent: int, code: int) -> int:
        above = parent
        while above != _NONE:
            if self._code[above] == code:
                self._children[parent, code] = above
                return above
            above = self.stages[above].parent
        if len(self.stages) >= STAGE_LIMIT:
            self.folded += 1
            return parent if parent != _NONE else self._other()
        return self._add(parent, code)

    def _add(self, parent: int, code: int) -> int:
        index = self._children[parent, code] = len(self.stages)
        said = self._names[code]
        self.stages.append(LocalStage(index, parent, said.name, said.kind, said.file, said.line))
        self._code.append(code)
        return index

    def _other(self) -> int:
        found = self._children.get((_NONE, 0))
        return self._add(_NONE, 0) if found is None else found


class SpanRows:
    """Spans as they are found; columns of a SpanChunk."""

    def __init__(self) -> None:
        self.stage, self.lane, self.depth, self.is_open = array("i"), array("i"), array("i"), array("b")
        self.start_ns, self.end_ns = array("q"), array("q")

    def add(self, stage: int, lane: int, start_ns: int, end_ns: int, depth: int) -> int:
        """Add a span and return its row."""
        self.stage.append(stage)
        self.lane.append(lane)
        self.start_ns.append(start_ns)
        self.end_ns.append(end_ns)
        self.depth.append(depth)
        self.is_open.append(0)
        return len(self.stage) - 1

    def chunk(self) -> SpanChunk:
        """Return them as columns, ordered by (lane, start, depth)."""
        lane, depth = np.array(self.lane, np.int32), np.array(self.depth, np.int32)
        start_ns = np.array(self.start_ns, np.int64)
        order = np.lexsort((depth, start_ns, lane))
        return SpanChunk(
            np.array(self.stage, np.int32)[order],
            lane[order],
            start_ns[order],
            np.array(self.end_ns, np.int64)[order],
            depth[order],
            np.array(self.is_open, np.bool_)[order],
        )


class OpenStages:
    """Which stage is innermost on one lane at any instant."""

    def __init__(self, spans: SpanRows, first: int) -> None:
        """Take the spans from row `first` on: all of one lane, in order of time."""
        self._start_ns = np.array(spans.start_ns[first:], np.int64)
        self._end_ns = np.array(spans.end_ns[first:], np.int64)
        self._stage = np.array(spans.stage[first:], np.int64)
        parents: list[int] = []
        around: list[int] = []
        for row, depth in enumerate(spans.depth[first:]):
            del around[depth:]
            parents.append(around[-1] if around else _NONE)
            around.append(row)
        self._parent = np.array(parents, np.int64)

    def at(self, t_ns: Ints) -> list[int]:
        """Return the stage open at each instant; -1: none."""
        row = np.searchsorted(self._start_ns, t_ns, "right") - 1
        while True:
            over = np.flatnonzero(row >= 0)
            over = over[self._end_ns[row[over]] <= t_ns[over]]
            if not len(over):
                break
            row[over] = self._parent[row[over]]
        found: list[int] = np.where(row >= 0, self._stage[row], _NONE).tolist()
        return found


class Launched:
    """Which stage put what on a device."""

    def __init__(self, wanted_links: Ints, wanted_externals: Ints) -> None:
        self._links = dict.fromkeys(wanted_links.tolist(), _NONE)
        self._externals = dict.fromkeys(wanted_externals.tolist(), _NONE)

    def by(self, link: int, external: int, stage: int) -> None:
        """Note that work of this correlation, or of this operator, was put there by `stage`."""
        if link != _NONE and self._links.get(link, 0) == _NONE:
            self._links[link] = stage
        if external != _NONE and self._externals.get(external, 0) == _NONE:
            self._externals[external] = stage

    def stage_of(self, link: int, external: int) -> int:
        """Return the stage that launched it; -1: unknown."""
        stage = self._links.get(link, _NONE) if link != _NONE else _NONE
        if stage == _NONE and external != _NONE:
            stage = self._externals.get(external, _NONE)
        return stage


class TrackRows:
    """The rows of one track in order of (start, -end), as plain lists."""

    def __init__(self, columns: tuple[NDArray[Any], ...]) -> None:
        self.start_ns, self.end_ns, self.name, self.role, self.link, self.external, self.unended = (
            column.tolist() for column in columns
        )
        self.base: list[int] | None = None
        """Per row the stage around; None: the rows themselves tell."""

    def __len__(self) -> int:
        return len(self.start_ns)


class Overlapping:
    """Rows that overlap those of their lane, for a lane of their own."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, int, int, int, int]] = []
        self.base: list[int] = []

    def add(self, rows: TrackRows, at: int, base: int) -> None:
        """Take a row, which runs below the stage `base`."""
        self.rows.append(
            (rows.start_ns[at], rows.end_ns[at], rows.name[at], rows.role[at], rows.link[at], rows.external[at],
             rows.unended[at])
        )  # fmt: skip
        self.base.append(base)

    def track(self) -> TrackRows:
        """Return them as a track."""
        found = TrackRows(tuple(np.array(self.rows, np.int64).reshape(-1, 7).T))
        found.base = self.base
        return found


def nest(  # noqa: PLR0913, PLR0917 - what a track is put into
    rows: TrackRows, lane: int, table: StageTable, spans: SpanRows, launched: Launched, kept: frozenset[int]
) -> Overlapping:
    """Turn the rows of a host's track into spans of `lane`; return what overlaps.

    Rows of a role that is not `kept` leave only what they launched.
    """
    beside = Overlapping()
    ends: list[int] = []
    stages: list[int] = []
    below, add = table.below, spans.add
    base = rows.base
    last_ns = _NONE
    for at in range(len(rows)):
        start, end = rows.start_ns[at], rows.end_ns[at]
        while ends and (ends[-1] <= start or (ends[-1] < end and ends[-1] - start <= ROUNDING_NS)):
            last_ns = max(last_ns, ends.pop())
            stages.pop()
        root = _NONE if base is None else base[at]
        around = stages[-1] if stages else root
        role = rows.role[at]
        if role not in kept:
            launched.by(rows.link[at], rows.external[at], around)
            continue
        if ends and end > ends[-1]:
            if end - ends[-1] > ROUNDING_NS:
                whole = next((stages[up] for up in range(len(ends) - 1, -1, -1) if ends[up] >= end), root)
                beside.add(rows, at, whole)
                continue
            end = ends[-1]
        start = min(max(start, last_ns), end)
        stage = below(around, rows.name[at])
        launched.by(_NONE, rows.external[at], stage)
        row = add(stage, lane, start, end, len(ends))
        if rows.unended[at]:
            spans.is_open[row] = 1
        ends.append(end)
        stages.append(stage)
    return beside


def lay_kernels(
    rows: TrackRows, lane: int, table: StageTable, spans: SpanRows, launched: Launched
) -> tuple[Overlapping, int]:
    """Turn the rows of a stream into spans of `lane`; return what overlaps, and how many were launched by nobody."""
    beside = Overlapping()
    until, orphans = None, 0
    for at in range(len(rows)):
        start, end = rows.start_ns[at], rows.end_ns[at]
        if until is not None and start < until:
            if until - start > ROUNDING_NS or end < until:
                beside.add(rows, at, _NONE)
                continue
            start = until
        stage = launched.stage_of(rows.link[at], rows.external[at])
        orphans += stage == _NONE
        spans.add(table.below(stage, rows.name[at]), lane, start, end, 0)
        until = end
    return beside, orphans
