"""The layers as HTML: every figure of the text table, names made harmless, nothing that runs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from energyprof.errors import InputError
from energyprof.interfaces import RenderContext
from energyprof.model.report import LayerRow, Report, SumRow
from energyprof_plugins.exporters.layers import LayerTable
from energyprof_plugins.exporters.layers_html import LayerHtml

HOSTILE = "<script>alert('1')</script>\"&\x1b[31m"


def layer(name: str, own_j: float | None, parent: str | None = None, depth: int = 0) -> LayerRow:
    own = SumRow(own_j, 0.5, 20.0, "inferred", None if own_j is None else own_j / 30)
    total = SumRow(10.0, 9.0, 11.0, "inferred", 1 / 3)
    return LayerRow(
        name, "total", parent, depth, "Linear", 150, 2.0, 1.0, 0.5, own, total, 10 / 150, None, 5.0, 66_400_000,
        None, None,
    )  # fmt: skip


@pytest.fixture
def report(sample) -> Report:
    rows = (layer("bert", 10.0), layer("bert.body", None, "bert", 1), layer("bert.head", 5.0, "bert", 1))
    return replace(sample.make_report([sample.Part("a", (30.0,))]), layers=rows)


def page(report: Report, **options: str) -> str:
    return LayerHtml().render(report, RenderContext(options=options))


def cells(text: str) -> list[list[str]]:
    """Return the words of each row of the table."""
    rows = re.findall(r"<tr>(.*?)</tr>", text)
    return [re.sub(r"<[^>]*>", " ", row).split() for row in rows]


def test_it_holds_the_figures_of_the_text_table_and_no_script(report: Report) -> None:
    text = page(report)

    lines = LayerTable().render(report, RenderContext(width=200)).splitlines()
    assert cells(text) == [re.sub(r"[▏▎▍▌▋▊▉█─]", "", line).split() for line in [lines[2], *lines[4:7]]]
    assert "<b>3 layers of bert, all phases</b>" in text
    assert "cannot be told from its neighbours" in text
    assert "<script" not in text
    assert text.startswith("<!doctype html>")


def test_bars_are_as_long_as_their_figures_and_names_stand_as_deep_as_their_layers(report: Report) -> None:
    text = page(report, place="notebook")

    assert re.findall(r'"width:([\d.]+)%"', text) == ["50.0", "0.0", "25.0"]
    assert re.findall(r"padding-left:([\d.]+)em", text) == ["1.8", "1.8"]
    assert re.findall(r'title="([^"]*)"', text) == ["bert.body", "bert.head"]
    assert text.startswith("<style>")
    assert "<html" not in text


def test_the_costliest_are_shown_and_the_rest_is_one_row(report: Report) -> None:
    rows = cells(page(report, top="1"))

    assert [row[0] for row in rows[1:]] == ["bert.body", "+"]
    assert rows[2][:4] == ["+", "2", "smaller", "15.00"]


def test_names_cannot_become_a_part_of_the_page(report: Report) -> None:
    hostile = replace(report, layers=(replace(layer(HOSTILE, 3.0), module_class=HOSTILE),))

    for text in (page(hostile), page(hostile, place="notebook")):
        assert "&lt;script&gt;" in text
        assert re.findall(r"</?script>|alert\('|\x1b", text) == []
    assert "\x1b" not in LayerTable().render(hostile, RenderContext(width=120))


def test_a_run_without_layers_says_so_and_a_phase_without_is_refused(report: Report) -> None:
    assert "no layer was recorded in this run" in page(replace(report, layers=()))
    with pytest.raises(InputError, match="no layer was seen in phase backward"):
        page(report, phase="backward")
