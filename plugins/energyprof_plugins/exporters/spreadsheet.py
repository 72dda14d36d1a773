"""Cells of a table that a spreadsheet opens: text stays text, whatever it begins with."""

from __future__ import annotations

from typing import Final

FORMULA_SIGNS: Final = "=+-@\t\r"
"""A cell that begins with one of these is a formula to a spreadsheet: it is written with an apostrophe before it."""


def harmless(value: object) -> object:
    """Return a cell as it may be written; numbers stay as they are."""
    return f"'{value}" if isinstance(value, str) and value[:1] in FORMULA_SIGNS and value else value
