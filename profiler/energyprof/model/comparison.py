"""What changed from one run to another, stage by stage, and what of it is no chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from energyprof.model.domain import Provenance
from energyprof.model.graph import EdgeKind
from energyprof.model.ids import StageId
from energyprof.model.report import RunRow
from energyprof.model.span import StageKind

COMPARISON_SCHEMA = "energyprof-comparison/1"
ASSUMED_SD = 0.10
ASSUMED_PART_SD = 0.25
"""Of runs of one program on one machine, relative; of a stage or layer of it. Twelve runs of a small torch training on
a shared virtual machine (2 threads of an EPYC, load model, 2026-11-26) differed by 11 % as wholes, their stages of over
0.1 J by 11 to 36 %; eight of another training, nothing else running, by 10 % and, of over 0.2 J, by 13 to 24 %."""
Presence = Literal["both", "new", "vanished"]


@dataclass(frozen=True, slots=True)
class Change:
    """One energy before and after; all figures None: not known on one of the sides."""

    before_j: float | None
    """None also where it was not there at all, see `Presence`."""
    after_j: float | None
    change_j: float | None
    """After less before; what was not there counts as nothing."""
    low_j: float | None
    """95 % interval of the change; over all changes of a comparison together, where they were tested together."""
    high_j: float | None
    provenance: Provenance
    """The weaker of both."""

    @property
    def is_significant(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low_j is not None and self.high_j is not None and (self.low_j > 0 or self.high_j < 0)


@dataclass(frozen=True, slots=True)
class StageChange:
    """One stage in both runs, or in one of them."""

    stage: StageId
    name: str
    path: tuple[str, ...]
    parent: StageId | None
    kind: StageKind
    presence: Presence
    own: Change
    total: Change
    calls_before: int
    calls_after: int


@dataclass(frozen=True, slots=True)
class EdgeChange:
    """What an edge carries in both runs; None: it was not there, or is not known."""

    source: StageId
    target: StageId
    kind: EdgeKind
    before_j: float | None
    after_j: float | None
    provenance: Provenance | None = None
    """The weaker of both; None where there are no joules."""


@dataclass(frozen=True, slots=True)
class LedgerChange:
    """One line of the account over all domains that count; None: nothing was read."""

    line: str
    before_j: float | None
    after_j: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs of one program, or of two versions of it; stages are matched by id, in pipeline order."""

    before: RunRow
    after: RunRow
    measured: Change
    """Of the whole run, tested by itself."""
    ledger: tuple[LedgerChange, ...]
    stages: tuple[StageChange, ...]
    edges: tuple[EdgeChange, ...]
    tested: int
    """How many changes of stages were tested together: their intervals are wider than each by itself would need."""
    obstacles: tuple[str, ...] = ()
    """Why the changes could not be tested, a line each; none of them has an interval then."""
    changed: tuple[str, ...] = ()
    """How the program itself changed; empty: it did not, or nobody knows."""
    schema: str = COMPARISON_SCHEMA
