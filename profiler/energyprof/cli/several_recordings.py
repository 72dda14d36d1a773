"""What is odd about the recordings that one energy of a projection is taken from, each thing said once for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from energyprof.cli.swept_ways import in_order, names_in, way_of
from energyprof.errors import InputError
from energyprof.model.shell import in_shell

if TYPE_CHECKING:
    from energyprof.model.report import Report

SHOWN: Final = 4
"""Ways or programs that are named."""


def refuse_other_ways(text: str, paths: Sequence[Path]) -> None:
    """Raise InputError for runs of several ways of a sweep: a mean over what was varied on purpose is none's."""
    swept = [(way_of(path, names), path) for path in paths if (names := names_in(path.parent))]
    ways = dict(in_order(swept))
    if len(ways) < 2:
        return
    path = next(iter(ways.values()))
    pattern = path.with_name(f"{escape(path.stem.rpartition('-run')[0])}-run*{path.suffix}")
    raise InputError(
        f"{text} has runs of {len(ways)} ways ({_some(list(ways))}), and their mean is that of none; name those of "
        f"one, such as {in_shell(str(pattern))}"
    )


def unlike_runs(text: str, reports: Sequence[Report]) -> Iterator[str]:
    """Yield a line where runs are of several programs, or one program was told different things."""
    from energyprof.report.command_words import programs_and_arguments_apart

    apart = programs_and_arguments_apart(reports)
    if apart:
        yield (
            f"the runs of {text} are not alike ({_some(apart)}): what differs between them counts as chance; name "
            "those of one way of running it"
        )


def disturbances(recorded: Sequence[tuple[str, Report]]) -> Iterator[str]:
    """Yield what may have made these recordings other than their work is, each thing once."""
    from energyprof.report.comparable import busy_share, why_no_baseline

    reasons: dict[str, list[str]] = {}
    for path, report in recorded:
        why = why_no_baseline(report)
        if why:
            reasons.setdefault(why, []).append(path)
    for why, paths in reasons.items():
        yield f"{_runs(paths, len(recorded))} may not be all of {'its' if len(paths) == 1 else 'their'} work: {why}"
    busy = {path: share for path, report in recorded if (share := busy_share(report)) is not None}
    if busy:
        least, most = (f"{share:.0%}".removesuffix("%") for share in (min(busy.values()), max(busy.values())))
        part = f"{most} %" if least == most else f"{least} to {most} %"
        it, that_run = ("it", "it") if len(busy) == 1 else ("they", "them")
        yield (
            f"other programs used {part} of the CPU time, or device, during {_runs(list(busy), len(recorded))}, which "
            f"may have changed what {it} took by more than the bounds say; record {that_run} again on a quiet machine"
        )


def _runs(paths: Sequence[str], count: int) -> str:
    return paths[0] if len(paths) == 1 else f"{len(paths)} of {count} runs (the first: {paths[0]})"


def _some(names: Sequence[str]) -> str:
    more = f"; {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "; ".join(names[:SHOWN]) + more
