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
_UNIT: Final = "([uU\u00b5mkKMgG]?)([jJ]|[wW][hH])"
_ENERGY = re.compile(rf"\s*(?:([\d._eE+-]+?)\s*(?:{_UNIT}\s*)?\.\.\s*)?([\d._eE+-]+?)\s*{_UNIT}\s*")


def parse(text: str) -> Range | None:
    """Return an energy in joules; None: the text is none. Raises InputError for bounds that are the wrong way round."""
    match = _ENERGY.fullmatch(text)
    if match is None:
        return None
    low, low_prefix, low_base, high, prefix, base = match.groups()
    unit_j = _unit_j(text, prefix, base)
    low_unit_j = unit_j if low_base is None else _unit_j(text, low_prefix, low_base)
    try:
        ends = [float(end) * factor for end, factor in ((low, low_unit_j), (high, unit_j)) if end is not None]
    except ValueError:
        return None
    if not all(0 <= end <= LARGEST_J for end in ends):
        raise InputError(f"{text} is no energy that can be spent; write 1200kWh, 3.2J or 40..60MJ")
    if len(ends) > 1 and ends[0] > ends[1]:
        raise InputError(f"{text} ends before it begins; write the smaller one first")
    return Range(sum(ends) / len(ends), ends[0], ends[-1])


def _unit_j(text: str, prefix: str, base: str) -> float:
    """Return a unit in joules, whatever its case: only where all is small nobody knows what an m means."""
    exact = "J" if base in "jJ" else "Wh"
    if prefix == "m" and base != exact:
        raise InputError(f"{text}: is it thousandths or millions? Write m{exact} or M{exact}")
    known = prefix if prefix in PREFIXES else prefix.swapcase()
    return PREFIXES[known] * BASES[exact]
