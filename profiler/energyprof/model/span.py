"""Stages and the spans in which they ran, as read-only columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from energyprof.model.ids import StageId

Ints: TypeAlias = NDArray[np.int64]
Index: TypeAlias = NDArray[np.int32]
Flags: TypeAlias = NDArray[np.bool_]
Codes: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float64]

Facts: TypeAlias = Mapping[str, "str | int"]
StageKind = Literal[
    "stage",
    "function",
    "module",
    "backward",
    "optimizer",
    "loader",
    "generation",
    "evaluation",
    "communication",
    "loss",
    "program",
]


@dataclass(frozen=True, slots=True)
class Stage:
    """One named place in the program; the tree of stages is given by `parent`, ids are never split."""

    id: StageId
    name: str
    """Its own component, unescaped."""
    path: tuple[str, ...]
    """All components from the outermost stage on, unescaped."""
    parent: int | None
    """Index of the enclosing stage in the trace's stages, always smaller than the own index."""
    kind: StageKind = "stage"
    file: str | None = None
    line: int | None = None
    facts: Facts = field(default_factory=dict, hash=False)
    """What its instrument knows of it, by name with unit: a module's class, parameters and operations."""


LANE_KINDS: Final = ("thread", "task", "device", "process")


@dataclass(frozen=True, slots=True, eq=False)
class Lanes:
    """The lanes: threads, coroutine tasks, device streams, processes; equal-length columns, row = lane index."""

    pid: Index
    tid: Index
    """Native thread id; of a device stream the number of its device; else 0."""
    number: Ints
    """The lane's number within its process."""
    kind: Codes
    """Index into LANE_KINDS."""
    parent: Index
    """Lane in which it was created; -1: none."""
    prefix: Index
    """Stage that was open where it was created, under which all of its stages stand; -1: none."""
    host: Index
    """Lane of the thread it runs in, for a task or a work item; -1: it is no guest of a thread."""

    def __len__(self) -> int:
        return len(self.pid)


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """All spans, equal-length columns ordered by (lane, start_ns, -end_ns): a parent stands before its children."""

    stage: Index
    """Index into the trace's stages."""
    lane: Index
    """Index into the trace's lanes."""
    start_ns: Ints
    end_ns: Ints
    parent: Index
    """Row of the enclosing span on the same lane; -1: outermost."""
    is_open: Flags
    """True where the end was never recorded (killed inside); `end_ns` is then the end of the run."""
    resumed: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))
    """True where it is no call: it goes on with that of a generator, or an instrument recorded it within the stage that
    the program itself calls the same. Left out: none is."""

    def __post_init__(self) -> None:
        if not len(self.resumed):
            object.__setattr__(self, "resumed", np.zeros(len(self.stage), np.bool_))

    def __len__(self) -> int:
        return len(self.stage)


@dataclass(frozen=True, slots=True, eq=False)
class LaneRuns:
    """When a coroutine's lane really ran, ordered by (lane, start_ns); a lane without any row runs all of the time."""

    lane: Index
    start_ns: Ints
    end_ns: Ints

    def __len__(self) -> int:
        return len(self.lane)
