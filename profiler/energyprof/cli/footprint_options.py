"""The flags that turn joules into grams and money; what they leave out, the environment and pyproject.toml may say."""

from __future__ import annotations

import argparse

from energyprof.assumptions import SETTINGS, assumptions_said
from energyprof.model.footprint_rows import Assumptions

HELP = """\
carbon and cost: --region, --carbon, --price, --pue; else ENERGYPROF_REGION, ENERGYPROF_CARBON, ENERGYPROF_PRICE,
ENERGYPROF_PUE; else region, carbon, price, pue under [tool.energyprof] of pyproject.toml here or in a folder above.
"""


def add_footprint_options(parser: argparse.ArgumentParser) -> None:
    """Add `--region`, `--carbon`, `--price` and `--pue`."""
    group = parser.add_argument_group("carbon and cost")
    group.add_argument("--region", metavar="CODE", help="country of its electricity: FR (energyprof carbon list: all)")
    group.add_argument("--carbon", metavar="G_PER_KWH", help="instead: CO2e of a kilowatt-hour, in grams")
    group.add_argument("--price", metavar="PRICE", help="of a kilowatt-hour: 0.30, or 0.30EUR")
    group.add_argument("--pue", metavar="FACTOR", help="power of the data centre by that of its computers: 1.2")


def assumptions_of(args: argparse.Namespace) -> Assumptions:
    """Return what was said in the flags, and besides; raises InputError for what is no figure or region."""
    return assumptions_said({name: getattr(args, name) for name in SETTINGS})
