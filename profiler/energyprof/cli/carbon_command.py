"""`energyprof carbon`: the carbon intensities that `--region` looks up, and how newer ones are imported."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from energyprof.cli import terminal
from energyprof.errors import InputError

NAME = "carbon"
SUMMARY = "List the carbon intensities of electricity that --region looks up, or import newer ones from a file."
EXAMPLES = """\
examples:
  energyprof carbon list                 every country, g/kWh, year, and where they are from
  energyprof carbon show FR              one of them, by code or name
  energyprof carbon import FILE.csv      newer ones, from a file that you downloaded
  energyprof carbon forget               back to the figures that came with energyprof

FILE.csv: the CSV of https://ourworldindata.org/grapher/carbon-intensity-electricity, owid-energy-data.csv of
https://github.com/owid/energy-data, or Ember's yearly data, https://ember-energy.org/data/yearly-electricity-data/.
Nothing is ever fetched, and no region is guessed.
"""
ACTIONS = ("list", "show", "import", "forget")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the action and what it is about."""
    parser.add_argument("action", choices=ACTIONS, help="what to do")
    parser.add_argument("what", nargs="?", metavar="REGION|FILE", help="the region to show, the file to import")


def run(args: argparse.Namespace) -> int:
    """Do it; 0, or an error's own status."""
    needs = {"show": "a region: energyprof carbon show FR", "import": "a file: energyprof carbon import FILE.csv"}
    if args.action in needs and args.what is None:
        raise InputError(f"{args.action} needs {needs[args.action]}")
    if args.action not in needs and args.what is not None:
        raise InputError(f"{args.action} is about all of them; leave out {args.what}")
    text = {"list": _list, "show": _show, "import": _import, "forget": _forget}[args.action](args.what)
    terminal.write(text, sys.stdout)
    return 0


def _list(_what: str | None) -> str:
    from energyprof.intensities import current_table

    table = current_table()
    lines = [f"g CO2e/kWh of electricity, mean of the year; {table.source}", ""]
    lines += [
        f"{row.alpha2 or '-':3} {row.alpha3:9} {row.g_per_kwh:7.1f}  {row.year}  {row.country}"
        for row in sorted(table.rows, key=lambda row: row.country)
    ]
    return "".join(f"{line}\n" for line in lines)


def _show(region: str) -> str:
    from energyprof.intensities import current_table
    from energyprof.model.footprint_text import grid_text

    grid = current_table().find(region)
    return f"{grid.region}: {grid_text(grid)}\n"


def _import(name: str) -> str:
    from energyprof import intensities
    from energyprof.footprint import intensity
    from energyprof.footprint.intensity_import import import_table

    try:
        with Path(name).open(encoding="utf-8-sig", newline="") as stream:
            table = import_table(stream, name)
    except OSError as error:
        raise InputError(f"{name} cannot be read ({error.strerror}); name a CSV file that you downloaded") from None
    except UnicodeDecodeError:
        raise InputError(f"{name} is no text in UTF-8; download the CSV, not the spreadsheet") from None
    shipped = intensity.shipped()
    table = intensity.IntensityTable(intensity.with_short_codes(table.rows, shipped), table.source)
    path = intensities.keep(table)
    years = sorted({row.year for row in table.rows})
    lost = sorted({row.country for row in shipped.rows if row.alpha3 not in {one.alpha3 for one in table.rows}})
    said = f"{len(table.rows)} regions, {years[0]} to {years[-1]}, {table.source}: kept in {path}\n"
    if lost:
        said += f"not in it: {', '.join(lost[:8])}{f' and {len(lost) - 8} more' if len(lost) > 8 else ''}\n"
    return said


def _forget(_what: str | None) -> str:
    from energyprof.intensities import forget

    was = forget()
    return "the imported table is removed; the shipped one counts\n" if was else "there was no imported table\n"
