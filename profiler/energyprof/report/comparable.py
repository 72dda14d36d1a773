"""Whether joules of several runs may be set beside each other, and if not, why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from energyprof.model.report import Report
from energyprof.report.command_words import program_and_arguments

BUSY = 0.1
"""Part of the machine's used CPU time that was other programs', from which on a run was disturbed."""

LEAST_COVERED = 0.95
"""Part of a run that has to be read for its joules to be set against others: what the rest took is not in them."""


ASKED_APART: Final = frozenset({"energyprof", "cpu", "imported"})
"""Facts among the versions that are no reason for care: either an obstacle, or nothing that a program runs with."""
ONE_CARD: Final = re.compile(r", (?:GPU|MIG)-[0-9a-fA-F-]+")
"""What names one card among those of its kind in the description of a sensor."""


def obstacles_between(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return a line for each thing that was not alike when these runs were recorded."""
    return tuple(_lines(reports, (*_SENSING, _HOSTS, _PROCESSORS, _VERSIONS)))


def cautions_between(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return the same for runs that are set beside each other all the same, each with its own error."""
    return tuple(_lines(reports, (*_SENSED, _HOSTS, _PROCESSORS, _VERSIONS)))


def obstacles_to_a_difference(before: Sequence[Report], after: Sequence[Report]) -> tuple[str, ...]:
    """Return a line for each thing for which the changes between these runs cannot be tested.

    Hosts of one processor may be compared where each keeps what it gets wrong: names of containers differ from run to
    run.
    """
    reports = (*before, *after)
    hosts = () if _is_of_one_kind(reports) else (_HOSTS,)
    unlike = _lines(reports, (*_SENSING, *hosts, _PROCESSORS, _VERSIONS))
    return (*unlike, *_other_stages(before, after), *_single_and_disturbed(before, after))


def other_programs(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return a line where these runs are not of one script or module."""
    return tuple(_lines(reports, (_PROGRAMS,)))


def has_failed(report: Report) -> bool:
    """Return whether the program is known to have ended with an error."""
    return report.run.exit_code not in {0, None}


def why_no_baseline(report: Report) -> str:
    """Return why a run may have done or shown less than its program takes, so that others seem more; or nothing."""
    code = report.run.exit_code
    if code:
        return f"it ended with status {code}" if code > 0 else f"it was ended by signal {-code}"
    if code is None and "imported" not in report.run.versions:
        return "nobody saw its end"
    share = covered_share(report)
    return f"readings cover {share:.0%} of it only" if share < LEAST_COVERED else ""


def strangers(reports: Sequence[Report]) -> tuple[Report, Report] | None:
    """Return two of the runs that have no stage in common, so that they are hardly of one program; None: all have."""
    first = reports[0]
    return next(((first, other) for other in reports[1:] if _are_strange([first], [other])), None)


def _are_strange(before: Sequence[Report], after: Sequence[Report]) -> bool:
    old, new = ({row.stage for report in side for row in report.stages} for side in (before, after))
    return bool(old and new and not old & new)


def _other_stages(before: Sequence[Report], after: Sequence[Report]) -> Iterator[str]:
    if _are_strange(before, after):
        yield "the runs have no stage in common: they did other work; compare runs of one program"


def _single_and_disturbed(before: Sequence[Report], after: Sequence[Report]) -> Iterator[str]:
    """Give why one run of each says nothing where others took the machine: several would show it as their spread."""
    busy = sum(map(_is_disturbed, (*before, *after)))
    if len(before) == len(after) == 1 and busy:
        when = "both" if busy > 1 else "one of them"
        yield (
            f"one run each, and during {when} other programs were busy: the change may be their doing; "
            "repeat them on a quiet machine, or give several runs of each"
        )


def of_other_machines(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return what is to be said of runs of several hosts, or cards, that are compared all the same."""
    hosts = _lines(reports, (_LIKE_HOSTS,)) if _is_of_one_kind(reports) else ()
    is_of_other_cards = len(set(map(_sources, reports))) > len(set(map(_sensors, reports)))
    return (*hosts, *(_lines(reports, (_LIKE_CARDS,)) if is_of_other_cards else ()))


def other_versions_of(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return a line where the runs did not have one Python, one system and the same frameworks."""
    told = [report.run.versions for report in reports]
    names = [name for name in dict.fromkeys(name for one in told for name in one) if name not in ASKED_APART]
    differing = [
        f"{name} {' and '.join(found)}"
        for name in names
        if len(found := list(dict.fromkeys(one[name] for one in told if name in one))) > 1
    ]
    return (f"versions differ ({'; '.join(differing)}): they may be the difference",) if differing else ()


def is_one_machine(reports: Sequence[Report]) -> bool:
    """Return whether what a sensor or model gets wrong is the same in all of these runs."""
    return len(set(map(machine_of, reports))) == 1


def machine_of(report: Report) -> tuple[str, str, str]:
    """Return what a run was recorded on and read by: host, processor, sensors."""
    return report.run.host, _processor(report), _sources(report)


def _is_of_one_kind(reports: Sequence[Report]) -> bool:
    found = {_processor(report) for report in reports}
    return len(found) == 1 and found != {""}


def _lines(reports: Sequence[Report], asked: Iterable[_Asked]) -> Iterator[str]:
    for what, of, remedy in asked:
        found = list(dict.fromkeys(of(report) for report in reports))
        if len(found) > 1:
            yield f"{what} ({'; '.join(one or 'not known' for one in found)}): {remedy}"


def disturbances_in(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return a line for each thing that went wrong in some of these runs."""
    lines = []
    failed = sum(map(has_failed, reports))
    if failed:
        lines.append(f"{failed} of {len(reports)} runs ended with an error: they may not have done the same work")
    return (*lines, *_partly_read(reports), *busy_in(reports))


def covered_share(report: Report) -> float:
    """Return the part of the run that was read, 0..1: of several domains that count, of the one that was least."""
    counted = {row.domain for row in report.domains if row.counts}
    shares = [row.covered_share for row in report.ledger if row.domain in counted]
    return min((share for share in shares if share is not None), default=1.0)


def _partly_read(reports: Sequence[Report]) -> Iterator[str]:
    shares = [share for share in map(covered_share, reports) if share < LEAST_COVERED]
    if shares:
        least = f"{'only' if len(shares) == 1 else 'as little as'} {100 * min(shares):.3g} %"
        yield (
            f"in {len(shares)} of {len(reports)} runs readings cover {least} of the time: what the rest took is in no "
            "figure; record again"
        )


def busy_in(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return a line where other programs used much of the machine during some of these runs."""
    busy = sum(map(_is_disturbed, reports))
    if not busy:
        return ()
    return (f"during {busy} of {len(reports)} runs other programs were busy; repeat them on a quiet machine",)


def busy_share(report: Report) -> float | None:
    """Return the largest part of what was used that was other programs', where that is much; None: it is not."""
    most = max((row.others_share or 0.0 for row in report.domains if row.counts), default=0.0)
    return most if most > BUSY else None


def _is_disturbed(report: Report) -> bool:
    return busy_share(report) is not None


def _sources(report: Report) -> str:
    counted = sorted(f"{row.domain} by {row.source}" for row in report.domains if row.counts)
    return ", ".join(counted or sorted(f"{row.domain} by {row.source}, not read" for row in report.domains)) or "none"


def _sensors(report: Report) -> str:
    """Return which kinds of sensors were read, of whichever card."""
    return ONE_CARD.sub("", _sources(report))


def _cards(report: Report) -> str:
    return ", ".join(sorted({found[2:] for found in ONE_CARD.findall(_sources(report))}))


def _provenance(report: Report) -> str:
    return report.measured.provenance


def _host(report: Report) -> str:
    return report.run.host


def _program(report: Report) -> str:
    """Return the script, or the module behind -m, without what it was told."""
    return program_and_arguments(report.run.command)[0]


def _processor(report: Report) -> str:
    return report.run.versions.get("cpu", "")


_Asked = tuple[str, Callable[[Report], str], str]
_SENSORS: Final = "the power sensors differ"
_KNOWN: Final = "joules are known in different ways"
_SENSING: Final[tuple[_Asked, ...]] = (
    (_SENSORS, _sensors, "joules of different sensors differ by more than the program; record all alike"),
    (_KNOWN, _provenance, "an estimate and a measurement are not to be set against each other"),
)
_SENSED: Final[tuple[_Asked, ...]] = (
    (_SENSORS, _sensors, "what one sees of a machine and another does not is in no interval; record all alike"),
    (_KNOWN, _provenance, "the error of an estimate is far larger than that of a sensor; record all alike"),
)
_HOSTS: Final[_Asked] = ("the hosts differ", _host, "record all on one machine")
_LIKE_HOSTS: Final[_Asked] = (
    "the hosts differ",
    _host,
    "their processors are of one kind, yet each machine differs a little",
)
_LIKE_CARDS: Final[_Asked] = ("the GPUs differ", _cards, "they are of one kind, yet each differs a little")
_PROGRAMS: Final[_Asked] = ("the programs differ", _program, "joules of a unit compare where the unit is the same work")
_PROCESSORS: Final[_Asked] = ("the processors differ", _processor, "record all on one machine")
_VERSIONS: Final[_Asked] = (
    "the versions of energyprof differ",
    lambda report: report.run.versions.get("energyprof", ""),
    "record all with one",
)
"""What is asked of each run, what that is called, and what helps where it differs."""
