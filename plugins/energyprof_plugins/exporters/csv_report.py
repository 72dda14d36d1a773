"""The stages as a tidy table: one row per stage and power domain, for spreadsheets, pandas, R and DuckDB."""

from __future__ import annotations

import csv
import io
from typing import Final

from energyprof.interfaces import RenderContext
from energyprof.model.footprint_text import assumed_text
from energyprof.model.range import Range
from energyprof.model.report import EnergyRow, Report, StageRow
from energyprof_plugins.exporters.account import counted_domains
from energyprof_plugins.exporters.spreadsheet import harmless
from energyprof_plugins.exporters.visible import program_name, visible

COLUMNS: Final = (
    "program", "start", "host", "stage", "parent", "kind", "file", "line", "calls", "wall_s", "self_wall_s", "cpu_s",
    "domain", "domain_counts", "self_j", "self_low_j", "self_high_j", "self_provenance", "self_data_share",
    "self_reason", "total_j", "total_low_j", "total_high_j", "total_provenance", "total_data_share", "total_reason",
    "self_carbon_g", "total_carbon_g", "self_cost", "total_cost", "footprint_basis",
)  # fmt: skip


class CsvReport:
    """Format the stages as comma-separated values; what is refused is an empty cell beside its bounds and reason.

    Energies of rows with `domain_counts` true can be added up: `self_j` over stages; of `total_j` those of one stage.
    """

    name = "csv"
    suffix = ".csv"
    summary = "one row per stage and domain; spreadsheets, pandas, R and DuckDB open it"

    def render(self, report: Report, context: RenderContext) -> str:  # noqa: ARG002 - the door's signature
        """Return the rows, in pipeline order and in the order of the domains."""
        written = io.StringIO()
        sheet = csv.writer(written, lineterminator="\n")
        sheet.writerow(COLUMNS)
        run = tuple(_text(value) for value in (program_name(report.run.command), report.run.start, report.run.host))
        counted = counted_domains(report)
        for row in report.stages:
            stage = _stage(row)
            totals = {energy.domain: energy for energy in row.total_energy}
            for own in row.self_energy:
                counts = "true" if own.domain in counted else "false"
                both = (own, totals[own.domain])
                energies = (*_energy(both[0]), *_energy(both[1]))
                sheet.writerow((*run, *stage, _text(own.domain), counts, *energies, *_footprint(report, both)))
        return written.getvalue()


def _stage(row: StageRow) -> tuple[object, ...]:
    names = (_text(value) for value in (row.stage, row.parent, row.kind, row.file))
    return (*names, row.line, row.calls, row.wall_s, row.self_wall_s, row.cpu_s)


def _energy(row: EnergyRow) -> tuple[object, ...]:
    """Return the cells of an energy; None is written as nothing."""
    return (row.energy_j, row.low_j, row.high_j, row.provenance, row.data_share, _text(row.reason))


def _footprint(report: Report, energies: tuple[EnergyRow, ...]) -> tuple[object, ...]:
    """Return CO2e, cost and what they rest on; nothing where nobody said where the electricity is from."""
    if report.footprint is None:
        return (*[""] * 2 * len(energies), "")
    assumed = report.footprint.assumptions
    known = [None if row.energy_j is None else Range.exactly(row.energy_j) for row in energies]
    told = [None if one is None else of(one) for of in (assumed.carbon_g, assumed.cost) for one in known]
    return (*("" if one is None else one.value for one in told), _text(assumed_text(assumed)))


def _text(value: str | None) -> object:
    return harmless(visible(value)) if value else ""
