"""Say of a report which part of the run it shows, and what that leaves out."""

from __future__ import annotations

from dataclasses import replace

from energyprof.model.attribution import Attribution
from energyprof.model.domain import Domain
from energyprof.model.report import Report
from energyprof.model.view import Grouping, View
from energyprof.model.view_row import ViewRow
from energyprof.report.sums import stages_energy_j


def with_view(
    report: Report, view: View, grouping: Grouping, domains: tuple[Domain, ...], attribution: Attribution
) -> Report:
    """Return the report of a view with the line that says so; `attribution` is that of the view."""
    stages_j = stages_energy_j(domains, attribution)
    counted = frozenset(row.domain for row in report.domains if row.counts)
    own_j = [row.energy_j for stage in report.stages for row in stage.self_energy if row.domain in counted]
    joint_j = [row.energy_j for row in report.unsplit if row.domain in counted]
    known_j = [energy_j for energy_j in [*own_j, *joint_j] if energy_j is not None]
    if not known_j and report.stages:
        stages_j = None  # nothing is known of what is shown, which is not nothing
    shown_uj = sum(round(energy_j * 1e6) for energy_j in known_j)
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
