"""Whether joules of several runs may be set beside each other, and if not, why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from energyprof.model.report import Report

BUSY = 0.1
"""Part of the machine's used CPU time that was other programs', from which on a run was disturbed."""


def cautions_between(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return a line for each reason why the joules of these runs may differ by more than their programs."""
    return (*obstacles_between(reports), *disturbances_in(reports))


def obstacles_between(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return a line for each thing that was not alike when these runs were recorded."""
    asked: tuple[tuple[str, Callable[[Report], str], str], ...] = (
        ("power sensors", _sensors, "joules of different sensors differ by more than the program; record all alike"),
        ("how joules are known", _provenance, "an estimate and a measurement are not to be set against each other"),
        ("hosts", lambda report: report.run.host, "record all on one machine"),
        ("processors", lambda report: report.run.versions.get("cpu", ""), "record all on one machine"),
        ("versions of energyprof", lambda report: report.run.versions.get("energyprof", ""), "record all with one"),
    )
    lines = []
    for what, of, remedy in asked:
        found = list(dict.fromkeys(of(report) for report in reports))
        if len(found) > 1:
            lines.append(f"the {what} differ ({'; '.join(one or 'not known' for one in found)}): {remedy}")
    return tuple(lines)


def disturbances_in(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return a line for each thing that went wrong in some of these runs."""
    lines = []
    failed = sum(report.run.exit_code not in {0, None} for report in reports)
    if failed:
        lines.append(f"{failed} of {len(reports)} runs ended with an error: they may not have done the same work")
    busy = sum(any((row.others_share or 0.0) > BUSY for row in report.domains if row.counts) for report in reports)
    if busy:
        lines.append(f"during {busy} of {len(reports)} runs other programs were busy; repeat them on a quiet machine")
    return tuple(lines)


def _sensors(report: Report) -> str:
    return ", ".join(sorted(f"{row.domain} by {row.source}" for row in report.domains if row.counts)) or "none"


def _provenance(report: Report) -> str:
    return report.measured.provenance
