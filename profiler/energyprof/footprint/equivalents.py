"""Everyday things that a mass of CO2e or an energy compares with, each with its source."""

from __future__ import annotations

from typing import Final

from energyprof.model.amounts import JOULES_PER_KWH
from energyprof.model.footprint_rows import EquivalentRow
from energyprof.model.range import Range

EPA: Final = "US EPA, Greenhouse Gas Equivalencies Calculator, Calculations and References"
"""https://www.epa.gov/energy/greenhouse-gas-equivalencies-calculator-calculations-and-references. Its page could not be
opened here; the three figures are as several public projects quote it (checked in November 2026)."""
G_PER_GALLON: Final = 8887.0
"""CO2 of burning a US gallon of gasoline: EPA, ibid."""
LITRES_PER_GALLON: Final = 3.785411784
"""US gallon, by definition."""
G_PER_MILE: Final = 393.0
"""CO2e of an average US passenger vehicle: 3.93e-4 t a mile, EPA, ibid."""
KM_PER_MILE: Final = 1.609344
"""International mile, by definition."""
KWH_PER_PHONE_CHARGE: Final = 0.019
"""EPA, ibid., since the edition that gives 12.4 g CO2 a charge; those before it had 0.012 kWh and 8.22 g."""


def of_carbon(carbon_g: Range) -> tuple[EquivalentRow, ...]:
    """Return what comes with as much CO2e."""
    per_litre_g, per_km_g = G_PER_GALLON / LITRES_PER_GALLON, G_PER_MILE / KM_PER_MILE
    return (
        EquivalentRow("km", "by an average US car", carbon_g.times(1 / per_km_g), EPA),
        EquivalentRow("l", "of petrol burnt", carbon_g.times(1 / per_litre_g), EPA),
    )


def of_energy(energy_j: Range) -> tuple[EquivalentRow, ...]:
    """Return what takes as much energy."""
    return (EquivalentRow("", "phone charges", energy_j.times(1 / (KWH_PER_PHONE_CHARGE * JOULES_PER_KWH)), EPA),)
