"""What the trials of a search took, as lines for the terminal, and as a table of its own."""

from __future__ import annotations

from collections.abc import Iterator

from energyprof.model.report import Report
from energyprof.model.trial_rows import Trials, TrialSum
from energyprof.model.work_rows import BoundedJ
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.figures import grouped, joules_with_bounds


def trial_lines(report: Report, glyphs: Glyphs) -> Iterator[str]:
    """Yield what all trials took, and the command that lists them; nothing where there are none."""
    if report.trials is not None:
        for one in report.trials.studies or (report.trials,):
            about = f"{one.study or 'no study'}: " if report.trials.studies else ""
            yield from (glyphs.name(glyphs.text(f"{about}{line}")) for line in trial_sums(one))
        yield "which found what, and after how many joules: energyprof trials"


def trial_sums(found: Trials) -> Iterator[str]:
    """Yield what all trials took, and the pruned, failed and repeated ones."""
    yield f"{_count(found.all)}: {_energy(found.all)} together, {found.provenance}"
    for kind, words in (
        (found.pruned, "pruned"),
        (found.failed, "failed"),
        (found.repeated, "with the parameters of an earlier one"),
        (found.known, "done by an earlier run, as energyprof history knows"),
    ):
        if kind.count:
            yield f"{grouped(kind.count)} {words}: {_energy(kind)}"


def _count(kind: TrialSum) -> str:
    return f"{grouped(kind.count)} trial{'' if kind.count == 1 else 's'}"


def _energy(kind: TrialSum) -> str:
    return "not known" if kind.energy is None else bounded(kind.energy)


def bounded(figure: BoundedJ) -> str:
    """Return joules with their bounds."""
    return joules_with_bounds(figure.energy_j, figure.low_j, figure.high_j)
