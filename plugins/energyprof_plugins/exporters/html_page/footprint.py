"""Carbon and cost: what the joules come with, where somebody said of which electricity; else there is no such part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.model import amounts
from energyprof.model.footprint_rows import FootprintRow
from energyprof.model.footprint_text import equivalents_by_source, grid_text
from energyprof.model.report import Report
from energyprof_plugins.exporters.html_page.markup import badge, name, words
from energyprof_plugins.exporters.html_page.section import Section

LEAD: Final = (
    "What the energy above comes with. The bounds are those of the energy; the figures that it is multiplied by are "
    "taken as stated."
)


def footprint_section(report: Report) -> Section:
    """Return energy with the data centre's share, CO2e, money and everyday things, each with what it rests on."""
    row = report.footprint
    told = "" if row is None else "".join(f"<dt>{words(what)}<dd>{said}" for what, said in _told(row))
    return Section("footprint", "Carbon and cost", f"<dl>{told}</dl>" if told else "", LEAD)


def _told(row: FootprintRow) -> Iterator[tuple[str, str]]:
    assumed = row.assumptions
    origins = dict(assumed.origins)
    if assumed.pue is not None:
        pue = amounts.with_bounds(assumed.pue, lambda value: f"{value:g}")
        said = f"{_figure(amounts.energy(row.facility_j))} {badge(row.facility_provenance)} with a PUE of {words(pue)}"
        yield "Energy", said + _said_by(origins, "pue")
    if assumed.grid is not None and row.carbon_g is not None:
        grid = name(grid_text(assumed.grid))
        said = f"{_figure(amounts.carbon(row.carbon_g))} {badge(row.carbon_provenance)} at {grid}"
        yield "Carbon", said + _said_by(origins, "region")
    if assumed.price is not None and row.cost is not None:
        price = name(f"{assumed.price.per_kwh:g} {assumed.price.currency}".strip())
        cost = name(amounts.money(row.cost, assumed.price.currency))
        said = f"<b>{cost}</b> {badge(row.cost_provenance)} at {price} a kWh"
        yield "Electricity", said + _said_by(origins, "price")
    for source, alike in equivalents_by_source(row):
        yield "As much as", f"{words(', or '.join(alike))}<br><small>{words(source)}</small>"


def _figure(text: str) -> str:
    return f"<b>{words(text)}</b>"


def _said_by(origins: dict[str, str], setting: str) -> str:
    return f" <small>({name(origins[setting])})</small>" if setting in origins else ""
