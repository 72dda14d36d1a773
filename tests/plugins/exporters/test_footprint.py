"""CO2e and money in the report: what the terminal shows, and what the JSON report holds."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files

import jsonschema
import pytest

from energyprof.footprint.footprint import footprint
from energyprof.interfaces import RenderContext
from energyprof.model.footprint_rows import Assumptions, EnergyPrice, GridIntensity
from energyprof.model.range import Range
from energyprof_plugins.exporters.json_report import JsonReport
from energyprof_plugins.exporters.terminal import Terminal

SCHEMA = json.loads((files("energyprof_plugins.exporters") / "json_report.schema.json").read_text(encoding="utf-8"))
FRANCE = GridIntensity(50.0, "FR", "France", 2024, "Ember; OWID")
ALL = Assumptions(FRANCE, EnergyPrice(0.3, "EUR"), Range.exactly(1.2), (("region", "--region"),))


@pytest.fixture
def report(sample):
    return sample.one_stage()


def with_footprint(report, assumptions):
    return replace(report, footprint=footprint(Range(3.6e6, 3.24e6, 4.32e6), "measured", assumptions))


def test_the_terminal_tells_each_figure_with_bounds_provenance_year_and_source(report) -> None:
    text = Terminal().render(with_footprint(report, ALL), RenderContext(width=120))

    start = text.index("footprint\n")
    assert text[start:].splitlines()[1:4] == [
        "  1.20 kWh (1.08 to 1.44) with a PUE of 1.2, estimated (model)",
        "  60.0 g CO2e (54.0 to 72.0), estimated (model): 50.0 g/kWh, France 2024 (Ember; OWID)",
        "  0.360 EUR (0.324 to 0.432), estimated (model): at 0.3 EUR a kWh",
    ]
    assert "  as much as 246 m by an average US car (221 to 295), or 25.6 ml of petrol burnt (23.0 to 30.7)" in text


def test_a_report_without_assumptions_says_nothing_of_it(report) -> None:
    assert "footprint" not in Terminal().render(report, RenderContext())
    assert json.loads(JsonReport().render(report, RenderContext()))["footprint"] is None


@pytest.mark.parametrize("assumptions", [ALL, Assumptions(FRANCE), Assumptions(price=EnergyPrice(0.2, ""))])
def test_the_document_keeps_to_the_schema(report, assumptions) -> None:
    document = json.loads(JsonReport().render(with_footprint(report, assumptions), RenderContext()))

    jsonschema.validate(document, SCHEMA, jsonschema.Draft202012Validator)
    assert document["footprint"]["energy_j"] == {"value": 3.6e6, "low": 3.24e6, "high": 4.32e6}
    assert (document["footprint"]["carbon_g"] is None) == (assumptions.grid is None)


def test_nothing_that_is_too_small_to_be_seen_is_compared(report) -> None:
    tiny = footprint(Range.exactly(1e-3), "measured", ALL)

    text = Terminal().render(replace(report, footprint=tiny), RenderContext(width=120, unicode=False))

    assert "as much as" not in text
    assert text.isascii()
