"""A footprint as rows for people and as JSON, the same in every command that tells one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from energyprof.model import amounts
from energyprof.model.footprint_rows import Assumptions, EquivalentRow, FootprintRow, GridIntensity
from energyprof.model.range import Range


def footprint_lines(row: FootprintRow, pue_basis: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, figure and what it rests on, for each figure that is known."""
    assumed = row.assumptions
    yield "energy", amounts.energy(row.energy_j), "of the computers"
    if assumed.pue is not None:
        pue = amounts.with_bounds(assumed.pue, lambda value: f"{value:g}")
        yield "with PUE", amounts.energy(row.facility_j), f"PUE {pue}: {pue_basis}"
    if assumed.grid is not None and row.carbon_g is not None:
        yield "carbon", f"{amounts.mass(row.carbon_g)} CO2e", grid_text(assumed.grid)
    if assumed.price is not None and row.cost is not None:
        price = f"{assumed.price.per_kwh:g} {assumed.price.currency}".strip()
        yield "electricity", amounts.money(row.cost, assumed.price.currency), f"at {price} a kWh"
    for source in dict.fromkeys(one.source for one in row.equivalents):
        alike = [equivalent_text(one) for one in row.equivalents if one.source == source]
        for place, text in enumerate(alike):
            yield "or" if place else "as much as", text, source if text == alike[-1] else ""


def equivalent_text(row: EquivalentRow) -> str:
    """Return an everyday thing with its bounds last: `38.3 km by an average US car (14.3 to 69.7)`."""
    figure, _, bounds = amounts.count(row.amount).partition(" (")
    return f"{figure} {row.name} ({bounds}" if bounds else f"{figure} {row.name}"


def grid_text(grid: GridIntensity) -> str:
    """Return which electricity it is: `44 g/kWh, France 2024 (Ember; Our World in Data, CC BY 4.0)`."""
    figure = f"{amounts.digits(grid.g_per_kwh)} g/kWh"
    if grid.year is None:
        return f"{figure}, {grid.source}"
    return f"{figure}, {grid.country} {grid.year} ({grid.source})"


def footprint_document(row: FootprintRow) -> dict[str, Any]:  # JSON
    """Return every figure of a footprint with its bounds, provenance and assumptions."""
    return {
        "energy_j": range_document(row.energy_j),
        "energy_provenance": row.energy_provenance,
        "facility_j": range_document(row.facility_j),
        "facility_provenance": row.facility_provenance,
        "carbon_g": None if row.carbon_g is None else range_document(row.carbon_g),
        "carbon_provenance": row.carbon_provenance,
        "cost": None if row.cost is None else range_document(row.cost),
        "cost_provenance": row.cost_provenance,
        "equivalents": [
            {"name": one.name, "amount": range_document(one.amount), "source": one.source} for one in row.equivalents
        ],
        "assumptions": assumptions_document(row.assumptions),
    }


def assumptions_document(assumed: Assumptions) -> dict[str, Any]:  # JSON
    """Return what was assumed and who said it."""
    grid, price = assumed.grid, assumed.price
    return {
        "grid": None
        if grid is None
        else {
            "g_per_kwh": grid.g_per_kwh,
            "region": grid.region,
            "country": grid.country,
            "year": grid.year,
            "source": grid.source,
        },
        "price": None if price is None else {"per_kwh": price.per_kwh, "currency": price.currency},
        "pue": None if assumed.pue is None else range_document(assumed.pue),
        "origins": dict(assumed.origins),
    }


def range_document(figure: Range) -> dict[str, float]:
    """Return a figure with its bounds."""
    return {"value": figure.value, "low": figure.low, "high": figure.high}
