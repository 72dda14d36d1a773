"""From an energy to grams of CO2e, money and everyday equivalences."""

from __future__ import annotations

from typing import Final

from energyprof.footprint import equivalents
from energyprof.model.domain import Provenance
from energyprof.model.footprint_rows import Assumptions, FootprintRow
from energyprof.model.range import Range
from energyprof.model.report import SumRow

ESTIMATED: Final[Provenance] = "estimated (model)"


def footprint(energy_j: Range, provenance: Provenance, assumptions: Assumptions) -> FootprintRow:
    """Return an energy with what it comes with; no figure is better known than the energy it is of.

    A PUE is a mean of a data centre, so that what includes it is an estimate, and so is all CO2e.
    """
    facility_j = assumptions.facility_j(energy_j)
    of_facility = provenance if assumptions.pue is None else ESTIMATED
    carbon_g, cost = assumptions.carbon_g(energy_j), assumptions.cost(energy_j)
    return FootprintRow(
        energy_j=energy_j,
        energy_provenance=provenance,
        facility_j=facility_j,
        facility_provenance=of_facility,
        assumptions=assumptions,
        carbon_g=carbon_g,
        carbon_provenance=ESTIMATED,
        cost=cost,
        cost_provenance=of_facility,
        equivalents=(
            *(() if carbon_g is None else equivalents.of_carbon(carbon_g)),
            *equivalents.of_energy(facility_j),
        ),
    )


def footprint_of_sum(energy: SumRow, assumptions: Assumptions) -> FootprintRow | None:
    """Return the footprint of a figure of a report with its interval; None where the figure is not known."""
    if energy.energy_j is None:
        return None
    low_j = energy.energy_j if energy.low_j is None else min(energy.low_j, energy.energy_j)
    high_j = energy.energy_j if energy.high_j is None else max(energy.high_j, energy.energy_j)
    return footprint(Range(energy.energy_j, low_j, high_j), energy.provenance, assumptions)
