"""The format of a command's output: the one that is named, else the one that the ending of its file says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from energyprof.errors import InputError

TABLES: Final = {".txt": "table", ".json": "json"}
"""Of commands that print a table, or its figures as JSON."""


def format_asked(named: str | None, output: str | None, endings: Mapping[str, str]) -> str:
    """Return the format named, else that of the file's ending, else the first; raises InputError for another ending."""
    if named is not None:
        return named
    if output is None or (Path(output).exists() and not Path(output).is_file()):  # a pipe has no ending to go by
        return next(iter(endings.values()))
    suffix = Path(output).suffix.lower()
    if suffix not in endings:
        *most, last = endings
        raise InputError(f"{output}: end it in {', '.join(most)} or {last}, or say --format")
    return endings[suffix]
