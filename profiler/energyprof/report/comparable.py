"""Whether joules of several runs may be set beside each other, and if not, why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from energyprof.model.report import Report

BUSY = 0.1
"""Part of the machine's used CPU time that was other programs', from which on a run was disturbed."""


def cautions_between(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return a line for each reason why the joules of these runs may differ by more than their programs."""
    return (*obstacles_between(reports), *disturbances_in(reports))


def obstacles_between(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return a line for each thing that was not alike when these runs were recorded."""
    return tuple(_lines(reports, (*_SENSING, _HOSTS, _PROCESSORS, _VERSIONS)))


def obstacles_to_a_difference(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return a line for each thing for which the changes between these runs cannot be tested.

    Hosts of one processor may be compared where each keeps what it gets wrong: names of containers differ from run to
    run.
    """
    hosts = () if _is_of_one_kind(reports) else (_HOSTS,)
    return tuple(_lines(reports, (*_SENSING, *hosts, _PROCESSORS, _VERSIONS)))


def of_other_machines(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return what is to be said of runs of several hosts that are compared all the same."""
    return tuple(_lines(reports, (_LIKE_HOSTS,))) if _is_of_one_kind(reports) else ()


def is_one_machine(reports: Sequence[Report]) -> bool:
    """Return whether what a sensor or model gets wrong is the same in all of these runs."""
    return len({(report.run.host, _processor(report), _sensors(report)) for report in reports}) == 1


def _is_of_one_kind(reports: Sequence[Report]) -> bool:
    found = {_processor(report) for report in reports}
    return len(found) == 1 and found != {""}


def _lines(reports: Sequence[Report], asked: Iterable[_Asked]) -> Iterator[str]:
    for what, of, remedy in asked:
        found = list(dict.fromkeys(of(report) for report in reports))
        if len(found) > 1:
            yield f"the {what} differ ({'; '.join(one or 'not known' for one in found)}): {remedy}"


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


def _host(report: Report) -> str:
    return report.run.host


def _processor(report: Report) -> str:
    return report.run.versions.get("cpu", "")


_Asked = tuple[str, Callable[[Report], str], str]
_SENSING: Final[tuple[_Asked, ...]] = (
    ("power sensors", _sensors, "joules of different sensors differ by more than the program; record all alike"),
    ("how joules are known", _provenance, "an estimate and a measurement are not to be set against each other"),
)
_HOSTS: Final[_Asked] = ("hosts", _host, "record all on one machine")
_LIKE_HOSTS: Final[_Asked] = ("hosts", _host, "their processors are of one kind, yet each machine differs a little")
_PROCESSORS: Final[_Asked] = ("processors", _processor, "record all on one machine")
_VERSIONS: Final[_Asked] = (
    "versions of energyprof",
    lambda report: report.run.versions.get("energyprof", ""),
    "record all with one",
)
"""What is asked of each run, what that is called, and what helps where it differs."""
