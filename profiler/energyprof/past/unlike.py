"""Why a run repeats nothing though it reads like an earlier one: what differs that its command does not show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from energyprof.model.past import PastRun


class Unlike(NamedTuple):
    """The newest earlier run of the same command, and why it is not repeated."""

    run: str
    """Its id."""
    reasons: tuple[str, ...]
    """In words."""


def unlike_before(runs: Iterable[PastRun], repeats: Mapping[str, str]) -> dict[str, Unlike]:
    """Return, by id, each run that came to its end and repeats none of `repeats`, but has the command of one before."""
    newest: dict[str, PastRun] = {}
    found = {}
    for run in runs:
        was = newest.get(run.work.command)
        if was is not None and run.is_result and run.id not in repeats:
            found[run.id] = Unlike(was.id, tuple(_reasons(was, run)))
        newest[run.work.command] = run
    return found


def _reasons(was: PastRun, now: PastRun) -> Iterator[str]:
    if was.work.program != now.work.program:
        yield "the program changed"
    if was.work.data != now.work.data:
        yield "other data"
    if was.work.arguments != now.work.arguments:
        yield "other arguments or variables"
    if was.work.is_work_of(now.work):
        yield "that one failed" if not was.is_result else "both are of one series"
