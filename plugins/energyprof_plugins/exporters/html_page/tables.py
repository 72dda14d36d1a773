"""A table that sorts and filters, of any length: columns have widths of their own, so that rows need no common layout.

A browser lays a usual table out as a whole, all rows for each that moves: seconds, of a thousand. Here every row is a
grid, and rows that nobody sees are laid out only when they are scrolled to, searched or printed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from typing import Final

from energyprof_plugins.exporters.html_page.markup import words
from energyprof_plugins.exporters.html_page.section import Section

TAG: Final = re.compile("<[^>]*>")
PADDING_PX: Final = 13
"""Left and right of a cell, and a part of a pixel."""
WHISKER_PX: Final = 66
WIDEST_NAME: Final = 20
"""Digits that a name has at least; longer ones go on below where the page has no room for more."""
WIDEST_TEXT: Final = 17
"""Digits of what is no name and no figure: the longest badge."""
SMALL: Final = 0.93
"""Of a digit, of one in small type."""
BADGE: Final = 2
"""Digits that the frame of a badge takes."""
NARROW: Final = 0.65
LETTER: Final = 0.98
WIDE: Final = 1.6
"""Widths of characters by that of a digit, no less than in DejaVu Sans, Helvetica and Segoe UI."""
NARROW_ONES: Final = frozenset(" \u2009.,:;'|!ijltfr()[]/I-")
WIDE_ONES: Final = frozenset("mwMW@%\u00b1\u2212\u00d7<>=+")
BOLD: Final = 1.1
ARROW: Final = 2
"""Digits of the sign that tells a column's order."""
SPARE: Final = 3
"""Digits that a column may be wider than its cells to have its head on one line."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a number or words to sort by, or what belongs to the column before it."""

    head: str = ""
    kind: str = ""
    """`n`: sorts by number; `t`: by words; empty: not at all."""
    below: str = ""
    """What the second line of its cells is."""


HOW: Final = Column("how it is known", "t")
"""Where it is the second column, a narrow page has it below the name, so that figures are in sight."""
NAMELESS: Final = Column()
"""Where whiskers are drawn."""
INTERVAL: Final = "95\u00a0%"
"""What stands below a figure."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, as HTML."""

    opening: str
    """Its tag."""
    name: str
    cells: Sequence[str]
    name_title: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """What a section shows; whiskers are of the column before them."""

    id: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]

    def section(self, lead: str, below: str = "") -> Section:
        """Return the table with its filter above it."""
        heads = "".join(map(_head, self.columns))
        body = "".join(_marked(row, self.columns) for row in self.rows)
        is_stacked = self.columns[1] == HOW
        pictured = self.columns.index(NAMELESS) - 1
        content = (
            f'<div class=bar hidden><label>Filter <input type=search data-for="t-{self.id}" '
            'placeholder="all words must match"></label><output></output></div>'
            f'<div class="scroll t" tabindex=0 role=region aria-label="Table of {self.title.lower()}">'
            f'<table id="t-{self.id}" data-w={pictured}{" class=how" if is_stacked else ""}>'
            f"<caption>{self.title}</caption><thead><tr>{heads}</thead><tbody>{body}</tbody></table></div>{below}"
        )
        tracks = _widths(self.columns, self.rows)
        narrow = f";--n:{' '.join((tracks[0], *tracks[2:]))}" if is_stacked else ""
        style = f"#t-{self.id}{{--c:{' '.join(tracks)}{narrow}}}\n"
        return Section(self.id, self.title, content, lead, style)


def _head(column: Column) -> str:
    if not column.kind:
        return f"<th scope=col>{column.head}" if column.head else "<td>"
    side = " class=l" if column.kind == "t" else ""
    below = f"<br><small>{words(column.below)}</small>" if column.below else ""
    return f"<th scope=col{side}><button data-k={column.kind}>{words(_joined(column.head))}</button>{below}"


def stacked(shown: str, below: str) -> str:
    """Return a cell of two lines: a figure, and in smaller type its interval or what else belongs to it."""
    return f"{shown}<br><small>{below}</small>" if shown and below else f"<small>{below}</small>" if below else shown


def _marked(row: Row, columns: Sequence[Column]) -> str:
    title = f' title="{row.name_title}"' if row.name_title else ""
    cells = (
        f"<td class=l>{cell}" if column.kind == "t" else f"<td>{cell}"
        for column, cell in zip(columns[1:], row.cells, strict=True)
    )  # fmt: skip
    return f"{row.opening}<th scope=row{title}>{row.name}{''.join(cells)}"


def _widths(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    """Return the tracks of a row's grid: as wide as the widest cell, in digits."""
    tracks = []
    for place, column in enumerate(columns):
        if column == NAMELESS:
            tracks.append(f"{WHISKER_PX + PADDING_PX}px")
        elif place == 0:
            widest = max((_widest_line(row.name) for row in rows), default=0.0)
            tracks.append(f"minmax(var(--name,{_track(_wide_enough(column, min(widest, WIDEST_NAME)))}),1fr)")
        else:
            widest = max((_widest_line(row.cells[place - 1]) for row in rows), default=0.0)
            widest = min(widest, WIDEST_TEXT) + BADGE if column.kind == "t" else widest
            tracks.append(_track(_wide_enough(column, widest)))
    return tracks


def _track(characters: float) -> str:
    return f"calc({characters:.3g}ch + {PADDING_PX}px)"


def _wide_enough(column: Column, cells: float) -> float:
    """Return digits that cells and head need; the head is broken between words where that saves much."""
    cells = max(cells, SMALL * _width(column.below))
    arrow = ARROW if column.kind else 0
    on_one_line = BOLD * _width(column.head) + arrow
    if on_one_line <= cells + SPARE:
        return max(on_one_line, cells)
    *before, last = (BOLD * _width(word) for word in _joined(column.head).split(" "))
    return max((cells, last + arrow, *before))


def _joined(head: str) -> str:
    """Return the head of a column with its unit on the line of the word before."""
    return head.replace(", ", ",\u00a0").replace(" / ", "\u00a0/\u00a0")


def _widest_line(markup: str) -> float:
    return max(_width(_plain(line)) * (SMALL if line.startswith("<small>") else 1.0) for line in markup.split("<br>"))


def _width(text: str) -> float:
    """Return how many digits are as wide as a text."""
    return sum(1.0 if character.isdigit() else _character(character) for character in text)


def _character(character: str) -> float:
    if character in NARROW_ONES:
        return NARROW
    if character in WIDE_ONES or unicodedata.east_asian_width(character) in "WF":
        return WIDE
    return LETTER


def _plain(markup: str) -> str:
    return unescape(TAG.sub("", markup))
