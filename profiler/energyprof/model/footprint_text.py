"""A footprint in words: rows of name, figure and what it rests on, the same wherever one is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from energyprof.model import amounts
from energyprof.model.footprint_rows import Assumptions, EnergyPrice, EquivalentRow, FootprintRow, GridIntensity
from energyprof.model.range import Range

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


def footprint_sentences(row: FootprintRow) -> Iterator[str]:
    """Yield a sentence for each figure that is known, with its bounds, how it is known, and what it rests on."""
    assumed = row.assumptions
    if assumed.pue is not None:
        yield f"{amounts.energy(row.facility_j)} with {pue_text(assumed.pue)}, {row.facility_provenance}"
    if assumed.grid is not None and row.carbon_g is not None:
        yield f"{amounts.carbon(row.carbon_g)}, {row.carbon_provenance}: {grid_text(assumed.grid)}"
    if assumed.price is not None and row.cost is not None:
        cost = amounts.money(row.cost, assumed.price.currency)
        yield f"{cost}, {row.cost_provenance}: {price_text(assumed.price)}"
    for source, alike in equivalents_by_source(row):
        yield f"as much as {', or '.join(alike)} ({source})"


def carbon_and_cost(assumed: Assumptions, energy_j: Range) -> str:
    """Return what an energy comes with, `1.2 mg CO2e (1.0 to 1.4), 0.0003 EUR (0.0002 to 0.0004)`; or nothing."""
    carbon_g, cost = assumed.carbon_g(energy_j), assumed.cost(energy_j)
    told = [] if carbon_g is None else [amounts.carbon(carbon_g)]
    if cost is not None and assumed.price is not None:
        told.append(amounts.money(cost, assumed.price.currency))
    return ", ".join(told)


def assumed_text(assumed: Assumptions) -> str:
    """Return what CO2e and cost rest on: grid with its year and source, price, PUE; empty: nothing was said."""
    told = [] if assumed.grid is None else [grid_text(assumed.grid)]
    told += [] if assumed.price is None else [price_text(assumed.price)]
    told += [] if assumed.pue is None else [f"with {pue_text(assumed.pue)}"]
    return "; ".join(told)


def price_text(price: EnergyPrice) -> str:
    """Return which price it is: `at 0.25 EUR a kWh`."""
    return f"at {f'{price.per_kwh:g} {price.currency}'.strip()} a kWh"


def pue_text(pue: Range) -> str:
    """Return the factor of the data centre: `a PUE of 1.2`."""
    return f"a PUE of {amounts.with_bounds(pue, lambda value: f'{value:g}')}"


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
