"""A run of which nothing but sampled functions is known: its diagram, its sentence, its page."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from energyprof.interfaces import RenderContext
from energyprof.model.call_picture import WayRow
from energyprof.model.report import FunctionEnergyRow, FunctionRow
from energyprof.model.view_row import ViewRow
from energyprof.report.function_level import at_function_level
from energyprof.report.renderer import draw
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.verdict import verdict
from energyprof_plugins.exporters.diagram.fold import fold
from energyprof_plugins.exporters.function_names import is_installed, shown_name, shown_place
from energyprof_plugins.exporters.graphviz import Svg
from energyprof_plugins.exporters.html_page.page import HtmlReport
from energyprof_plugins.exporters.markdown import Markdown

SVG = "{http://www.w3.org/2000/svg}"


def function(name, own_j, total_j, file="job.py"):
    low_j, high_j = own_j * 0.9, own_j * 1.1
    energy = FunctionEnergyRow("cpu:0:package", own_j, low_j, high_j, total_j, total_j, total_j, "inferred")
    return FunctionRow(name, file, 3, "program", own_j, low_j, high_j, "inferred", total_j, total_j, total_j, 0.1, 9,
                       12, hot_line=5, domains=(energy,))  # fmt: skip


def way(caller, callee, energy_j, column=1, fewest=0, most=0, through="", is_main=True):
    key = None if caller is None else (caller, "job.py", 3)
    return WayRow("program", key, (callee, "job.py", 3), column, energy_j, 8, fewest, most, through, is_main)


def bare(sample, *functions):
    """Return the report of a run of 10 J without stages."""
    report = sample.make_report([sample.Part("program", (10.0,))])
    program = replace(report.stages[0], kind="program")
    return replace(report, stages=(program,), functions=functions)


def pictured(report, *ways):
    view = ViewRow("function", "all", "", "", 10.0, 0.0)
    return at_function_level(replace(report, view=view), (), ways)


def train(sample):
    report = bare(
        sample, function("leaf", 6.0, 6.0), function("log", 2.0, 2.0), function("small", 0.5, 0.5),
        function("train", 0.0, 8.5),
    )  # fmt: skip
    return report, pictured(
        report, way(None, "train", 8.5, fewest=3, most=3, through="main"), way("train", "leaf", 5.0, 2),
        way(None, "leaf", 1.0, 2, is_main=False), way("train", "log", 2.0, 2, fewest=1, most=1, through="emit"),
    )  # fmt: skip


def texts(picture):
    return ["".join(element.itertext()).strip() for element in picture.iter(f"{SVG}text")]


def svg(report):
    return ET.fromstring(Svg().render(report, RenderContext(draw=draw)))


def boxes(drawn):
    groups = [one for one in drawn.iter(f"{SVG}g") if (one.get("class") or "").startswith("node")]
    return {texts(group)[0]: group for group in groups}


def sentence(report, width=100):
    return verdict(report, Glyphs(unicode=True), width).plain.removeprefix("energyprof ")


def test_what_is_drawn_and_the_rest_add_up_to_the_run(sample):
    _, report = train(sample)

    folded = fold(report)

    assert [folded.groups[place].name for place in folded.shown] == ["program", "leaf", "log", "train"]
    own_uj = sum(folded.box(place).own.energy_uj for place in folded.shown)
    assert own_uj + sum(rest.energy_uj for rest in folded.rest.values()) == 10_000_000


def test_lines_say_what_the_boxes_do_not(sample):
    _, report = train(sample)

    drawn = svg(report)
    loose = [text for text in texts(drawn) if text.startswith("via") or text == "5.00 J"]

    assert sorted(loose) == ["5.00 J", "via 3 callers", "via emit"]
    assert "1.00 J by program" in texts(boxes(drawn)["leaf"])
    assert "9 of 12 samples \u00b7 inferred" in texts(boxes(drawn)["leaf"])
    assert any("functions by samples" in text and "3 of 4 drawn" in text for text in texts(drawn))


def test_what_stands_in_the_last_column_behind_another_there_says_what_calls_it(sample):
    report = bare(sample, function("deep", 6.0, 6.0), function("upper", 2.0, 8.0))

    drawn = svg(
        pictured(report, way(None, "upper", 8.0, column=4), way("upper", "deep", 6.0, column=4, fewest=2, most=2))
    )

    assert "called by upper" in texts(boxes(drawn)["deep"])
    assert "via 3 callers" in texts(drawn)


def test_long_names_are_written_smaller_before_they_are_cut(sample):
    report = bare(sample, function("Estimator.fit_with_it", 9.0, 9.0), function("<module>", 1.0, 10.0, "lib/api.py"))

    drawn = svg(pictured(report, way(None, "Estimator.fit_with_it", 9.0)))

    assert "Estimator.fit_with_it" in boxes(drawn)


def test_a_box_of_a_function_leads_to_its_row_on_the_page(sample):
    report, with_functions = train(sample)

    page = HtmlReport().render(report, RenderContext(draw=draw, drawn=lambda _report, _nodes: with_functions))

    rows = dict(re.findall(r'<tr data-s="(f\d+)"><th scope=row[^>]*>(\w+)', page))
    ids = set(re.findall(r'<g id="(f\d+)" class="node', page))
    assert {rows[one] for one in ids & rows.keys()} == {"leaf", "log"}


def test_the_sentence_names_the_function_that_spent_most_itself(sample):
    report, _ = train(sample)

    assert sentence(report).endswith("went into leaf itself (job.py), by samples")
    assert sentence(report).startswith("48 % of 12.5 ")


def test_where_none_spent_much_itself_the_sentence_names_one_with_all_it_calls(sample):
    small = [function(f"part{number}", 0.9, 0.9) for number in range(6)]
    report = bare(
        sample, *small, function("main", 0.0, 5.4), function("wrap", 0.0, 4.5, "/lib/python3.12/site-packages/a.py"),
        function("train", 0.0, 4.5),
    )  # fmt: skip

    assert sentence(report).startswith("36 % of 12.5 ")
    assert "went into train and what it calls" in sentence(report)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_the_sentence_grows_with_the_room(sample, width):
    report, _ = train(sample)

    assert len(verdict(report, Glyphs(unicode=True), width).plain) <= width
    assert ("by samples" in sentence(report, width)) == (width > 60)


def test_with_stages_the_sentence_is_of_them(sample):
    report = replace(sample.digits(), functions=(function("leaf", 6.0, 6.0),))

    assert "leaf" not in sentence(report)


def test_a_comment_on_a_pull_request_has_the_sentence(sample):
    report, _ = train(sample)

    assert "went into leaf itself" in Markdown().render(report, RenderContext())


@pytest.mark.parametrize(
    ("name", "file", "shown"),
    [
        ("Net.forward", "/home/me/net.py", "Net.forward"),
        ("<module>", "/home/me/job.py", "job.py"),
        ("<module>", "/x/site-packages/pandas/__init__.py", "pandas/__init__.py"),
        ("_find_and_load", "<frozen importlib._bootstrap>", "imports (_find_and_load)"),
        ("<module>", "", "<module>"),
    ],
)
def test_functions_are_shown_by_names_that_tell(name, file, shown):
    assert shown_name(name, file) == shown


def test_places_begin_at_the_package():
    assert shown_place("/x/lib/python3.12/site-packages/numpy/linalg/a.py") == "numpy/linalg/a.py"
    assert shown_place("C:\\me\\job.py") == "job.py"
    assert [is_installed(file) for file in ("/usr/lib/python3.12/json/a.py", "<frozen x>", "/home/me/lib/a.py")] == [
        True, True, False,
    ]  # fmt: skip


def test_a_module_between_two_boxes_is_counted_not_named(sample):
    report = bare(sample, function("leaf", 9.0, 9.0))

    drawn = svg(pictured(report, way(None, "leaf", 9.0, fewest=1, most=1, through="<module>")))

    assert "via 1 caller" in texts(drawn)


def test_the_caption_tells_carbon_and_money_with_how_they_are_known(sample):
    from energyprof.footprint.footprint import footprint_of_sum
    from energyprof.model.footprint_rows import Assumptions, EnergyPrice

    report = sample.digits()
    told = footprint_of_sum(report.measured, Assumptions(price=EnergyPrice(0.25, "EUR")))

    drawn = texts(svg(replace(report, footprint=told)))

    assert any("EUR" in text and str(told.cost_provenance) in text for text in drawn)
    assert any("0.25 EUR a kWh" in text for text in drawn)
    assert not any("EUR" in text for text in texts(svg(report)))


def test_a_comment_on_a_pull_request_lists_the_costliest_functions(sample):
    many = [function(f"part{number}", 0.1, 0.1) for number in range(9)]
    report = bare(sample, function("leaf|<b>", 6.0, 8.0, "/x/site-packages/lib/a.py"), *many)

    text = Markdown().render(report, RenderContext())

    assert "| `leaf\\|<b>` | 6.0 \u00b10.6 J | 47.8 % | 9 | 8.00 J | `lib/a.py:5` | inferred |" in text
    assert "2 more functions that took less: 200 mJ." in text


def test_a_comment_on_a_run_with_stages_lists_no_functions(sample):
    report = replace(sample.digits(), functions=(function("leaf", 6.0, 6.0),))

    assert "its own energy" not in Markdown().render(report, RenderContext())
