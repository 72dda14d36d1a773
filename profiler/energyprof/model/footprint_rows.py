"""What energy is told as besides joules, and what that rests on: rows of the report and of an estimate."""

from __future__ import annotations

from dataclasses import dataclass

from energyprof.model.amounts import JOULES_PER_KWH
from energyprof.model.domain import Provenance
from energyprof.model.range import Range


@dataclass(frozen=True, slots=True)
class GridIntensity:
    """Grams of CO2e that a kilowatt-hour of electricity comes with, and where that figure is from."""

    g_per_kwh: float
    region: str
    """ISO 3166 code; empty: the user gave the figure."""
    country: str
    year: int | None
    """That the figure is of; None: the user gave it."""
    source: str


@dataclass(frozen=True, slots=True)
class EnergyPrice:
    """What a kilowatt-hour costs."""

    per_kwh: float
    currency: str
    """As the user wrote it; may be empty."""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What turns joules into grams and money; None: nobody said, and nothing is guessed."""

    grid: GridIntensity | None = None
    price: EnergyPrice | None = None
    pue: Range | None = None
    """Power of the data centre by that of its computers, 1 or more."""
    origins: tuple[tuple[str, str], ...] = ()
    """Name of each and who said it: `--region`, `ENERGYPROF_REGION`, a file."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell besides joules."""
        return self.grid is None and self.price is None and self.pue is None

    def facility_j(self, energy_j: Range) -> Range:
        """Return an energy, or a change of one, with what the data centre adds to it."""
        return energy_j if self.pue is None else energy_j.times(self.pue)

    def carbon_g(self, energy_j: Range) -> Range | None:
        """Return the CO2e that an energy of the computers comes with; None: of no grid is known."""
        if self.grid is None:
            return None
        return self.facility_j(energy_j).times(1 / JOULES_PER_KWH).times(self.grid.g_per_kwh)

    def cost(self, energy_j: Range) -> Range | None:
        """Return what that energy costs; None: no price is known."""
        if self.price is None:
            return None
        return self.facility_j(energy_j).times(1 / JOULES_PER_KWH).times(self.price.per_kwh)


@dataclass(frozen=True, slots=True)
class EquivalentRow:
    """An everyday thing that comes with as much CO2e or energy."""

    unit: str
    """Of the amount: `km`; empty: things are counted."""
    name: str
    amount: Range
    source: str


@dataclass(frozen=True, slots=True)
class FootprintRow:
    """An energy as grams of CO2e and money, its interval carried along.

    Errors of the grid's figure, the price and the PUE are not in the bounds: those are taken as stated.
    """

    energy_j: Range
    """Of the computers, as measured or estimated."""
    energy_provenance: Provenance
    facility_j: Range
    """With the data centre's overhead, where a PUE is known."""
    facility_provenance: Provenance
    assumptions: Assumptions
    carbon_g: Range | None
    """None: no intensity is known. Always an estimate: a yearly mean of a country is nobody's electricity."""
    carbon_provenance: Provenance
    cost: Range | None
    """None: no price is known."""
    cost_provenance: Provenance
    equivalents: tuple[EquivalentRow, ...] = ()
