"""What turns joules into grams and money: flags, else the environment, else `[tool.energyprof]`; never the network."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from energyprof.errors import InputError
from energyprof.model.footprint_rows import Assumptions, EnergyPrice, GridIntensity
from energyprof.model.given_number import parse_number
from energyprof.model.range import Range
from energyprof.project_file import FOOTPRINT, project_table

SETTINGS = FOOTPRINT
SIGNS: Final = {"\u20ac": "EUR", "\u00a3": "GBP"}
"""Signs of one currency only; of others, such as $, nobody knows whose it is, and the sign stays."""
_PRICE: Final = re.compile(
    r"([^\d\s.,+-]*\s*)([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:[kKmMgGbBtT](?![^\s]))?)(\s*[^\d.,]*)"
)
_COMMA: Final = re.compile(r"[^\d.,]*\d+,\d+[^\d.,]*")


@dataclass(frozen=True, slots=True)
class Setting:
    """What somebody said, and where."""

    value: str
    origin: str


def settings(
    flags: Mapping[str, str | None],
    environment: Mapping[str, str],
    project: Mapping[str, Setting],
    own: Mapping[str, Setting] = {},
) -> dict[str, Setting]:
    """Return each setting as the first of these that has it says; region and carbon are one setting.

    `own`: what was said of one of several things that are compared, before all others. Raises InputError where one of
    them says both.
    """
    levels = (
        dict(own),
        {name: Setting(value, f"--{name}") for name in SETTINGS if (value := flags.get(name)) is not None},
        {
            name: Setting(value, f"ENERGYPROF_{name.upper()}")
            for name in SETTINGS
            if (value := environment.get(f"ENERGYPROF_{name.upper()}", "").strip())
        },
        dict(project),
    )
    found: dict[str, Setting] = {}
    for level in levels:
        if {"region", "carbon"} <= level.keys():
            raise InputError(
                f"{level['region'].origin} and {level['carbon'].origin} both say what a kilowatt-hour comes with; "
                "leave out one of them"
            )
        has_grid = "region" in found or "carbon" in found
        found |= {
            name: setting
            for name, setting in level.items()
            if name not in found and not (has_grid and name in {"region", "carbon"})
        }
    return found


def project_settings(folder: Path) -> dict[str, Setting]:
    """Return what `[tool.energyprof]` says in the nearest pyproject.toml that has it; raises InputError."""
    project = project_table(folder)
    if project is None:
        return {}
    path, table = project.path, {name: value for name, value in project.values.items() if name in SETTINGS}
    for name, value in table.items():
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise InputError(f"{path}: {name} is no figure or text; write {name} = 1.2 or {name} = '...'")
    return {name: Setting(str(value), f"{name} in {path}") for name, value in table.items()}


def assumptions_said(flags: Mapping[str, str | None] = {}, own: Mapping[str, Setting] = {}) -> Assumptions:
    """Return what the flags, the environment and the nearest pyproject.toml say; raises InputError for a mistake.

    `own`: as `settings` has it.
    """
    try:
        folder = Path.cwd()
    except OSError:  # it has been deleted
        project = {}
    else:
        project = project_settings(folder)
    found = settings(flags, os.environ, project, own)
    grid = price = pue = None
    if "region" in found:
        grid = _in_region(found["region"])
    elif "carbon" in found:
        figure = found["carbon"]
        grid = GridIntensity(_figure(figure.origin, figure.value), "", "", None, f"as {figure.origin} says")
    if "price" in found:
        price = price_of(found["price"].origin, found["price"].value)
    if "pue" in found:
        pue = pue_of(found["pue"].origin, found["pue"].value)
    origins = tuple((name, found[name].origin) for name in SETTINGS if name in found)
    return Assumptions(grid, price, pue, origins)


def _in_region(region: Setting) -> GridIntensity:
    from energyprof.intensities import current_table  # here: most runs say no region and need no table

    try:
        return current_table().find(region.value)
    except InputError as error:
        raise InputError(f"{region.origin}: {error}") from None


def price_of(origin: str, text: str) -> EnergyPrice:
    """Return a price and its currency, in whichever order they stand, `$0.30` too; raises InputError."""
    match = _PRICE.fullmatch(text.strip())
    if match is None:
        if _COMMA.fullmatch(text.strip()):
            raise InputError(f"{origin}: {text} has a comma; write the price with a point, as '0.30 EUR'")
        return EnergyPrice(_figure(origin, text), "")
    before, figure, after = match.groups()
    currency = (before.strip() or after.strip()).removesuffix("/kWh").strip()
    currency = SIGNS.get(currency, currency)
    if (before.strip() and after.strip()) or len(currency) > 8 or not currency.isprintable():
        said = f"{before.strip()} {after.strip()}".strip()
        raise InputError(f"{origin}: no currency is called {said!r}; write the price as '0.30 EUR'")
    return EnergyPrice(_figure(origin, figure), currency)


def pue_of(origin: str, text: str) -> Range:
    """Return a PUE, which is 1 at least; raises InputError."""
    pue = _figure(origin, text)
    if pue < 1:
        raise InputError(f"{origin}: {text} cannot be, a data centre takes no less than its computers; give 1 or more")
    return Range.exactly(pue)


def _figure(origin: str, text: str) -> float:
    try:
        return parse_number(text)
    except ValueError as error:
        raise InputError(f"{origin}: {error}") from None
