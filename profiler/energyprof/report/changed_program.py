"""Whether runs are of one version of their program: a statement, for to compare versions is what most compare for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from energyprof.model.program import ProgramFacts
from energyprof.model.report import Report, RunRow

SHOWN: Final = 3
"""Files that are named."""
COMMIT_DIGITS: Final = 10


def changed_program(before: Sequence[Report], after: Sequence[Report], since: str = "") -> tuple[str, ...]:
    """Return how the program changed from one side to the other, and on which side runs are of several versions.

    Nothing where it did not, or where a recording does not know its program. `since`: what to call the change.
    """
    sides = [[report.run for report in side] for side in (before, after)]
    if not all(run.program for side in sides for run in side):
        return ()
    uneven = [
        f"the runs {word} are of {count} versions of the program, and their mean is of none"
        for word, side in zip(("before", "after"), sides, strict=True)
        if (count := _versions(side)) > 1
    ]
    found = next((line for old in sides[0] for new in sides[1] if (line := _change(old, new, since))), "")
    return (*([found] if found else []), *uneven)


def other_versions(runs: Sequence[RunRow]) -> tuple[str, ...]:
    """Return a line where runs that are set beside each other are not of one version of their program."""
    known = [run for run in runs if run.program]
    found = next((line for run in known[1:] if (line := _change(known[0], run, "between these runs"))), "")
    return (found,) if found else ()


def _versions(runs: Sequence[RunRow]) -> int:
    kept: list[RunRow] = []
    for run in runs:
        if all(_changed_files(one, run) for one in kept):
            kept.append(run)
    return len(kept)


def _changed_files(old: RunRow, new: RunRow) -> tuple[str, ...]:
    return () if old.program is None or new.program is None else old.program.changed_files(new.program)


def _change(old: RunRow, new: RunRow, since: str) -> str:
    names = _changed_files(old, new)
    if not names or old.program is None or new.program is None:
        return ""
    files = len(dict(old.program.files).keys() | dict(new.program.files).keys())
    shown = [_named(name, old, new) for name in names[:SHOWN]]
    shown += [f"{len(names) - SHOWN} more"] if len(names) > SHOWN else []
    of = f" of its {files} files" if files > 1 else ""
    count = f"{len(names)}{of} {'differ' if len(names) > 1 else 'differs'}: " if files > 1 else "it differs: "
    said = "; ".join((f"{count}{', '.join(shown)}", *_commits(old.program, new.program)))
    return f"the program changed{f' {since}' if since else ''} ({said})"


def _named(name: str, old: RunRow, new: RunRow) -> str:
    """Return a file as people call it; one that is on one side only says so."""
    called = name or script_of(new) or "the script"
    sides = [name in dict(run.program.files) for run in (old, new) if run.program is not None]
    return called if all(sides) else f"{called} {'gone' if sides[0] else 'new'}"


def script_of(run: RunRow) -> str:
    """Return the name of the script that a command starts; empty: none is seen in it."""
    return next((Path(word).name for word in run.command if word.endswith((".py", ".pyw", ".sh"))), "")


def _commits(old: ProgramFacts, new: ProgramFacts) -> Iterator[str]:
    if not old.commit or not new.commit:
        return
    one, other = (facts.commit[:COMMIT_DIGITS] for facts in (old, new))
    if one != other:
        yield f"commit {one}{_uncommitted(old)} before, {other}{_uncommitted(new)} after"
        return
    loose = [side for side, facts in (("before", old), ("after", new)) if facts.is_committed is False]
    uncommitted = f", {' and '.join(loose)} with changes that are not committed" if loose else ""
    yield f"commit {one}{uncommitted}"


def _uncommitted(facts: ProgramFacts) -> str:
    return " with changes that are not committed" if facts.is_committed is False else ""
