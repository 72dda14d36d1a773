"""Where a line may end: never within a figure, nor between a figure and its unit."""

from __future__ import annotations

import re
import textwrap
from typing import Final

UNBROKEN: Final = "\ue000"
"""Stands for the space within a figure while lines are broken; no name holds it: it is shown as an escape."""
_UNITS: Final = "|".join(
    ("[kMG\u00b5m]?(?:J|W|Wh)", "[mn\u00b5]?s", "h|days?", "[k\u00b5m]?g|t", "k?m|m?l|lb", "[TBMk]", "FLOP|TFLOP/s|CPU")
)
WITHIN_FIGURE: Final = re.compile(
    rf"(?<=\d) (?=\d{{3}}\b|%|[\u00b1+]-?\d|(?:{_UNITS})\b)|(?<=CPU) (?=s\b)|(?<=[gt]) (?=CO2e\b)"
)
"""The spaces at which no line ends."""


def wrapped(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """Return lines of at most `width` characters, begun by `first`, those after it by `rest`.

    An address is never broken, so that it can be opened: its line may be longer.
    """
    lines = textwrap.wrap(
        WITHIN_FIGURE.sub(UNBROKEN, text),
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
        break_long_words="://" not in text,
    )
    return [line.replace(UNBROKEN, " ") for line in lines]
