"""The run that this one repeats, as lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from energyprof.model.past_text import earlier_lines as sentences
from energyprof.model.report import Report
from energyprof_plugins.exporters.console.glyphs import Glyphs


def earlier_lines(report: Report, glyphs: Glyphs) -> Iterator[str]:
    """Yield which run is repeated, what that cost, and how alike both are; nothing where none is known."""
    if report.earlier is not None:
        yield from map(glyphs.name, sentences(report.earlier, report.run.host))
