"""A table as wide as it may be: cells beside each other where that fits, else each row on lines of its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from energyprof.model.line_breaks import wrapped

_GAP: Final = "  "
Rows = Sequence[Sequence[str]]


def fitted_table(
    heads: Sequence[str], rows: Rows, width: int, right: Collection[int] = (), named_by: int = 1
) -> list[str]:
    """Return the lines of a table; columns of the places in `right` stand at the right of their room.

    Where it does not fit, the first `named_by` cells of a row are one line, and each other cell is a line below with
    its heading before it; cells of "-" or of nothing are left out there.
    """
    lines = beside([heads, *rows], width, right)
    return lines or [line for row in rows for line in _below(heads, row, width, named_by)]


def beside(rows: Rows, width: int, right: Collection[int] = ()) -> list[str]:
    """Return a line for each row, cells below each other; nothing where that does not fit."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = (
            cell.rjust(room) if place in right else cell.ljust(room)
            for place, (cell, room) in enumerate(zip(row, widths, strict=True))
        )
        lines.append(_GAP.join(cells).rstrip())
    return lines if all(len(line) <= width for line in lines) else []


def _below(heads: Sequence[str], row: Sequence[str], width: int, named_by: int) -> list[str]:
    lines = wrapped(_GAP.join(row[:named_by]), width, rest=_GAP * 2)
    room = max(map(len, heads[named_by:]))
    for head, cell in zip(heads[named_by:], row[named_by:], strict=True):
        if cell not in {"", "-"}:
            first = f"{_GAP}{head:{room}}{_GAP}"
            lines += wrapped(cell, width, first, " " * len(first))
    return lines
