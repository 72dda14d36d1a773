"""What recording has cost and lost, added up over the processes of a run, and when each of them ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from energyprof.collect.convert_process import Process
from energyprof.model.trace import RecorderFacts


def facts_of(processes: Collection[Process], gone: Mapping[str, int], spans: int, counted: int) -> RecorderFacts:
    """Return the sums; `gone` holds what processes that are no longer known had left."""
    return RecorderFacts(
        recorder_s=(gone["recorder_ns"] + sum(process.recorder_ns for process in processes)) / 1e9,
        spans=spans,
        dropped=gone["dropped"] + sum(process.dropped + process.missing() for process in processes),
        lost_because=next((process.lost_because for process in processes if process.lost_because), ""),
        counted=counted,
    )


def end_of(process: Process, end_ns: int, seen_ns: int | None) -> int:
    """Return when a process ended: with the run, when it closed its recorder, or when it was seen to be gone."""
    ended = [end_ns] if process.closed_ns is None else [end_ns, process.closed_ns]
    if seen_ns is not None:
        ended.append(max(seen_ns, process.last_ns()))
    return min(ended)
