"""When a device had done all that was launched: its own dates of boundaries, set against those of the program.

At every boundary of a stage or layer an event is put into the device's stream. A device with work in its queue dates it
once that is done; one that waits for launches dates it at once. So a device that dates both ends of a short piece at
once worked in it for less than the piece took, at most; how much less, events do not tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from energyprof.model.span import LANE_KINDS, Flags, Floats, Index, Ints
from energyprof.model.trace import Trace

_DEVICE: Final = LANE_KINDS.index("device")
AT_ONCE_NS: Final = 60_000
"""An idle device dates an event a little after the boundary: the call that puts it there, the way to the device, and
what the two clocks are apart, 50 us at most (`test_host_times_of_events_are_true_to_50_us`, on a GPU)."""
LONGEST_NS: Final = 2_000_000
"""In a longer piece of a layer the host was held up, or waited for a kernel: nobody knows which."""


@dataclass(frozen=True, slots=True, eq=False)
class Launches:
    """Times of the host by stage, all below it included; a third part is not clear."""

    waiting_s: Floats
    """In short pieces of layers at both ends of which the device had done all that was launched."""
    otherwise_s: Floats
    """With the device at work at one end at least, or in no layer."""
    whole_s: Floats
    pieces: Ints
    """How many pieces it waited in."""


def launches(trace: Trace, device: int, launching: Flags) -> Launches:
    """Return what is known of one device; `launching`: by stage, whether it is a layer that launches work there."""
    count = len(trace.stages)
    waiting_ns, otherwise_ns, whole_ns, pieces = np.zeros((4, count))
    for host, dated in _pairs(trace, device):
        at_ns, lag_ns, after = _boundaries(trace, host, dated)
        length_ns, stage, is_idle = np.diff(at_ns), after[:-1], lag_ns < AT_ONCE_NS
        is_seen = stage >= 0
        in_layer = np.zeros(len(stage), np.bool_)
        in_layer[is_seen] = launching[stage[is_seen]]
        is_clear = is_seen & ~(in_layer & (length_ns > LONGEST_NS))
        waits = in_layer & is_clear & is_idle[:-1] & is_idle[1:]
        otherwise = is_clear & ~waits
        waiting_ns += np.bincount(stage[waits], length_ns[waits], count)
        otherwise_ns += np.bincount(stage[otherwise], length_ns[otherwise], count)
        whole_ns += np.bincount(stage[is_seen], length_ns[is_seen], count)
        pieces += np.bincount(stage[waits], minlength=count)
    for index in range(count - 1, -1, -1):  # parents have smaller indices
        parent = trace.stages[index].parent
        for column in (waiting_ns, otherwise_ns, whole_ns, pieces) if parent is not None else ():
            column[parent] += column[index]
    return Launches(waiting_ns / 1e9, otherwise_ns / 1e9, whole_ns / 1e9, pieces.astype(np.int64))


def device_s(trace: Trace, stages: Flags) -> float:
    """Return how long streams of devices stood in these stages, none of which stands in another one."""
    spans = trace.spans
    rows = (trace.lanes.kind == _DEVICE)[spans.lane] & stages[spans.stage]
    return float(np.sum(spans.end_ns[rows] - spans.start_ns[rows])) / 1e9


def _of_device(trace: Trace, device: int) -> Flags:
    flags: Flags = (trace.lanes.kind == _DEVICE) & (trace.lanes.tid == device)
    return flags


def _pairs(trace: Trace, device: int) -> Iterator[tuple[Index, Index]]:
    """Yield, process by process, spans of the host and those by which a device dated them: the nth of each stage.

    Stages that have more of one than of the other are left out: their boundaries were not all marked.
    """
    spans, lanes = trace.spans, trace.lanes
    on_device = _of_device(trace, device)
    for pid in np.unique(lanes.pid[on_device]):
        of_process = (lanes.pid == pid)[spans.lane]
        host = np.flatnonzero(of_process & (lanes.kind != _DEVICE)[spans.lane])
        dated = np.flatnonzero(of_process & on_device[spans.lane])
        calls = [np.bincount(spans.stage[rows], minlength=len(trace.stages)) for rows in (host, dated)]
        is_whole = (calls[0] == calls[1]) & (calls[0] > 0)
        paired = []
        for rows in (host, dated):
            kept = rows[is_whole[spans.stage[rows]]]
            paired.append(kept[np.lexsort((spans.start_ns[kept], spans.stage[kept]))])
        if len(paired[0]):
            yield paired[0].astype(np.int32), paired[1].astype(np.int32)


def _boundaries(trace: Trace, host: Index, dated: Index) -> tuple[Ints, Ints, Index]:
    """Return the boundaries in order: host time, how much later the device dated it, stage that is open from then."""
    spans = trace.spans
    parents = np.array([-1 if stage.parent is None else stage.parent for stage in trace.stages], np.int32)
    stage = spans.stage[host]
    at_ns = np.concatenate((spans.start_ns[host], spans.end_ns[host]))
    lag_ns = np.concatenate((spans.start_ns[dated], spans.end_ns[dated])) - at_ns
    after = np.concatenate((stage, parents[stage]))
    order = np.argsort(at_ns, kind="stable")
    return at_ns[order], lag_ns[order], after[order]
