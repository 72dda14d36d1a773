"""CSV, Markdown and Prometheus: read back by the readers that people use, and what hostile names do in them."""

import csv
import io
import re

import pytest
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from energyprof.interfaces import RenderContext
from energyprof_plugins.exporters.csv_report import CsvReport
from energyprof_plugins.exporters.markdown import Markdown
from energyprof_plugins.exporters.prometheus import MOST_STAGES, Prometheus

RUNS = ["voice_assistant", "digits", "vit_training", "one_stage", "empty", "hostile"]
SPREADSHEET = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1")
PINGS = ("@everyone", "#1", "](https://example.org)", "a|b", "`a` ``b``", "| --- |", "<img src=x>", "*bold*", "`")


def rows_of(report):
    return list(csv.DictReader(io.StringIO(CsvReport().render(report, RenderContext()))))


def samples_of(report):
    families = text_string_to_metric_families(Prometheus().render(report, RenderContext()))
    return [sample for family in families for sample in family.samples]


def html_of(report):
    return MarkdownIt("commonmark").enable("table").render(Markdown().render(report, RenderContext()))


@pytest.mark.parametrize("run", RUNS)
def test_csv_has_a_row_for_each_stage_and_domain(sample, run):
    report = getattr(sample, run)()

    rows = rows_of(report)

    assert len(rows) == len(report.stages) * len(report.domains)
    assert all(None not in row and None not in row.values() for row in rows)


def test_csv_energies_and_what_cannot_be_split_add_up_to_the_account(sample):
    report = sample.voice_assistant()

    own_j = sum(float(row["self_j"]) for row in rows_of(report) if row["self_j"] and row["domain_counts"] == "true")

    unsplit_j = sum(row.energy_j for row in report.unsplit)
    assert own_j + unsplit_j == pytest.approx(sum(row.stages_j for row in report.ledger), abs=1e-6)


def test_csv_leaves_a_refused_energy_empty_and_says_why(sample):
    refused = [row for row in rows_of(sample.voice_assistant()) if row["stage"] == "embed/layers/norm"]

    assert [row["self_j"] for row in refused] == ["", "", ""]
    assert all(row["self_low_j"] and row["self_reason"] for row in refused)


@pytest.mark.parametrize("name", SPREADSHEET)
def test_csv_has_no_formula_whatever_a_stage_is_called(sample, name):
    rows = rows_of(sample.make_report([sample.Part(name, (1.0,))], command=(name,)))

    for row in rows:
        for column in ("program", "stage"):
            assert row[column][:1] not in "=+-@\t\r"


@pytest.mark.parametrize("run", RUNS)
def test_prometheus_reads_every_sample_and_none_is_there_twice(sample, run):
    samples = samples_of(getattr(sample, run)())

    keys = [(one.name, tuple(sorted(one.labels.items()))) for one in samples]
    assert len(set(keys)) == len(keys)
    assert len(keys) > 4


def test_prometheus_text_keeps_to_the_grammar_that_promtool_checks(sample):
    lines = Prometheus().render(sample.hostile(), RenderContext()).splitlines()

    metric = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*\{([a-zA-Z_]\w*="([^"\\\n]|\\[\\n"])*",?)*\} -?[0-9][0-9.e+-]*')
    for line in lines:
        assert re.fullmatch(r"# (HELP|TYPE) [a-z_]+ .+", line) or metric.fullmatch(line), line
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(set(types)) == len(types)
    helps = [line.split(" ", 3)[3] for line in lines if line.startswith("# HELP")]
    assert all(helps)


def test_prometheus_has_no_sample_of_what_is_refused(sample):
    samples = samples_of(sample.voice_assistant())

    told = {(one.name, one.labels["stage"]) for one in samples if "stage" in one.labels}
    assert ("energyprof_stage_self_energy_joules", "embed/layers/norm") not in told
    assert ("energyprof_stage_self_energy_low_joules", "embed/layers/norm") in told
    assert ("energyprof_stage_self_energy_joules", "asr") in told


def test_prometheus_tells_of_the_costliest_stages_only_and_how_many_are_not(sample):
    samples = samples_of(sample.many(MOST_STAGES + 40))

    told = {one.labels["stage"] for one in samples if one.name == "energyprof_stage_calls"}
    (left_out,) = [one.value for one in samples if one.name == "energyprof_stages_left_out"]
    assert len(told) == MOST_STAGES
    assert left_out == 40
    assert "first" in told


@pytest.mark.parametrize("run", RUNS)
def test_markdown_is_a_table_row_for_each_of_the_costliest_stages(sample, run):
    report = getattr(sample, run)()

    page = html_of(report)

    domains, stages = len(report.domains), min(len(report.stages), 15)
    heads = 1 + (1 if stages else 0)
    assert page.count("<tr>") == heads + domains + stages
    assert len(Markdown().render(report, RenderContext())) < 65_536


@pytest.mark.parametrize("name", PINGS)
def test_markdown_shows_a_name_as_it_is_and_does_nothing_else_with_it(sample, name):
    page = html_of(sample.make_report([sample.Part(name, (1.0,))], command=(name,)))

    shown = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    cells = re.findall(r"<td.*?>(.*?)</td>", page)
    assert f"<code>{shown}</code>" in cells
    assert len(cells) == 7 + 8
    assert "<a " not in page
    assert "<img" not in page
    assert "<strong>" not in re.sub(r"<p><strong>.*?</strong>", "", page)


def test_markdown_says_how_every_energy_came_about(sample):
    page = html_of(sample.digits())

    assert page.count("estimated (model)") == 11 + 1
    assert "(estimated)" in page
