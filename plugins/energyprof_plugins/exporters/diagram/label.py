"""Pieces of Graphviz HTML labels: every word that is not ours is escaped here and nowhere else."""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from energyprof_plugins.exporters.diagram.palette import LIGHT
from energyprof_plugins.exporters.visible import visible

EM_PER_LETTER: Final = 0.58
"""Mean width of a bold Helvetica letter in em; wide East Asian characters take 1 em."""


def words(text: str) -> str:
    """Return text as it may stand in an HTML label."""
    # Graphviz replaces \N, \G and the like in labels too; a doubled backslash is one.
    return html.escape(text, quote=False).replace("\\", "\\\\")


def font(text: str, size: int, color: str, *, bold: bool = False) -> str:
    """Return escaped text in one size and colour."""
    inner = words(text)
    return f'<FONT POINT-SIZE="{size}" COLOR="{color}">{f"<B>{inner}</B>" if bold else inner}</FONT>'


def cell(content: str, attributes: str = 'ALIGN="LEFT"') -> str:
    """Return one table cell around finished content."""
    return f"<TD {attributes}>{content}</TD>"


def row(*cells: str) -> str:
    """Return one table row."""
    return f"<TR>{''.join(cells)}</TR>"


def line(text: str, size: int, color: str, *, bold: bool = False) -> str:
    """Return a row of one left-aligned cell; where the renderer cannot measure the text, it is told how wide it is."""
    attributes = 'ALIGN="LEFT" BALIGN="LEFT"'
    if any(ord(char) > 0x24F and unicodedata.category(char)[0] == "L" for char in text):
        attributes += f' WIDTH="{math.ceil(width_pt(text, size))}"'
    return row(cell(font(text, size, color, bold=bold), attributes))


def table(rows: Iterable[str], spacing: int = 0, padding: int = 1, extra: str = "") -> str:
    """Return a table without borders."""
    attributes = f'BORDER="0" CELLBORDER="0" CELLSPACING="{spacing}" CELLPADDING="{padding}"{extra}'
    return f"<TABLE {attributes}>{''.join(rows)}</TABLE>"


def steady(content: str, width_pt: int, height_pt: int) -> str:
    """Return content of a fixed size that keeps it, and stands left, in a cell that is wider."""
    # Without the table around it the renderer shrinks the frame of a fixed table, or stretches it, to its liking.
    inner = cell(content, f'ALIGN="LEFT" FIXEDSIZE="TRUE" WIDTH="{width_pt}" HEIGHT="{height_pt}"')
    return table([row(inner)], padding=0, extra=' ALIGN="LEFT"')


def arrow_label(said: Sequence[str], thickness_pt: float, color: str) -> str:
    """Return the label beside an arrow that passes by other boxes: an amount, and in smaller lines what else there is.

    The renderer puts such a label at the middle of the line, without regard for how thick it is; and where lines run
    side by side, what stands on one of them covers what it crosses.
    """
    clear = cell("", f'WIDTH="{math.ceil(thickness_pt / 2) + 3}"')
    lines = [font(text, 9 if number else 10, color) for number, text in enumerate(said)]
    told = table([row(cell(text, 'ALIGN="RIGHT"')) for text in lines], padding=0)
    shown = cell(told, f'BGCOLOR="{LIGHT["page"]}" CELLPADDING="1"')
    return label(table([row(clear, shown, clear)], padding=0))


def label(content: str) -> str:
    """Return a whole HTML label."""
    return f"<{content}>"


def fit(name: str, size: int, width_limit_pt: float) -> str:
    """Return a name on one line in about the given width; its middle gives way, for both ends distinguish."""
    text = visible(name)
    if width_pt(text, size) <= width_limit_pt:
        return text
    head = tail = ""
    for front, back in zip(text, reversed(text), strict=True):
        if width_pt(head + front + "\u2026" + back + tail, size) > width_limit_pt:
            break
        head, tail = head + front, back + tail
    return f"{head}\u2026{tail}"


def width_pt(text: str, size: int) -> float:
    """Return about how wide bold text is in points."""
    kinds = [unicodedata.east_asian_width(char) for char in text]
    # Beside wide characters the ambiguous ones, as the ellipsis, are drawn wide too, from the same font.
    wide = sum(kind in "WFA" for kind in kinds) if any(kind in "WF" for kind in kinds) else 0
    return size * (wide + EM_PER_LETTER * (len(text) - wide))
