"""The order in which people count: gpu:2 before gpu:10."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"(\d+)")


def natural_key(text: str) -> tuple[tuple[str, int], ...]:
    """Return what to sort by so that numbers within names count as numbers."""
    parts = _DIGITS.split(text)
    return tuple((words, int(number)) for words, number in zip(parts[::2], [*parts[1::2], "-1"], strict=True))
