"""The characters a terminal can show: all of them, or ASCII only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich import box

from energyprof_plugins.exporters.visible import visible

EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
PLAIN: Final = {
    "\u00b1": "+-",
    "\u00d7": "x",
    "\u2212": "-",
    "\u00b5": "u",
    "\u2026": "..",
    " \u00b7 ": ", ",
}
HEAD_RULE: Final = box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
"""One rule below the headings, as rich's SIMPLE_HEAD has it."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """How text is written for one terminal."""

    unicode: bool

    def text(self, words: str) -> str:
        """Return our own words, figures and signs as this terminal can show them."""
        if not self.unicode:
            for sign, plain in PLAIN.items():
                words = words.replace(sign, plain)
        return words

    def name(self, name: str) -> str:
        """Return somebody else's name: harmless, and ASCII where nothing else can be shown."""
        return visible(name, ascii_only=not self.unicode)

    def bar(self, part: float, width: int) -> str:
        """Return a bar of `part` (0..1) of `width` cells, in eighths of a cell where they exist."""
        if not self.unicode:
            return "#" * round(part * width)
        eighths = round(part * width * 8)
        return EIGHTHS[8] * (eighths // 8) + (EIGHTHS[eighths % 8] if eighths % 8 else "")

    def rule(self) -> box.Box:
        """Return the box of tables."""
        return box.SIMPLE_HEAD if self.unicode else HEAD_RULE
