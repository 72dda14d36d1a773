"""A budget as people write it: a TOML file of limits in J, mWh or g."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from energyprof.errors import InputError
from energyprof.model.budget import Limit, Per, Scope

UNITS_J: Final = {
    "uJ": 1e-6, "mJ": 1e-3, "J": 1.0, "kJ": 1e3, "MJ": 1e6, "mWh": 3.6, "Wh": 3600.0, "kWh": 3.6e6,
}  # fmt: skip
GRAMS: Final = {"mg": 1e-3, "g": 1.0, "kg": 1e3}
J_PER_KWH: Final = 3.6e6
LONGEST: Final = 60
"""Characters of a value that an error shows."""
MOST: Final = 1e15
"""In any unit; a limit above it is a slip of the pen."""
KEYS: Final[dict[Scope, dict[str, Per]]] = {
    "total": {"max": "run", "per_sample": "sample"},
    "stage": {"max": "run", "per_call": "call", "per_sample": "sample", "per_token": "token"},
    "layer": {"max": "run", "per_call": "call", "per_sample": "sample"},
    "unit": {"max": "unit"},
}
TABLES: Final[dict[str, Scope]] = {"stages": "stage", "layers": "layer", "units": "unit"}
INTENSITY: Final = "carbon_g_per_kwh"
INCREASE: Final = "max_increase"


@dataclass(frozen=True, slots=True)
class Grams:
    """What a kilowatt-hour comes with."""

    g_per_kwh: float
    source: str
    comes_first: bool = False
    """Whether it counts before what the file says."""


def read_budget(path: Path, grams: Grams | None = None) -> tuple[tuple[Limit, ...], str]:
    """Return the limits of a file, and what those in grams go by; raises InputError with the key that is wrong.

    `grams`: what was said outside the file.
    """
    toml = _parser()
    try:
        content = toml.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"no file {path}; energyprof check --help shows a budget") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}; name a TOML file") from error
    except toml.TOMLDecodeError as error:
        raise InputError(f"{path} is no TOML: {error}; energyprof check --help shows a budget") from error
    said = _grams_in(path, content)
    used = grams if grams is not None and (grams.comes_first or said is None) else said
    limits = tuple(_limits(path, content, None if used is None else used.g_per_kwh))
    if not limits:
        raise InputError(f"{path} has no limit; write for example: [total] and below it max = '500 J'")
    has_grams = any(limit.unit in GRAMS for limit in limits)
    return limits, used.source if used is not None and has_grams else ""


def _grams_in(path: Path, content: Mapping[str, Any]) -> Grams | None:
    intensity = content.get(INTENSITY)
    if intensity is None:
        return None
    if not (_is_number(intensity) and 0 < intensity < math.inf):
        raise InputError(f"{path}: {INTENSITY} = {intensity!r} is no number above 0")
    return Grams(float(intensity), f"{intensity:g} g/kWh, as {path} says")


def _parser() -> Any:  # tomllib, or the package it comes from
    if sys.version_info >= (3, 11):
        import tomllib as toml
    else:
        import tomli as toml
    return toml


def _limits(path: Path, content: Mapping[str, Any], intensity: float | None) -> Iterator[Limit]:
    known = (INTENSITY, "total", *TABLES)
    for key in content:
        if key in KEYS["total"] or key == INCREASE:
            raise InputError(f"{path}: {key!r} stands in no table; write it below [total], or below a stage or layer")
        if key not in known:
            raise InputError(
                f"{path}: {_short(key)} means nothing here; a budget has {', '.join(known)}{_meant(key, known)}"
            )
    if "total" in content:
        yield from _of(path, "total", "", content["total"], intensity)
    for table, scope in TABLES.items():
        rows = content.get(table, {})
        if not isinstance(rows, dict):
            raise InputError(f'{path}: {table} is no table; write [{table}."NAME"]')
        for name, row in rows.items():
            yield from _of(path, scope, name, row, intensity)


def _of(path: Path, scope: Scope, name: str, row: object, intensity: float | None) -> Iterator[Limit]:
    where = f"{path}: {scope}" + (f" {_short(name)}" if name else "")
    if not isinstance(row, dict):
        table = next((f'{table}."{name}"' for table, of in TABLES.items() if of == scope), scope)
        raise InputError(f"{where} is no table; write its limits below [{table}]")
    keys: dict[str, Per] = KEYS[scope] if scope == "unit" else {**KEYS[scope], INCREASE: "run"}
    for key, value in row.items():
        if key not in keys:
            raise InputError(f"{where}: {_short(key)} means nothing here; use {', '.join(keys)}{_meant(key, keys)}")
        if key == INCREASE:
            yield Limit(scope, name, "run", None, "%", 0.01, _share(where, value))
        else:
            number, unit, unit_j = _amount(where, key, value, intensity)
            yield Limit(scope, name, keys[key], number * unit_j, unit, unit_j)


def _amount(where: str, key: str, value: object, intensity: float | None) -> tuple[float, str, float]:
    """Return the number, its unit and how many joules that is; grams go by what a kWh emits."""
    shown = _short(value)
    text = f"{value} J" if _is_number(value) else str(value)
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([a-zA-Z]+)\s*", text)
    unit = found[2] if found else ""
    if found is not None and not float(found[1]) < MOST:
        raise InputError(f"{where}: {key} = {shown} is beyond all that can be measured; is the number right?")
    if found is None or unit not in {*UNITS_J, *GRAMS}:
        raise InputError(f"{where}: {key} = {shown} {_no_energy(text, unit)}")
    if unit in UNITS_J:
        return float(found[1]), unit, UNITS_J[unit]
    if intensity is None:
        raise InputError(f"{where}: {key} = {shown} needs your grid: --region FR, or {INTENSITY} = 250 in the file")
    return float(found[1]), unit, GRAMS[unit] / intensity * J_PER_KWH


def _no_energy(text: str, unit: str) -> str:
    """Return what is wrong with a text that is no energy, and what to write."""
    if re.match(r"\s*-\s*[0-9.]", text):
        return "is below 0, and there is no budget below 0; write '20 J'"
    if "%" in text:
        return f"is no energy; a limit over a --baseline is {INCREASE} = {text.strip()!r}"
    if unit in {"W", "mW", "kW"}:
        return "is a power, not an energy; write '20 J'"
    units = [*UNITS_J, *GRAMS]
    alike = [one for one in units if one.lower() == unit.lower()]
    meant = f"; did you mean {' or '.join(map(repr, alike))}?" if alike else ""
    return f"is no energy; write a number and one of {', '.join(units)}: '20 J'{meant}"


def _short(value: object) -> str:
    """Return a value as it may stand in one line of an error."""
    text = repr(value) if isinstance(value, (str, int, float, bool, list, dict)) else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"


def _meant(key: str, known: Iterable[str]) -> str:
    near = get_close_matches(key, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _share(where: str, value: object) -> float:
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*%\s*", value) if isinstance(value, str) else None
    if found is None:
        raise InputError(f"{where}: {INCREASE} = {_short(value)} is no percentage of 0 or more; write '5 %'")
    return float(found[1]) / 100


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
