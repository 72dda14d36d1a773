"""A budget of energy, and what a run makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from energyprof.model.domain import Provenance

BudgetVerdict = Literal["within", "exceeded", "cannot tell"]
Scope = Literal["total", "stage", "layer", "unit"]
Per = Literal["run", "call", "sample", "token", "unit"]


@dataclass(frozen=True, slots=True)
class Limit:
    """One line of a budget."""

    scope: Scope
    name: str
    """Of the stage (its id), the layer or the unit of work; empty for the total."""
    per: Per
    limit_j: float | None
    """None: it is `max_increase` that counts."""
    unit: str = "J"
    """In which it was written."""
    unit_j: float = 1.0
    """Joules in that unit."""
    max_increase: float | None = None
    """Relative to the baseline: 0.05 allows 5 % more."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What runs make of one line; figures in joules, or relative to the baseline where that is what counts.

    Of several runs it is their mean that is held to the limit, with its interval by their spread.
    """

    limit: Limit
    value: float | None
    """None: not known; its bounds may be."""
    low: float | None
    high: float | None
    verdict: BudgetVerdict
    provenance: Provenance
    reason: str
    """Why it cannot be told; else empty."""
    basis: str = ""
    """What the interval leaves out or takes for granted."""
