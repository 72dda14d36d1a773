"""Say of a report which part of the run it shows, and what that leaves out."""

from __future__ import annotations

from dataclasses import replace

from energyprof.model.attribution import Attribution
from energyprof.model.domain import Domain
from energyprof.model.report import Report, ViewRow
from energyprof.model.view import Grouping, View
from energyprof.report.sums import stages_energy_j


def with_view(
    report: Report, view: View, grouping: Grouping, domains: tuple[Domain, ...], attribution: Attribution
) -> Report:
    """Return the report of a view with the line that says so; `attribution` is that of the view."""
    stages_j = stages_energy_j(domains, attribution)
    counted = frozenset(row.domain for row in report.domains if row.counts)
    shown_uj = sum(
        round(row.energy_j * 1e6)
        for stage in report.stages
        for row in stage.self_energy
        if row.energy_j is not None and row.domain in counted
    )
    shown_uj += sum(round(row.energy_j * 1e6) for row in report.unsplit if row.domain in counted)
    whole = set(grouping.place[grouping.is_own & (grouping.place >= 0)].tolist())
    return replace(
        report,
        view=ViewRow(
            level=view.level,
            domain=view.domain,
            focus=view.focus,
            ignore=view.ignore,
            shown_j=None if stages_j is None else shown_uj / 1e6,
            left_out_j=None if stages_j is None else (round(stages_j * 1e6) - shown_uj) / 1e6,
            around=tuple(stage.id for place, stage in enumerate(grouping.stages) if place not in whole),
        ),
    )
