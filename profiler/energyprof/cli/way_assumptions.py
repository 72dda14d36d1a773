"""The same four flags where several ways are compared, each of which may run somewhere else: `--region cloud=US`.

A plain value is said of all ways, one behind a name of that way alone. What the flags leave out of a way, the
environment and pyproject.toml may say, as everywhere.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from energyprof.assumptions import SETTINGS, Setting, assumptions_said
from energyprof.errors import InputError
from energyprof.model.footprint_rows import Assumptions


def add_way_footprint_options(parser: argparse.ArgumentParser) -> None:
    """Add `--region`, `--carbon`, `--price` and `--pue`, each as often as there are ways."""
    group = parser.add_argument_group(
        "carbon and cost", "of all ways, or behind NAME= of one: --pue 1.1 --pue cloud=1.4"
    )

    def add(flag: str, value: str, about: str) -> None:
        group.add_argument(flag, metavar=value, action="append", default=[], help=about)

    add("--region", "CODE", "country of its electricity: FR (energyprof carbon list: all)")
    add("--carbon", "G_PER_KWH", "instead: CO2e of a kilowatt-hour, in grams")
    add("--price", "PRICE", "of a kilowatt-hour: 0.30, or '0.30 EUR'")
    add("--pue", "FACTOR", "power of the data centre by that of its computers: 1.2")


def assumptions_by_way(args: argparse.Namespace, names: Iterable[str]) -> dict[str, Assumptions]:
    """Return what was said of each way; raises InputError for a way there is not, and for what is no figure."""
    ways = list(dict.fromkeys(names))
    common: dict[str, str] = {}
    own: dict[str, dict[str, Setting]] = {way: {} for way in ways}
    for setting in SETTINGS:
        for text in getattr(args, setting):
            way, mark, value = text.rpartition("=")  # a name may have a `=` itself, as those of a sweep have
            if mark:
                _refuse_unknown(setting, text, way, ways)
            said = own[way] if mark else common
            if setting in said:
                raise InputError(f"--{setting} is said twice of {way if mark else 'all ways'}; say it once")
            if mark:
                own[way][setting] = Setting(value, f"--{setting} {text}")
            else:
                common[setting] = text
    return {way: assumptions_said(common, own[way]) for way in ways}


def _refuse_unknown(setting: str, text: str, way: str, ways: Sequence[str]) -> None:
    if way not in ways:
        shown = ", ".join([*ways[:8], *([f"{len(ways) - 8} more"] if len(ways) > 8 else [])])
        raise InputError(f"--{setting} {text}: no way is called {way!r}; they are: {shown}")
