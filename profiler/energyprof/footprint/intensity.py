"""Carbon intensity of electricity by country: the shipped table, or an imported one, and how it is searched."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from energyprof.errors import InputError
from energyprof.model.footprint_rows import GridIntensity

COLUMNS: Final = ("alpha2", "alpha3", "country", "year", "g_per_kwh")
SOURCE_MARK: Final = "# source: "


@dataclass(frozen=True, slots=True)
class CountryIntensity:
    """One line of a table."""

    alpha2: str
    """ISO 3166-1 code; empty where only the longer one is known."""
    alpha3: str
    """ISO 3166-1 code, or the table's own of a group of countries, such as OWID_WRL."""
    country: str
    year: int
    g_per_kwh: float


@dataclass(frozen=True, slots=True)
class IntensityTable:
    """Countries and where their figures are from."""

    rows: tuple[CountryIntensity, ...]
    source: str

    def find(self, region: str) -> GridIntensity:
        """Return the figure of a country by code or name, whatever the case; raises InputError with those alike."""
        wanted = region.strip().casefold()
        for row in self.rows:
            if wanted and wanted in (row.alpha2.casefold(), row.alpha3.casefold(), row.country.casefold()):
                return GridIntensity(row.g_per_kwh, row.alpha2 or row.alpha3, row.country, row.year, self.source)
        raise InputError(
            f"no region {region!r} in the table of carbon intensities{self._alike(wanted)}; "
            "energyprof carbon list shows all, --carbon G_PER_KWH needs none"
        )

    def _alike(self, wanted: str) -> str:
        from difflib import get_close_matches  # here: only who mistypes waits for it

        names = {row.country.casefold(): row for row in self.rows}
        alike = [names[name] for name in get_close_matches(wanted, names, n=3)]
        return f" (alike: {', '.join(f'{row.country} {row.alpha2 or row.alpha3}' for row in alike)})" if alike else ""


def shipped() -> IntensityTable:
    """Return the table that comes with energyprof."""
    return read_table(files("energyprof.footprint").joinpath("carbon_intensity.csv").read_text("utf-8"))


def read_table(text: str) -> IntensityTable:
    """Return a table in the form that `written` gives; raises ValueError for another."""
    source = next(
        (line.removeprefix(SOURCE_MARK) for line in text.splitlines() if line.startswith(SOURCE_MARK)), "unknown source"
    )
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise ValueError(f"its columns are not {', '.join(COLUMNS)}")
    found = tuple(
        CountryIntensity(row["alpha2"], row["alpha3"], row["country"], int(row["year"]), float(row["g_per_kwh"]))
        for row in rows
    )
    return IntensityTable(found, source)


def written(table: IntensityTable) -> str:
    """Return a table as text."""
    content = io.StringIO(newline="")
    content.write(f"{SOURCE_MARK}{table.source}\n")
    rows = csv.writer(content, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows((row.alpha2, row.alpha3, row.country, row.year, row.g_per_kwh) for row in table.rows)
    return content.getvalue()


def with_short_codes(rows: Iterable[CountryIntensity], known: IntensityTable) -> tuple[CountryIntensity, ...]:
    """Return rows with the two-letter codes of those countries that another table knows."""
    short = {row.alpha3: row.alpha2 for row in known.rows}
    return tuple(
        CountryIntensity(row.alpha2 or short.get(row.alpha3, ""), row.alpha3, row.country, row.year, row.g_per_kwh)
        for row in rows
    )
