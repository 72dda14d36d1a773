"""What was done during a run so that its stages can be told apart: delays between iterations, and calls repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from energyprof.model.span import StageKind


@dataclass(frozen=True, slots=True)
class Dephasing:
    """Random delays that were added; no stage was open meanwhile."""

    low_ns: int
    high_ns: int
    """Each was drawn evenly from this range."""
    delays: int
    delay_ns: int
    """All of them together, on all threads of all processes."""
    main_ns: int
    """Those on the main thread of the first process, by which the run took longer."""


class Visit(NamedTuple):
    """A stretch in which one thing was called again and again."""

    thing: int
    """Index into `Repeats.things`."""
    start_ns: int
    end_ns: int
    """CLOCK_MONOTONIC."""
    calls: int


@dataclass(frozen=True, slots=True)
class Thing:
    """A layer or function that was called again."""

    name: str
    """As its stage is called: of a module the root-qualified dotted name."""
    kind: StageKind
    seen_ns: int
    """Just before the call whose inputs were used again: the first span of this name after that is it. 0: not told."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """The calls made again, after the program's main part, within the stage `(repeat)`."""

    visit_ns: int
    """How long a visit was meant to last."""
    rounds: int
    """How many visits each thing was meant to get."""
    things: tuple[Thing, ...]
    visits: tuple[Visit, ...]
    skipped: tuple[tuple[str, str], ...]
    """Name and reason of what was not called again."""
    is_cut: bool
    """It was ended early."""


@dataclass(frozen=True, slots=True)
class Cures:
    """Both, as far as they were asked for."""

    dephasing: Dephasing | None = None
    repeats: Repeats | None = None
