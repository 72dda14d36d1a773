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
    browser.open(file.as_uri())
    assert browser.requests == [file.as_uri()] + [url for url in browser.requests[1:] if url.startswith("data:")]


def test_the_page_works_by_keyboard_and_its_parts_are_one_selection(browser, tmp_path, sample):
    shown(browser, tmp_path, sample.voice_assistant())

    assert browser.evaluate("document.querySelectorAll('.whisker').length") > 0
    browser.evaluate("document.querySelector('#t-stages thead th:nth-child(2) button').click()")
    own = browser.evaluate("[...document.querySelectorAll('#t-stages tbody tr')].map(r => number(r.cells[1]))")
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
