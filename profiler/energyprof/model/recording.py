"""What the converter hands to the capture while a run goes: stages and lanes as first seen, spans in chunks.

Stages are *lane-relative* here: the path from the outermost stage opened on the same lane. A lane created inside a
stage stands below it; the full path is put together when the capture is read, because the creating lane's events may
arrive later than the created lane's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from energyprof.model.span import Facts, Flags, Index, Ints, StageKind
from energyprof.model.tally import Tally


@dataclass(frozen=True, slots=True)
class LocalStage:
    """A lane-relative stage; indices count up from 0 over the whole run, a parent before its children."""

    index: int
    parent: int
    """Index of the enclosing lane-relative stage; -1: outermost on its lane."""
    name: str
    kind: StageKind
    file: str | None = None
    line: int | None = None
    is_module: bool = False
    """The name is a root-qualified dotted module name: one component below the nearest enclosing stage that is none."""
    after: tuple[str, ...] = ()
    """Names of stages whose output it declares to receive."""
    facts: Facts = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class LaneRow:
    """A lane as first seen; indices count up from 0 over the whole run."""

    index: int
    pid: int
    number: int
    tid: int
    """Native thread id; of a device stream the number of its device; else 0."""
    kind: int
    """Index into LANE_KINDS."""
    name: str
    host: int = -1
    """Lane of the thread in which it was first seen to run, for a task or a work item; -1: none."""


@dataclass(frozen=True, slots=True)
class LaneOrigin:
    """Where a lane was created, known once the creating lane's events have arrived."""

    lane: int
    parent_lane: int
    parent_stage: int
    """Lane-relative stage open on the creating lane at that instant; -1: none."""
    t_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class SpanChunk:
    """Spans that have ended (or were cut off), equal-length columns ordered by (lane, start_ns, depth)."""

    stage: Index
    """LocalStage index."""
    lane: Index
    start_ns: Ints
    end_ns: Ints
    depth: Index
    """Nesting depth on its lane, 0: outermost."""
    is_open: Flags
    resumed: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))
    """True where it goes on with a call of a generator, and is no call; left out: none does."""

    def __post_init__(self) -> None:
        if not len(self.resumed):
            object.__setattr__(self, "resumed", np.zeros(len(self.stage), np.bool_))

    def __len__(self) -> int:
        return len(self.stage)


@dataclass(frozen=True, slots=True)
class Announced:
    """What a process has told once and later frames rely on: names, threads, children."""

    spool: str
    lanes: tuple[tuple[int, int], ...]
    """(number within its process, index over the whole run) of lanes met for the first time."""
    frames: bytes
    """The frames as they stood in the spool."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the spools have been converted, and what it takes to go on from there."""

    state: Mapping[str, Any] = field(default_factory=dict)
    """JSON values by name; one stored earlier under the same name is replaced."""
    announced: tuple[Announced, ...] = ()
    """In the order in which it was read; adds to what was stored earlier."""
    forgotten: tuple[str, ...] = ()
    """Names of what is not needed any more, in state and announced."""
    tallies: Mapping[int, Tally] = field(default_factory=dict)
    """By number; one stored earlier under the same number is replaced."""
