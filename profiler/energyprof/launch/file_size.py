"""How large a recording may become: sizes as people write them."""

from __future__ import annotations

DEFAULT_BYTES = 1 << 30
LEAST_BYTES = 256 << 10
"""Half of it is what a recording needs in which nothing happens; `collect.bursts` works from there on."""
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def size_bytes(text: str) -> int:
    """Return the bytes that a size like `500M`, `2GiB` or `1.5 GB` stands for, units being powers of 1024; 0: any.

    Raises ValueError, with the remedy, for what is no size and for one that is too small.
    """
    number = text.strip().upper()
    unit = number.lstrip("0123456789.").strip()
    digits = number[: len(number) - len(unit)].strip() if unit else number
    for ending in ("IB", "B"):
        if unit.endswith(ending):
            unit = unit[: -len(ending)]
            break
    try:
        size = round(float(digits) * _UNITS[unit])
    except (KeyError, ValueError, OverflowError):
        raise ValueError(f"{text} is no size; write it as 500M or 2GiB, or 0 for any size") from None
    if 0 < size < LEAST_BYTES:
        raise ValueError(f"{text} is too small for a recording; choose 256K or more, or 0 for any size")
    return size
