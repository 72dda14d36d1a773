"""A picture of ways to do the same thing: joules to the right, quality upwards, intervals as crosses, the Pareto front.

Drawn by hand as SVG, with no text placed by an engine: the same table gives the same bytes. Cheap and good is at the
top left; joules begin at 0. A line goes through the means of who is on the front, for sure or as far as the runs tell:
above it and to its left nobody is, below it and to its right nothing is worth having by the means. A way whose name
finds no room beside the others is listed below, with its figures. Without a metric the ways stand in a column, each
with its interval.
"""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from itertools import pairwise
from typing import Final, NamedTuple

from energyprof.interfaces import RenderContext
from energyprof.model.report import Report
from energyprof.model.variants import Mean, VariantRow, Variants
from energyprof_plugins.exporters.diagram.palette import DARK, LIGHT
from energyprof_plugins.exporters.figures import column_unit
from energyprof_plugins.exporters.free_places import Box, FreePlaces, Place
from energyprof_plugins.exporters.variants import NOTHING
from energyprof_plugins.exporters.variants_footprint import in_short
from energyprof_plugins.exporters.variants_sentences import error_of_all
from energyprof_plugins.exporters.visible import visible

WIDTH: Final = 760
HEIGHT: Final = 460
ROW: Final = 34
LINE: Final = 20
"""Height of a line below the picture."""
LINE_LETTERS: Final = 94
MOST_PRICED: Final = 6
"""Ways of which a line below the picture says what a unit of their work comes with."""
LEFT: Final = 90
RIGHT: Final = 40
TOP: Final = 66
BOTTOM: Final = 62
CLEAR: Final = 3.5
"""Of intervals of equal merit the largest distance from the middle of their circles, in px."""
NAME: Final = 34
"""Characters of a name beside its point; the tooltip has all of it."""
ROLES: Final = ("page", "ink", "dim", "line", "feed", "frame")


class VariantPicture:
    """Draw joules against quality, with intervals and the Pareto front."""

    name = "variants-svg"
    command = "energyprof compare A.eprof B.eprof -o front.svg"
    suffix = ".svg"
    summary = "the same as a picture: joules against a metric, with the Pareto front (any browser)"

    def render(self, report: Report, context: RenderContext) -> str:  # noqa: ARG002 - the door's signature
        """Return the picture; without a metric, joules alone."""
        return picture(context.variants, NOTHING)


def picture(found: Variants | None, nothing: str) -> str:
    """Return the SVG; `nothing` stands there where nothing is compared."""
    rows = [] if found is None else [row for row in found.rows if row.energy_j is not None]
    if found is None or not rows:
        return _page(
            WIDTH, 80, [_text(20, 44, nothing if found is None else "no way has joules to be drawn")], "nothing"
        )
    unit = column_unit(max(row.energy_j.value for row in rows if row.energy_j is not None))
    unit_name, unit_j = unit
    across = _Scale((0.0, _bounds([row.energy_j for row in rows], unit_j)[1]), LEFT, WIDTH - RIGHT)
    each = f"{unit_name}/{visible(found.unit or 'run')}"
    known = " and ".join(dict.fromkeys(row.provenance for row in rows))
    title = f"{each}, {known}; 95 % intervals by the spread of runs"
    if not any(row.metric is not None for row in rows):
        return _column(found, rows, across, unit_j, (title, each))
    upwards = _Scale(_bounds([row.metric for row in rows], 1.0), HEIGHT - BOTTOM, TOP)
    better = "lower is better" if found.lower_is_better else "higher is better"
    parts = [_text(20, 28, title, "title"), *_grid(across, upwards, HEIGHT)]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, each, "dim", "middle"))
    parts.append(_text(20, TOP - 18, f"{visible(found.metric)} ({better})", "dim"))
    points = [
        _Point(
            row,
            across.at(row.energy_j.value / unit_j),
            upwards.at(row.metric.value),
            _reach(row.energy_j, across, unit_j),
            _reach(row.metric, upwards, 1.0),
        )
        for row in rows
        if row.energy_j is not None and row.metric is not None
    ]
    points = _apart(points)
    front = _front(points, found.lower_is_better)
    parts.append(front.drawn())
    places = _places(points, front)
    parts += [_drawn(point, place) for point, place in zip(points, places, strict=True)]
    unnamed = [point.row for point, place in zip(points, places, strict=True) if place is None]
    lines = _below(unnamed, found, unit)
    parts += [_text(LEFT, HEIGHT + 8 + LINE * at, line, "dim") for at, line in enumerate(lines)]
    return _page(WIDTH, HEIGHT + LINE * len(lines) + (4 if lines else 0), parts, title)


class _Point(NamedTuple):
    """A way with its place and the ends of its intervals, in px."""

    row: VariantRow
    x: float
    y: float
    across: tuple[float, float]
    upwards: tuple[float, float]
    aside: float = 0.0
    """How far below its place its interval of joules is drawn, within its circle, where others have the same merit."""


class _Front(NamedTuple):
    """The steps from the cheapest way of the front to the best."""

    corners: tuple[tuple[float, float], ...]
    """From the edge below the cheapest way to the edge right of the best; none: nothing is on it."""

    def drawn(self) -> str:
        """Return the line; nothing where no way is on it."""
        if not self.corners:
            return ""
        (x, y), *others = self.corners
        return f'<path class="front" d="M{x} {y}{"".join(f"H{x}V{y}" for x, y in others)}"/>'

    def lines(self) -> Iterator[tuple[float, float, float, float]]:
        """Yield its level and upright parts."""
        for (x1, y1), (x2, y2) in pairwise(self.corners):
            yield x1, y1, x2, y1
            yield x2, y1, x2, y2


def _apart(points: Sequence[_Point]) -> list[_Point]:
    """Return the points with intervals of joules beside each other where merits are equal: else they are one line."""
    levels = Counter(point.y for point in points)
    seen: Counter[float] = Counter()
    found = []
    for point in points:
        count = levels[point.y]
        aside = CLEAR * (2 * seen[point.y] / (count - 1) - 1) if count > 1 else 0.0
        seen[point.y] += 1
        found.append(point._replace(aside=round(aside, 1)))
    return found


def _reach(mean: Mean, scale: _Scale, unit: float) -> tuple[float, float]:
    """Return where an interval ends; the point itself twice where it has none."""
    low = mean.value if mean.low is None else mean.low
    high = mean.value if mean.high is None else mean.high
    return scale.at(low / unit), scale.at(high / unit)


def _front(points: Sequence[_Point], lower_is_better: bool) -> _Front:
    """Return the steps through the means of the ways that are, or may be, on the front, but for those behind others."""
    down = -1 if lower_is_better else 1
    corners: list[tuple[float, float]] = []
    for x, y in sorted({(one.x, one.y) for one in points if one.row.is_best}, key=lambda at: (at[0], down * at[1])):
        if not corners or down * y < down * corners[-1][1]:
            corners.append((x, y))
    if not corners:
        return _Front(())
    edge = TOP if lower_is_better else HEIGHT - BOTTOM
    return _Front(((corners[0][0], edge), *corners, (WIDTH - RIGHT, corners[-1][1])))


def _places(points: Sequence[_Point], front: _Front) -> list[Place | None]:
    """Return where names stand, those of the front first to choose."""
    free = FreePlaces(Box(LEFT + 2, TOP - 4, WIDTH - 4, HEIGHT - BOTTOM - 2))
    for point in points:
        free.take(point.x, point.y, point.x, point.y, 6.5)
        free.take(point.across[0], point.y + point.aside, point.across[1], point.y + point.aside)
        free.take(point.x, point.upwards[0], point.x, point.upwards[1])
    for line in front.lines():
        free.take(*line)
    order = sorted(range(len(points)), key=lambda at: (not points[at].row.is_best, points[at].row.is_unsure, at))
    found = {at: free.place(points[at].x, points[at].y, _label(points[at].row)) for at in order}
    return [found[at] for at in range(len(points))]


def _drawn(point: _Point, place: Place | None) -> str:
    row = point.row
    kind = "other" if not row.is_best else "unsure" if row.is_unsure else "best"
    arms = "".join(
        drawn
        for drawn, (low, high) in (
            (f"M{point.across[0]} {round(point.y + point.aside, 1)}H{point.across[1]}", point.across),
            (f"M{point.x} {point.upwards[0]}V{point.upwards[1]}", point.upwards),
        )
        if low != high
    )
    shape = f'<path class="arms" d="{arms}"/>' if arms else ""
    leads = "" if place is None or place.leader is None else _leader(place.leader)
    name = "" if place is None else _text(place.x, place.y, _label(row))
    return (
        f'<g class="{kind}"><title>{escape(visible(row.name))}</title>{shape}{leads}'
        f'<circle cx="{point.x}" cy="{point.y}" r="5.5"/>{name}</g>'
    )


def _leader(line: tuple[float, float, float, float]) -> str:
    x1, y1, x2, y2 = line
    return f'<path class="leader" d="M{x1} {y1}L{x2} {y2}"/>'


def _below(unnamed: Sequence[VariantRow], found: Variants, unit: tuple[str, float]) -> list[str]:
    """Return what stands below the picture: its signs, and the ways whose names have no room in it."""
    unit_name, unit_j = unit
    lines = []
    if any(row.is_unsure for row in found.rows):
        lines.append("line: the front by means; full: on it for sure; dashed: as far as the runs tell; empty: beaten")
    elif any(row.is_best for row in found.rows):
        lines.append("full, and the dashed line: the front; empty: beaten, or not set against the others")
    lines += _single_runs(found.rows)
    if unnamed:
        lines.append("no room for their names above:")
    for row in unnamed:
        if row.energy_j is not None and row.metric is not None:
            lines.append(f"{_label(row)}: {row.energy_j.value / unit_j:.4g} {unit_name}, {row.metric.value:.4g}")
    lines += _failed(found.rows)
    undrawn = [row.name for row in found.rows if row.runs and (row.energy_j is None or row.metric is None)]
    if undrawn:
        lines.append(f"not drawn, as joules or {visible(found.metric)} are not known: {_some(undrawn)}")
    return _fitted([*lines, *_beyond(found)])


def _beyond(found: Variants) -> Iterator[str]:
    """Yield what no place in the picture shows: errors that do not cancel, and what a unit of work comes with."""
    if any(any(row.ratio_error) for row in found.rows):
        short = [replace(row, name=_short(row.name)) for row in found.rows]
        yield f"not in the intervals: {error_of_all(replace(found, rows=tuple(short)))}"
    told = [(row.name, said) for row in found.rows if (said := in_short(row))]
    if told:
        yield f"for each {_short(found.unit or 'run')}, by means:"
    for name, said in told[:MOST_PRICED]:
        yield f"{_short(name)}: {said}"
    if len(told) > MOST_PRICED:
        yield f"{len(told) - MOST_PRICED} more ways: see the table"


def _fitted(lines: Sequence[str]) -> list[str]:
    """Return the lines cut into such as the picture has room for."""
    return [part for line in lines for part in textwrap.wrap(line, LINE_LETTERS, break_on_hyphens=False)]


def _single_runs(rows: Sequence[VariantRow]) -> list[str]:
    is_there = any(row.runs == 1 and row.energy_j is not None for row in rows)
    return ["n=1: one run, which tells nothing of how far off it may be"] if is_there else []


def _failed(rows: Sequence[VariantRow]) -> list[str]:
    names = [row.name for row in rows if row.failed is not None]
    return [f"set against no other, as runs of it ended with an error: {_some(names)}"] if names else []


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(_short, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


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


def _column(found: Variants, rows: Sequence[VariantRow], across: _Scale, unit_j: float, titles: tuple[str, str]) -> str:
    title, each = titles
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
        is_right = x > (LEFT + WIDTH) * 0.55
        parts.append(
            f'<g class="{"best" if row.verdict == "cheapest" else "other"}"><title>{escape(visible(row.name))}</title>'
            f'{arms}<circle cx="{x}" cy="{y}" r="5.5"/>'
            + _text(x + (-9 if is_right else 9), y - 9, _label(row), "ink", "end" if is_right else "start")
            + "</g>"
        )
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, height - 16, each, "dim", "middle"))
    cheapest = ["full: cheaper than each of the others, 95 % sure"] if _has_cheapest(rows) else []
    lines = _fitted([*cheapest, *_single_runs(found.rows), *_failed(found.rows), *_beyond(found)])
    parts += [_text(LEFT, height + 8 + LINE * at, line, "dim") for at, line in enumerate(lines)]
    return _page(WIDTH, height + LINE * len(lines) + (4 if lines else 0), parts, title)


def _has_cheapest(rows: Sequence[VariantRow]) -> bool:
    return any(row.verdict == "cheapest" for row in rows)


def _label(row: VariantRow) -> str:
    """Return the name as it stands beside the point: a single run has no interval, and is not exact for that."""
    return _short(row.name) + (" (n=1)" if row.runs == 1 else "")


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
        "text.ink{paint-order:stroke;stroke:var(--page);stroke-width:3px;stroke-linejoin:round}"
        "text.dim{fill:var(--dim)}text.title{font-weight:600;font-size:14px}"
        ".line{stroke:var(--line);fill:none}.arms{stroke:var(--frame);stroke-width:1.5;fill:none}"
        ".front{stroke:var(--feed);stroke-width:1.5;stroke-dasharray:6 4;fill:none}"
        ".leader{stroke:var(--dim);stroke-width:0.8;fill:none}"
        ".best circle{fill:var(--feed)}"
        ".unsure circle{fill:var(--page);stroke:var(--feed);stroke-width:2;stroke-dasharray:3 2.2}"
        ".other circle{fill:var(--page);stroke:var(--dim);stroke-width:1.8}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{escape(title, quote=True)}"><style>{style}</style>'
        f'<rect width="{width}" height="{height}" style="fill:var(--page)"/>{"".join(parts)}</svg>\n'
    )
