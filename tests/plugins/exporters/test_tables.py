"""CSV, Markdown and Prometheus: read back by the readers that people use, and what hostile names do in them."""

import csv
import io
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from energyprof.interfaces import RenderContext
from energyprof.model.work_rows import BoundedJ, MetricRow, UnitRow
from energyprof_plugins.exporters.console.stage_table import entries
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

    listed = len(entries(report))
    domains, stages = len(report.domains), listed if listed <= 16 else 16
    heads = 1 + (1 if stages else 0)
    assert page.count("<tr>") == heads + domains + stages
    assert len(Markdown().render(report, RenderContext())) < 65_536


@pytest.mark.parametrize("name", PINGS)
def test_markdown_shows_a_name_as_it_is_and_does_nothing_else_with_it(sample, name):
    page = html_of(sample.make_report([sample.Part(name, (1.0,))], command=(name,)))

    shown = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    cells = re.findall(r"<td.*?>(.*?)</td>", page)
    assert f"<code>{shown}</code>" in cells
    assert len(cells) == 6 + 8
    assert "<a " not in page
    assert "<img" not in page
    assert "<strong>" not in re.sub(r"<p><strong>.*?</strong>", "", page)


def test_markdown_counts_no_joule_of_a_stage_twice(sample):
    inner = sample.Part("net", (6.0,), (sample.Part("conv", (3.0,)), sample.Part("head", (1.0,))))
    report = sample.make_report([inner, *(sample.Part(f"small {at}", (0.1,)) for at in range(20))])

    rows = [line.split(" | ") for line in Markdown().render(report, RenderContext()).splitlines() if "% |" in line]

    shares = [float(row[2].removesuffix(" %")) for row in rows]
    assert [row[0] for row in rows[:3]] == ["| `net`", "| `net/conv`", "| `net/head`"]
    assert rows[-1][0] == "| 8 smaller"
    assert sum(shares) == pytest.approx(
        100 * report.stages_sum.energy_j / report.measured.energy_j, abs=0.05 * len(rows)
    )


@pytest.mark.parametrize(
    ("unattributed_j", "shown"), [(0.0, "0 J"), (-1e-6, "0 J"), (-0.0004, "0.00 J"), (0.2, "0.20 J")]
)
def test_markdown_has_an_account_whose_figures_add_up_and_nothing_for_the_last_microjoule(
    sample, unattributed_j, shown
):
    report = sample.make_report([sample.Part("a", (27.149,))], (sample.MODEL,))
    rows = tuple(
        replace(
            row, measured_j=row.stages_j + row.idle_j + row.outside_j + unattributed_j, unattributed_j=unattributed_j
        )
        for row in report.ledger
    )

    (line,) = [
        line
        for line in Markdown().render(replace(report, ledger=rows), RenderContext()).splitlines()
        if "`cpu`" in line
    ]

    spent, *parts = line.strip("| ").split(" | ")[2:]
    assert parts[-1] == shown
    assert float(spent.removesuffix(" J")) == pytest.approx(sum(float(part.removesuffix(" J")) for part in parts))


def test_markdown_tells_what_a_step_and_the_work_cost_and_the_metrics(sample):
    each = BoundedJ(0.012, 0.011, 0.013)
    report = sample.make_report([sample.Part("Adam.step", (1.0,))])
    told = replace(
        report,
        units=(UnitRow("page", 20.0, 4.0, "measured", each),),
        metrics=(MetricRow("accuracy", 0.974811, 1.0, 1), MetricRow("<b>*x*", 1.0, 1.0, 1)),
    )

    page = html_of(told)

    assert "<li>page: 12.0 \u00b11.0 mJ each, measured; 20, 4/s</li>" in page
    assert "<li>accuracy: 0.9748</li>" in page
    assert "<li>&lt;b&gt;*x*: 1</li>" in page


def test_markdown_says_how_every_energy_came_about(sample):
    page = html_of(sample.digits())

    assert page.count("estimated (model)") == 11 + 1
    assert "(estimated)" in page
