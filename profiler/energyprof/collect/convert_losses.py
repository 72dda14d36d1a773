"""What conversion could not take as it came, in one line each for the report: how much, why, and what helps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from energyprof.collect.convert_process import Process

SHOWN = 5
"""Processes named in one line."""


class Losses(NamedTuple):
    """How much of each kind."""

    unnamed: int
    """Stage codes whose name never came."""
    damaged_bytes: int
    stray: int
    """Ends of stages that were not open."""
    clipped: int
    """Spans cut short by the end of a stage around them."""
    overflowed: int
    """Stage paths above the limit."""

    def lines(self) -> list[str]:
        """Return a line for each kind that there is any of."""
        return [f"{amount:,} {what}" for amount, what in zip(self, _WHAT, strict=True) if amount]


_WHAT = (
    "stage names were lost with a deleted spool; keep cleaners away from the temporary folder",
    "bytes of a spool could not be read, since a process was killed writing them; nothing else is missing",
    "ends of stages that were not open were ignored; leave each stage in the thread or task that entered it",
    "spans were cut short as a stage around them ended first; leave stages in reverse order, none across a `yield`",
    "stage paths beyond the limit are counted as `<other>`; keep numbers and file names out of stage names",
)


def lines_of_cut_off(
    processes: Iterable[Process], is_open: Callable[[int], bool], ended_ns: Callable[[int, int], int | None]
) -> list[str]:
    """Return a line for the children that were killed inside a stage: only who waits for work has written all.

    `is_open` tells of a lane whether a stage is open on it; `ended_ns` as `Converter.finish` has it. How the program's
    own process ended is said elsewhere.
    """
    pids = [
        process.pid
        for process in processes
        if process.parent_spool is not None
        and process.closed_ns is None
        and ended_ns(process.pid, process.started_ns) is not None
        and any(is_open(lane) for lane in process.all_lanes())
    ]
    if not pids:
        return []
    named = ", ".join(map(str, pids[:SHOWN])) + (", ..." if len(pids) > SHOWN else "")
    who = f"{len(pids)} child process{'es were' if len(pids) > 1 else ' was'} killed inside a stage (pid {named})"
    return [f"{who}: what each recorded in its last 0.25 s may be missing; let children end by themselves"]
