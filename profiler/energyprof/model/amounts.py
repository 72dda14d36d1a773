"""How energies at the meter, masses, money and their ranges are written for people: three digits and a unit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from energyprof.model.range import Range

JOULES_PER_KWH: Final = 3.6e6
ENERGIES: Final = (
    ("PWh", 3.6e18),
    ("TWh", 3.6e15),
    ("GWh", 3.6e12),
    ("MWh", 3.6e9),
    ("kWh", 3.6e6),
    ("Wh", 3.6e3),
    ("mWh", 3.6),
)
JOULES: Final = (("MJ", 1e6), ("kJ", 1e3), ("J", 1.0), ("mJ", 1e-3), ("\u00b5J", 1e-6))
MASSES: Final = (("kt", 1e9), ("t", 1e6), ("kg", 1e3), ("g", 1.0), ("mg", 1e-3), ("\u00b5g", 1e-6))
"""Of CO2e, in grams."""
YEARS: Final = (("years", 365.25),)
DAYS: Final = (("days", 1.0), ("h", 1 / 24), ("min", 1 / 1440), ("s", 1 / 86400))
POWERS: Final = (("MW", 1e6), ("kW", 1e3), ("W", 1.0), ("mW", 1e-3))

SMALLEST: Final = 1e-4
"""Below it a figure has more noughts than anybody counts and is written with an exponent."""
COIN: Final = 0.01
"""Of most currencies the least that is paid."""
LARGEST: Final = 1e12
"""So has one above it."""

Units = tuple[tuple[str, float], ...]


def energy(amount_j: Range) -> str:
    """Return an energy as a meter counts it, `27.3 kWh (14.8 to 55.5)`; what no meter shows is in joules."""
    return (
        small_energy(amount_j) if max(amount_j.value, amount_j.high) < ENERGIES[-1][1] else in_units(amount_j, ENERGIES)
    )


def small_energy(amount_j: Range) -> str:
    """Return an energy in joules, as the unit of what is done often: `3.20 J`."""
    return in_units(amount_j, JOULES)


def carbon(amount_g: Range) -> str:
    """Return a mass of CO2 equivalent: `1.21 kg CO2e (0.9 to 1.5)`."""
    return in_units(amount_g, tuple((f"{name} CO2e", factor) for name, factor in MASSES))


def power(amount_w: Range) -> str:
    """Return a power: `5.6 kW`."""
    return in_units(amount_w, POWERS)


def money(amount: Range, currency: str) -> str:
    """Return a sum of money: `3.20 EUR (3.01 to 3.44)`; nameless where the price had no currency.

    What no coin pays is `under 0.01 EUR`, with what a million times that is where that is more.
    """
    if 0 < amount.high < COIN:
        coin = f"under {COIN:g} {currency}".rstrip()
        million = amount.times(1e6)
        return coin if million.value < COIN else f"{coin}; a million times that: {money(million, currency)}"
    figures = with_bounds(amount, _money_digits)
    figure, _, bounds = figures.partition(" (")
    named = f"{figure} {currency}" if currency else figure
    return f"{named} ({bounds}" if bounds else named


def count(amount: Range) -> str:
    """Return a number without a unit: `1 230 (940 to 1 600)`; a small whole one as such: `24`."""
    if amount.is_exact and amount.value == int(amount.value) < 1000:
        return str(int(amount.value))
    return with_bounds(amount, digits)


def days(amount: Range) -> str:
    """Return days, years where they are many, hours or less where they are few: `12.5 days`, `3.4 years`, `1.64 h`."""
    if amount.is_exact and amount.value == int(amount.value) and amount.value < 2 * 365.25:
        return "1 day" if amount.value == 1 else f"{int(amount.value)} days"
    return in_units(amount, day_units(amount.value))


def day_units(size: float) -> Units:
    """Return what so many days are written in: years from two on."""
    return YEARS if size >= 2 * 365.25 else DAYS


def in_units(amount: Range, units: Units) -> str:
    """Return a figure with its bounds in the one unit that fits the figure."""
    name, factor = unit_of(max(abs(amount.value), 1e-300) if amount.value else abs(amount.high), units)
    scaled = amount.times(1 / factor)
    if 0 < scaled.high < SMALLEST:
        return f"under {SMALLEST:.4f} {name}"
    shown = with_bounds(scaled, digits)
    figure, _, bounds = shown.partition(" (")
    return f"{figure} {name} ({bounds}" if bounds else f"{figure} {name}"


def with_bounds(amount: Range, written: Callable[[float], str]) -> str:
    """Return a figure and, where they differ from it in print, its bounds."""
    value, low, high = map(written, (amount.value, amount.low, amount.high))
    return value if low == value == high else f"{value} ({low} to {high})"


def digits(value: float) -> str:
    """Return three digits, thousands set apart by a space."""
    if value == 0:
        return "0"
    if not SMALLEST <= abs(value) < LARGEST:
        return f"{value:.2e}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    if round(abs(value), decimals) >= 10.0 ** (3 - decimals):
        decimals = max(0, decimals - 1)  # 9.996 is 10.0, not 10.00
    rounded = round(value, 2 - math.floor(math.log10(abs(value)))) if abs(value) >= 1000 else value
    return f"{rounded:,.{decimals}f}".replace(",", " ")


def _money_digits(value: float) -> str:
    if 0 < abs(value) < 1:
        return digits(value)
    return f"{value:,.2f}".replace(",", " ") if abs(value) < 1000 else digits(value)


def unit_of(size: float, units: Units) -> tuple[str, float]:
    """Return the unit that fits a figure, and what it is a multiple of; nothing is in the one nearest to 1."""
    if size == 0:
        return min(units, key=lambda unit: abs(math.log(unit[1])))
    return next((unit for unit in units if size >= 0.9995 * unit[1]), units[-1])
