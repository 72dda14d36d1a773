"""Rows of a report on what a program works off: tokens of a generation, steps of a loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from energyprof.model.domain import Provenance
from energyprof.model.ids import DomainId, StageId

if TYPE_CHECKING:
    from energyprof.model.report import SumRow


@dataclass(frozen=True, slots=True)
class BoundedJ:
    """A figure and its bounds."""

    energy_j: float
    low_j: float
    high_j: float


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A part of a generation: what it was for, and what it has cost."""

    stage: StageId
    phase: str
    """`prefill` or `decode`."""
    calls: int
    tokens: int
    """Positions of all sequences together."""
    tokens_per_s: float | None
    total_sum: SumRow
    per_token_j: float | None
    """None: refused, see the bounds."""
    low_j: float | None
    high_j: float | None
    """Bounds of `per_token_j`; None: nothing was read."""


@dataclass(frozen=True, slots=True)
class WaitRow:
    """A stage of the host that kept a device waiting; a part of the ledger's idle line, in no stage's energy."""

    domain: DomainId
    stage: StageId
    """The innermost one open meanwhile."""
    energy_j: float
    provenance: Provenance
    """`inferred`: idle power is found from the readings and taken to be the same all the time."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """The steps of the main loop, over all domains that count: all they measured meanwhile, idle power included."""

    stage: StageId
    """What ends a step: `AdamW.step`; where nothing trains, the model that was called most."""
    is_training: bool
    steps: int
    epochs: int | None
    """How often the loader was begun; None: there is no DataLoader."""
    samples: int | None
    """That the steps were for, evaluation not counted; None: not known."""
    wall_s: float
    provenance: Provenance
    total: BoundedJ | None
    """None, as all figures here: too little of that time was read."""
    first: BoundedJ | None
    """Of the first step alone: it warms up."""
    per_step: BoundedJ | None
    """Of the others."""
    per_sample: BoundedJ | None
    """Of the same steps as `per_step`; of all where there is one step only."""
    groups: int
    """How many groups of steps the course over time has; 0: the sensors are too slow for any."""
    group_steps: int
    p10_j: float | None
    """Joules a step in the groups: a tenth of them lies below."""
    p50_j: float | None
    p90_j: float | None
    resolution_s: float
    """In less time the slowest sensor that counts tells nothing apart."""
    course: tuple[BoundedJ, ...]
    """Joules a step, group by group in order of time."""
    trial: str = ""
    """The trial of a search that all of them are of, where the run has several; empty: of none."""


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A kind of work that the program counted itself, over all domains that count: idle power included."""

    name: str
    count: float
    per_s: float | None
    """Over the wall time of the run; None: it took none."""
    provenance: Provenance
    per_unit: BoundedJ | None
    """None: nothing was read, or nothing was done."""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A figure of merit that the program told of itself."""

    name: str
    value: float
    at_s: float
    """When it was told last, since the start of the run."""
    times: int
