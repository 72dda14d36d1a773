"""Rows of a report on a distributed program: its hosts, its ranks, and how evenly they work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from energyprof.model.report import SumRow


@dataclass(frozen=True, slots=True)
class HostRow:
    """One host of a merged run."""

    host: str
    command: tuple[str, ...]
    exit_code: int | None
    start: str
    """ISO 8601 with time zone, by its own clock."""
    start_s: float
    """Seconds after the first host began."""
    wall_s: float
    clock: str
    """How its clock was matched with the others', and how far that may be off."""


@dataclass(frozen=True, slots=True)
class RankRow:
    """One rank of a distributed program: its part of what all stages spent, and how it spent its time."""

    rank: int
    host: str
    processes: int
    """Its own and those that it made, such as workers of its loaders."""
    energy_sum: SumRow
    """Over all domains that count; `share` is of what all stages spent."""
    wall_s: float
    """While it had any stage open."""
    waiting_s: float
    """Of that, in collectives without running: waiting for other ranks, or for what travels between them."""
    work_s: float
    """The rest."""
    cpu_s: float
    """On a processor, all threads and processes of it, stage or not."""


@dataclass(frozen=True, slots=True)
class Imbalance:
    """How unevenly work is divided among the ranks."""

    slowest: int
    """The rank that works longest."""
    work_s: float
    """How long it does."""
    mean_work_s: float
    ratio: float
    """What it works more than the mean, as a part of the mean; 0: all work alike."""
    waiting_s: float
    """What all ranks together waited."""
