"""What some stages spend together, as findings say it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from energyprof.model.attribution import PROVENANCES
from energyprof.model.domain import Provenance
from energyprof.model.report import FunctionRow, SumRow


def together_j(sums: Iterable[SumRow]) -> float | None:
    """Return the sum; None: one of them is not known, or there is none."""
    found = [one.energy_j for one in sums]
    known = [energy_j for energy_j in found if energy_j is not None]
    return sum(known) if known and len(known) == len(found) else None


def provenance_of(sums: Sequence[SumRow | FunctionRow]) -> Provenance:
    """Return the weakest of them."""
    return max((one.provenance for one in sums), key=PROVENANCES.index, default="measured")


def counted(count: int, what: str) -> str:
    """Return a count with its noun: `1 call`, `20 calls`."""
    return f"{count} {what}{'' if count == 1 else 's'}"
