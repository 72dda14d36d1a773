"""Carbon intensities: the shipped table, looking up a region, and the forms of file that are imported."""

from __future__ import annotations

import pytest

from energyprof.errors import InputError
from energyprof.footprint.intensity import (
    CountryIntensity,
    IntensityTable,
    read_table,
    shipped,
    with_short_codes,
    written,
)
from energyprof.footprint.intensity_import import import_table
from energyprof.model.footprint_rows import GridIntensity

CHART = [
    "Entity,Code,Year,Carbon intensity of electricity - gCO2/kWh\n",
    "Africa,,2025,500\n",
    "France,FRA,2023,56.0\n",
    "France,FRA,2025,33.3\n",
    "Testland,TST,2024,\n",
    "Smalland,SML,2024,0\n",
    "World,OWID_WRL,2025,458.5\n",
]
LATEST_OF_CHART = [
    "Entity,Code,Year,Carbon intensity of electricity per kWh,World region according to OWID\n",
    "Austria,AUT,2024,103.48,Europe\n",
    "France,FRA,2024,40.48,Europe\n",
]
SHORT_NAMES = [
    "entity,code,year,co2_intensity__gco2_kwh,co2_intensity__gco2_kwh__original_year\n",
    "Afghanistan,AFG,2025,131.31,2024\n",
    "Turkmenistan,TKM,2025,1306.2,2024\n",
    "Norway,NOR,2025,30.1,\n",
]
"""Heads and figures of two exports of the chart, newest year only and short names of columns; Norway is ours."""
ENERGY_DATA = [
    "country,year,iso_code,population,carbon_intensity_elec\n",
    "ASEAN (Ember),2025,,,565.01\n",
    "France,2024,FRA,1,44.2\n",
    "World,2024,,1,470.5\n",
]
EMBER = [
    "Area,ISO 3 code,Year,Area type,Category,Subcategory,Variable,Unit,Value\n",
    "France,FRA,2025,Country or economy,Electricity generation,Fuel,Nuclear,TWh,360\n",
    "France,FRA,2025,Country or economy,Power sector emissions,CO2 intensity,CO2 intensity,gCO2/kWh,31.5\n",
]


def test_the_shipped_table_has_one_figure_and_year_for_each_country() -> None:
    table = shipped()

    assert len(table.rows) == 211
    assert len({row.alpha3 for row in table.rows}) == len({row.alpha2 for row in table.rows}) == 211
    assert table.source == "Ember; Our World in Data, CC BY 4.0"
    assert all(0 < row.g_per_kwh < 1400 for row in table.rows)


@pytest.mark.parametrize(
    ("region", "g_per_kwh", "year"), [("FR", 44.18, 2024), ("deu", 344.14, 2024), ("united states", 383.55, 2024)]
)
def test_a_region_is_found_by_either_code_or_name(region: str, g_per_kwh: float, year: int) -> None:
    grid = shipped().find(region)

    assert (grid.g_per_kwh, grid.year) == (g_per_kwh, year)


def test_an_unknown_region_gets_those_alike_and_is_never_guessed() -> None:
    with pytest.raises(InputError, match=r"no region 'Germny' .*alike: Germany DE.*energyprof carbon list"):
        shipped().find("Germny")
    with pytest.raises(InputError, match="no region ''"):
        shipped().find("")


@pytest.mark.parametrize(
    ("lines", "france", "world"),
    [
        (CHART, (33.3, 2025, "Ember; Our World in Data, CC BY 4.0"), 458.5),
        (ENERGY_DATA, (44.2, 2024, "Ember; Our World in Data, CC BY 4.0"), 470.5),
        (EMBER, (31.5, 2025, "Ember, CC BY 4.0"), None),
    ],
    ids=["chart", "energy-data", "ember"],
)
def test_the_newest_figure_of_each_country_is_imported(
    lines: list[str], france: tuple[float, int, str], world: float | None
) -> None:
    table = import_table(lines, "file.csv")

    g_per_kwh, year, source = france
    assert table.find("FRA") == GridIntensity(g_per_kwh, "FRA", "France", year, source)
    assert len(table.rows) == (1 if world is None else 2)
    if world is not None:
        assert table.find("world").g_per_kwh == world


def test_the_newest_year_of_the_chart_is_imported_with_its_column_of_regions() -> None:
    found = import_table(LATEST_OF_CHART, "latest.csv")

    assert [(row.alpha3, row.year, row.g_per_kwh) for row in found.rows] == [
        ("AUT", 2024, 103.48),
        ("FRA", 2024, 40.48),
    ]


def test_a_figure_that_the_chart_carries_on_keeps_the_year_it_is_of() -> None:
    found = import_table(SHORT_NAMES, "short.csv")

    assert [(row.alpha3, row.year, row.g_per_kwh) for row in found.rows] == [
        ("AFG", 2024, 131.31),
        ("NOR", 2025, 30.1),
        ("TKM", 2024, 1306.2),
    ]


def test_two_letter_codes_come_from_the_shipped_table() -> None:
    rows = with_short_codes(import_table(CHART, "file.csv").rows, shipped())

    assert {row.alpha3: row.alpha2 for row in rows} == {"FRA": "FR", "OWID_WRL": ""}


def test_a_table_is_read_as_it_was_written() -> None:
    table = IntensityTable((CountryIntensity("", "TST", 'Test, "land"', 2025, 12.34),), "somebody, 2025")

    assert read_table(written(table)) == table


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a,b\n", "1,2\n"], r"f.csv has the columns a, b; wanted is the CSV of ourworldindata"),
        ([], "the columns of an empty file"),
        ([CHART[0]], "has the right columns and no figure"),
        ([CHART[0], "France,FRA,2024,much\n"], "f.csv line 2: much is no figure of a year"),
        ([CHART[0], "France,FRA,2024,44000\n"], r"f.csv line 2: 44000 is no g/kWh"),
        ([CHART[0], "France,FRA,2024,nan\n"], r"f.csv line 2: nan is no g/kWh"),
    ],
)
def test_a_file_that_is_something_else_is_refused(lines: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        import_table(lines, "f.csv")
