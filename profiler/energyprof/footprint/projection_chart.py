"""The two cumulative curves of a projection as characters for the terminal and as SVG, bounds as bands."""

from __future__ import annotations

import math
import textwrap
from typing import Final
from xml.sax.saxutils import escape

from energyprof.footprint.chart_axis import Axis
from energyprof.footprint.projection import Projection
from energyprof.model import amounts
from energyprof.model.range import Range

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 90, 20, 56, 56
NAMESPACE: Final = "http://www.w3.org/2000/svg"
LINE: Final = 17
LETTER: Final = 7.5
TALL: Final = 12
"""Above the base line of a text, in px."""
ENERGIES: Final = (*amounts.ENERGIES, ("\u00b5Wh", 3.6e-3), ("nWh", 3.6e-6))
"""On an axis all are of one kind, the smallest too."""
EARLIEST: Final = 0.03
"""Part of the days shown before which nobody sees two curves cross."""
LONGEST_LINE: Final = 76
"""Characters of the heading, at up to 8 px each between the margins."""
STYLE: Final = """\
svg{background:#fff;font-family:system-ui,sans-serif;font-size:13px}
text{fill:#1b1f24}.dim{fill:#525b66}.axis{stroke:#7b8490;fill:none}.grid{stroke:#c9cfd6}
.horizon{stroke:#525b66;stroke-dasharray:2 4}
.training{stroke:#a3200f;fill:none;stroke-width:2;stroke-dasharray:7 4}.trainingband{fill:#a3200f;opacity:.15}
.serving{stroke:#0a58a6;fill:none;stroke-width:2}.servingband{fill:#0a58a6;opacity:.15}.mark{fill:#1b1f24}
@media(prefers-color-scheme:dark){svg{background:#12161b}text,.mark{fill:#e8ecf1}.dim{fill:#a8b3bf}.axis{stroke:#8893a0}
.horizon{stroke:#a8b3bf}.grid{stroke:#3a434d}.training{stroke:#ff9d8a}.trainingband{fill:#ff9d8a}.serving{stroke:#7cbcff}.servingband{fill:#7cbcff}}
"""


def span_days(found: Projection) -> float:
    """Return the days that the curves cover: all of them, and on to the day of overtaking if that is not far beyond."""
    days, overtaking = found.assumed.days.value, found.overtaking.days
    return overtaking * 1.25 if overtaking is not None and days < overtaking * 1.25 <= 4 * days else days


def axes(found: Projection) -> tuple[Axis, Axis]:
    """Return the axes of days and of joules: logarithmic where else nobody could see where the curves cross."""
    days, crossing = span_days(found), found.overtaking.days
    per_day_j, training_j = found.assumed.per_day_j, found.training_j
    if crossing and not EARLIEST * days <= crossing <= days:
        low, high = min(crossing, found.assumed.days.value) / 10, max(crossing * 2, found.assumed.days.value)
        energies = (per_day_j.value * low, 1.5 * max(training_j.high, per_day_j.value * high))
        return Axis(low, high, amounts.day_units(high), is_log=True), Axis(*energies, ENERGIES, is_log=True)
    # All bounds of training, and those of serving that are not far above it.
    highest_j = max(training_j.high, min(per_day_j.high * days, 3 * per_day_j.value * days)) * 1.05 or 1.0
    return Axis(0.0, days, amounts.day_units(days)), Axis(0.0, highest_j, ENERGIES)


def characters(found: Projection, width: int, height: int = 12) -> list[str]:
    """Return the curves as lines of ASCII: `-` training, `*` serving, `X` both, `:` and `.` their bounds."""
    along, up = axes(found)
    training, per_day_j = found.training_j, found.assumed.per_day_j

    def row(energy_j: float) -> int:
        return height - 1 - min(height - 1, math.floor(up.part(energy_j) * height + 1e-9))

    labels = {row(energy_j): label for energy_j, label in up.ticks(4) if energy_j > 0}
    margin = max(10, *map(len, labels.values()))
    columns = max(20, width - margin - 4)
    canvas = [[" "] * columns for _ in range(height)]
    for column in range(columns):
        day = along.at(column / (columns - 1))
        if not training.is_exact:
            for place in range(row(training.high), row(max(training.low, 0.0)) + 1):
                canvas[place][column] = ":"
        for place in range(row(per_day_j.high * day), row(max(per_day_j.low, 0.0) * day) + 1):
            canvas[place][column] = "."
        canvas[row(training.value)][column] = "-"
        canvas[row(per_day_j.value * day)][column] = "*"
    if crossing_within(found, along):
        canvas[row(training.value)][round(along.part(found.overtaking.days or 0.0) * (columns - 1))] = "X"
    lines = [f"{labels.get(place, ''):>{margin}} |{''.join(cells)}".rstrip() for place, cells in enumerate(canvas)]
    floor = ["-"] * columns
    floor[round(along.part(found.assumed.days.value) * (columns - 1))] = "^"
    lines.append(f"{'' if up.is_log else '0':>{margin}} +{''.join(floor)}")
    lines.append(f"{'':{margin + 2}}{_ticks_below(along, columns)}".rstrip())
    return lines


def _ticks_below(along: Axis, columns: int) -> str:
    line = [" "] * columns
    for day, label in reversed(along.ticks(max(3, columns // 14))):
        middle = round(along.part(day) * (columns - 1))
        begin = max(0, min(middle - len(label) // 2, columns - len(label)))
        if not "".join(line[max(0, begin - 1) : begin + len(label) + 1]).strip():
            line[begin : begin + len(label)] = label
    return "".join(line)


def crossing_within(found: Projection, along: Axis) -> bool:
    """Return whether the day on which serving has taken as much lies on the axis; not where training takes nothing."""
    if found.training_j.high <= 0:
        return False
    return found.overtaking.days is not None and along.low <= found.overtaking.days <= along.high


def svg(found: Projection) -> str:
    """Return the curves as an SVG picture for a light and a dark page."""
    along, up = axes(found)
    per_day_j = found.assumed.per_day_j

    def at(day: float, energy_j: float) -> str:
        x = LEFT + (WIDTH - LEFT - RIGHT) * along.part(day)
        y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - up.part(energy_j))
        return f"{x:.1f},{y:.1f}"

    def wedge(energy_per_day_j: float) -> list[str]:
        """Return the curve, a straight line on either kind of axis, from where it enters the picture to its end."""
        if energy_per_day_j <= 0:
            return [at(along.low, up.low), at(along.high, up.low)]
        begin = max(along.low, up.low / energy_per_day_j)
        end = min(along.high, up.high / energy_per_day_j)
        return [at(begin, energy_per_day_j * begin), at(end, energy_per_day_j * end)]

    last, first = (at(day, part * day) for day, part in ((along.high, per_day_j.high), (along.low, per_day_j.low)))
    served = [*wedge(per_day_j.high), last, *wedge(per_day_j.low)[::-1], first]
    training = found.training_j
    ends = ((along.low, training.low), (along.high, training.low), (along.high, training.high))
    band = [at(*end) for end in (*ends, (along.low, training.high))]
    said = textwrap.wrap(verdict(found), LONGEST_LINE)
    lower = LINE * (len(said) - 1)
    scale = "; both axes are logarithmic" if along.is_log else ""
    parts = [
        f'<svg xmlns="{NAMESPACE}" viewBox="0 0 {WIDTH} {HEIGHT + lower}" role="img" aria-labelledby="t d">',
        '<title id="t">Energy of training and of serving</title>',
        f'<desc id="d">{escape(verdict(found))}</desc>',
        f"<style>{STYLE}</style>",
        *(
            f'<text x="{LEFT}" y="{22 + LINE * place}" font-weight="600">{escape(line)}</text>'
            for place, line in enumerate(said)
        ),
        f'<g transform="translate(0 {lower})">',
        f'<text x="{LEFT}" y="41" class="dim">estimated (model): a linear projection; bands: its bounds{scale}</text>',
        *_axes(along, up, at),
        f'<polygon class="trainingband" points="{" ".join(band)}"/>',
        f'<polygon class="servingband" points="{" ".join(served)}"/>',
        f'<polyline class="training" points="{at(along.low, training.value)} {at(along.high, training.value)}"/>',
        f'<polyline class="serving" points="{" ".join(wedge(per_day_j.value))}"/>',
        *_horizon(found, along, at),
    ]
    if crossing_within(found, along) and found.overtaking.days is not None:
        x, y = at(found.overtaking.days, training.value).split(",")
        parts.append(f'<circle class="mark" cx="{x}" cy="{y}" r="5"/>')
    parts += _legend()
    return "\n".join([*parts, "</g>", "</svg>", ""])


def verdict(found: Projection) -> str:
    """Return the one sentence: when serving overtakes training."""
    overtaking, days = found.overtaking, found.assumed.days
    if found.training_j.high <= 0 < found.serving_j.high:
        return "Training takes nothing: serving is all there is."
    if overtaking.days is None:
        return "Serving takes nothing: training is all there is."
    when = amounts.days(Range.exactly(overtaking.days))
    if overtaking.earliest_days is not None and overtaking.latest_days is not None:
        when = amounts.days(Range(overtaking.days, overtaking.earliest_days, overtaking.latest_days))
    elif overtaking.earliest_days is not None:
        when += f" (after {amounts.days(Range.exactly(overtaking.earliest_days))} at the earliest, perhaps never)"
    late = "" if overtaking.within(days.value) else f", later than the {amounts.days(days)} asked for"
    soon = when.startswith("under ")
    return f"Serving overtakes training {'in' if soon else 'after'} {when}{late}."


def _axes(along: Axis, up: Axis, at: Callable[[float, float], str]) -> list[str]:
    base, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for energy_j, label in up.ticks(6):
        y = at(along.low, energy_j).split(",")[1]
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{float(y) + 4:.1f}" text-anchor="end">{label}</text>')
    for day, label in along.ticks(7):
        x = at(day, up.low).split(",")[0]
        anchor = "end" if float(x) > right - 30 else "middle"
        parts.append(f'<text x="{x}" y="{base + 18}" text-anchor="{anchor}">{label}</text>')
    parts.append(f'<polyline class="axis" points="{LEFT},{TOP} {LEFT},{base} {right},{base}"/>')
    return parts


def _horizon(found: Projection, along: Axis, at: Callable[[float, float], str]) -> list[str]:
    """Return the line up from the days asked for, with their number where it leaves room for the curves."""
    days = found.assumed.days
    x = float(at(days.value, 0.0).split(",")[0])
    is_right = along.part(days.value) > 0.5
    place, anchor = (x - 5, "end") if is_right else (x + 5, "start")
    asked = f"asked for: {amounts.days(Range.exactly(days.value))}"
    reach = -LETTER * len(asked) if is_right else LETTER * len(asked)
    y = _free_height(found, along, at, (x, x + reach))
    return [
        f'<line class="horizon" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>',
        f'<text x="{place:.1f}" y="{y:.0f}" text-anchor="{anchor}" class="dim">{asked}</text>',
    ]


def _free_height(
    found: Projection, along: Axis, at: Callable[[float, float], str], across: tuple[float, float]
) -> float:
    """Return the base line of a text between two places, at the bottom unless a curve runs through it there."""
    low, high = HEIGHT - BOTTOM - 6, TOP + 16
    parts = [(x - LEFT) / (WIDTH - LEFT - RIGHT) for x in across]
    days = [along.at(min(max(part, 0.0), 1.0)) for part in parts]
    served = sorted(float(at(day, found.assumed.per_day_j.value * day).split(",")[1]) for day in days)
    trained = float(at(along.high, found.training_j.value).split(",")[1])
    spans = [(trained, trained), (served[0], served[-1])]

    def is_free(y: float) -> bool:
        return all(last < y - TALL or first > y + 4 for first, last in spans)

    steps = [low - step * (low - high) / 8 for step in range(9)]
    return next(filter(is_free, steps), low)


def _legend() -> list[str]:
    y = HEIGHT - 14
    return [
        f'<line class="training" x1="{LEFT}" x2="{LEFT + 30}" y1="{y - 4}" y2="{y - 4}"/>',
        f'<text x="{LEFT + 36}" y="{y}">training</text>',
        f'<line class="serving" x1="{LEFT + 120}" x2="{LEFT + 150}" y1="{y - 4}" y2="{y - 4}"/>',
        f'<text x="{LEFT + 156}" y="{y}">serving, all days so far</text>',
        f'<text x="{WIDTH - RIGHT}" y="{y}" text-anchor="end" class="dim">time of serving</text>',
    ]


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
