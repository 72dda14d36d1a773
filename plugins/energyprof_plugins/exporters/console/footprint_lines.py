"""What a run's energy comes with, as lines for the terminal: CO2e, money, everyday things, and what each rests on."""

from __future__ import annotations

from collections.abc import Iterator

from energyprof.model.footprint_rows import FootprintRow
from energyprof.model.footprint_text import footprint_sentences
from energyprof_plugins.exporters.console.glyphs import Glyphs

OF_THE_RUN = "footprint of the whole run"
"""Above the lines where a page is of a part."""


def footprint_lines(row: FootprintRow | None, glyphs: Glyphs) -> Iterator[str]:
    """Yield one line for each figure that is known; none where nobody said where its electricity is from."""
    for line in () if row is None else footprint_sentences(row):
        yield glyphs.name(glyphs.text(line))
