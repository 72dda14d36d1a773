"""The CSV files that `replay` reads: rows into one sorted series for each domain, or an error that names the lines."""

from __future__ import annotations

import csv
import math
import os
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from energyprof.errors import SourceError
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof_plugins.power.replay_parents import check_parents

REQUIRED = ("domain", "t_ns", "value", "unit")
OPTIONS = ("period", "window", "wrap", "parent", "gain_error")
FEWEST_UPDATES = 10
FINE_STEP = 20
REGULAR_PART = 0.75
FEWEST_ROWS = 5
"""What shows the period of a sensor that was read more often than it is updated, see `_usual_period`."""
SCALES = {"J": 1.0, "mJ": 1e-3, "uJ": 1e-6, "W": 1.0, "mW": 1e-3, "uW": 1e-6}
TIMES_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "": 1}
BAD_ROWS_NAMED = 5
REMEDY = (
    "each row is domain,t_ns,value,unit with whole nanoseconds, each once in a domain, a value of 0 or more, "
    "and unit J, mJ, uJ, W, mW or uW"
)


@dataclass(frozen=True, slots=True)
class Series:
    """The rows of one domain, in order of time."""

    domain: Domain
    t_ns: array[int]
    """Nanoseconds since the start of the run."""
    raw: array[int]
    end_ns: int
    """When the next row would have come: from then on the series has ended."""
    is_held: bool = False
    """Most rows repeat the value before, and neither they nor the file say how often the sensor is updated."""


@dataclass(slots=True)
class _Draft:
    """What is known of one domain while the file is read."""

    unit: str
    rows: list[tuple[int, float]] = field(default_factory=list)
    lines: dict[int, int] = field(default_factory=dict)
    """By time, the line that gave it."""
    options: dict[str, str] = field(default_factory=dict)


class BadRowsError(SourceError):
    """Some rows of the file cannot be used."""


def read_series(path: str) -> tuple[Series, ...]:
    """Read the file; raises SourceError that names the file, the first bad lines and the remedy."""
    return read_power(path)[0]


def read_power(
    path: str, *, ascending: bool = False, skip_bad: bool = False, defaults: Mapping[str, str] | None = None
) -> tuple[tuple[Series, ...], str]:
    """Read the file; return its series and, with `skip_bad`, which rows were left out, in words.

    `ascending`: a row before the one above it in its domain is bad; `defaults`: what holds where the file says nothing.
    Raises SourceError as above, BadRowsError where that is all.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            comments, drafts, bad = _read_rows(path, file, ascending)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} cannot be replayed ({error}); it must be a readable CSV file in UTF-8") from error
    if bad and not skip_bad:
        raise BadRowsError(f"{path} has bad rows: {bad}; {REMEDY}")
    if not drafts:
        raise SourceError(f"{path} holds no rows; {REMEDY}")
    series = []
    for id_, draft in drafts.items():
        options = {**(defaults or {}), **comments.get("", {}), **comments.get(id_, {}), **draft.options}
        series.append(_series(path, DomainId(id_), draft, options))
    if unknown := comments.keys() - drafts.keys() - {""}:
        raise SourceError(f"{path} describes domain {min(unknown)!r}, which has no rows; it has: {', '.join(drafts)}")
    check_parents(path, {one.domain.id: one.domain.parent for one in series})
    return tuple(series), f"{path} has bad rows: {bad}" if bad else ""


def _read_rows(
    path: str, lines: Iterable[str], ascending: bool
) -> tuple[dict[str, dict[str, str]], dict[str, _Draft], str]:
    """Return what the comments say, the rows by domain, and what is wrong with the others, in words."""
    comments: dict[str, dict[str, str]] = {}
    drafts: dict[str, _Draft] = {}
    bad: list[str] = []
    count = 0
    header: list[str] | None = None
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            _read_comment(path, number, line[1:].split(), comments)
            continue
        cells = [cell.strip() for cell in next(csv.reader([line]), [])]
        if not any(cells):
            continue
        if header is None:
            header = _checked_header(path, number, cells)
            continue
        fault = _read_row(number, dict(zip(header, cells, strict=False)), drafts, ascending)
        if fault is not None:
            count += 1
            if len(bad) < BAD_ROWS_NAMED:
                bad.append(f"line {number}: {fault}")
    more = f" and {count - len(bad):,} more" if count > len(bad) else ""
    return comments, drafts, "; ".join(bad) + more


def _checked_header(path: str, number: int, cells: list[str]) -> list[str]:
    missing = [name for name in REQUIRED if name not in cells]
    if missing:
        raise SourceError(
            f"{path} line {number}: no column {', '.join(map(repr, missing))} in {','.join(cells)!r}; {REMEDY}"
        )
    return cells


def _read_comment(path: str, number: int, words: list[str], comments: dict[str, dict[str, str]]) -> None:
    """Take `# [DOMAIN] key=value ...`; any other comment is for people."""
    if not any("=" in word for word in words):
        return
    id_ = "" if "=" in words[0] else words.pop(0)
    for word in words:
        key, _, value = word.partition("=")
        if key not in OPTIONS or not value:
            raise SourceError(f"{path} line {number}: {word!r} is not understood; known are {', '.join(OPTIONS)}")
        comments.setdefault(id_, {})[key] = value


def _read_row(number: int, row: dict[str, str], drafts: dict[str, _Draft], ascending: bool) -> str | None:
    """Add one row to its domain; return what is wrong with it, if anything."""
    id_, unit = row.get("domain", ""), row.get("unit", "")
    if not id_:
        return "no domain"
    if unit not in SCALES:
        return f"unit {unit!r} is none"
    t_text, value_text = row.get("t_ns", ""), row.get("value", "")
    try:
        t_ns = int(t_text)
    except ValueError:
        return f"t_ns {t_text!r} is no whole number"
    try:
        value = float(value_text)
    except ValueError:
        return f"value {value_text!r} is no number"
    if not math.isfinite(value) or value < 0:
        return f"value {row['value']!r} is negative or not finite"
    if value * SCALES[unit] * 1e6 >= 2**63 or abs(t_ns) >= 2**63:
        return f"value {row['value']!r} at {t_ns} ns is too large"
    draft = drafts.setdefault(id_, _Draft(unit))
    if draft.unit != unit:
        return f"unit {unit!r} of {id_}, which began in {draft.unit!r}"
    if ascending and draft.rows and t_ns < draft.rows[-1][0]:
        return f"t_ns {t_ns} of {id_} is before the row above it in this domain"
    if draft.lines.setdefault(t_ns, number) != number:
        return f"t_ns {t_ns} of {id_} is on line {draft.lines[t_ns]} already"
    draft.rows.append((t_ns, value))
    for key in OPTIONS:
        if row.get(key):
            draft.options.setdefault(key, row[key])
    return None


def _series(path: str, id_: DomainId, draft: _Draft, options: dict[str, str]) -> Series:
    if len(draft.rows) < 2:
        raise SourceError(f"{path}: domain {id_!r} has one row only, which lasts no time; give it a second")
    # Whole numbers stay the sensor's own integers, with its quantum; others become millionths of a joule or watt.
    is_whole = all(value.is_integer() for _, value in draft.rows)
    scale = SCALES[draft.unit] if is_whole else 1e-6
    per_unit = 1.0 if is_whole else SCALES[draft.unit] / 1e-6
    draft.rows.sort(key=lambda row: row[0])
    t_ns = array("q", (t_ns for t_ns, _ in draft.rows))
    raw = array("q", (round(value * per_unit) for _, value in draft.rows))
    domain = Domain(
        id=id_,
        source=f"replay {os.path.basename(path)} (recorded or scripted, not measured now)",
        provenance="sensor",
        quantity="energy" if draft.unit.endswith("J") else "power",
        scale=scale,
        driver="device" if id_.startswith("gpu:") else "cpu",
        period_ns=_usual_period(t_ns, raw, is_counter=draft.unit.endswith("J")),
    )
    domain = _described(path, domain, options, per_unit)
    is_held = sum(later == earlier for earlier, later in pairwise(raw)) > len(raw) / 2
    is_held = is_held and "period" not in options and domain.period_ns == _usual_distance(t_ns)
    return Series(domain, t_ns, raw, t_ns[-1] + (domain.period_ns or 0), is_held)


def _usual_distance(t_ns: array[int]) -> int | None:
    """Return the median time between two rows."""
    return round(median(later - earlier for earlier, later in pairwise(t_ns))) or None


def _usual_period(t_ns: array[int], raw: array[int], *, is_counter: bool) -> int | None:
    """Return what the file shows of the sensor's period, unless it says another.

    That is the median time between two rows, or between two updates where a sensor was read more often than it is
    updated: at least half of the rows repeat the value before, and values change at multiples of one time. A value may
    also stand still for a coarse unit (a counter that moves by few units) or a constant power: that shows no update.
    """
    between = _usual_distance(t_ns)
    if between is None:
        return None
    moved = [row for row in range(1, len(raw)) if raw[row] != raw[row - 1]]
    if not FEWEST_UPDATES < len(moved) <= len(raw) / 2:
        return between
    if is_counter and median(abs(raw[row] - raw[row - 1]) for row in moved) < FINE_STEP:
        return between
    apart = sorted(t_ns[later] - t_ns[earlier] for earlier, later in pairwise(moved))
    period = median(distance for distance in apart if distance < 1.5 * apart[len(apart) // 10])
    # Beside a short period, every distance is near some multiple.
    most = math.inf if period >= FEWEST_ROWS * between else 1
    times = [min(max(1, round(distance / period)), most) for distance in apart]
    regular = sum(abs(distance - n * period) <= 1.5 * between for distance, n in zip(apart, times, strict=True))
    return round(period) if regular >= REGULAR_PART * len(apart) else between


def _described(path: str, domain: Domain, options: dict[str, str], per_unit: float) -> Domain:
    """Return the domain with what the file says of it."""
    for key, text in options.items():
        try:
            if key == "parent":
                domain = replace(domain, parent=DomainId(text))
            elif key == "wrap":
                domain = replace(domain, wrap=_positive(round(float(text) * per_unit)))
            elif key == "gain_error":
                low, _, high = text.partition("/")
                domain = replace(domain, gain_error=(float(low), float(high or low)))
            elif key == "period":
                domain = replace(domain, period_ns=duration_ns(text))
            else:
                domain = replace(domain, window_ns=duration_ns(text))
        except ValueError as error:
            raise SourceError(
                f"{path}: {key}={text} of {domain.id!r} cannot be used ({error}); "
                "try: period=100ms, window=25ms, wrap=4294967296 or gain_error=0.05"
            ) from error
    return domain


def duration_ns(text: str) -> int:
    """Return `100ms`, `25us`, ... in ns; raises ValueError for anything else, and for what is not above 0."""
    number = text.rstrip("nums")
    return _positive(round(float(number) * TIMES_NS.get(text[len(number) :], math.nan)))


def _positive(value: int) -> int:
    if value <= 0:
        raise ValueError("not above 0")
    return value
