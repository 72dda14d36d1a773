"""Rows of a report on the trials of a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from energyprof.model.domain import Provenance
from energyprof.model.ids import StageId
from energyprof.model.past import EarlierTrial
from energyprof.model.work_rows import BoundedJ

if TYPE_CHECKING:
    from energyprof.model.report import SumRow
    from energyprof.model.trials import TrialState


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial."""

    stage: StageId
    number: int
    params: str
    state: TrialState
    value: float | None
    """None: it told none."""
    wall_s: float
    total_sum: SumRow
    """With all it called."""
    up_to: BoundedJ | None
    """All trials up to this one; None: one of them is not known."""
    repeats: int | None
    """Number of the first trial with the same parameters; None: it is the first."""
    study: str = ""
    """The search that it is one of; empty: it has no name."""
    unordered: str = ""
    """What it told that has no order, `nan` or `inf`; empty: nothing of the kind."""
    earlier: EarlierTrial | None = None
    """The newest trial of an earlier run with the same parameters; None: none is known, or none is kept."""


@dataclass(frozen=True, slots=True)
class TrialSum:
    """Trials of a kind together."""

    count: int
    energy: BoundedJ | None
    """None: one of them is not known."""


@dataclass(frozen=True, slots=True)
class Trials:
    """The trials of a run, study by study, by number."""

    rows: tuple[TrialRow, ...]
    all: TrialSum
    pruned: TrialSum
    failed: TrialSum
    """Those whose end was never seen included."""
    repeated: TrialSum
    """Of the parameters of an earlier one, whatever became of it."""
    known: TrialSum
    """Those that an earlier run had done already."""
    provenance: Provenance
    studies: tuple[Trials, ...] = ()
    """Each study by itself; empty: there is but one."""
    lower_is_better: bool = False
    """Whether the search looks for the lowest value, as it told."""

    @property
    def study(self) -> str:
        """The name of the study that all are of; empty: it has none."""
        return self.rows[0].study if self.rows else ""

    def sign(self, lower_is_better: bool | None = None) -> float:
        """Return what makes the best value the largest; `lower_is_better`: None: as the search told."""
        return -1.0 if (self.lower_is_better if lower_is_better is None else lower_is_better) else 1.0

    def best(self, *, lower_is_better: bool | None = None) -> TrialRow | None:
        """Return the complete trial with the best value, the first of equals; None: none told one."""
        sign = self.sign(lower_is_better)
        known = [row for row in self.rows if row.state == "complete" and row.value is not None]
        return max(known, key=lambda row: sign * (row.value or 0.0), default=None)

    def reaching(self, target: float, *, lower_is_better: bool | None = None) -> TrialRow | None:
        """Return the first complete trial whose value is as good as `target`; None: there is none."""
        sign = self.sign(lower_is_better)
        known = (row for row in self.rows if row.state == "complete" and row.value is not None)
        return next((row for row in known if sign * (row.value or 0.0) >= sign * target), None)
