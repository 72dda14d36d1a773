"""The page in a real browser: nothing is asked for, nothing of a name runs, and everything works by keyboard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from browser import Browser, find_browser

from energyprof.interfaces import RenderContext
from energyprof.model.history import PowerEnvelope, PowerHistory, StageBand
from energyprof.report.renderer import draw
from energyprof_plugins.exporters.html_page.page import HtmlReport

PROGRAM = find_browser()
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed here; the other tests of the page need none"),
    pytest.mark.slow,
]


def history_of(report) -> PowerHistory:
    level = np.linspace(1.0, 50.0, 64)
    envelope = PowerEnvelope(report.domains[0].domain, level / 2, level, level * 2, np.ones(64), 1e6)
    return PowerHistory(1e8, 64, (envelope,), (StageBand(report.stages[0].stage, level / 50),), 0, True)


@pytest.fixture
def browser(tmp_path):
    started = Browser(PROGRAM, tmp_path / "profile")
    yield started
    started.close()


def shown(browser, tmp_path, report) -> None:
    file = tmp_path / "page.html"
    context = RenderContext(draw=draw, history=lambda: history_of(report))
    file.write_text(HtmlReport().render(report, context), encoding="utf-8")
    browser.requests.clear()
    browser.open(file.as_uri())
    assert browser.requests == [file.as_uri()] + [url for url in browser.requests[1:] if url.startswith("data:")]


def test_the_page_works_by_keyboard_and_its_parts_are_one_selection(browser, tmp_path, sample):
    shown(browser, tmp_path, sample.voice_assistant())

    browser.evaluate("document.querySelector('#t-stages thead th:nth-child(3) button').click()")
    own = browser.evaluate("[...document.querySelectorAll('#t-stages tbody tr')].map(r => number(r.cells[2]))")
    known = [value for value in own if value is not None]
    assert known == sorted(known, reverse=True)
    browser.evaluate("document.querySelector('.ep .node[role=button]').focus()")
    browser.press("Enter")
    marked = browser.evaluate("[...document.querySelectorAll('.on')].map(e => e.tagName.toLowerCase())")
    assert sorted(marked) == ["g", "g", "tr"]
    assert browser.evaluate("document.querySelector('#say').textContent") != ""
    browser.press("Escape")
    assert browser.evaluate("document.querySelectorAll('.on').length") == 0
    browser.evaluate("document.querySelector('.tl').focus()")
    browser.press("+")
    assert browser.evaluate("document.querySelector('.pw').getAttribute('viewBox')") == "16 0 32 200"
    browser.evaluate("document.querySelector('.ic .c').focus()")
    browser.press("Enter")
    assert browser.evaluate("document.querySelector('#ic-out').disabled") is False
    assert browser.complaints == []


def test_words_filter_rows_and_the_rest_is_hidden(browser, tmp_path, sample):
    shown(browser, tmp_path, sample.voice_assistant())

    browser.evaluate(
        "(f => { f.value = 'decoder'; f.dispatchEvent(new Event('input')); })"
        "(document.querySelector('input[data-for=t-stages]'))"
    )

    names = browser.evaluate(
        "[...document.querySelectorAll('#t-stages tbody tr')].filter(r => !r.hidden).map(r => r.textContent)"
    )
    assert names
    assert all("decoder" in name for name in names)


def test_hostile_names_run_nothing_and_a_narrow_page_never_scrolls_sideways(browser, tmp_path, sample):
    report = replace(sample.hostile(), warnings=("<img src=x onerror=alert(1)>", "]]>", "${alert(1)}"))

    browser.width(400)
    shown(browser, tmp_path, report)

    assert browser.evaluate("document.scripts.length") == 1
    assert browser.evaluate("document.images.length") == 0
    assert browser.evaluate("document.documentElement.scrollWidth") <= 400
    assert browser.complaints == []


def test_a_narrow_page_begins_with_all_of_the_diagram_and_a_wide_one_with_readable_letters(browser, tmp_path, sample):
    size = "[document.querySelector('.ep').getBoundingClientRect().width, document.querySelector('.hsbox').clientWidth]"

    browser.width(400)
    shown(browser, tmp_path, sample.voice_assistant())
    drawn_px, frame_px = browser.evaluate(size)
    browser.evaluate("document.querySelector('#hs-zoom [data-z=one]').click()")
    whole_px, _ = browser.evaluate(size)
    browser.width(700)
    shown(browser, tmp_path, sample.voice_assistant())
    wide_px, _ = browser.evaluate(size)

    assert whole_px > 1000
    assert 0.9 * frame_px <= drawn_px <= frame_px  # there was room for a scroll bar before
    assert wide_px == whole_px


IN_SIGHT = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
ROWS = "[...document.querySelectorAll('#t-layers tbody tr')]"


def test_a_row_gets_its_whisker_when_it_is_seen(browser, tmp_path, layered_report):
    shown(browser, tmp_path, layered_report.layered(6, 200))

    browser.evaluate("document.querySelector('#t-layers').scrollIntoView()")
    browser.evaluate(IN_SIGHT)

    drawn = "row => row.querySelectorAll('.whisker').length"
    assert browser.evaluate(f"{ROWS}.slice(0, 5).map({drawn})") == [1] * 5
    assert browser.evaluate(f"{ROWS}.slice(-5).map({drawn})") == [0] * 5


def test_no_figure_of_a_table_is_wider_than_its_column(browser, tmp_path, sample, layered_report):
    for report in (layered_report.layered(6, 100), sample.voice_assistant(), sample.digits(), sample.one_stage()):
        shown(browser, tmp_path, report)
        cut = browser.evaluate(
            "[...document.querySelectorAll('.t :is(td, thead th)')]"
            ".filter(cell => cell.scrollWidth > cell.clientWidth).map(cell => cell.textContent)"
        )
        assert cut == []


def test_tables_of_stages_and_layers_fit_a_usual_screen(browser, tmp_path, sample, layered_report):
    browser.width(1280)
    for report in (layered_report.layered(6, 100), sample.voice_assistant(), sample.digits()):
        shown(browser, tmp_path, report)
        frames = browser.evaluate("[...document.querySelectorAll('.t')].map(t => t.scrollWidth - t.clientWidth)")
        assert frames == [0] * len(frames)


def test_boxes_are_called_what_is_seen_of_them_and_no_two_landmarks_the_same(browser, tmp_path, layered_report):
    shown(browser, tmp_path, layered_report.layered(6, 20))

    boxes = browser.evaluate(
        "[...document.querySelectorAll('.ep .node[role=button]')].map(node => {"
        " const seen = [...node.querySelectorAll('text')].map(line => line.textContent).join(' ');"
        " const name = node.getAttribute('aria-label');"
        " return [name === seen, node.getAttribute('aria-description').includes(' J')]; })"
    )
    assert boxes == [[True, True]] * len(boxes) != []
    landmarks = browser.evaluate(
        "[...document.querySelectorAll('section[aria-labelledby], [role=region], nav')].map(part =>"
        " part.getAttribute('aria-label') || document.getElementById(part.getAttribute('aria-labelledby')).textContent)"
    )
    assert len(set(landmarks)) == len(landmarks) > 5


def test_a_box_of_the_icicle_too_narrow_for_its_name_is_still_called_by_it(browser, tmp_path, sample):
    browser.width(400)
    names = ("tokenize_and_collate", "forward_and_backward", "update_of_the_weights", "end")
    shown(browser, tmp_path, sample.make_report([sample.Part(name, (3.0,)) for name in names]))
    browser.evaluate("document.querySelector('.ic').scrollIntoView()")
    browser.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    boxes = browser.evaluate(
        "[...document.querySelectorAll('.ic .c[role=button]')].filter(box => !box.querySelector('b').hidden).map("
        "box => { const label = box.querySelector('b');"
        " return [box.getAttribute('aria-label').includes(label.textContent),"
        " label.scrollWidth > label.clientWidth]; })"
    )

    assert boxes[:4] == [[True, True], [True, True], [True, True], [True, False]]


def test_a_narrow_page_shows_joules_beside_names_without_scrolling(browser, tmp_path, sample):
    browser.width(400)
    shown(browser, tmp_path, sample.voice_assistant())
    browser.evaluate("document.querySelector('#t-stages').scrollIntoView()")

    name, how, figure = browser.evaluate(
        "[...document.querySelector('#t-stages tbody tr').cells].slice(0, 3).map(cell => {"
        " const place = cell.getBoundingClientRect(); return [place.left, place.top, place.right, place.bottom]; })"
    )

    assert figure[2] <= 400
    assert how[0] == name[0]
    assert how[1] == name[3]


def test_printed_notes_stand_beside_each_other(browser, tmp_path, sample):
    browser.width(688)
    browser.medium("print")
    shown(browser, tmp_path, replace(sample.voice_assistant(), warnings=("one", "two", "three", "four")))

    rows = browser.evaluate(
        "[...document.querySelectorAll('.find li')].map(note => Math.round(note.getBoundingClientRect().top))"
    )

    assert len(set(rows)) < len(rows)


def test_no_printed_table_is_wider_than_the_paper(browser, tmp_path, sample, layered_report):
    paper_px = 688  # A4 less its margins
    browser.width(paper_px)
    browser.medium("print")
    for report in (sample.hostile(), layered_report.layered(6, 100)):
        shown(browser, tmp_path, report)
        assert browser.evaluate("document.documentElement.scrollWidth") <= paper_px


def test_every_link_of_the_navigation_leads_to_its_section(browser, tmp_path, layered_report):
    shown(browser, tmp_path, layered_report.layered(60, 200))

    for place in range(browser.evaluate("document.querySelectorAll('nav a').length")):
        title = browser.evaluate(
            f"(link => {{ scrollTo(0, 0); link.click(); return link.textContent; }})"
            f"(document.querySelectorAll('nav a')[{place}])"
        )
        browser.evaluate(IN_SIGHT)
        head = browser.evaluate(
            f"[...document.querySelectorAll('h2')].find(h => h.textContent === {title!r}).getBoundingClientRect().top"
        )
        at_end = browser.evaluate("innerHeight + scrollY >= document.documentElement.scrollHeight - 1")
        assert 0 < head < (900 if at_end else 140), title


def test_rows_out_of_sight_are_sorted_found_filtered_and_printed(browser, tmp_path, layered_report):
    shown(browser, tmp_path, layered_report.layered(6, 400))

    assert browser.evaluate("window.find('encoder.layer.38.norm_after')") is True
    browser.evaluate("document.querySelector('#t-layers thead th:nth-child(3) button').click()")
    own = browser.evaluate(f"{ROWS}.map(row => number(row.cells[2]))")
    assert len(own) == 400
    assert own == sorted(own, reverse=True)
    browser.evaluate(
        "(field => { field.value = 'layer.38 dense'; field.dispatchEvent(new Event('input')); })"
        "(document.querySelector('input[data-for=t-layers]'))"
    )
    names = browser.evaluate(f"{ROWS}.filter(row => !row.hidden).map(row => row.cells[0].textContent)")
    assert len(names) == 3
    assert all("layer.38" in name and "dense" in name for name in names)
    browser.medium("print")
    styles = browser.evaluate(f"{ROWS}.filter(row => !row.hidden).map(row => getComputedStyle(row).display)")
    assert styles == ["table-row"] * 3
    assert set(browser.evaluate(f"{ROWS}.map(row => getComputedStyle(row).contentVisibility)")) == {"visible"}


def test_tab_reaches_one_row_of_a_table_and_arrow_keys_the_others(browser, tmp_path, layered_report):
    shown(browser, tmp_path, layered_report.layered(6, 200))
    stops = f"{ROWS}.filter(row => row.tabIndex === 0).map(row => row.id)"
    focused = "document.activeElement.id"

    assert browser.evaluate(stops) == ["l0"]
    browser.evaluate("document.querySelector('#l0').focus()")
    for key, row in [("ArrowDown", "l1"), ("End", "l199"), ("ArrowUp", "l198"), ("Home", "l0"), ("ArrowUp", "l0")]:
        browser.press(key)
        assert browser.evaluate(focused) == row
        assert browser.evaluate(stops) == [row]
    browser.press("Enter")
    assert browser.evaluate("document.querySelector('#l0').classList.contains('on')") is True


def test_a_screen_reader_is_told_of_all_rows_heads_and_cells_in_sight_or_not(tmp_path, layered_report):
    browser = Browser(PROGRAM, tmp_path / "profile", "--force-renderer-accessibility")
    try:
        shown(browser, tmp_path, layered_report.layered(6, 200))

        roles = browser.roles()
        sections = browser.evaluate("document.querySelectorAll('section').length")
    finally:
        browser.close()
    assert roles.count("table") == 3  # the ledger's, that of stages, that of layers
    assert roles.count("rowheader") == 7 + 6 + 200
    assert roles.count("row") == roles.count("rowheader") + 3
    assert roles.count("columnheader") >= 20
    assert roles.count("heading") >= 1 + sections
