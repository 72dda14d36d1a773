"""What to change, as lines for the terminal: the best findings in a line each, or all with their evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.model.finding import Finding, Overlap
from energyprof.model.report import Report
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.figures import joules, joules_between

BEST: Final = 3
"""Findings shown among everything else."""
OFFENDERS: Final = 3
"""Stages named of one finding."""
OVERLAPS: Final = 3
"""Other findings named of one."""
ALL: Final = 0.995
"""Part that is printed as the whole."""


def best_lines(report: Report, glyphs: Glyphs) -> Iterator[str]:
    """Yield a line for each of the best findings, and the command that lists all with their evidence."""
    for found in report.findings[:BEST]:
        yield f"{offenders(found, glyphs)}: {glyphs.text(found.fault)}; {glyphs.text(_in_brief(found))}"
    more = len(report.findings) - BEST
    rest = f"+ {more} more, and why, and how: " if more > 0 else "why, and how: "
    yield f"{rest}energyprof findings"


def offenders(found: Finding, glyphs: Glyphs) -> str:
    """Return the stages that a finding is about."""
    if not found.offenders:
        return "the whole run"
    named = ", ".join(map(glyphs.name, found.offenders[:OFFENDERS]))
    more = len(found.offenders) - OFFENDERS
    return f"{named} and {more} more" if more > 0 else named


def finding_lines(found: Finding, glyphs: Glyphs) -> Iterator[str]:
    """Yield all there is to say of one finding."""
    yield f"evidence: {glyphs.name(found.evidence)}"
    now = "not known" if found.now_j is None else f"{joules(found.now_j)}, {found.provenance}"
    yield glyphs.text(f"now:      {now}")
    yield glyphs.text(f"saving:   {_saving(found)}")
    if found.overlaps:
        yield glyphs.text(f"shared:   {_shared(found)}, and can be saved once")
    yield f"remedy:   {glyphs.name(found.remedy)}"


def _in_brief(found: Finding) -> str:
    if found.saving_j is None:
        return "a hint"
    of = "" if found.now_j is None else f" of {joules(found.now_j)}"
    largest = max(found.overlaps, key=lambda overlap: overlap.high_j, default=None)
    also = "" if largest is None else f", {_of_it(found, largest)} also in line {largest.finding}"
    return f"saves {_between(*found.saving_j)}{of}{also}"


def _saving(found: Finding) -> str:
    return "not known: a hint" if found.saving_j is None else f"{_between(*found.saving_j)}, estimated"


def _shared(found: Finding) -> str:
    """Return how much of it is in which findings before it, the largest parts of many."""
    largest = sorted(found.overlaps, key=lambda overlap: -overlap.high_j)[:OVERLAPS]
    return " and ".join(f"{_of_it(found, overlap)} in finding {overlap.finding}" for overlap in largest)


def _of_it(found: Finding, overlap: Overlap) -> str:
    now_j = found.now_j or 0.0
    return "all of it" if overlap.low_j >= ALL * now_j else f"{_between(overlap.low_j, overlap.high_j)} of it"


def _between(low_j: float, high_j: float) -> str:
    if high_j == 0:
        return "0 J"
    if low_j == 0:
        return f"up to {joules(high_j)}"
    alike = joules_between(low_j, high_j)
    return alike if " to " in alike else f"about {alike}"
