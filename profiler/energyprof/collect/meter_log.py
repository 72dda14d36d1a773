"""The log of a power meter or smart plug, as its export or a logger wrote it: times, and watts or joules.

One row for each reading; a header names the columns. Time is a column called t_ns (CLOCK_MONOTONIC), or time,
timestamp, date, datetime, epoch: seconds or milliseconds since 1970, or ISO 8601 (without a zone: local time). Power is
a column whose name says W, watt or power, energy one that says J, joule, Wh or kWh and counts up. Separated by comma,
semicolon or tab; with semicolons a comma may be the decimal point. Lines that begin with # are left out.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from energyprof.errors import InputError

BAD_ROWS_NAMED: Final = 5
HOW: Final = "each row needs a time (epoch seconds, ISO 8601 or t_ns) and watts, or energy that counts up"
TIMES: Final = (
    "t_ns",
    "timestamp",
    "datetime",
    "date_time",
    "time",
    "date",
    "epoch",
    "unixtime",
    "unix",
    "last_changed",
)
JOULES: Final = {"j": 1.0, "joule": 1.0, "joules": 1.0, "kwh": 3.6e6, "wh": 3600.0}
WATTS: Final = {"w": 1.0, "watt": 1.0, "watts": 1.0, "power": 1.0, "mw": 1e-3, "kw": 1e3}
MILLISECONDS: Final = 1e11
"""An epoch time beyond it is in milliseconds: in seconds it would be the year 5138."""


@dataclass(frozen=True, slots=True)
class MeterLog:
    """A meter's readings in order of time."""

    t_ns: tuple[int, ...]
    """CLOCK_MONOTONIC where `is_monotonic`, else since 1970."""
    value: tuple[float, ...]
    """Watts, or joules that count up."""
    is_energy: bool
    is_monotonic: bool

    def windows(self) -> list[tuple[int, int, float]]:
        """Return (from, to, joules) between neighbouring readings; a counter that falls gives none."""
        found = []
        for row in range(1, len(self.t_ns)):
            before_ns, now_ns = self.t_ns[row - 1], self.t_ns[row]
            before, now = self.value[row - 1], self.value[row]
            energy_j = now - before if self.is_energy else (before + now) / 2 * (now_ns - before_ns) * 1e-9
            if energy_j >= 0:
                found.append((before_ns, now_ns, energy_j))
        return found


def read_meter_log(path: Path) -> MeterLog:
    """Read the file; raises InputError that names the file, the first bad lines and the remedy."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); hand over the meter's log as CSV in UTF-8") from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    if len(lines) < 2:
        raise InputError(f"{path} holds no rows; {HOW}")
    separator = max(";\t,", key=lines[0][1].count)
    rows = [(number, next(csv.reader([line], delimiter=separator))) for number, line in lines]
    header = [cell.strip() for cell in rows[0][1]]
    time, value, factor, is_energy = _columns(path, header)
    read: list[tuple[int, float]] = []
    bad: list[str] = []
    for number, cells in rows[1:]:
        try:
            t_ns = _time_ns(_cell(cells, time), header[time])
            read.append((t_ns, _number(_cell(cells, value), separator) * factor))
        except ValueError as error:
            bad.append(f"line {number}: {error}")
            if len(bad) == BAD_ROWS_NAMED:
                break
    if bad:
        raise InputError(f"{path} has bad rows: {'; '.join(bad)}; {HOW}")
    read.sort()
    twice = next((before for before, after in pairwise(read) if before[0] == after[0]), None)
    if twice is not None:
        raise InputError(f"{path} has two readings of the same time ({twice[0]} ns); let times have a finer resolution")
    is_monotonic = header[time].lower() == "t_ns"
    return MeterLog(tuple(t for t, _ in read), tuple(value for _, value in read), is_energy, is_monotonic)


def _columns(path: Path, header: list[str]) -> tuple[int, int, float, bool]:
    """Return the columns of time and value, the value's factor to SI units, and whether it is energy."""
    names = [name.lower() for name in header]
    time = next((names.index(name) for name in TIMES if name in names), None)
    if time is None:
        time = next((place for place, name in enumerate(names) if "time" in name or "date" in name), None)
    if time is not None:
        for units, is_energy in ((WATTS, False), (JOULES, True)):
            for place, name in enumerate(names):
                said = [word for word in re.split(r"[^a-z]+", name) if word in units]
                if place != time and said:
                    # `power_kw` says both; the unit is what counts.
                    return time, place, min((units[word] for word in said if word != "power"), default=1.0), is_energy
    raise InputError(f"{path} has the columns {', '.join(header)}, and a time or a power is not among them; {HOW}")


def _cell(cells: list[str], place: int) -> str:
    if place >= len(cells) or not cells[place].strip():
        raise ValueError("a cell is missing")
    return cells[place].strip()


def _time_ns(text: str, column: str) -> int:
    if column.lower() == "t_ns":
        return int(text)
    try:
        number = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace("/", "-"))
        except ValueError:
            raise ValueError(f"{text!r} is no time") from None
        return round(moment.timestamp() * 1e6) * 1000
    if not math.isfinite(number) or number <= 0:
        raise ValueError(f"{text!r} is no time")
    return round(number * (1e6 if number > MILLISECONDS else 1e9))


def _number(text: str, separator: str) -> float:
    """Return the number, with or without its unit."""
    plain = text.replace(",", ".") if separator == ";" else text
    found = re.fullmatch(r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*[a-zA-Z]*", plain.strip())
    value = float(found[1]) if found else math.nan
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{text!r} is no power or energy")
    return value
