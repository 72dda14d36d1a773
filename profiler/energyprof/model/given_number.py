"""A number as people write it: `1200`, `1.5e9`, `7B`."""

from __future__ import annotations

import math
import re
from typing import Final

SCALES: Final = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}
LARGEST: Final = 1e18
"""A product of all figures that anything here multiplies stays finite."""
_NUMBER: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([kKmMgGbBtT]?)")


def parse_number(text: str) -> float:
    """Return a number of 0 or more, `7B` being 7e9; raises ValueError with a remedy."""
    match = _NUMBER.fullmatch(text.strip().replace("_", ""))
    if match is not None and match[2] == "m":
        raise ValueError(f"{text}: is it millions? Write M; of a thousandth, write 0.001")
    value = float(match[1]) * SCALES[match[2].lower()] if match else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number; write 1200, 1.2e3 or 1.2k")
    if value > LARGEST:
        raise ValueError(f"{text} is beyond anything that can be reckoned with; {LARGEST:g} at most")
    if value < 0:
        raise ValueError(f"{text} is less than 0")
    return value
