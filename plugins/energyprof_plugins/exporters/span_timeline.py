"""The spans of a run laid out for viewers of timelines: one track a lane, nested, and no more than they can open.

Viewers draw a track as a stack: on one track a span lies within the one before it or behind it. All times are whole
nanoseconds since the start of the run, for a child must not stick out by the rounding of a float.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from energyprof.model.hosts import HOST_SHIFT
from energyprof.model.span import LANE_KINDS, Index
from energyprof.model.trace import Trace
from energyprof_plugins.exporters.visible import visible

MOST_SPANS: Final = 200_000
"""Of more the longest are shown: a span is about 130 bytes of JSON, and viewers take seconds for 30 MB."""
MOST_POINTS: Final = 20_000
"""Points of one power track; of more, neighbours are joined."""


@dataclass(frozen=True, slots=True)
class Track:
    """One lane."""

    lane: int
    pid: int
    """Of its process; in a merged run unique over all hosts."""
    process: str
    name: str
    is_main: bool


@dataclass(frozen=True, slots=True)
class TimelineSpan:
    """One span as it is drawn."""

    stage: int
    start_ns: int
    end_ns: int
    depth: int
    """0: outermost of those shown on its track."""


def tracks(trace: Trace) -> list[Track]:
    """Return the lanes that have spans, in the order of their numbers."""
    lanes = trace.lanes
    found = []
    for lane in np.unique(trace.spans.lane).tolist():
        pid, tid, kind = int(lanes.pid[lane]), int(lanes.tid[lane]), LANE_KINDS[int(lanes.kind[lane])]
        own_pid = pid & ((1 << HOST_SHIFT) - 1)
        own_tid = tid & ((1 << HOST_SHIFT) - 1)
        host = trace.hosts[pid >> HOST_SHIFT].name if trace.hosts else ""
        process = f"process {own_pid}" + (f" on {visible(host)}" if host else "")
        is_main = kind == "thread" and tid == pid
        names = {
            "thread": "main thread" if is_main else f"thread {own_tid}",
            "task": f"task {int(lanes.number[lane])}",
            "device": f"device {tid}, stream {int(lanes.number[lane])}",
            "process": f"process {own_pid}",
        }
        found.append(Track(lane, pid, process, names[kind], is_main))
    return found


def shown_rows(trace: Trace, most: int) -> Index:
    """Return the rows of the spans to show, ascending: all, or the longest; who is shown has all around it shown."""
    spans = trace.spans
    if len(spans) <= most:
        return np.arange(len(spans), dtype=np.int32)
    # A parent is as long as its children and stands before them: no child is kept without it.
    order = np.lexsort((np.arange(len(spans)), spans.start_ns - spans.end_ns))
    return np.sort(order[:most]).astype(np.int32)


def said_of_cut(trace: Trace, shown: int) -> str:
    """Return what is to be said where not every span is shown; empty: all are."""
    total = trace.recorder.spans if trace.counted is not None else len(trace.spans)
    total = max(total, len(trace.spans))
    return "" if shown >= total else f"only the {shown} longest of {total} spans are shown"


def laid_out(trace: Trace, lane: int, rows: Index) -> Iterator[TimelineSpan]:
    """Yield the spans of one lane among `rows`, parents first; what sticks out of the one around it is cut there."""
    spans = trace.spans
    mine = rows[spans.lane[rows] == lane]
    origin_ns = trace.run.start_ns
    starts, ends = (spans.start_ns[mine] - origin_ns).tolist(), (spans.end_ns[mine] - origin_ns).tolist()
    around: list[int] = []
    """Ends of the spans that are open."""
    for stage, start_ns, end_ns in zip(spans.stage[mine].tolist(), starts, ends, strict=True):
        begin_ns = max(start_ns, 0)
        while around and around[-1] <= begin_ns:
            around.pop()
        stop_ns = max(begin_ns, min(end_ns, around[-1]) if around else end_ns)
        yield TimelineSpan(stage, begin_ns, stop_ns, len(around))
        around.append(stop_ns)
