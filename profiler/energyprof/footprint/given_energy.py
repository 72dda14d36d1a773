"""An energy as people write it: `1200kWh`, `3.2 J`, `40..60MJ`."""

from __future__ import annotations

import re
from typing import Final

from energyprof.errors import InputError
from energyprof.model.range import Range

PREFIXES: Final = {"": 1.0, "u": 1e-6, "\u00b5": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}
LARGEST_J: Final = 1e24
"""More than mankind has used so far."""
BASES: Final = {"J": 1.0, "Wh": 3600.0}
_UNIT: Final = "([u\u00b5mkMG]?)(J|Wh)"
_ENERGY = re.compile(rf"\s*(?:([\d._eE+-]+?)\s*(?:{_UNIT}\s*)?\.\.\s*)?([\d._eE+-]+?)\s*{_UNIT}\s*")


def parse(text: str) -> Range | None:
    """Return an energy in joules; None: the text is none. Raises InputError for bounds that are the wrong way round."""
    match = _ENERGY.fullmatch(text)
    if match is None:
        return None
    low, low_prefix, low_base, high, prefix, base = match.groups()
    unit_j = PREFIXES[prefix] * BASES[base]
    low_unit_j = unit_j if low_base is None else PREFIXES[low_prefix] * BASES[low_base]
    try:
        ends = [float(end) * factor for end, factor in ((low, low_unit_j), (high, unit_j)) if end is not None]
    except ValueError:
        return None
    if not all(0 <= end <= LARGEST_J for end in ends):
        raise InputError(f"{text} is no energy that can be spent; write 1200kWh, 3.2J or 40..60MJ")
    if len(ends) > 1 and ends[0] > ends[1]:
        raise InputError(f"{text} ends before it begins; write the smaller one first")
    return Range(sum(ends) / len(ends), ends[0], ends[-1])
