"""`energyprof import --spans`: spans as a CSV file that anybody can write.

    stage,lane,device,start_ns,end_ns
    train,main,,0,1000000000
    train/forward,main,,100000000,400000000
    train/forward/gemm,stream 7,gpu:0,120000000,390000000

A stage is its path of names joined with `/`; a `/` or `%` within a name is `%2F` or `%25`. A lane is any name; spans of
one lane lie within each other or apart, as those of a thread do. Where two overlap otherwise, the later one runs beside
and stands on a further lane. A device (`gpu:0`, or its number) makes the lane a stream of it. Rows may stand in any
order. Times are whole nanoseconds of one clock; beyond 10^17 they are taken to count from 1970.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np

from energyprof.errors import InputError
from energyprof.model.events import NAME_LIMIT, OTHER_STAGE
from energyprof.model.imported import ForeignClock, ImportedSpans, ImportWishes
from energyprof.model.recording import LaneRow, LocalStage, SpanChunk
from energyprof.model.span import LANE_KINDS, Ints
from energyprof_plugins.recordings.csv_rows import BadRows, places, read_rows

COLUMNS: Final = ("stage", "lane", "start_ns", "end_ns")
HOW: Final = "each row is stage,lane,device,start_ns,end_ns: a path of names joined with /, and whole nanoseconds"
SINCE_1970_NS: Final = 10**17
"""Beyond it nanoseconds count from 1970 (it is 1973 then): no machine has been on for three years on end, as a rule."""
_DEVICE = re.compile(r"^(?:[A-Za-z]+:)?(\d{1,6})$")
_LIMIT_NS: Final = 2**62


class SpansCsv:
    """Read `stage,lane,device,start_ns,end_ns`."""

    name = "spans_csv"
    option = "spans"

    def read(self, path: str, wishes: ImportWishes, progress: Callable[[float], None]) -> ImportedSpans:
        """Return the spans; raises InputError that names the file, how many rows are bad, and the first five."""
        rows = read_rows(path, progress, "it must be a readable CSV file in UTF-8")
        line, header = next(rows, (1, []))
        if not header:
            raise InputError(f"{path} holds no rows; {HOW}")
        at = [*places(path, line, header, COLUMNS, HOW), header.index("device") if "device" in header else -1]
        table, bad = _Table(), BadRows()
        for line, cells in rows:
            fault = table.take(cells, at)
            if fault is not None:
                bad.add(line, fault)
        warning = bad.refuse(path, HOW, wishes.skip_bad)
        if not len(table.stage):
            raise InputError(f"{path} holds no spans; {HOW}")
        chunk, lanes, beside = table.placed()
        is_wall_clock = int(chunk.start_ns.min()) > SINCE_1970_NS
        return ImportedSpans(
            source="spans",
            stages=tuple(table.stages),
            lanes=lanes,
            spans=chunk,
            clock=ForeignClock(unix_offset_ns=0 if is_wall_clock else None),
            warnings=tuple(_told(warning, beside, table.folded)),
        )


class _Lane(NamedTuple):
    name: str
    device: int
    """-1: the host."""


class _Table:
    """The rows as columns, stages and lanes as numbers."""

    def __init__(self) -> None:
        self.stages: list[LocalStage] = []
        self.folded = 0
        self.stage, self.lane = array("i"), array("i")
        self.start_ns, self.end_ns = array("q"), array("q")
        self._paths: dict[str, int] = {}
        self._children: dict[tuple[int, str], int] = {}
        self._lanes: dict[_Lane, int] = {}
        self._lane_keys: dict[tuple[str, str], int] = {}

    def take(self, cells: list[str], at: list[int]) -> str | None:
        """Add one row; return what is wrong with it, if anything."""
        if len(cells) <= max(at):
            return f"{len(cells)} cells, and the header has {max(at) + 1} or more"
        path, lane_name, start, end = (cells[place] for place in at[:4])
        device = cells[at[4]] if at[4] >= 0 else ""
        try:
            start_ns, end_ns = int(start), int(end)
        except ValueError:
            return f"start_ns {start!r} or end_ns {end!r} is no whole number"
        if end_ns < start_ns:
            return f"it ends at {end_ns}, before it starts at {start_ns}"
        if max(abs(start_ns), abs(end_ns)) >= _LIMIT_NS:
            return f"start_ns {start_ns} or end_ns {end_ns} is too large"
        lane = self._lane_keys.get((lane_name, device))
        if lane is None:
            said = _DEVICE.match(device)
            if device and said is None:
                return f"device {device!r} is none; say gpu:0, or leave it empty for the host"
            lane = self._lanes.setdefault(_Lane(lane_name, int(said[1]) if said else -1), len(self._lanes))
            self._lane_keys[lane_name, device] = lane
        stage = self._paths.get(path)
        if stage is None:
            if not path or any(not name for name in path.split("/")):
                return f"stage {path!r} has an empty name"
            stage = self._paths[path] = self._stage(path)
        self.stage.append(stage)
        self.lane.append(lane)
        self.start_ns.append(start_ns)
        self.end_ns.append(end_ns)
        return None

    def _stage(self, path: str) -> int:
        parent = -1
        for component in path.split("/"):
            name = component.replace("%2F", "/").replace("%2f", "/").replace("%25", "%")
            found = self._children.get((parent, name))
            if found is None and len(self.stages) >= NAME_LIMIT:
                self.folded += 1
                return parent if parent >= 0 else self._add(-1, OTHER_STAGE)
            parent = self._add(parent, name) if found is None else found
        return parent

    def _add(self, parent: int, name: str) -> int:
        index = self._children.setdefault((parent, name), len(self.stages))
        if index == len(self.stages):
            self.stages.append(LocalStage(index, parent, name, "stage"))
        return index

    def placed(self) -> tuple[SpanChunk, tuple[LaneRow, ...], int]:
        """Return the spans by lane, the lanes, and how many spans stand on a further lane because they overlap."""
        start_ns, end_ns = np.array(self.start_ns, np.int64), np.array(self.end_ns, np.int64)
        stage, depth_of = np.array(self.stage, np.int32), self._depths()
        number = np.array(self.lane, np.int32)
        # Of two spans with the same times the one higher up in the tree of stages is around the other.
        order = np.lexsort((depth_of[stage], -end_ns, start_ns, number))
        edges = np.searchsorted(number[order], np.arange(len(self._lanes) + 1))
        lane, depth = np.zeros(len(order), np.int32), np.zeros(len(order), np.int32)
        lanes: list[LaneRow] = []
        beside = 0
        for key, at in self._lanes.items():
            rows, turn = order[edges[at] : edges[at + 1]], 0
            while len(rows):
                depths = nested_depths(start_ns[rows], end_ns[rows])
                fits = depths >= 0
                lane[rows[fits]], depth[rows[fits]] = len(lanes), depths[fits]
                lanes.append(_lane_row(key, len(lanes), turn))
                beside += int(np.count_nonzero(~fits)) if turn == 0 else 0
                rows, turn = rows[~fits], turn + 1
        order = np.lexsort((depth, start_ns, lane))
        is_open = np.zeros(len(order), np.bool_)
        chunk = SpanChunk(stage[order], lane[order], start_ns[order], end_ns[order], depth[order], is_open)
        return chunk, tuple(lanes), beside

    def _depths(self) -> Ints:
        depth = np.zeros(len(self.stages), np.int64)
        for stage in self.stages:
            if stage.parent >= 0:
                depth[stage.index] = depth[stage.parent] + 1
        return depth


def nested_depths(start_ns: Ints, end_ns: Ints) -> Ints:
    """Return how deep each span lies in others of its lane, -1: it overlaps one; in order of (start, -end)."""
    depths = np.zeros(len(start_ns), np.int64)
    open_until: list[int] = []
    for row, (start, end) in enumerate(zip(start_ns.tolist(), end_ns.tolist(), strict=True)):
        while open_until and open_until[-1] <= start:
            open_until.pop()
        if open_until and end > open_until[-1]:
            depths[row] = -1
            continue
        depths[row] = len(open_until)
        open_until.append(end)
    return depths


def _lane_row(key: _Lane, index: int, turn: int) -> LaneRow:
    on_device = key.device >= 0
    kind = LANE_KINDS.index("device" if on_device else "thread")
    name = f"{key.name} #{turn + 1}" if turn else key.name
    return LaneRow(index, pid=0, number=index, tid=key.device if on_device else 0, kind=kind, name=name)


def _told(warning: str, beside: int, folded: int) -> Iterator[str]:
    if warning:
        yield warning
    if beside:
        yield f"{beside:,} spans overlap another of their lane without lying in it, and stand on lanes beside it"
    if folded:
        yield (
            f"there are more than {NAME_LIMIT:,} stages: {folded:,} of them count to the stage around them; "
            "keep numbers out of stage names"
        )
