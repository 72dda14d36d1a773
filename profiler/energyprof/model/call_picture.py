"""Sampled functions chosen for a picture, and what passes between them; calls of all others stand on the lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from energyprof.model.ids import StageId

FunctionKey: TypeAlias = tuple[str, str, int]
"""Name, file and line of a function."""
OTHER_FUNCTIONS: Final = "other functions"
"""Name of the row that stands for all functions of a stage that are not chosen; no function of Python has a blank."""


@dataclass(frozen=True, slots=True)
class CallRow:
    """One function calling another within a stage."""

    stage: StageId | None
    caller: FunctionKey
    callee: FunctionKey
    energy_j: float | None
    samples: int


@dataclass(frozen=True, slots=True)
class WayRow:
    """What reaches a function that a picture shows, as `DrawnCall` has it."""

    stage: StageId | None
    caller: FunctionKey | None
    """None: the stage itself."""
    callee: FunctionKey
    column: int
    """Of the callee."""
    energy_j: float | None
    samples: int
    fewest: int
    most: int
    through: str
    is_main: bool


@dataclass(frozen=True, slots=True)
class DrawnCall:
    """What reaches one chosen function from another, or from its stage, through functions that were not chosen."""

    source: StageId
    """A function, or the stage in which its stack began."""
    target: StageId
    energy_j: float | None
    """What was spent below the target on this way; the ways that lead to a function add up to its total."""
    samples: int
    fewest: int
    """Calls between the two that are not drawn; 0: it is called directly."""
    most: int
    through: str
    """The function between the two where there is but one, or that which carries most; empty: there is none."""
    is_main: bool
    """The way on which most of it comes: it decides where the target stands."""


@dataclass(frozen=True, slots=True)
class CallPicture:
    """The functions of all stages that are drawn."""

    columns: Mapping[StageId, int]
    """Function -> how many boxes right of its stage it stands, from 1 on."""
    calls: tuple[DrawnCall, ...]
    places: Mapping[StageId, int]
    """Function -> its place among the functions of the report."""
