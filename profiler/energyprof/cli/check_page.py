"""How `energyprof check` shows its verdicts: text for a terminal, Markdown for a pull request, JSON for programs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from energyprof.cli.fitted_table import beside
from energyprof.model.amounts import ENERGIES, JOULES, MASSES, Units
from energyprof.model.budget import Limit, Ruling
from energyprof.model.line_breaks import wrapped

SCHEMA: Final = "energyprof-check/1"
FAMILIES: Final = (JOULES, ENERGIES, MASSES)
APART: Final = 1e3
"""A figure and its limit share a unit unless one is this many times the other."""
MARKS: Final = {"within": "\u2705", "exceeded": "\u274c", "cannot tell": "\u2753"}
"""Beside the word, never instead of it."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was held to which limits."""

    runs: tuple[Path, ...]
    baseline: tuple[Path, ...]
    rulings: tuple[Ruling, ...]
    status: int
    """Which the command ends with."""
    grams: str = ""
    """What limits in grams go by; empty: there is none."""
    left_out: tuple[tuple[Path, str], ...] = ()
    """Runs of the baseline that do not count, each with the reason."""
    changed: tuple[str, ...] = ()
    """How the program changed since the baseline, and what it was told otherwise."""

    def who(self) -> list[str]:
        """Return a line on the runs, and one on the baseline where there is one."""
        lines = [f"checked {_of(self.runs)}"]
        left_out = dict(self.left_out)
        kept = [path for path in self.baseline if path not in left_out]
        lines += [f"against {_of(kept)}"] if kept else []
        return [*lines, *(f"left out of the baseline: {_printable(str(path))}, {why}" for path, why in self.left_out)]

    def remarks(self) -> list[str]:
        """Return what is to be known of the verdicts as a whole."""
        lines = [_printable(line) for line in self.changed]
        lines += dict.fromkeys(ruling.basis for ruling in self.rulings if ruling.basis)
        lines += [f"grams: {self.grams}"] if self.grams else []
        estimated = sum(ruling.provenance == "estimated (model)" for ruling in self.rulings)
        if estimated:
            several = len(self.rulings) > 1
            of = f"{estimated} of {len(self.rulings)} verdicts rest" if several else "the verdict rests"
            lines.append(f"{of} on a model's estimate (partly or wholly), not on a measurement alone")
        return lines


def as_json(checked: Checked) -> str:
    """Return the document; energies in joules."""
    document = {
        "schema": SCHEMA,
        "status": checked.status,
        "runs": list(map(str, checked.runs)),
        "baseline": list(map(str, checked.baseline)),
        "left_out": [{"run": str(path), "reason": why} for path, why in checked.left_out],
        "program_changed": list(checked.changed),
        "grams": checked.grams or None,
        "rulings": [asdict(ruling) for ruling in checked.rulings],
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def as_text(checked: Checked, *, unicode: bool, width: int) -> str:
    """Return a line for each limit, aligned, below what was checked; lines for each where one does not fit."""
    rows = [(one.verdict, what(one), *amounts(one), one.provenance) for one in checked.rulings]
    room = max((len(row[0]) for row in rows), default=0) + 2
    single = beside(rows, width)
    lines = [line for who in checked.who() for line in wrapped(who, width, rest="  ")]
    for place, ((verdict, subject, *told), ruling) in enumerate(zip(rows, checked.rulings, strict=True)):
        if single:
            lines.append(single[place])
        else:
            lines += wrapped(subject, width, f"{verdict:{room}}", " " * (room + 2))
            lines += wrapped(f"{told[0]}, {told[1]}, {told[2]}", width, " " * room, " " * room)
        lines += wrapped(_printable(ruling.reason), width, " " * room, " " * room)
    lines += [line for remark in checked.remarks() for line in wrapped(remark, width, rest="  ")]
    text = "".join(f"{line}\n" for line in lines)
    return text if unicode else text.replace("\u00b5", "u").replace("\N{MINUS SIGN}", "-")


def as_markdown(checked: Checked) -> str:
    """Return a table for a pull request or a job's summary."""
    heads = ("verdict", "of", "is", "budget", "how it is known")
    rows = [
        (
            f"{MARKS[ruling.verdict]} {ruling.verdict}",
            _marked(what(ruling)),
            *map(_marked, amounts(ruling)),
            _marked(ruling.provenance + (f": {ruling.reason}" if ruling.reason else "")),
        )
        for ruling in checked.rulings
    ]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, (":---",) * len(heads), *rows))
    lines = [f"- {_marked(line)}" for line in (*checked.who(), *checked.remarks())]
    return f"### Energy budget\n\n{table}\n\n" + "\n".join(lines) + "\n"


def what(ruling: Ruling) -> str:
    """Return what the limit is of."""
    limit = ruling.limit
    name = limit.scope if limit.scope == "total" else f"{limit.scope} {_printable(limit.name)}"
    return name if limit.per in {"run", "unit"} else f"{name} per {limit.per}"


def amounts(ruling: Ruling) -> tuple[str, str]:
    """Return the figure with its interval and the limit, in one unit unless they are far apart."""
    limit = ruling.limit
    if limit.max_increase is not None:
        value, low, high = (None if one is None else _percent(one) for one in (ruling.value, ruling.low, ruling.high))
        return _with_bounds(value, low, high, ""), f"budget {_percent(limit.max_increase)}"
    limit_j, units = limit.limit_j or 0.0, _units_of(limit)
    known = [abs(one) for one in (ruling.value, ruling.low, ruling.high) if one is not None]
    largest_j = max(known, default=limit_j)
    is_near = limit_j > 0 and largest_j > 0 and 1 / APART < largest_j / limit_j < APART
    unit, unit_j = _unit(max(largest_j, limit_j) if is_near else largest_j, units)
    figures = (ruling.value, ruling.low, ruling.high)
    value, low, high = _alike([None if one is None else one / unit_j for one in figures])
    limit_unit, limit_unit_j = (unit, unit_j) if is_near else _unit(limit_j, units)
    return _with_bounds(value, low, high, f" {unit}"), f"budget {_digits(limit_j / limit_unit_j)} {limit_unit}"


def _units_of(limit: Limit) -> Units:
    """Return the units of the kind in which the limit was written, each with the joules in it."""
    written = limit.unit.replace("u", "\u00b5")
    for family in FAMILIES:
        own = dict(family).get(written)
        if own is not None:
            return tuple((name, factor * limit.unit_j / own) for name, factor in family)
    return ((limit.unit, limit.unit_j),)


def _unit(size_j: float, units: Units) -> tuple[str, float]:
    return next((unit for unit in units if size_j >= 0.9995 * unit[1]), units[-1])


def _digits(value: float) -> str:
    """Return four digits at most: a figure is looked at beside its limit, to which it may be near."""
    if value == 0:
        return "0"
    decimals = max(0, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}".replace(",", " ")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _alike(figures: Sequence[float | None]) -> list[str | None]:
    """Return figures with as many decimals as four digits of the largest have, or two of the first."""
    known = [abs(one) for one in figures if one]
    first = abs(figures[0] or 0.0)
    of_first = 1 - math.floor(math.log10(first)) if first else 0
    places = max(0, of_first, 3 - math.floor(math.log10(max(known, default=1.0))))
    while places and all(one is None or f"{one:.{places}f}".endswith("0") for one in figures):
        places -= 1
    return [None if one is None else f"{one:,.{places}f}".replace(",", " ") if one else "0" for one in figures]


def _with_bounds(value: str | None, low: str | None, high: str | None, unit: str) -> str:
    between = "" if low is None or high is None else f" ({low} to {high})"
    return f"not known{between and f'{between}{unit}'}" if value is None else f"{value}{unit}{between}"


def _percent(share: float) -> str:
    return f"{share * 100:+.1f} %".replace("-", "\N{MINUS SIGN}")


def _of(paths: Sequence[Path]) -> str:
    names = [_printable(str(path)) for path in paths]
    return names[0] if len(names) == 1 else f"the mean of {len(names)} runs: {', '.join(names)}"


def _marked(text: str) -> str:
    """Return a text in which every mark of Markdown shows as itself."""
    escaped = re.sub(r"([\\`*_\[\]|#~$])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))
    return escaped.replace("@", "@&#8203;")  # nobody is to be told of a comment whose name stands in a stage


def _printable(text: str) -> str:
    """Return a name with an escape in place of what would not show as itself."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
