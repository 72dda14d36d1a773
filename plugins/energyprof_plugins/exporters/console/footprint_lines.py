"""What a run's energy comes with, as lines for the terminal: CO2e, money, everyday things, and what each rests on."""

from __future__ import annotations

from collections.abc import Iterator

from energyprof.model import amounts
from energyprof.model.footprint_rows import FootprintRow
from energyprof.model.footprint_text import equivalents_by_source, grid_text
from energyprof_plugins.exporters.console.glyphs import Glyphs


def footprint_lines(row: FootprintRow, glyphs: Glyphs) -> Iterator[str]:
    """Yield one line for each figure that is known."""
    assumed = row.assumptions
    if assumed.pue is not None:
        pue = amounts.with_bounds(assumed.pue, lambda value: f"{value:g}")
        text = f"{amounts.energy(row.facility_j)} with a PUE of {pue}, {row.facility_provenance}"
        yield glyphs.text(text)
    if assumed.grid is not None and row.carbon_g is not None:
        text = f"{amounts.carbon(row.carbon_g)}, {row.carbon_provenance}: "
        yield glyphs.text(text) + glyphs.name(grid_text(assumed.grid))
    if assumed.price is not None and row.cost is not None:
        price = f"{assumed.price.per_kwh:g} {assumed.price.currency}".strip()
        text = f"{amounts.money(row.cost, assumed.price.currency)}, {row.cost_provenance}: at {price} a kWh"
        yield glyphs.name(text)
    for source, alike in equivalents_by_source(row):
        yield glyphs.text(f"as much as {', or '.join(alike)} ({source})")
