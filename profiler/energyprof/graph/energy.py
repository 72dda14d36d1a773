"""Add up energies over the domains that count, in whole microjoules: sums are exact whatever the order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.model.attribution import PROVENANCES, Attribution, EnergyColumns, counted_domains
from energyprof.model.domain import Domain, Provenance
from energyprof.model.span import Codes, Flags, Ints

UJ_PER_J = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class StageEnergy:
    """Energy per stage over all domains that count; equal-length columns, row = stage index."""

    energy_uj: Ints
    """Only meaningful where not `refused`."""
    low_uj: Ints
    high_uj: Ints
    refused: Flags
    """True: refused in at least one domain that counts, so that no sum can be given."""
    provenance: Codes
    """Index into PROVENANCES, the weakest of the parts."""
    unread: Flags
    """True: no reading covers it in at least one domain that counts, so that no bounds can be given."""

    def provenances(self) -> list[Provenance]:
        """Return the words for how the figures came about."""
        return [PROVENANCES[code] for code in self.provenance.tolist()]

    def known_uj(self) -> list[int | None]:
        """Return the energies; None where refused."""
        pairs = zip(self.energy_uj.tolist(), self.refused.tolist(), strict=True)
        return [None if refused else energy_uj for energy_uj, refused in pairs]

    def energies_j(self) -> list[float | None]:
        """Return the energies in joules; None where refused."""
        return [None if energy_uj is None else joules(energy_uj) for energy_uj in self.known_uj()]

    def bounds_j(self) -> list[tuple[float, float] | None]:
        """Return lower and upper bounds in joules; None where there are none."""
        rows = zip(self.low_uj.tolist(), self.high_uj.tolist(), self.unread.tolist(), strict=True)
        return [None if unread else (joules(low_uj), joules(high_uj)) for low_uj, high_uj, unread in rows]


def microjoules(energy_j: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Ints:
    """Return energies as the whole microjoules they are (`EnergyColumns` holds nothing finer)."""
    return np.rint(energy_j * UJ_PER_J).astype(np.int64)


def joules(energy_uj: int) -> float:
    """Return whole microjoules in joules, the nearest float."""
    return energy_uj / UJ_PER_J


def sum_self(domains: tuple[Domain, ...], attribution: Attribution, stages: int) -> StageEnergy:
    """Return each stage's own energy."""
    counted = counted_domains(domains, attribution)
    return _sum([part.self_energy for part in attribution.domains if part.domain in counted], stages)


def sum_total(domains: tuple[Domain, ...], attribution: Attribution, stages: int) -> StageEnergy:
    """Return each stage's energy with all stages below it."""
    counted = counted_domains(domains, attribution)
    return _sum([part.total_energy for part in attribution.domains if part.domain in counted], stages)


def _sum(parts: list[EnergyColumns], stages: int) -> StageEnergy:
    energy = np.zeros(stages, np.int64)
    # Errors of different domains are not known to be independent: bounds are added, which is never too narrow.
    low, high = np.zeros(stages, np.int64), np.zeros(stages, np.int64)
    # Where nothing was read, nothing is known: that is no sum of 0.
    refused, unread = np.full(stages, not parts), np.full(stages, not parts)
    provenance = np.zeros(stages, np.uint8)
    for part in parts:
        energy += np.where(part.refused, 0, microjoules(np.where(part.refused, 0.0, part.energy_j)))
        low += microjoules(part.low_j)
        high += microjoules(part.high_j)
        refused |= part.refused
        unread |= part.unread
        provenance = np.maximum(provenance, part.provenance)
    return StageEnergy(energy, low, high, refused, provenance, unread)
