"""Words and figures as HTML: nothing of somebody else's becomes a part of the page.

End tags that HTML does not need (`</td>`, `</tr>`) are left out: with hundreds of rows they are a fifth of the file.
"""

from __future__ import annotations

from html import escape
from typing import Final

from energyprof.model.domain import Provenance
from energyprof.model.line_breaks import WITHIN_FIGURE
from energyprof_plugins.exporters.figures import (
    COLUMN_DECIMALS,
    each_warranted,
    half_width,
    in_column,
    is_wide,
    joules_between,
    joules_with_bounds,
    with_bounds,
)
from energyprof_plugins.exporters.visible import visible

BADGES: Final[dict[str, str]] = {
    "measured": "pM",
    "inferred": "pI",
    "inferred (repeat mode)": "pR",
    "estimated (model)": "pE",
}
"""How it was found out -> the class whose border tells it as well."""
DEEPEST_PATH: Final = 5
"""Components of a path that are written."""
NO_BREAK: Final = "\u00a0"
THIN: Final = "\u2009"
"""Between groups of three digits."""


def words(text: str) -> str:
    """Return our own words, harmless in text and in quoted attributes."""
    return escape(text, quote=True)


def whole_figures(markup: str) -> str:
    """Return a sentence in which no line ends within a figure, nor between it and its unit."""
    return WITHIN_FIGURE.sub(NO_BREAK, markup)


def name(text: str) -> str:
    """Return somebody else's name on one line, with visible escapes, harmless in text and in quoted attributes."""
    return escape(visible(text), quote=True)


def path(components: tuple[str, ...]) -> str:
    """Return a path whose last component stands out, and which a narrow page may break behind each.

    Of a deep one the middle is left out: the end tells rows apart.
    """
    shown = [name(component) for component in components]
    if len(shown) > DEEPEST_PATH:
        shown = [shown[0], "\u2026", *shown[2 - DEEPEST_PATH :]]
    above = "".join(f"{component}/<wbr>" for component in shown[:-1])
    last = shown[-1].replace(".", ".<wbr>")
    return f"<i>{above}</i>{last}" if above else last


def badge(provenance: Provenance) -> str:
    """Return how a figure was found out: a word, with a border of its own kind."""
    return f'<span class="badge {BADGES[provenance]}">{words(provenance)}</span>'


def figure(energy_j: float | None, low_j: float | None, high_j: float | None, unit_j: float) -> tuple[str, str]:
    """Return a figure and its interval for two cells of a column in one unit; empty: not known."""
    if energy_j is None:
        if low_j is None or high_j is None:
            return "", ""
        _, below, above = with_bounds(high_j / unit_j, low_j / unit_j, high_j / unit_j)
        return "", f"{_thin(below)} to {_thin(above)}" if above else _thin(in_column(high_j / unit_j, 0.0)[0])
    value = energy_j / unit_j
    low, high = (value if bound is None else bound / unit_j for bound in (low_j, high_j))
    if is_wide(value, low, high) and high >= 10.0**-COLUMN_DECIMALS:
        shown, below, above = with_bounds(value, low, high)
        return _thin(shown), f"{_thin(below)} to {_thin(above)}"
    shown, half = in_column(value, half_width(value, low, high))
    return _thin(shown), f"\u00b1{_thin(half)}" if half else ""


def rate(each_j: float | None, unit_j: float, total_j: float | None, low_j: float | None, high_j: float | None) -> str:
    """Return joules by a number of something, with the digits that the bounds of the total warrant; empty: unknown."""
    if each_j is None or total_j is None:
        return ""
    return _thin(each_warranted(each_j / unit_j, total_j, low_j, high_j))


def told(energy_j: float | None, low_j: float | None, high_j: float | None) -> str:
    """Return a figure with its interval and a unit, for sentences and single cells; of an unknown one its bounds."""
    if energy_j is None:
        if low_j is None or high_j is None:
            return "not known"
        return f"{joules_between(low_j, high_j)}, cannot be told from others"
    return _thin(joules_with_bounds(energy_j, low_j, high_j))


def _thin(text: str) -> str:
    """Return a figure whose thousands are set apart by thin spaces."""
    out = list(text)
    for place in range(1, len(text) - 1):
        if text[place] == " " and text[place - 1].isdigit() and text[place + 1].isdigit():
            out[place] = THIN
    return "".join(out)
