"""What two groups of runs of a program take more or less, stage by stage and layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from energyprof.model.domain import Provenance
from energyprof.model.report import RunRow

Verdict = Literal["more", "less", "chance", "not known", "not tested", "new", "gone"]
"""`chance`: the interval of the change holds 0. `not tested`: the runs cannot be compared, or one run tells of no
spread. `not known`: a side has no figure."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One figure before and after, each the mean over its runs, with the 95 % interval of the change."""

    before: float | None
    """None: not known, or it was not there."""
    after: float | None
    change: float | None
    low: float | None
    """None in both bounds: nothing tells how sure the change is."""
    high: float | None
    verdict: Verdict
    ratio_low: float | None = None
    """95 % interval of `ratio`; None where that, or how sure it is, is not known."""
    ratio_high: float | None = None

    @property
    def ratio(self) -> float | None:
        """The change relative to before; None: one of them is not known, or there was nothing before."""
        return None if self.change is None or not self.before else self.change / self.before


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """One stage, or one layer in all of its phases."""

    name: str
    """A stage's id, a layer's qualified name."""
    path: tuple[str, ...]
    kind: str
    own_j: Shift
    """Of itself, those below excluded."""
    total_j: Shift
    per_call_j: Shift
    """Of the total."""
    wall_s: Shift
    calls_before: float
    """Of a run, on average."""
    calls_after: float
    provenance: Provenance
    """The weakest of all runs."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed from one group of runs to another; rows are the same where their names are."""

    before: tuple[RunRow, ...]
    after: tuple[RunRow, ...]
    measured_j: Shift
    wall_s: Shift
    stages: tuple[DifferenceRow, ...]
    """In pipeline order of the runs after, those that have gone behind."""
    layers: tuple[DifferenceRow, ...]
    provenance: Provenance
    tested: int
    """How many stages, or layers, were tested together: intervals of their changes are wider for that."""
    obstacles: tuple[str, ...]
    """Why the joules of the two groups cannot be compared; then nothing is tested."""
    cautions: tuple[str, ...]
    """What else may have made a difference."""
    basis: tuple[str, ...] = ()
    """What the intervals leave out or take for granted."""
    changed: tuple[str, ...] = ()
    """How the program itself changed; empty: it did not, or nobody knows."""
    told_otherwise: str = ""
    """Which of its arguments differ; empty: none, or the commands are of several programs."""

    @property
    def statements(self) -> tuple[str, ...]:
        """What is known to be other than before, besides the joules."""
        return (*self.changed, *([self.told_otherwise] if self.told_otherwise else []))
