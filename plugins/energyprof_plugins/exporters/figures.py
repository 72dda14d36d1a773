"""How numbers are written for people: three digits and a unit, never finer than their interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

MINUS: Final = "\u2212"
UNITS: Final = (("MJ", 1e6), ("kJ", 1e3), ("J", 1.0), ("mJ", 1e-3), ("\u00b5J", 1e-6))
COLUMN_UNITS: Final = UNITS[2:]
"""A table stays with joules however large they are."""
COLUMN_DECIMALS: Final = 4
LEAST_DIGITS: Final = 2
"""Of a value, however wide its interval: with one, `30 J` could stand beside `59 % of 59 J`."""
WIDEST_PLUS_MINUS: Final = 0.5
"""Half-width relative to the value up to which +- is written: beyond it `40 \u00b140` would say that it may be
nothing, and of a model's error of -47 to +87 % only the wider side. Then both bounds are told."""
SMALLEST_BESIDE: Final = 0.01
"""Of a unit, from which on a change is written in it: 3 mJ beside 12.1 J and 12.1 J is not 0.003 J."""
LEAST_WHOLE, MOST_WHOLE = 1e4, 1e15
"""Between these a figure of merit has no decimals: four digits of it stand before the point, and no power of ten."""
LEAST_OF_LARGER: Final = 100
"""From which on a value whose bound has thousands is written in the next larger unit: 5 J is not 0.0050 kJ."""


def joules(energy_j: float) -> str:
    """Return three digits and a unit: `1.08 kJ`, `20.3 mJ`, `0 J`."""
    unit, factor = _unit(abs(energy_j), UNITS)
    return f"{_signed(_digits(energy_j / factor, 3))} {unit}"


def joules_with_bounds(
    energy_j: float, low_j: float | None, high_j: float | None, unit: tuple[str, float] | None = None
) -> str:
    """Return the value with its 95 % interval in one unit: `12.0 \u00b10.3 kJ`, or `24 J (12 to 46)` where it is wide.

    Where there are no bounds, or they coincide, nobody stated an error, and none is claimed. `unit`: see `unit_of`.
    """
    low_j, high_j = (energy_j if low_j is None else low_j), (energy_j if high_j is None else high_j)
    name, factor = unit or unit_of(energy_j if energy_j else max(low_j, high_j, key=abs))
    figures = _value_and_interval(energy_j / factor, low_j / factor, high_j / factor)
    if unit is None and _reaches_thousand(figures) and abs(energy_j) >= LEAST_OF_LARGER * factor:
        name, factor = _one_larger(name)
        figures = _value_and_interval(energy_j / factor, low_j / factor, high_j / factor)
    shown, *interval = figures
    if not interval:
        return f"{shown} {name}"
    return f"{shown} {name} ({' to '.join(interval)})" if len(interval) > 1 else f"{shown} \u00b1{interval[0]} {name}"


def joules_change(
    change_j: float, low_j: float | None, high_j: float | None, beside_j: tuple[float, float] | None = None
) -> str:
    """Return a change with its sign and its 95 % interval in one unit: `+117 \u00b121 J`, `+29 mJ (\u2212410 to 470)`.

    `beside_j`: the figures that it lies between, whose unit it has, too, unless all of it is too small for that.
    """
    low_j, high_j = (change_j if low_j is None else low_j), (change_j if high_j is None else high_j)
    largest_j = max(abs(change_j), abs(low_j), abs(high_j))
    unit = None if beside_j is None else unit_of(*beside_j)
    if unit is not None and largest_j < SMALLEST_BESIDE * unit[1]:
        unit = None
    if is_wide(change_j, low_j, high_j):
        text = _change_within(change_j, low_j, high_j, unit or unit_of(change_j or largest_j))
    else:
        text = joules_with_bounds(change_j, low_j, high_j, unit)
    return f"+{text}" if change_j > 0 else text


def _change_within(change_j: float, low_j: float, high_j: float, unit: tuple[str, float]) -> str:
    """Return a change whose interval is wide with both bounds, these to two digits of the wider side."""
    name, factor = unit
    change, low, high = (energy_j / factor for energy_j in (change_j, low_j, high_j))
    decimals = LEAST_DIGITS - 1 - math.floor(math.log10(half_width(change, low, high)))
    own = max(decimals, _own_decimals(change)) if change else decimals
    texts = ((change, own), (low, decimals), (high, decimals))
    shown, *bounds = (
        _signed(grouped(round(number, places) + 0.0, max(0, places))) if number else "0" for number, places in texts
    )
    return f"{shown} {name} ({' to '.join(bounds)})"


def unit_of(*energies_j: float) -> tuple[str, float]:
    """Return the one unit, and its size in joules, for figures of one sentence: that of the largest of them."""
    return _unit(max(map(abs, energies_j)), UNITS)


def joules_between(low_j: float, high_j: float) -> str:
    """Return two energies in one unit: `571 to 613 J`, one if they look the same."""
    unit, factor = unit_of(low_j, high_j)
    low, high = (_signed(_digits(energy_j / factor, 3)) for energy_j in (low_j, high_j))
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def joules_within(energy_j: float, half_j: float) -> str:
    """Return two or three digits and a unit, three where the half-width, printed elsewhere, is fine enough."""
    unit, factor = _unit(abs(energy_j), UNITS)
    if half_j <= 0 or energy_j == 0:
        return joules(energy_j)
    shown = _rounded_within(energy_j / factor, half_j / factor)
    if _reaches_thousand((shown,)):
        unit, factor = _one_larger(unit)
        shown = _rounded_within(energy_j / factor, half_j / factor)
    return f"{shown} {unit}"


def column_unit(largest_j: float) -> tuple[str, float]:
    """Return the one unit of a table column and its size in joules."""
    return _unit(largest_j, COLUMN_UNITS)


def with_error(value: float, half: float) -> tuple[str, str]:
    """Return a value and its half-width: 1 significant digit of the half-width (2 if it begins with 1 or 2) rule both.

    No more than four digits of the value are shown; the half-width is then rounded up, never to less than it is. Nor
    are fewer than `LEAST_DIGITS`.
    """
    if half <= 0:
        return _signed(_digits(value, 4)), ""
    wanted = _decimals(half)
    before_point = math.floor(math.log10(abs(value))) + 1 if value else 1
    decimals = min(wanted, max(0, 4 - before_point))
    if abs(value) > half:
        decimals = max(decimals, LEAST_DIGITS - before_point)
    shown_half = round(half, wanted) if decimals == wanted else math.ceil(half * 10**decimals - 1e-9) / 10**decimals
    own = max(decimals, _own_decimals(value))
    return _signed(grouped(round(value, own), max(0, own))), grouped(shown_half, max(0, decimals))


def is_wide(value: float, low: float, high: float) -> bool:
    """Return whether an interval is told by its bounds rather than by +-."""
    return half_width(value, low, high) > WIDEST_PLUS_MINUS * abs(value)


def with_bounds(value: float, low: float, high: float) -> tuple[str, str, str]:
    """Return a value and its bounds, rounded to the place that the wider side allows.

    The value itself keeps two digits.
    """
    half = half_width(value, low, high)
    if half <= 0:
        return _signed(_digits(value, 4)), "", ""
    decimals = min(_decimals(half), COLUMN_DECIMALS)
    own = max(decimals, LEAST_DIGITS - 1 - math.floor(math.log10(abs(value)))) if value else decimals
    texts = ((value, own), (round(low, decimals), decimals), (round(high, decimals), decimals))
    value_text, low_text, high_text = (
        _signed(grouped(round(number, places), max(0, places))) if number else "0" for number, places in texts
    )
    return value_text, low_text, high_text


def warranted(value: float, low: float, high: float) -> str:
    """Return a value alone, with as many digits as it has beside its interval: joules per call in a column."""
    if is_wide(value, low, high):
        return with_bounds(value, low, high)[0]
    return with_error(value, half_width(value, low, high))[0]


def each_warranted(each: float, total: float, low: float | None, high: float | None) -> str:
    """Return `total` by a number of something, `each`, with the digits that the bounds of the total warrant.

    `each` may be in a unit of its own.
    """
    scale = each / total if total else 0.0
    low, high = (total if bound is None else bound for bound in (low, high))
    return warranted(each, low * scale, high * scale)


def in_column(value: float, half: float) -> tuple[str, str]:
    """Return a value and its half-width as `with_error` does, but for what is too small for the unit of its column."""
    smallest = 10.0**-COLUMN_DECIMALS
    if 0 < abs(value) < smallest:
        return f"<{smallest:.{COLUMN_DECIMALS}f}", ""
    return with_error(value, max(half, smallest) if half > 0 else half)


def half_width(energy_j: float, low_j: float, high_j: float) -> float:
    """Return the wider side of an interval: printed as +-, it must cover both."""
    return max(energy_j - low_j, high_j - energy_j, 0.0)


def percent(share: float, decimals: int = 1) -> str:
    """Return a share as `8.0 %`; what is not nothing is never written as 0."""
    smallest = 10.0**-decimals
    if 0 < abs(share) * 100 < smallest / 2:
        return f"<{smallest:.{decimals}f} %"
    return _signed(f"{share * 100:.{decimals}f} %") if share else "0 %"


def grouped(value: float, decimals: int = 0) -> str:
    """Return a number with thousands set apart by a space."""
    return f"{value:,.{decimals}f}".replace(",", " ")


def merit(value: float) -> str:
    """Return a figure of merit, whose unit and error nobody told, with four digits; whole numbers are whole."""
    if not math.isfinite(value):
        return str(value)
    is_whole = abs(value) < MOST_WHOLE and (value == round(value) or abs(value) >= LEAST_WHOLE)
    return _signed(grouped(value) if is_whole else f"{value:.4g}")


def seconds(duration_s: float) -> str:
    """Return a duration with up to three digits: `96.4 s`, `340 ms`, `2 \u00b5s`."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("\u00b5s", 1e-6)):
        if duration_s >= 0.9995 * factor:
            text = _digits(duration_s / factor, 3)
            return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {unit}"
    return f"{duration_s * 1e9:.0f} ns" if duration_s > 0 else "0 s"


def watts(power_w: float) -> str:
    """Return a power with three digits."""
    for unit, factor in (("kW", 1e3), ("W", 1.0), ("mW", 1e-3)):
        if abs(power_w) >= 0.9995 * factor:
            return f"{_signed(_digits(power_w / factor, 3))} {unit}"
    return f"{power_w * 1e6:.0f} \u00b5W" if power_w else "0 W"


def rounded_to_add_up(parts: Sequence[float], decimals: int) -> tuple[list[str], str]:
    """Return the parts and their sum, rounded so that the printed parts add up to the printed sum exactly."""
    scale = 10**decimals
    whole = round(math.fsum(parts) * scale)
    shown = [math.floor(part * scale) for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda i: (shown[i] - parts[i] * scale, i))
    for place in by_remainder[: whole - sum(shown)]:
        shown[place] += 1
    return [_signed(grouped(value / scale, decimals)) for value in shown], grouped(whole / scale, decimals)


def decimals_for(largest: float, digits: int = 4) -> int:
    """Return the decimals with which `largest` shows `digits` digits."""
    return max(0, digits - (math.floor(math.log10(largest)) + 1)) if largest > 0 else 0


def _unit(size_j: float, units: tuple[tuple[str, float], ...]) -> tuple[str, float]:
    if size_j == 0:
        return "J", 1.0
    for unit in units:
        if size_j >= 0.9995 * unit[1]:
            return unit
    return units[-1]


def _one_larger(name: str) -> tuple[str, float]:
    place = [unit for unit, _ in UNITS].index(name)
    return UNITS[max(place - 1, 0)]


def _reaches_thousand(figures: Sequence[str]) -> bool:
    """Return whether a printed figure has thousands, by itself or by rounding."""
    return any(" " in figure for figure in figures)


def _value_and_interval(value: float, low: float, high: float) -> tuple[str, ...]:
    """Return the printed value alone, with its half-width, or with both bounds."""
    half = half_width(value, low, high)
    if half <= 0:
        return (_signed(_digits(value, 3)),)
    return with_bounds(value, low, high) if is_wide(value, low, high) else with_error(value, half)


def _rounded_within(value: float, half: float) -> str:
    digits_before = math.floor(math.log10(abs(value))) + 1
    decimals = min(max(_decimals(half), LEAST_DIGITS - digits_before), 3 - digits_before)
    return _signed(grouped(round(value, decimals), max(0, decimals)))


def _own_decimals(value: float) -> int:
    """Return the decimals with which a value has `LEAST_DIGITS`; below 0 where it is 100 or more, 0 for nothing."""
    if value == 0:
        return 0
    decimals = LEAST_DIGITS - 1 - math.floor(math.log10(abs(value)))
    return decimals - (round(abs(value), decimals) >= 10.0 ** (LEAST_DIGITS - decimals))  # 9.96 is 10, not 10.0


def _decimals(half: float) -> int:
    """Return the decimals that a half-width allows; below 0: it is coarser than the ones."""
    place = math.floor(math.log10(half))
    return -place + (1 if half / 10.0**place < 2.95 else 0)


def _digits(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    if round(abs(value), decimals) >= 10.0 ** (digits - decimals):
        decimals = max(0, decimals - 1)  # 9.996 is 10.0, not 10.00
    return grouped(value, decimals)


def _signed(text: str) -> str:
    return MINUS + text[1:] if text.startswith("-") else text
