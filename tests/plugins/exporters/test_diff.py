"""What `energyprof diff` prints: a table at every width, JSON, and Markdown that says the same."""

import json
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from energyprof.interfaces import RenderContext
from energyprof.report.difference import difference
from energyprof_plugins.exporters.diff_documents import DiffJson, DiffMarkdown
from energyprof_plugins.exporters.diff_table import DiffTable


@pytest.fixture
def render(sample):
    def render(exporter, before=None, after=None, **context):
        before = before or sample.voice_assistant()
        found = difference([before], [after or sample.voice_assistant()])
        return exporter().render(before, RenderContext(difference=found, **context))

    return render


@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_the_table_fits_and_keeps_change_and_verdict(render, width, unicode):
    lines = render(DiffTable, width=width, unicode=unicode, options={"top": "50"}).splitlines()

    assert max(map(len, lines)) <= width
    heads = next(line for line in lines if line.startswith("stage"))
    assert "change" in heads
    assert "verdict" in heads
    assert unicode or "".join(lines).isascii()


def test_the_largest_changes_come_first_and_the_rest_is_counted(sample, render):
    before = sample.make_report([sample.Part(name, (100.0,)) for name in "abcd"])
    energies = {"a": 100.0, "b": 150.0, "c": 101.0, "d": 20.0}
    after = sample.make_report([sample.Part(name, (energy_j,)) for name, energy_j in energies.items()])

    text = render(DiffTable, before, after, options={"top": "2"})

    rows = [line.split()[0] for line in text.splitlines() if line.startswith(("a ", "b ", "c ", "d "))]
    assert rows == ["d", "b"]
    assert "2 more with smaller changes" in text
    assert "less" in text


def test_runs_that_cannot_be_compared_are_said_first_in_every_format(sample, render):
    after = sample.make_report([sample.Part("train", (1.0,))], (sample.MODEL,))
    before = sample.make_report([sample.Part("train", (9.0,))], (sample.GPU,))

    document = json.loads(render(DiffJson, before, after))
    assert document["comparable"] is False
    assert document["stages"][0]["total_j"]["verdict"] == "not tested"
    assert "cannot be compared" in render(DiffTable, before, after)
    assert "cannot be compared" in render(DiffMarkdown, before, after)


def test_markdown_has_the_rows_of_the_table(render):
    page = MarkdownIt("commonmark").enable("table").render(render(DiffMarkdown))

    assert page.count("<tr>") == 21
    assert "within chance" in page


def test_one_row_is_not_tested_together_with_itself(sample, render):
    one = sample.make_report([sample.Part("train", (9.0,))])

    assert "1 row tested" in render(DiffTable, one, one)
    assert "tested together" not in render(DiffTable, one, one)


@pytest.mark.parametrize(
    ("calls", "width", "heads"),
    [
        (1, 60, "before after change verdict"),
        (1, 80, "before after change % verdict"),
        (20, 80, "before after change a call verdict"),
        (1, 100, "before after change % time verdict"),
        (20, 100, "before after change a call time verdict"),
    ],
)
def test_narrow_tables_keep_joules_before_and_after(sample, render, calls, width, heads):
    name = "a_stage_with_a_long_name_" * 2
    before, after = (
        sample.make_report([sample.Part(name, (energy_j,), calls=number)], (sample.MODEL,))
        for energy_j, number in ((0.1, 1), (9000.0, calls))
    )

    text = render(DiffTable, before, busy(after), width=width)

    (shown,) = (line for line in text.splitlines() if line.startswith("stage"))
    assert " ".join(shown.split()) == f"stage {heads}"


def busy(report):
    return replace(report, domains=tuple(replace(row, others_share=0.4) for row in report.domains))


def test_what_has_gone_or_is_new_shows_its_joules_as_the_change(sample, render):
    before, after = ([sample.Part("same", (9.0,)), sample.Part(name, (50.0,))] for name in ("old", "fresh"))

    text = render(DiffTable, *map(sample.make_report, (before, after)), width=84)

    rows = {line.split()[0]: " ".join(line.split()) for line in text.splitlines() if line.startswith(("old", "fresh"))}
    assert rows == {
        "old": "old 50.0 J - \N{MINUS SIGN}50.0 J \N{MINUS SIGN}100.0 % - \N{MINUS SIGN}100.0 % gone",
        "fresh": "fresh - 50.0 J +50.0 J - - - new",
    }


@pytest.mark.parametrize("exporter", [DiffTable, DiffMarkdown])
def test_rows_go_by_size_and_those_hidden_that_are_no_chance_are_counted(sample, render, exporter):
    energies = {"chance": (1000.0, 1100.0), "less": (60.0, 1.0), "more": (1.0, 30.0)}
    before, after = (
        sample.make_report([sample.Part(name, (pair[side],)) for name, pair in energies.items()] + gone)
        for side, gone in enumerate(([sample.Part("gone", (9.0,))], []))
    )

    text = render(exporter, before, after, options={"top": "1"})

    assert "within chance" in text
    assert "3 more with smaller changes (2 told apart, 1 new or gone)" in text
    assert "told apart" not in render(exporter, before, busy(after), options={"top": "1"})
