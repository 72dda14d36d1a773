"""A footprint as plain values for JSON, the same in every command and format that tells one."""

from __future__ import annotations

from typing import Any

from energyprof.model.footprint_rows import Assumptions, FootprintRow
from energyprof.model.range import Range


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
            {"unit": one.unit, "name": one.name, "amount": range_document(one.amount), "source": one.source}
            for one in row.equivalents
        ],
        "assumptions": assumptions_document(row.assumptions),
    }


def priced_document(assumed: Assumptions, energy_j: Range) -> dict[str, Any]:  # JSON
    """Return what an energy, or a change of one, comes with; what nobody said anything of is null."""
    carbon_g, cost = assumed.carbon_g(energy_j), assumed.cost(energy_j)
    return {
        "carbon_g": None if carbon_g is None else range_document(carbon_g),
        "cost": None if cost is None else range_document(cost),
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
