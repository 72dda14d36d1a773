"""What a unit of work comes with where each way runs: columns of figures, sentences, and what they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from energyprof.model import amounts
from energyprof.model.footprint_text import assumed_text, grid_text
from energyprof.model.range import Range
from energyprof.model.variants import Mean, VariantRow, Variants, WayAmount, WayFootprint
from energyprof_plugins.exporters.console.interval_columns import Interval, IntervalColumns
from energyprof_plugins.exporters.figures import column_unit
from energyprof_plugins.exporters.variants_sentences import comparison, ratio_text
from energyprof_plugins.exporters.visible import visible

MULTIPLES: Final = (("", 1.0), ("/thousand", 1e3), ("/million", 1e6), ("/billion", 1e9))
"""How many units of work are paid together, so that a price has figures."""
COMES_WITH: Final = {
    "facility_j": "with its data centre takes less than",
    "carbon_g": "comes with less CO2e than",
    "cost": "costs less than",
}
MOST_BASES: Final = 8
"""Ways of which each is said what its figures rest on."""


class Column(NamedTuple):
    """One kind of amount of all ways."""

    heading: str
    cells: tuple[str, ...]
    intervals: tuple[str, ...]
    ratios: tuple[str, ...]
    """With bounds; all empty where all ways run alike, for then ratios are those of joules."""
    short_ratios: tuple[str, ...]


def columns(found: Variants) -> list[Column]:
    """Return energy at the meter, CO2e and money, as far as they are known of any way."""
    made = []
    for kind in COMES_WITH:
        told = [None if row.footprint is None else getattr(row.footprint, kind) for row in found.rows]
        known = [one for one in told if one is not None]
        if known:
            made.append(_column(found, kind, told, max(one.amount.value for one in known)))
    return made


def statements(found: Variants) -> list[str]:
    """Return who comes with less of what, where ways run in unlike places; else joules say it."""
    if is_one_place(found):
        return []
    unlike = frozenset(row.name for row in found.rows if any(row.ratio_error))
    lines = []
    for kind, comes_with_less in COMES_WITH.items():
        rated = [
            (row.name, one.verdict)
            for row in found.rows
            if row.footprint is not None and (one := getattr(row.footprint, kind)) is not None
        ]
        lines += comparison(rated, comes_with_less, unlike)
    currencies = _currencies(found)
    if len(currencies) > 1:
        named = ", ".join(visible(one) if one else "one without a name" for one in currencies)
        lines.append(f"Costs are in {len(currencies)} currencies ({named}) and are not set against each other.")
    return lines


def bases(found: Variants) -> list[str]:
    """Return what the figures rest on: once where it is the same for all, else way by way."""
    told = [(row.name, row.footprint) for row in found.rows if row.footprint is not None]
    if not told:
        return []
    if is_one_place(found):
        return [f"estimated (model): {assumed_text(told[0][1].assumptions)}"]
    lines = [f"{name}: {_basis(one)}" for name, one in told]
    more = [f"{len(lines) - MOST_BASES} more, each with its own"] if len(lines) > MOST_BASES else []
    return [*lines[:MOST_BASES], *more]


def in_short(row: VariantRow) -> str:
    """Return all of one way in a line, without bounds; nothing where nothing is known."""
    one, told = row.footprint, []
    if one is None:
        return ""
    if one.facility_j is not None and one.assumptions.pue is not None:
        told.append(f"{amounts.small_energy(_exactly(one.facility_j))} with PUE {one.assumptions.pue.value:g}")
    if one.carbon_g is not None and one.assumptions.grid is not None:
        told.append(f"{amounts.carbon(_exactly(one.carbon_g))} ({_place(one)})")
    if one.cost is not None and one.assumptions.price is not None:
        value = one.cost.amount.value
        many, times = _multiple(value)
        currency = visible(one.assumptions.price.currency or "cost")
        told.append(f"{amounts.digits(value * times)} {currency}{many}")
    return ", ".join(told)


def is_one_place(found: Variants) -> bool:
    """Return whether the same was said of all ways."""
    told = [row.footprint.assumptions for row in found.rows if row.footprint is not None]
    return all((one.grid, one.price, one.pue) == (told[0].grid, told[0].price, told[0].pue) for one in told)


def in_unit(means: Sequence[Mean | None], factor: float) -> list[tuple[str, str]]:
    """Return figures and their intervals, all of them by both bounds where one is too wide for +-."""
    made = IntervalColumns.of("", [_interval(mean, factor) for mean in means if mean is not None])
    found = []
    for mean in means:
        if mean is None:
            found.append(("not known", ""))
            continue
        value, *bounds = made.cells(*_interval(mean, factor))
        is_told = bool(bounds[0])
        found.append((value, "" if not is_told else f"({' to '.join(bounds)})" if made.bounds else f"±{bounds[0]}"))
    return found


def _column(found: Variants, kind: str, told: Sequence[WayAmount | None], largest: float) -> Column:
    name, factor = _unit(found, kind, largest)
    cells = in_unit([None if one is None else one.amount for one in told], factor)
    has_ratios = not is_one_place(found)
    currencies = _currencies(found)
    if kind == "cost" and len(currencies) > 1:
        cells = [
            (f"{value} {_currency(row)}".rstrip() if one is not None else value, interval)
            for (value, interval), row, one in zip(cells, found.rows, told, strict=True)
        ]
    ratios, short = (
        tuple("" if one is None or not has_ratios else ratio_text(one.ratio, one.verdict, wide) for one in told)
        for wide in (True, False)
    )
    return Column(name, tuple(value for value, _ in cells), tuple(interval for _, interval in cells), ratios, short)


def _unit(found: Variants, kind: str, largest: float) -> tuple[str, float]:
    """Return the heading of a column and what its figures are divided by."""
    if kind == "facility_j":
        name, factor = column_unit(largest)
        return f"{name} with PUE", factor
    if kind == "carbon_g":
        name, factor = amounts.unit_of(largest, amounts.MASSES)
        return f"{name} CO2e", factor
    many, times = _multiple(largest)
    currencies = _currencies(found)
    named = currencies[0] if len(currencies) == 1 else ""
    return f"{visible(named or 'cost')}{many}", 1 / times


def _multiple(largest: float) -> tuple[str, float]:
    """Return how many units of work are paid together so that the largest price of them has figures."""
    enough = (one for one in MULTIPLES if largest * one[1] >= amounts.COIN)
    return next(enough, MULTIPLES[-1]) if largest > 0 else MULTIPLES[0]


def _currencies(found: Variants) -> list[str]:
    prices = [row.footprint.assumptions.price for row in found.rows if row.footprint and row.footprint.cost]
    return list(dict.fromkeys(price.currency for price in prices if price is not None))


def _currency(row: VariantRow) -> str:
    price = None if row.footprint is None else row.footprint.assumptions.price
    return visible(price.currency) if price is not None and price.currency else ""


def _basis(one: WayFootprint) -> str:
    text = assumed_text(one.assumptions)
    return f"estimated (model): {text}" if text else "nobody said where it runs"


def _place(one: WayFootprint) -> str:
    grid = one.assumptions.grid
    if grid is None:
        return ""
    return f"{grid.region} {grid.year}" if grid.region else grid_text(grid).partition(",")[0]


def _interval(mean: Mean, factor: float) -> Interval:
    low, high = (mean.value if one is None else one for one in (mean.low, mean.high))
    return mean.value / factor, low / factor, high / factor


def _exactly(one: WayAmount) -> Range:
    return Range.exactly(one.amount.value)
