"""The page as a file: it closes its account, allows no request, and makes every name harmless."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from energyprof.footprint.footprint import footprint
from energyprof.interfaces import RenderContext
from energyprof.model.finding import Finding
from energyprof.model.footprint_rows import Assumptions, EnergyPrice, GridIntensity
from energyprof.model.history import PowerEnvelope, PowerHistory, StageBand
from energyprof.model.range import Range
from energyprof.model.report import LayerRow, Report, SumRow
from energyprof.report.renderer import draw
from energyprof_plugins.exporters.account import counted_domains, ledger, microjoules
from energyprof_plugins.exporters.html_page.boxes import boxes
from energyprof_plugins.exporters.html_page.page import HtmlReport

SAFE_TAGS = {"script", "style", "meta", "link"}


class Page(HTMLParser):
    """Collect what a browser would make of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.words: list[str] = []
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside in self.raw:
            self.raw[self._inside].append(data)
            self._inside = ""
        else:
            self.words.append(data)

    def policy(self) -> str:
        return next(str(a["content"]) for tag, a in self.tags if tag == "meta" and "http-equiv" in a)


def history(report: Report, known: int = 64) -> PowerHistory:
    level = np.linspace(1.0, 50.0, 64)
    envelope = PowerEnvelope(
        report.domains[0].domain, level / 2, level, level * 2, (np.arange(64) < known).astype(np.float64), 1e6
    )
    band = StageBand(report.stages[0].stage, level / 50)
    return PowerHistory(1e8, 64, (envelope,), (band,), 0, True)


def rendered(report: Report, **more) -> str:
    return HtmlReport().render(report, RenderContext(**more))


def layer(name: str, phase: str, joules: float | None) -> LayerRow:
    figure = SumRow(joules, (joules or 1.0) - 0.5, (joules or 1.0) + 0.5, "inferred", None)
    return LayerRow(name, phase, None, 0, "Linear", 15, 2.0, 1.0, 0.5, figure, figure, None, None, 5.0, 9, None, None)


def test_the_policy_allows_this_style_and_this_script_and_nothing_else(sample):
    page = Page(rendered(sample.digits(), draw=draw))

    def source(kind: str) -> str:
        (content,) = page.raw[kind]
        return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"

    assert page.policy() == (
        f"default-src 'none'; style-src {source('style')}; script-src {source('script')}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    # No handler, no style of an element, no address but within the page: the policy would refuse them.
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in {"style", "src", "action"}], tag
        assert str(attributes.get("href", "#")).startswith(("#", "data:,")), attributes


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"]]><img src=x onerror=alert(1)>', "${alert(1)}", "'>x"]
)
def test_a_name_is_words_and_never_a_part_of_the_page(sample, name):
    report = sample.make_report([sample.Part(name, (5.0,), (sample.Part(name, (3.0,)),))], command=(name, name))
    report = replace(report, warnings=(name,), layers=(layer(name, "total", 3.0),))
    page = Page(rendered(report, draw=draw, history=lambda: history(report)))
    harmless = sample.make_report([sample.Part("a", (5.0,), (sample.Part("b", (3.0,)),))], command=("c", "d"))
    harmless = replace(harmless, warnings=("e",), layers=(layer("f", "total", 3.0),))
    like = Page(rendered(harmless, draw=draw, history=lambda: history(harmless)))

    counts = [{tag: sum(t == tag for t, _ in of.tags) for tag in ("script", "img", "style")} for of in (page, like)]
    assert counts[0] == counts[1] == {"script": 1, "img": 0, "style": 1}
    assert name in "".join(page.words)


def test_every_hostile_name_leaves_one_script_and_no_control_character(sample):
    text = rendered(sample.hostile(), draw=draw)

    assert text.count("<script") == 1
    assert re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", text) == []


def test_the_ledger_on_the_page_closes_and_has_every_domain(sample):
    report = sample.voice_assistant()
    page = rendered(report)

    assert "difference 0 J" in page
    for row in report.ledger:
        assert f">{row.domain}, J" in page


def test_icicle_boxes_lie_inside_their_parents_and_outermost_ones_add_up_to_the_stages(sample):
    for report in (sample.voice_assistant(), sample.hostile(), sample.deep(40)):
        laid = boxes(report)

        counted = counted_domains(report)
        stages_uj = sum(microjoules(row.stages_j) for row in report.ledger if row.domain in counted)
        assert abs(sum(box.width_uj for box in laid if box.depth == 0) - stages_uj) <= len(laid)
        above = {box.row: box for box in laid if box.row is not None}
        places = {row.stage: place for place, row in enumerate(report.stages)}
        for box in laid:
            if box.row is None or report.stages[box.row].parent is None:
                continue
            parent = above[places[report.stages[box.row].parent]]
            assert parent.depth == box.depth - 1
            assert parent.start_uj - len(laid) <= box.start_uj
            assert box.start_uj + box.width_uj <= parent.start_uj + parent.width_uj + len(laid)
        assert sum(box.width_uj for box in laid if box.depth == 0) <= ledger(report).spent_uj + len(laid)


def test_the_box_of_a_layer_is_called_by_what_tells_it_from_the_layer_around_it(layered_report):
    page = rendered(layered_report.layered(2, 21))

    assert "<b>encoder.layer.1</b>" in page
    assert "<b>attention.query</b>" in page
    assert "<title>stage_1_of_the_pipeline/Model.encoder.layer.1.attention.query: " in page


def test_what_cannot_be_told_apart_has_no_joules_of_its_own_and_says_why(sample):
    parts = [sample.Part("a", (5.0,), refused=True), sample.Part("b", (3.0,), refused=True), sample.Part("c", (2.0,))]
    report = sample.make_report(parts)
    page = rendered(report)

    row = re.search(r"<tr id=r0 .*?(?=<tr|</tbody>)", page).group()
    assert "<td><td><td>" in row
    assert 'href="#u0"' in row
    assert "<li id=u0>" in page
    assert "not separable" in page


def test_layers_have_their_phases_apart_with_intervals(sample):
    rows = tuple(
        layer("net.conv", phase, joules) for phase, joules in (("forward", 4.0), ("backward", 6.0), ("total", 10.0))
    )
    page = rendered(replace(sample.digits(), layers=rows))

    table = page[page.index('id="t-layers"') :]
    assert re.search(r"forward,\sJ.*backward,\sJ", table)
    assert "<td>4.0<br><small>\u00b10.5</small><td>6.0<br><small>\u00b10.5</small>" in table


def test_how_a_figure_is_known_stands_beside_the_name(sample):
    page = rendered(sample.digits())

    assert re.search(r"<thead><tr><th scope=col class=l><button data-k=t>Stage</button><th[^>]*><button[^>]*>how", page)


def test_a_layer_too_short_to_be_recorded_is_named_by_the_layer_that_has_its_energy(sample):
    net, step = layer("net", "total", 4.0), replace(layer("net.0", "total", None), parent="net", folded="too short")
    inner = replace(layer("net.0.1", "total", None), parent="net.0", folded="too short")
    page = rendered(replace(sample.digits(), layers=(net, step, inner, layer("loss", "total", 1.0))))

    table = page[page.index('id="t-layers"') :]
    names = re.findall("<th scope=row>(.*?)<td", table)
    assert [re.sub("<[^>]*>", " ", one).split() for one in names] == [
        ["net", "Linear", "with", "0", "Linear,", "0.1", "Linear:", "too", "short", "to", "be", "recorded"],
        ["loss", "Linear"],
    ]


def test_calls_whose_layers_were_not_recorded_are_no_stage(sample):
    report = sample.make_report([sample.Part("train", (5.0,), (sample.Part("<layers not recorded>", calls=52),))])
    train, passed = report.stages
    page = rendered(replace(report, stages=(train, replace(passed, facts={"passed_over": "not recorded"}))))

    assert page.count("<tr id=r") == 1
    assert "In 52 calls of models no layer was recorded" in page


def test_power_that_is_not_known_is_no_line_at_zero(sample):
    report = sample.digits()
    page = rendered(report, history=lambda: history(report, known=32))

    shade = re.search(r'class=env d="([^"]*)"', page).group(1)
    assert shade.count("M") == 1
    assert sum(map(int, re.findall(r"h(\d+)", shade))) == 32
    assert "known for 50 % of the run" in page
    assert "update more slowly" not in page


def test_power_has_ticks_from_nothing_to_the_most_and_stages_the_colour_of_their_share(sample):
    report = sample.digits()
    page = rendered(report, history=lambda: history(report))

    assert "<span class=yt><span>100 W</span><span>50.0 W</span><span>0 W</span></span>" in page
    assert re.search('<path class="lane h[0-7]"', page)


def test_without_a_renderer_the_page_says_so_and_has_everything_else(sample):
    page = rendered(sample.digits())

    assert "Not drawn: no diagram renderer was handed in" in page
    assert 'id="t-stages"' in page


@pytest.mark.parametrize("make", ["empty", "one_stage", "hostile"])
def test_a_run_of_which_little_is_known_is_a_page_all_the_same(sample, make):
    page = Page(rendered(getattr(sample, make)()))

    assert [tag for tag, _ in page.tags].count("h1") == 1


def test_a_run_without_any_power_says_so(sample):
    page = rendered(sample.empty(()))

    assert "no power was recorded in this run" in page


def test_a_run_without_any_power_shows_its_stages_and_no_joules_at_all(sample):
    report = sample.make_report([sample.Part("load"), sample.Part("train", calls=7)], ())
    page = rendered(replace(report, warnings=("no source could be read",)))

    assert "energyprof doctor" in page
    assert "no source could be read" in page
    assert page.count("<tr id=r") == page.count("not read") == 2
    assert "0 J" not in page


def test_a_deep_path_is_written_by_its_ends_and_whole_in_its_title(sample):
    page = rendered(sample.deep(8))

    row = re.search(r"<tr id=r\d+ [^>]*><th scope=row title=\"(level[^\"]*)\">(<i>.*?)<td>", page)
    assert row.group(1).startswith("level_1_of_the_call/level_2_of_the_call/level_3_of_the_call/")
    assert re.sub("<[^>]*>", "", row.group(2)).startswith("level_1_of_the_call/\u2026/level_4_of_the_call/")


def test_no_figure_of_the_verdict_is_broken_between_lines(sample):
    heading = re.search("<h1>(.*?)</h1>", rendered(sample.digits())).group(1)

    assert re.search("\\d J", heading) is None
    assert " to " not in heading
    assert re.search("\\d\u00a0m?J", heading)


def test_no_figure_of_a_warning_is_broken_between_lines(sample):
    report = replace(sample.voice_assistant(), warnings=("what is left costs 4 % of 9 340 ms, 2.1 CPU s in all",))

    page = HtmlReport().render(report, RenderContext())

    assert "<li>what is left costs 4\u00a0% of 9\u00a0340\u00a0ms, 2.1\u00a0CPU\u00a0s in all" in page


def test_a_part_of_the_bar_has_its_name_only_on_pages_wide_enough_for_it(sample):
    bar = re.search("<svg class=led.*?</svg><p>", rendered(sample.voice_assistant()), re.DOTALL).group()

    assert re.findall("<text([^>]*) x=6 y=19>([^<]*)", bar) == [("", "in stages"), ("", "idle")]


def test_60_stages_and_200_layers_are_less_than_300_kib(layered_report):
    report = layered_report.layered(60, 200)
    power = layered_report.noisy_history(report)

    page = rendered(report, draw=draw, history=lambda: power)

    assert len([row for row in report.layers if row.phase == "total"]) == 200
    assert len(page.encode()) < 300 * 1024


def test_ten_thousand_stages_are_a_page_of_the_costliest(sample):
    page = rendered(sample.many(10_000))

    assert page.count("<tr id=r") == 2000
    assert "8000 cheaper stages are left out" in page
    assert len(page) < 2_000_000


def test_the_same_report_gives_the_same_page(sample):
    assert rendered(sample.digits(), draw=draw) == rendered(sample.digits(), draw=draw)


def test_findings_stand_before_the_diagram_and_their_words_are_harmless(sample):
    report = sample.digits()
    found = Finding(
        "rule", (report.stages[0].stage,), "<b>waste", "seen & counted", "do </ul> less", 5.0, "inferred", (1.0, 2.0)
    )
    page = rendered(replace(report, findings=(found,)))

    section = page[page.index('<section id="findings"') : page.index('<section id="hotspots"')]
    assert "&lt;b&gt;waste" in section
    assert "do &lt;/ul&gt; less" in section


def test_carbon_and_cost_stand_at_the_end_where_somebody_said_of_which_electricity(sample):
    grid = GridIntensity(50.0, "FR", "France", 2024, "Ember; <OWID>")
    assumed = Assumptions(grid, EnergyPrice(0.3, "<b>"), Range.exactly(1.2), (("region", "--region"),))
    report = sample.digits()
    row = footprint(Range(3.6e6, 3.24e6, 4.32e6), "measured", assumed)

    page = rendered(replace(report, footprint=row))

    told = page[page.index('<section id="footprint"') :]
    assert "<b>1.20 kWh (1.08 to 1.44)</b>" in told
    assert "<b>60.0 g CO2e (54.0 to 72.0)</b>" in told
    assert "at 50.0 g/kWh, France 2024 (Ember; &lt;OWID&gt;) <small>(--region)</small>" in told
    assert "<b>0.360 &lt;b&gt; (0.324 to 0.432)</b>" in told
    assert "246 m by an average US car" in told
    assert "US EPA" in told
    assert 'id="footprint"' not in rendered(report)


@pytest.mark.parametrize(("unattributed_j", "share"), [(0.0, "0 %"), (1e-6, "0 %"), (-1e-6, "0 %"), (1e-4, "<0.1 %")])
def test_the_last_microjoule_of_the_ledger_is_rounding_and_no_share(sample, unattributed_j, share):
    report = sample.make_report([sample.Part("a", (19.0,))], idle_share=0)
    rows = tuple(replace(row, unattributed_j=unattributed_j) for row in report.ledger)

    (line,) = re.findall("<th scope=row>[^>]*>[^>]*></svg>unattributed<td>(.*)", rendered(replace(report, ledger=rows)))

    assert line.partition("</tbody>")[0].rpartition("<td>")[2] == share
