"""What was delayed and repeated so that stages can be told apart, as lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.model.cure_rows import RepeatedSumRow, RepeatRow
from energyprof.model.report import Report
from energyprof_plugins.exporters.account import counted_domains
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.figures import grouped, joules_with_bounds, percent, seconds, unit_of

SHOWN: Final = 6
"""Sums, and things not repeated, that are listed; the JSON report has all."""


def delay_line(report: Report) -> str:
    """Return what `--dephase` added; nothing where it was not asked for."""
    row = report.delays
    if row is None:
        return ""
    each = f"{seconds(row.low_s)} to {seconds(row.high_s)}" if row.low_s else f"up to {seconds(row.high_s)}"
    return (
        f"dephase  {grouped(row.delays)} random delays of {each} between iterations, {seconds(row.delay_s)} in all, "
        f"are no stage's time; without them the run took {seconds(row.wall_without_s)}"
    )


def repeat_lines(report: Report, glyphs: Glyphs) -> Iterator[str]:
    """Yield what `--repeat` has shown: how much was repeated, how that compares with the run, what was not."""
    row = report.repeat
    if row is None:
        return
    yield glyphs.text(_done(row))
    sums = [one for one in row.sums if one.domain in counted_domains(report)]
    paths = {stage.stage: "/".join(stage.path) for stage in report.stages}
    for one in sums[:SHOWN]:
        yield glyphs.text(_compared(one, glyphs.name(paths[one.stage]), glyphs.name(one.domain)))
    if len(sums) > SHOWN:
        yield f"+ {len(sums) - SHOWN} more comparisons"
    for name, reason in row.skipped[:SHOWN]:
        yield f"not repeated: {glyphs.name(name)}: {glyphs.name(reason)}"
    if len(row.skipped) > SHOWN:
        yield f"not repeated: + {len(row.skipped) - SHOWN} more, listed in the JSON report"


def _done(row: RepeatRow) -> str:
    things = len({(call.name, call.kind) for call in row.calls})
    if not things:
        return "nothing was called again" + ("; it was ended early" if row.is_cut else "")
    what = f"{grouped(things)} {'layer or function' if things == 1 else 'layers and functions'}"
    cut = "; ended early" if row.is_cut else ""
    return (
        f"{what} called again on inputs of the run, {row.rounds} visits of {seconds(row.visit_s)} each{cut}; "
        "repeated calls run warm, so compare:"
    )


def _compared(row: RepeatedSumRow, name: str, domain: str) -> str:
    figures = [figure for figure in (row.repeated_j, row.whole_j) if figure is not None]
    unit = unit_of(*figures)
    repeated = joules_with_bounds(row.repeated_j, row.repeated_low_j, row.repeated_high_j, unit)
    if row.whole_j is None or row.ratio is None:
        itself = "the run itself does not tell"
    else:
        whole = joules_with_bounds(row.whole_j, row.whole_low_j, row.whole_high_j, unit)
        itself = f"un-repeated {whole}, ratio {row.ratio:.2f}"
    layers = f"{row.layers} repeated" if row.layers > 1 else "repeated"
    return f"{name} ({domain}): {layers} {repeated}, {itself}; {percent(row.time_share, 0)} of its time"
