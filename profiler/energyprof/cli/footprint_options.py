"""What turns joules into grams and money: flags."""

from __future__ import annotations

import argparse

from energyprof.cli.given_numbers import number
from energyprof.errors import InputError
from energyprof.model.footprint_rows import Assumptions, EnergyPrice, GridIntensity
from energyprof.model.range import Range


def add_footprint_options(parser: argparse.ArgumentParser) -> None:
    """Add `--carbon`, `--price` and `--pue`."""
    group = parser.add_argument_group("carbon and cost")
    group.add_argument("--carbon", metavar="G_PER_KWH", help="CO2e of a kilowatt-hour of its electricity, in grams")
    group.add_argument("--price", metavar="PRICE", help="of a kilowatt-hour: 0.30, or '0.30 EUR'")
    group.add_argument("--pue", metavar="FACTOR", help="power of the data centre by that of its computers: 1.2")


def assumptions_of(args: argparse.Namespace) -> Assumptions:
    """Return what was said; raises InputError for what is no figure."""
    grid = None if args.carbon is None else GridIntensity(_figure("--carbon", args.carbon), "", "", None, "as given")
    price = None if args.price is None else price_of("--price", args.price)
    pue = None if args.pue is None else pue_of("--pue", args.pue)
    given = {"carbon": args.carbon, "price": args.price, "pue": args.pue}
    origins = tuple((name, f"--{name}") for name, value in given.items() if value is not None)
    return Assumptions(grid, price, pue, origins)


def price_of(name: str, text: str) -> EnergyPrice:
    """Return a price and its currency."""
    figure, _, currency = text.strip().partition(" ")
    currency = currency.strip()
    if len(currency) > 8:
        raise InputError(f"{name} {text}: no currency has so long a name; write it as '0.30 EUR'")
    return EnergyPrice(_figure(name, figure), currency)


def pue_of(name: str, text: str) -> Range:
    """Return a PUE, which is 1 at least."""
    pue = _figure(name, text)
    if pue < 1:
        raise InputError(f"{name} {text}: a data centre takes no less than its computers; a PUE is 1 or more")
    return Range.exactly(pue)


def _figure(name: str, text: str) -> float:
    try:
        return number(text)
    except argparse.ArgumentTypeError as error:
        raise InputError(f"{name}: {error}") from None
