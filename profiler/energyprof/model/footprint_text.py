"""A footprint in words: rows of name, figure and what it rests on, the same wherever one is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from energyprof.model import amounts
from energyprof.model.footprint_rows import EquivalentRow, FootprintRow, GridIntensity

SMALLER: Final[Mapping[str, amounts.Units]] = {
    "km": (("km", 1.0), ("m", 1e-3), ("mm", 1e-6)),
    "l": (("l", 1.0), ("ml", 1e-3)),
}
SMALLEST: Final = {"km": 1e-6, "l": 1e-3, "": 1e-2}
"""Below it nobody sees it before him: a millimetre, a millilitre, a hundredth."""


def footprint_lines(row: FootprintRow, pue_basis: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, figure and what it rests on, for each figure that is known."""
    assumed = row.assumptions
    yield "energy", amounts.energy(row.energy_j), "of the computers"
    if assumed.pue is not None:
        pue = amounts.with_bounds(assumed.pue, lambda value: f"{value:g}")
        yield "with PUE", amounts.energy(row.facility_j), f"PUE {pue}: {pue_basis}"
    if assumed.grid is not None and row.carbon_g is not None:
        yield "carbon", amounts.carbon(row.carbon_g), grid_text(assumed.grid)
    if assumed.price is not None and row.cost is not None:
        price = f"{assumed.price.per_kwh:g} {assumed.price.currency}".strip()
        yield "electricity", amounts.money(row.cost, assumed.price.currency), f"at {price} a kWh"
    for source, alike in equivalents_by_source(row):
        for place, text in enumerate(alike):
            yield "or" if place else "as much as", text, source if text == alike[-1] else ""


def equivalents_by_source(row: FootprintRow) -> Iterator[tuple[str, list[str]]]:
    """Yield each source with the everyday things that rest on it; what nobody could see is left out."""
    told = [one for one in row.equivalents if one.amount.value >= SMALLEST.get(one.unit, SMALLEST[""])]
    for source in dict.fromkeys(one.source for one in told):
        yield source, [equivalent_text(one) for one in told if one.source == source]


def equivalent_text(row: EquivalentRow) -> str:
    """Return an everyday thing with its bounds last: `38.3 km by an average US car (14.3 to 69.7)`."""
    if row.unit in SMALLER:
        figure, _, bounds = amounts.in_units(row.amount, SMALLER[row.unit]).partition(" (")
    else:
        figure, _, bounds = amounts.count(row.amount).partition(" (")
    return f"{figure} {row.name} ({bounds}" if bounds else f"{figure} {row.name}"


def grid_text(grid: GridIntensity) -> str:
    """Return which electricity it is: `44 g/kWh, France 2024 (Ember; Our World in Data, CC BY 4.0)`."""
    figure = f"{amounts.digits(grid.g_per_kwh)} g/kWh"
    if grid.year is None:
        return f"{figure}, {grid.source}"
    return f"{figure}, {grid.country} {grid.year} ({grid.source})"
