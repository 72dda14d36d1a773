"""What recording has cost and lost, added up over the processes of a run, and when each of them ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from energyprof.collect.convert_process import Process
from energyprof.model.trace import RecorderFacts


def facts_of(processes: Collection[Process], gone: Mapping[str, int], spans: int, counted: int) -> RecorderFacts:
    """Return the sums; `gone` holds what processes that are no longer known had left."""
    governed = [process.governed for process in processes if process.governed]
    return RecorderFacts(
        recorder_s=(gone["recorder_ns"] + sum(process.recorder_ns for process in processes)) / 1e9,
        spans=spans,
        dropped=gone["dropped"] + sum(process.dropped + process.missing() for process in processes),
        lost_because=next((process.lost_because for process in processes if process.lost_because), ""),
        counted=counted,
        max_overhead=min((one["bound_ppm"] for one in governed), default=0) * 1e-6,
        folded=max((one["folded"] for one in governed), default=0),
        steps=min((one.get("steps_ppm", 1_000_000) for one in governed), default=1_000_000) * 1e-6,
        overhead=max((one["share_ppm"] for one in governed), default=0) * 1e-6,
    )


def end_of(process: Process, end_ns: int, seen_ns: int | None) -> int:
    """Return when a process ended: with the run, when it closed its recorder, or when it was seen to be gone."""
    ended = [end_ns] if process.closed_ns is None else [end_ns, process.closed_ns]
    if seen_ns is not None:
        ended.append(max(seen_ns, process.last_ns()))
    return min(ended)


def last_ns(processes: Collection[Process]) -> int:
    """Return when anything was recorded last, or a recorder closed; 0: never."""
    return max((process.closed_ns or process.last_ns() for process in processes), default=0)


def lines_of_unclosed(processes: Collection[Process], pid: int, exit_code: int | None) -> list[str]:
    """Return a line where the program, process `pid`, ended by itself, with a status, and its recorder did not."""
    own = (process for process in processes if process.pid == pid)
    is_unclosed = any(process.closed_ns is None and not process.is_replaced for process in own)
    if exit_code is None or exit_code < 0 or not is_unclosed:
        return []
    fact = f"the program ended with status {exit_code}, but its recorder could not write to the end"
    why = "it changed its user, its root folder or functions of `os`, or left by way of C code"
    return [f"{fact}, so stages are missing: {why}; start it as the user that it turns into"]
