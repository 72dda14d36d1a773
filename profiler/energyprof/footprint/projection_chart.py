"""The two cumulative curves of a projection as characters for the terminal and as SVG, bounds as bands."""

from __future__ import annotations

import math
import textwrap
from typing import Final
from xml.sax.saxutils import escape

from energyprof.footprint.projection import Projection
from energyprof.model import amounts
from energyprof.model.range import Range

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 90, 20, 56, 56
NAMESPACE: Final = "http://www.w3.org/2000/svg"
LINE: Final = 17
LONGEST_LINE: Final = 76
"""Characters of the heading, at up to 8 px each between the margins."""
STYLE: Final = """\
svg{background:#fff;font-family:system-ui,sans-serif;font-size:13px}
text{fill:#1b1f24}.dim{fill:#525b66}.axis{stroke:#7b8490;fill:none}.grid{stroke:#c9cfd6}
.training{stroke:#a3200f;fill:none;stroke-width:2;stroke-dasharray:7 4}.trainingband{fill:#a3200f;opacity:.15}
.serving{stroke:#0a58a6;fill:none;stroke-width:2}.servingband{fill:#0a58a6;opacity:.15}.mark{fill:#1b1f24}
@media(prefers-color-scheme:dark){svg{background:#12161b}text,.mark{fill:#e8ecf1}.dim{fill:#a8b3bf}.axis{stroke:#8893a0}
.grid{stroke:#3a434d}.training{stroke:#ff9d8a}.trainingband{fill:#ff9d8a}.serving{stroke:#7cbcff}.servingband{fill:#7cbcff}}
"""


def span_days(found: Projection) -> float:
    """Return the days that the curves cover: all of them, and on to the day of overtaking if that is not far beyond."""
    days, overtaking = found.assumed.days.value, found.overtaking.days
    return overtaking * 1.25 if overtaking is not None and days < overtaking * 1.25 <= 4 * days else days


def characters(found: Projection, width: int, height: int = 12) -> list[str]:
    """Return the curves as lines of ASCII: `-` training, `*` serving, `:` and `.` between the bounds of each."""
    days, training, per_day_j = span_days(found), found.training_j, found.assumed.per_day_j
    highest_j = _highest_j(found, days)
    labels = [
        amounts.energy(Range.exactly(highest_j * (height - place) / height)) if place % 4 == 0 else ""
        for place in range(height)
    ]
    margin = max(10, *map(len, labels))
    columns = max(20, width - margin - 4)
    canvas = [[" "] * columns for _ in range(height)]

    def row(energy_j: float) -> int:
        return height - 1 - min(height - 1, max(0, math.floor(energy_j / highest_j * height)))

    for column in range(columns):
        day = days * column / (columns - 1)
        if not training.is_exact:
            for place in range(row(training.high), row(max(training.low, 0.0)) + 1):
                canvas[place][column] = ":"
        for place in range(row(per_day_j.high * day), row(max(per_day_j.low, 0.0) * day) + 1):
            canvas[place][column] = "."
        canvas[row(training.value)][column] = "-"
        canvas[row(per_day_j.value * day)][column] = "*"
    lines = [f"{label:>{margin}} |{''.join(cells)}".rstrip() for label, cells in zip(labels, canvas, strict=True)]
    lines.append(f"{'0':>{margin}} +{'-' * columns}")
    end = amounts.days(Range.exactly(days))
    lines.append(f"{'':{margin + 1}} 0{end:>{columns - 1}}")
    return lines


def _highest_j(found: Projection, days: float) -> float:
    """Return what the curves reach up to: all bounds of training, and those of serving that are not far above it."""
    per_day_j = found.assumed.per_day_j
    return max(found.training_j.high, min(per_day_j.high * days, 3 * per_day_j.value * days)) * 1.05 or 1.0


def svg(found: Projection) -> str:
    """Return the curves as an SVG picture for a light and a dark page."""
    days = span_days(found)
    per_day_j = found.assumed.per_day_j
    highest_j = _highest_j(found, days)

    def at(day: float, energy_j: float) -> str:
        x = LEFT + (WIDTH - LEFT - RIGHT) * day / days
        y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(max(energy_j, 0.0) / highest_j, 1.0))
        return f"{x:.1f},{y:.1f}"

    def wedge(energy_per_day_j: float) -> list[str]:
        """Return the curve up to where it leaves the picture at its top."""
        leaves = highest_j / energy_per_day_j if energy_per_day_j > 0 else math.inf
        points = [at(0, 0), at(min(days, leaves), energy_per_day_j * min(days, leaves))]
        return [*points, at(days, highest_j)] if leaves < days else points

    training = found.training_j
    band = [at(0, training.low), at(days, training.low), at(days, training.high), at(0, training.high)]
    said = textwrap.wrap(verdict(found), LONGEST_LINE)
    lower = LINE * (len(said) - 1)
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
        f'<text x="{LEFT}" y="41" class="dim">estimated (model): a linear projection; bands: its bounds</text>',
        *_axes(days, highest_j, at),
        f'<polygon class="trainingband" points="{" ".join(band)}"/>',
        f'<polygon class="servingband" points="{" ".join([*wedge(per_day_j.high), *wedge(per_day_j.low)[::-1]])}"/>',
        f'<polyline class="training" points="{at(0, training.value)} {at(days, training.value)}"/>',
        f'<polyline class="serving" points="{" ".join(wedge(per_day_j.value)[:2])}"/>',
    ]
    if found.overtaking.within(days) and found.overtaking.days is not None:
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
    return f"Serving overtakes training after {when}{late}."


def _axes(days: float, highest_j: float, at: Callable[[float, float], str]) -> list[str]:
    base, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for step in range(5):
        energy_j = highest_j * step / 4
        y = at(0, energy_j).split(",")[1]
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}"/>')
        label = amounts.energy(Range.exactly(energy_j)) if step else "0"
        parts.append(f'<text x="{LEFT - 8}" y="{float(y) + 4:.1f}" text-anchor="end">{label}</text>')
        x = at(days * step / 4, 0).split(",")[0]
        anchor = "end" if step == 4 else "middle"
        label = amounts.digits(days * step / 4)
        parts.append(f'<text x="{x}" y="{base + 18}" text-anchor="{anchor}">{label}</text>')
    parts.append(f'<polyline class="axis" points="{LEFT},{TOP} {LEFT},{base} {right},{base}"/>')
    return parts


def _legend() -> list[str]:
    y = HEIGHT - 14
    return [
        f'<line class="training" x1="{LEFT}" x2="{LEFT + 30}" y1="{y - 4}" y2="{y - 4}"/>',
        f'<text x="{LEFT + 36}" y="{y}">training</text>',
        f'<line class="serving" x1="{LEFT + 120}" x2="{LEFT + 150}" y1="{y - 4}" y2="{y - 4}"/>',
        f'<text x="{LEFT + 156}" y="{y}">serving, all days so far</text>',
        f'<text x="{WIDTH - RIGHT}" y="{y}" text-anchor="end" class="dim">days of serving</text>',
    ]


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
