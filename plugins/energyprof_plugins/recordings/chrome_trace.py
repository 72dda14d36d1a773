"""`energyprof import --chrome`: the traces of torch.profiler (Kineto), viztracer and whoever else writes this format.

Stages are the user's annotations, nn.Modules and operators as they lie within each other on their threads, and the
kernels and copies of a device below what launched them. Launch calls are no stages: their time is that of the operator
around. What the profiler repeats in other words (an annotation drawn on the device, synchronisation marks) is left out.

Clock: `baseTimeNanoseconds` (Kineto; viztracer has it in `viztracer_metadata`) added to a time makes the time since
1970; times of older Kineto traces count from 1970 by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from energyprof.errors import InputError
from energyprof.model.imported import ForeignClock, ImportedSpans, ImportWishes
from energyprof.model.recording import LaneRow
from energyprof.model.span import LANE_KINDS
from energyprof_plugins.recordings.chrome_events import ABSOLUTE_US, NOTHING, EventColumns, Track
from energyprof_plugins.recordings.chrome_json import ChromeJson
from energyprof_plugins.recordings.chrome_names import Role
from energyprof_plugins.recordings.chrome_stages import (
    Launched,
    OpenStages,
    Overlapping,
    SpanRows,
    StageTable,
    TrackRows,
    lay_kernels,
    nest,
)

AUTOGRAD: Final = "pt_autograd"
"""Part of the name of PyTorch's threads for the backward pass: `thread 1262 (pt_autograd_0)`."""
AUTOGRAD_EVENT: Final = "autograd::engine::evaluate_function"
MOST_BESIDE: Final = 64
"""Further lanes that the overlapping spans of one thread or stream may need."""
_LARGEST_ID: Final = 2**31


class ChromeTrace:
    """Read a JSON trace, plain or compressed by gzip."""

    name = "chrome"
    option = "chrome"

    def read(self, path: str, wishes: ImportWishes, progress: Callable[[float], None]) -> ImportedSpans:
        """Return the spans; raises InputError where the file is no trace or none of its events can be used."""
        trace, columns = ChromeJson(path, progress), EventColumns()
        columns.read(trace)
        if columns.bad and not len(columns.track):
            raise InputError(f"{path} has no event that can be used: {'; '.join(columns.first_bad)}; export it again")
        layout = _Layout(columns, wishes.functions)
        layout.lay_out()
        if not len(layout.spans.stage):
            left = ", ".join(f"{count:,} {what}" for what, count in columns.left_out.most_common(3)) or "none at all"
            raise InputError(
                f"{path} has no event with a duration (events: {left}); profile with CPU or CUDA activities on"
            )
        return ImportedSpans(
            source=_writer(trace, columns),
            stages=tuple(layout.table.stages),
            lanes=tuple(layout.lanes),
            spans=layout.spans.chunk(),
            clock=_clock(trace, columns),
            warnings=(*_warnings(trace, columns), *layout.warnings()),
            host=str(trace.beside.get("host_name", "")),
        )


class _Layout:
    """Tracks to lanes, rows to spans."""

    def __init__(self, columns: EventColumns, functions: bool) -> None:
        self.columns = columns
        self.table, self.spans = StageTable(columns.names), SpanRows()
        self.lanes: list[LaneRow] = []
        self._orphans = self._beside = self._dropped = 0
        self._callers: dict[Any, OpenStages] = {}
        """By process, the thread that began first of those that work on their own behalf."""
        self._role = np.array(columns.role, np.int8)
        self._link, self._external = np.array(columns.link, np.int64), np.array(columns.external, np.int64)
        better = np.isin(self._role, (Role.MODULE, Role.OPERATOR)).any()
        self._functions_out = 0 if functions or not better else int(np.count_nonzero(self._role == Role.FUNCTION))
        out = {Role.FUNCTION} if self._functions_out else set()
        self._kept = frozenset(int(role) for role in Role if role < Role.LAUNCH and role not in out)

    def lay_out(self) -> None:
        """Place every row: threads first, for kernels stand below what launched them there."""
        kernels = self._role == Role.KERNEL
        launched = Launched(np.unique(self._link[kernels]), np.unique(self._external[kernels]))
        streams: list[tuple[Track, int, TrackRows]] = []
        helpers: list[tuple[Track, int, TrackRows]] = []
        for track, rows in self._tracks():
            device = self.columns.device_of(track)
            if track.device != NOTHING:
                streams.append((track, device, rows))
            elif self._is_autograd(track, rows):
                helpers.append((track, device, rows))
            else:
                first = len(self.spans.stage)
                self._place(track, device, rows, launched)
                if track.pid not in self._callers and len(self.spans.stage) > first:
                    self._callers[track.pid] = OpenStages(self.spans, first)
        for track, device, rows in helpers:
            caller = self._callers.get(track.pid)
            if caller is not None:
                rows.base = caller.at(np.array(rows.start_ns, np.int64))
            self._place(track, device, rows, launched)
        for track, device, rows in sorted(streams, key=lambda one: (one[1], str(one[0].tid))):
            self._place(track, device, rows, launched)

    def _is_autograd(self, track: Track, rows: TrackRows) -> bool:
        """Tell whether a thread runs the backward pass of another one."""
        if AUTOGRAD in self.columns.thread_names.get((track.pid, track.tid), ""):
            return True
        first = next((code for code in rows.name if code >= 0), 0)
        return self.columns.names[first].name.startswith(AUTOGRAD_EVENT)

    def warnings(self) -> Iterator[str]:
        """Yield what was left out or mended."""
        if self._functions_out:
            yield (
                f"{self._functions_out:,} Python functions of the trace are no stages, for modules and operators are; "
                "keep them with: energyprof import --functions"
            )
        if self._beside:
            yield f"{self._beside:,} events overlap others of their thread or stream, and stand on lanes beside them"
        if self._dropped:
            yield f"{self._dropped:,} events overlap more than {MOST_BESIDE} others and were left out"
        if self._orphans:
            yield (
                f"{self._orphans:,} kernels and copies were launched by nothing in the trace, and stand outermost; "
                "profile with CPU activities on"
            )
        if self.table.folded:
            yield (
                f"the trace has too many different call paths: {self.table.folded:,} events count to the stage around "
                "them; keep numbers out of the names of annotations"
            )

    def _tracks(self) -> Iterator[tuple[Track, TrackRows]]:
        """Yield each track with its rows in order of (start, -end)."""
        columns = self.columns
        start_ns, duration_ns = np.array(columns.start_ns, np.int64), np.array(columns.duration_ns, np.int64)
        unended = duration_ns < 0
        end_ns = np.where(unended, max(columns.end_ns, int(start_ns.max(initial=0))), start_ns + duration_ns)
        number = np.array(columns.track, np.int32)
        order = np.lexsort((-end_ns, start_ns, number))
        table: tuple[NDArray[Any], ...]
        table = (start_ns, end_ns, np.array(columns.name, np.int32), self._role, self._link, self._external, unended)
        edges = np.searchsorted(number[order], np.arange(len(columns.tracks) + 1))
        first_ns = start_ns[order[edges[:-1]]]  # every track has a row
        for at in np.argsort(first_ns, kind="stable").tolist():
            track, rows = columns.tracks[at], order[edges[at] : edges[at + 1]]
            yield track, TrackRows(tuple(column[rows] for column in table))

    def _place(self, track: Track, device: int, rows: TrackRows, launched: Launched) -> None:
        for turn in range(MOST_BESIDE + 1):
            if not len(rows):
                return
            lane, before = self._lane(track, device, turn), len(self.spans.stage)
            beside: Overlapping
            if track.device == NOTHING:
                beside = nest(rows, lane, self.table, self.spans, launched, self._kept)
            else:
                beside, orphans = lay_kernels(rows, lane, self.table, self.spans, launched)
                self._orphans += orphans
            if len(self.spans.stage) == before:
                self.lanes.pop()  # only launches, or nothing that is kept
            self._beside += len(beside.base) if turn == 0 else 0
            rows = beside.track()
        self._dropped += len(rows)

    def _lane(self, track: Track, device: int, turn: int) -> int:
        columns, index = self.columns, len(self.lanes)
        said = columns.thread_names.get((track.pid, track.tid), "")
        name = f"stream {track.tid}" if track.device != NOTHING else said or f"thread {track.tid}"
        on_device = device != NOTHING
        self.lanes.append(
            LaneRow(
                index=index,
                pid=_small(track.pid),
                number=index,
                tid=device if on_device else _small(track.tid),
                kind=LANE_KINDS.index("device" if on_device else "thread"),
                name=f"{name} #{turn + 1}" if turn else name,
            )
        )
        return index


def _small(number: object) -> int:
    """Return an id that a column of lanes holds; 0 for a name, or an address in place of one."""
    return number if isinstance(number, int) and 0 < number < _LARGEST_ID else 0


def _clock(trace: ChromeJson, columns: EventColumns) -> ForeignClock:
    metadata = trace.beside.get("viztracer_metadata")
    inner = metadata if isinstance(metadata, dict) else {}
    base_ns = trace.beside.get("baseTimeNanoseconds", inner.get("baseTimeNanoseconds"))
    if columns.end_ns > ABSOLUTE_US * 1e3:
        return ForeignClock(unix_offset_ns=0)
    if isinstance(base_ns, int) and base_ns > 0:
        return ForeignClock(unix_offset_ns=base_ns)
    return ForeignClock()


def _writer(trace: ChromeJson, columns: EventColumns) -> str:
    if "viztracer_metadata" in trace.beside:
        return "viztracer trace"
    is_kineto = "deviceProperties" in trace.beside or "schemaVersion" in trace.beside
    return "torch.profiler trace" if is_kineto or Role.OPERATOR in columns.role else "Chrome trace"


def _warnings(trace: ChromeJson, columns: EventColumns) -> Iterator[str]:
    if trace.is_cut_off:
        yield "the trace ends in the middle of its events; what came before is shown"
    if columns.bad:
        named = "; ".join(columns.first_bad)
        yield f"{columns.bad:,} events of the trace cannot be used and were left out: {named}; export it again"
    metadata = trace.beside.get("viztracer_metadata")
    if isinstance(metadata, dict) and metadata.get("overflow"):
        yield "viztracer's buffer was too small, so the trace has only its end; raise --tracer_entries"
