"""Imported power that nobody has vouched for: its figures hold as far as it does, and none is called measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from energyprof.model.attribution import PROVENANCES, Attribution, EnergyColumns
from energyprof.model.domain import Domain

REASON: Final = "nobody says that the imported power was measured; if it was, import it with --measured"
_INFERRED: Final = PROVENANCES.index("inferred")


def as_vouched(attribution: Attribution, domains: Sequence[Domain]) -> Attribution:
    """Return the attribution with the figures of domains that are not vouched for called inferred."""
    doubted = {domain.id for domain in domains if not domain.is_vouched}
    if not doubted:
        return attribution
    parts = tuple(
        replace(part, self_energy=_inferred(part.self_energy), total_energy=_inferred(part.total_energy))
        if part.domain in doubted
        else part
        for part in attribution.domains
    )
    return replace(attribution, domains=parts)


def _inferred(columns: EnergyColumns) -> EnergyColumns:
    provenance = np.maximum(columns.provenance, _INFERRED).astype(np.uint8)
    return replace(columns, provenance=provenance, reason=tuple(reason or REASON for reason in columns.reason))
