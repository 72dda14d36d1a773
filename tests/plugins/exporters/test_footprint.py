"""CO2e and money in the report: what the terminal shows, and what the JSON report holds."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from importlib.resources import files

import jsonschema
import numpy as np
import pytest

from energyprof.attribute.power_series import power_series
from energyprof.footprint.footprint import footprint
from energyprof.interfaces import RenderContext
from energyprof.model.call_tree import CallTree
from energyprof.model.footprint_rows import Assumptions, EnergyPrice, GridIntensity
from energyprof.model.range import Range
from energyprof.model.report import LayerRow, SumRow
from energyprof.model.stacks import Function
from energyprof.model.trials import trial_facts
from energyprof.report.difference import difference
from energyprof.report.trials import trials_of
from energyprof_plugins.exporters.chrome_trace import ChromeTrace
from energyprof_plugins.exporters.csv_report import CsvReport
from energyprof_plugins.exporters.diff_documents import DiffJson, DiffMarkdown
from energyprof_plugins.exporters.diff_table import DiffTable
from energyprof_plugins.exporters.findings import FindingList
from energyprof_plugins.exporters.firefox import Firefox
from energyprof_plugins.exporters.folded_stacks import FoldedStacks
from energyprof_plugins.exporters.json_report import JsonReport
from energyprof_plugins.exporters.layers import LayerCsv, LayerJson, LayerTable
from energyprof_plugins.exporters.layers_html import LayerHtml
from energyprof_plugins.exporters.markdown import Markdown
from energyprof_plugins.exporters.prometheus import Prometheus
from energyprof_plugins.exporters.pyinstrument_views import (
    PyinstrumentConsole,
    PyinstrumentHtml,
    PyinstrumentSpeedscope,
)
from energyprof_plugins.exporters.speedscope import Speedscope
from energyprof_plugins.exporters.terminal import Terminal
from energyprof_plugins.exporters.trials import TrialTable

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


@pytest.mark.parametrize("exporter", [Markdown, Prometheus, CsvReport, LayerTable, TrialTable, FindingList, LayerHtml])
def test_every_format_for_people_and_tables_tells_carbon_with_year_and_source(sample, exporter) -> None:
    report = with_footprint(whole(sample.one_stage()), ALL)

    text, bare = (exporter().render(one, RenderContext()) for one in (report, replace(report, footprint=None)))

    assert "2024" in text
    assert "Ember; OWID" in text
    assert "2024" not in bare
    assert "Ember" not in bare


def test_metrics_hold_grams_and_money_with_their_bounds(report) -> None:
    text = Prometheus().render(with_footprint(report, ALL), RenderContext())

    values = {line.partition("{")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}
    assert values["energyprof_run_carbon_grams"] == pytest.approx(60.0)
    assert values["energyprof_run_carbon_low_grams"] == pytest.approx(54.0)
    assert values["energyprof_run_cost_high"] == pytest.approx(0.432)
    assert values["energyprof_carbon_intensity_grams_per_kwh"] == 50.0


def test_a_row_of_the_table_has_the_grams_of_its_joules(report) -> None:
    (row, *_) = csv.DictReader(io.StringIO(CsvReport().render(with_footprint(report, ALL), RenderContext())))

    assert float(row["total_carbon_g"]) == pytest.approx(float(row["total_j"]) / 3.6e6 * 1.2 * 50.0)
    assert float(row["self_cost"]) == pytest.approx(float(row["self_j"]) / 3.6e6 * 1.2 * 0.3)
    assert row["footprint_basis"] == "50.0 g/kWh, France 2024 (Ember; OWID); at 0.3 EUR a kWh; with a PUE of 1.2"


def test_a_difference_tells_the_grams_of_the_change(sample) -> None:
    before, after = (sample.make_report([sample.Part("a", (energy_j,))]) for energy_j in (3.6e6, 1.8e6))
    context = RenderContext(difference=difference([before], [after]), assumptions=ALL, width=160)

    table, comment = (one().render(after, context) for one in (DiffTable, DiffMarkdown))
    document = json.loads(DiffJson().render(after, context))["footprint"]

    change_j = after.measured.energy_j - before.measured.energy_j
    assert document["change"]["carbon_g"]["value"] == pytest.approx(change_j / 3.6e6 * 60.0)
    assert document["assumptions"]["grid"]["year"] == 2024
    assert "g CO2e" in table
    assert "France 2024 (Ember; OWID)" in table
    assert "France 2024 (Ember; OWID)" in comment


def whole(report):
    """Return a run with layers and a trial."""
    first, *others = report.stages
    stages = (replace(first, facts=trial_facts(0, {"rate": 0.1}, "complete", 0.5)), *others)
    energy = SumRow(1.0, 0.9, 1.1, "measured", 0.1)
    layer = LayerRow(
        "Net", "total", None, 0, "Net", 1, 1.0, 1.0, 0.5, energy, energy, 1.0, None, 1.0, 10, None, None
    )  # fmt: skip
    return replace(report, stages=stages, trials=trials_of(stages), layers=(layer,))


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


SAID = "60.0 g CO2e (54.0 to 72.0), estimated (model): 50.0 g/kWh, France 2024 (Ember; OWID)"


def sampled() -> CallTree:
    column = np.zeros(1, np.int32)
    return CallTree(
        (Function("main", "/srv/job.py", 1),), column - 1, column, column, column - 1, column + 9, column + 9
    )


def nested(sample_trace):
    return sample_trace.make_trace([[("train", 1, 900_000_000), ("step", 3, 5_000_000)]])


def in_format(exporter, report, trace):
    calls = (lambda: None) if exporter in {Speedscope, FoldedStacks} else sampled
    context = RenderContext(trace=lambda: trace, power=lambda: power_series(trace), calls=calls)
    return exporter().render(report, context), exporter().render(replace(report, footprint=None), context)


def test_profiles_of_speedscope_carry_the_footprint_in_their_name(report) -> None:
    (text, bare) = in_format(Speedscope, with_footprint(report, ALL), None)

    document = json.loads(text)
    energy, time = document["profiles"]
    assert f"{SAID}; 0.360 EUR (0.324 to 0.432), estimated (model): at 0.3 EUR a kWh" in document["name"]
    assert "(mJ, estimated; 60.0 g CO2e (54.0 to 72.0), 0.360 EUR (0.324 to 0.432)) of" in energy["name"]
    assert "CO2e" not in time["name"] + bare


def test_folded_stacks_carry_the_footprint_as_a_stack_of_nothing(report) -> None:
    (text, bare) = in_format(FoldedStacks, with_footprint(report, ALL), None)

    first, _, others = text.partition("\n")
    assert re.fullmatch(r"[^;]+ 0", first)
    assert SAID.replace(";", ",") in first
    assert others == bare


def test_a_trace_of_chrome_carries_the_footprint_beside_its_events(report, sample_trace) -> None:
    text, bare = (json.loads(one) for one in in_format(ChromeTrace, with_footprint(report, ALL), nested(sample_trace)))

    assert SAID in text["otherData"].pop("footprint")
    assert text == bare


def test_the_firefox_profiler_counts_grams_by_the_same_grid(report, sample_trace) -> None:
    text, bare = (json.loads(one) for one in in_format(Firefox, with_footprint(report, ALL), nested(sample_trace)))

    assert text["meta"].pop("gramsOfCO2ePerKWh") == pytest.approx(60.0)  # of the grid, with what the data centre adds
    (section,) = text["meta"].pop("extra")
    assert SAID in section["entries"][0]["value"]
    assert text == bare


@pytest.mark.parametrize("exporter", [PyinstrumentConsole, PyinstrumentHtml, PyinstrumentSpeedscope])
def test_pages_of_pyinstrument_tell_the_footprint_of_the_whole_run(report, exporter) -> None:
    text, bare = in_format(exporter, with_footprint(report, ALL), None)

    assert "the whole run: " in text
    assert SAID in text
    assert "CO2e" not in bare


def test_layers_for_programs_have_grams_and_money_where_somebody_said_where_from(sample) -> None:
    report = with_footprint(whole(sample.one_stage()), ALL)
    bare = replace(report, footprint=None)

    (row,) = json.loads(LayerJson().render(report, RenderContext()))
    (line,) = csv.DictReader(io.StringIO(LayerCsv().render(report, RenderContext())))

    grams = row["total_sum"]["energy_j"] / 3.6e6 * 60.0
    assert row["total_carbon_g"] == pytest.approx(grams)
    assert float(line["total_carbon_g"]) == pytest.approx(grams)
    assert float(line["self_cost"]) == pytest.approx(row["self_cost"])
    assert line["footprint_basis"] == row["footprint_basis"]
    assert "France 2024 (Ember; OWID)" in row["footprint_basis"]
    assert "carbon" not in LayerJson().render(bare, RenderContext()) + LayerCsv().render(bare, RenderContext())
