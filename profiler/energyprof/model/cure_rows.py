"""Rows of a report on what was delayed and repeated so that stages can be told apart."""

from __future__ import annotations

from dataclasses import dataclass

from energyprof.model.domain import Provenance
from energyprof.model.ids import DomainId, StageId
from energyprof.model.span import StageKind


@dataclass(frozen=True, slots=True)
class DelayRow:
    """Random delays between iterations (`--dephase`), during which no stage was open."""

    low_s: float
    high_s: float
    delays: int
    delay_s: float
    """All of them together, on all threads."""
    wall_without_s: float
    """Length of the run without those on its main thread."""


@dataclass(frozen=True, slots=True)
class RepeatedRow:
    """One call of a layer or function in one domain, called again after the run (`--repeat`)."""

    domain: DomainId
    name: str
    kind: StageKind
    stage: StageId | None
    """The stage on whose inputs it was called; None: not found."""
    visits: int
    repeated_calls: int
    wall_s: float
    """Of one repeated call."""
    energy_j: float | None
    """Of one repeated call; None: not even repeated can it be told apart."""
    low_j: float | None
    high_j: float | None
    provenance: Provenance
    data_share: float
    reason: str


@dataclass(frozen=True, slots=True)
class RepeatedSumRow:
    """Repeated calls below one stage, as often as the run made them, beside what the run itself spent there."""

    domain: DomainId
    stage: StageId
    layers: int
    repeated_j: float
    repeated_low_j: float
    repeated_high_j: float
    whole_j: float | None
    """Energy of the stage with all below it, not repeated; None: refused."""
    whole_low_j: float | None
    whole_high_j: float | None
    ratio: float | None
    """repeated_j / whole_j."""
    time_share: float
    """Part of the stage's time that was spent in what was repeated, 0..1."""


@dataclass(frozen=True, slots=True)
class RepeatRow:
    """What repeating has shown."""

    stage: StageId | None
    """The stage whose energy the repeated calls are; None: it was lost."""
    visit_s: float
    rounds: int
    is_cut: bool
    """It was ended early."""
    calls: tuple[RepeatedRow, ...]
    sums: tuple[RepeatedSumRow, ...]
    skipped: tuple[tuple[str, str], ...]
    """Name and reason of each that was not repeated."""
