"""Carbon intensities from a file that the user downloaded, of Our World in Data or of Ember.

Three forms are known by their columns:
* the CSV of https://ourworldindata.org/grapher/carbon-intensity-electricity: Entity, Code, Year, one figure; with short
  names of columns also the year that a figure is of where the chart carries it on from an earlier one;
* https://github.com/owid/energy-data: country, iso_code, year, carbon_intensity_elec;
* Ember's yearly data in long form (https://ember-energy.org/data/yearly-electricity-data/): Area, ISO 3 code (once
  Country code), Year, Variable `CO2 intensity`, Unit `gCO2/kWh`, Value.
Of each country the newest year that has a figure is taken.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from energyprof.errors import InputError
from energyprof.footprint.intensity import CountryIntensity, IntensityTable

OWID: Final = "Ember; Our World in Data, CC BY 4.0"
EMBER: Final = "Ember, CC BY 4.0"
WORLD: Final = "OWID_WRL"
HIGHEST_G: Final = 2000.0
"""The highest mean of a country in the shipped table is 1306 g/kWh. A figure above this one is of something else."""

ORIGINAL_YEAR: Final = "__original_year"
"""Ends the column of Our World in Data that says of which year a figure is, in charts that show the newest of each."""
_NAMES: Final = re.compile(r"(carbon|co2)[ _]intensity")


class _Columns(NamedTuple):
    country: str
    code: str
    year: str
    figure: str
    source: str
    variable: str = ""
    original_year: str = ""


def import_table(lines: Iterable[str], name: str) -> IntensityTable:
    """Return the newest figure of each country; raises InputError for a file that is none of the three."""
    rows = csv.DictReader(lines)
    try:
        columns = _columns(rows.fieldnames or (), name)
        newest: dict[str, CountryIntensity] = {}
        for row in _rows(rows, columns, name):
            if row.alpha3 not in newest or newest[row.alpha3].year < row.year:
                newest[row.alpha3] = row
    except csv.Error as error:
        raise InputError(f"{name} is no CSV file ({error}); download it again") from None
    if not newest:
        raise InputError(f"{name} has the right columns and no figure; download it with all countries and years")
    return IntensityTable(tuple(sorted(newest.values(), key=lambda row: row.country)), columns.source)


def _columns(heads: Sequence[str], name: str) -> _Columns:
    known = {head.strip().lstrip("\ufeff").casefold(): head for head in heads}
    if {"entity", "code", "year"} <= known.keys():
        figures = [key for key in known if _NAMES.search(key) and not key.endswith(ORIGINAL_YEAR)]
        if len(figures) == 1:
            original = known.get(f"{figures[0]}{ORIGINAL_YEAR}", "")
            head = known[figures[0]]
            return _Columns(known["entity"], known["code"], known["year"], head, OWID, original_year=original)
    if {"country", "iso_code", "year", "carbon_intensity_elec"} <= known.keys():
        return _Columns(known["country"], known["iso_code"], known["year"], known["carbon_intensity_elec"], OWID)
    code = known.get("iso 3 code") or known.get("country code")
    if code and {"area", "year", "variable", "value"} <= known.keys():
        return _Columns(known["area"], code, known["year"], known["value"], EMBER, known["variable"])
    raise InputError(
        f"{name} has the columns {', '.join(heads[:6]) or 'of an empty file'}; wanted is the CSV of "
        "ourworldindata.org/grapher/carbon-intensity-electricity, owid-energy-data.csv or Ember's yearly data"
    )


def _rows(rows: csv.DictReader[str], columns: _Columns, name: str) -> Iterator[CountryIntensity]:
    for row in rows:
        if columns.variable and (row[columns.variable] or "").strip().casefold() != "co2 intensity":
            continue
        code, figure = _code(row, columns), (row[columns.figure] or "").strip()
        if not code or not figure:
            continue  # a group of countries without a code, or a year without a figure
        try:
            original = (row[columns.original_year] or "").strip() if columns.original_year else ""
            year, g_per_kwh = int(original or row[columns.year]), float(figure)
        except (TypeError, ValueError):
            raise InputError(
                f"{name} line {rows.line_num}: {figure} is no figure of a year; download it again"
            ) from None
        if not (math.isfinite(g_per_kwh) and 0 <= g_per_kwh <= HIGHEST_G):
            raise InputError(
                f"{name} line {rows.line_num}: {g_per_kwh:g} is no g/kWh of electricity (0 to {HIGHEST_G:g}); "
                "choose the chart of carbon intensity"
            )
        if g_per_kwh == 0:
            continue  # no plant's life cycle is: too little was generated for a figure
        yield CountryIntensity("", code, (row[columns.country] or "").strip(), year, g_per_kwh)


def _code(row: Mapping[str, str], columns: _Columns) -> str:
    """Return the country's code; the world has one in some files only."""
    code = (row[columns.code] or "").strip()
    return code or (WORLD if (row[columns.country] or "").strip().casefold() == "world" else "")
