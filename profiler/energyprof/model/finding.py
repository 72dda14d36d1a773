"""A finding: what a run spends that it need not, on what evidence, and what to change."""

from __future__ import annotations

from dataclasses import dataclass

from energyprof.model.domain import Provenance
from energyprof.model.ids import StageId


@dataclass(frozen=True, slots=True)
class Overlap:
    """Joules of a finding that an earlier one is about, too: who saves them there has none of them left here."""

    finding: int
    """Place of the earlier one among all findings, from 1."""
    low_j: float
    """At least so many of what this one spends; both are bounds, where nobody knows which joules those are."""
    high_j: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to change. Without a saving it is a hint: something that costs often, not known to cost here."""

    rule: str
    """Name of the rule that found it."""
    offenders: tuple[StageId, ...]
    """The stages it is about, the first one above all; empty: the run as a whole."""
    fault: str
    """What is wrong, in a few words."""
    evidence: str
    """What was recorded that shows it."""
    remedy: str
    """What to change."""
    now_j: float | None = None
    """What the offenders spend, over all domains that count; None: not known."""
    provenance: Provenance = "estimated (model)"
    """Of `now_j`."""
    saving_j: tuple[float, float] | None = None
    """The least and the most that the change is expected to save, an estimate; None: a hint."""
    overlaps: tuple[Overlap, ...] = ()
    """Filled in where all findings are known; a rule leaves it alone."""

    def __post_init__(self) -> None:
        if self.saving_j is not None and not 0 <= self.saving_j[0] <= self.saving_j[1]:
            raise ValueError(f"a saving of {self.saving_j[0]} to {self.saving_j[1]} J is no interval from 0 up")

    @property
    def is_hint(self) -> bool:
        """Whether nobody knows what the change would save."""
        return self.saving_j is None
