"""A picture of ways to do the same thing: joules to the right, quality upwards, intervals as crosses, the Pareto front.

Drawn by hand as SVG, with no text placed by an engine: the same table gives the same bytes. Cheap and good is at the
top left. Without a metric the ways stand in a column, each with its interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from energyprof.model.variants import Mean, VariantRow, Variants
from energyprof_plugins.exporters.diagram.palette import DARK, LIGHT
from energyprof_plugins.exporters.figures import column_unit
from energyprof_plugins.exporters.visible import visible

WIDTH: Final = 760
HEIGHT: Final = 460
ROW: Final = 34
LEFT: Final = 90
RIGHT: Final = 40
TOP: Final = 58
BOTTOM: Final = 62
NAME: Final = 34
"""Characters of a name beside its point; the tooltip has all of it."""
ROLES: Final = ("page", "ink", "dim", "line", "feed", "frame")


def picture(found: Variants | None, nothing: str) -> str:
    """Return the SVG; `nothing` stands there where nothing is compared."""
    rows = [] if found is None else [row for row in found.rows if row.energy_j is not None]
    if found is None or not rows:
        return _page(
            WIDTH, 80, [_text(20, 44, nothing if found is None else "no way has joules to be drawn")], "nothing"
        )
    unit, unit_j = column_unit(max(row.energy_j.value for row in rows if row.energy_j is not None))
    across = _Scale(_bounds([row.energy_j for row in rows], unit_j), LEFT, WIDTH - RIGHT)
    each = f"{unit} a {visible(found.unit)}" if found.unit else f"{unit} a run"
    title = f"{each}, {found.provenance}; 95 % intervals by the spread of runs"
    if not any(row.metric is not None for row in rows):
        return _column(rows, across, unit_j, title, each)
    height = HEIGHT
    upwards = _Scale(_bounds([row.metric for row in rows], 1.0), height - BOTTOM, TOP)
    better = "lower is better" if found.lower_is_better else "higher is better"
    parts = [_text(20, 28, title, "title"), *_grid(across, upwards, height)]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, height - 16, each, "dim", "middle"))
    parts.append(_text(20, TOP - 10, f"{visible(found.metric)} ({better})", "dim"))
    parts.append(_front(rows, across, upwards, unit_j))
    taken: list[tuple[float, float]] = []
    for row in rows:
        if row.energy_j is not None and row.metric is not None:
            parts.append(_point(row, (across, upwards), unit_j, taken))
    undrawn = [row.name for row in found.rows if row.energy_j is None or row.metric is None]
    if undrawn:
        names = ", ".join(map(_short, undrawn[:3])) + (f" and {len(undrawn) - 3} more" if len(undrawn) > 3 else "")
        parts.append(
            _text(20, height + 8, f"not drawn, as joules or {visible(found.metric)} are not known: {names}", "dim")
        )
        height += 20
    return _page(WIDTH, height, parts, title)


class _Scale:
    """A linear scale with round ticks."""

    def __init__(self, bounds: tuple[float, float], first: float, last: float) -> None:
        low, high = bounds
        span = (high - low) or abs(high) or 1.0
        self.step = _round_step(span * 1.16 / 5)
        self._low = math.floor((low - 0.08 * span) / self.step) * self.step
        self._high = math.ceil((high + 0.08 * span) / self.step) * self.step
        if low >= 0 > self._low:
            self._low = 0.0
        self._first, self._last = first, last

    def at(self, value: float) -> float:
        """Return the place of a value."""
        part = (value - self._low) / (self._high - self._low)
        return round(self._first + part * (self._last - self._first), 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Return places and texts."""
        count = round((self._high - self._low) / self.step)
        decimals = max(0, -math.floor(math.log10(self.step) + 1e-9))
        values = [self._low + number * self.step for number in range(count + 1)]
        return [(self.at(value), f"{value + 0.0:.{decimals}f}") for value in values]


def _round_step(wanted: float) -> float:
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= wanted * (1 - 1e-9))


def _bounds(means: Sequence[Mean | None], unit: float) -> tuple[float, float]:
    values = [
        value / unit
        for mean in means
        if mean is not None
        for value in (mean.value, mean.low, mean.high)
        if value is not None
    ]
    return min(values), max(values)


def _grid(across: _Scale, upwards: _Scale | None, height: float) -> list[str]:
    parts = []
    for x, label in across.ticks():
        parts.append(f'<path class="line" d="M{x} {TOP}V{height - BOTTOM}"/>')
        parts.append(_text(x, height - BOTTOM + 20, label, "dim", "middle"))
    for y, label in [] if upwards is None else upwards.ticks():
        parts.append(f'<path class="line" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
        parts.append(_text(LEFT - 8, y + 4, label, "dim", "end"))
    return parts


def _front(rows: Sequence[VariantRow], across: _Scale, upwards: _Scale, unit_j: float) -> str:
    places = sorted(
        (across.at(row.energy_j.value / unit_j), upwards.at(row.metric.value))
        for row in rows
        if row.is_best and row.energy_j is not None and row.metric is not None
    )
    if len(places) < 2:
        return ""
    steps = f"M{places[0][0]} {places[0][1]}" + "".join(f"H{x}V{y}" for x, y in places[1:])
    return f'<path class="front" d="{steps}"/>'


def _point(row: VariantRow, scales: tuple[_Scale, _Scale], unit_j: float, taken: list[tuple[float, float]]) -> str:
    across, upwards = scales
    energy, merit = row.energy_j, row.metric
    if energy is None or merit is None:
        return ""
    x, y = across.at(energy.value / unit_j), upwards.at(merit.value)
    arms = ""
    if energy.low is not None and energy.high is not None:
        arms += f"M{across.at(energy.low / unit_j)} {y}H{across.at(energy.high / unit_j)}"
    if merit.low is not None and merit.high is not None:
        arms += f"M{x} {upwards.at(merit.low)}V{upwards.at(merit.high)}"
    label_y = _free(x, y - 9, taken)
    is_right = x > (LEFT + WIDTH) * 0.6
    shape = f'<path class="arms" d="{arms}"/>' if arms else ""
    return (
        f'<g class="{"best" if row.is_best else "other"}"><title>{escape(visible(row.name))}</title>{shape}'
        f'<circle cx="{x}" cy="{y}" r="5.5"/>'
        + _text(x + (-9 if is_right else 9), label_y, _short(row.name), "ink", "end" if is_right else "start")
        + "</g>"
    )


def _free(x: float, y: float, taken: list[tuple[float, float]]) -> float:
    """Return a height for a label where none stands yet."""
    while any(abs(x - other_x) < 240 and abs(y - other_y) < 15 for other_x, other_y in taken):
        y += 15
    taken.append((x, y))
    return round(y, 1)


def _column(rows: Sequence[VariantRow], across: _Scale, unit_j: float, title: str, each: str) -> str:
    height = TOP + ROW * len(rows) + BOTTOM
    parts = [_text(20, 28, title, "title"), *_grid(across, None, height)]
    for at, row in enumerate(rows):
        if row.energy_j is None:
            continue
        x, y = across.at(row.energy_j.value / unit_j), TOP + ROW * at + 24
        arms = ""
        if row.energy_j.low is not None and row.energy_j.high is not None:
            low, high = across.at(row.energy_j.low / unit_j), across.at(row.energy_j.high / unit_j)
            arms = f'<path class="arms" d="M{low} {y}H{high}"/>'
        is_right = x > (LEFT + WIDTH) * 0.6
        parts.append(
            f'<g class="{"best" if row.verdict == "cheapest" else "other"}"><title>{escape(visible(row.name))}</title>'
            f'{arms}<circle cx="{x}" cy="{y}" r="5.5"/>'
            + _text(x + (-9 if is_right else 9), y - 9, _short(row.name), "ink", "end" if is_right else "start")
            + "</g>"
        )
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, height - 16, each, "dim", "middle"))
    return _page(WIDTH, height, parts, title)


def _short(name: str) -> str:
    text = visible(name)
    return text if len(text) <= NAME else f"{text[: NAME // 2]}\u2026{text[-(NAME // 2 - 1) :]}"


def _text(x: float, y: float, text: str, role: str = "ink", anchor: str = "start") -> str:
    return f'<text class="{role}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _page(width: int, height: int, parts: Sequence[str], title: str) -> str:
    light, dark = (";".join(f"--{role}:{colors[role]}" for role in ROLES) for colors in (LIGHT, DARK))
    style = (
        f":root{{color-scheme:light dark;{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f"@media print{{:root{{{light}}}}}"
        "svg{background:var(--page)}text{font:13px system-ui,sans-serif;fill:var(--ink)}"
        "text.dim{fill:var(--dim)}text.title{font-weight:600;font-size:14px}"
        ".line{stroke:var(--line);fill:none}.arms{stroke:var(--frame);stroke-width:1.5;fill:none}"
        ".front{stroke:var(--feed);stroke-width:1.5;stroke-dasharray:6 4;fill:none}"
        ".best circle{fill:var(--feed)}.other circle{fill:var(--page);stroke:var(--dim);stroke-width:1.8}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{escape(title, quote=True)}"><style>{style}</style>'
        f'<rect width="{width}" height="{height}" style="fill:var(--page)"/>{"".join(parts)}</svg>\n'
    )
