"""The compact report for notebooks: what the terminal tells, in a part of a page, and nothing that acts."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from energyprof.interfaces import RenderContext
from energyprof.model.report import Report
from energyprof_plugins.exporters.notebook import STYLE, NotebookReport
from energyprof_plugins.exporters.terminal import Terminal

ALLOWED = {
    "style", "div", "p", "b", "br", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "details", "summary",
    "code",
}  # fmt: skip
ATTRIBUTES = {"class", "style", "scope", "title"}


class Tags(HTMLParser):
    """Collects what a browser would make of a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(report: Report, **options: str) -> str:
    return NotebookReport().render(report, RenderContext(options=options))


def test_it_tells_the_figures_that_the_terminal_tells(sample: Any) -> None:
    report = sample.voice_assistant()

    text = Tags(rendered(report)).text.replace("\u2009", " ")

    lines = Terminal().render(report, RenderContext(width=200)).splitlines()
    figures = re.findall(r"\S+/\S+ +(\d+)  +(\d+) +(\d\.\d) ", "\n".join(lines))
    assert len(figures) > 5
    for energy, half, share in figures:
        assert f"{energy}\u00b1{half}{share} %" in text
    assert lines[0].removeprefix("energyprof ") in text
    assert "= 11 620 J" in text


@pytest.mark.parametrize("run", ["empty", "one_stage", "digits", "voice_assistant", "hostile"])
def test_nothing_in_it_acts_and_every_tag_is_closed(sample: Any, run: str) -> None:
    page = Tags(rendered(getattr(sample, run)(), run="<img src=x onerror=y>'\x1b.eprof"))

    assert page.found <= ALLOWED
    assert not page.open
    assert {name for name, _ in page.attributes} <= ATTRIBUTES
    assert all(re.fullmatch(r"width:[\d.]+%", value) for name, value in page.attributes if name == "style")
    assert "\x1b" not in page.text


def test_its_style_is_for_its_own_box_only(sample: Any) -> None:
    selectors = [one for line in STYLE.splitlines() for one in line.partition("{")[0].split(",")]

    assert selectors
    assert all(one.startswith(".energyprof-report") for one in selectors)
    assert "color:" not in STYLE.replace("background:", "")


def test_a_report_shows_itself_in_notebooks_and_in_ipython(sample: Any) -> None:
    from IPython.lib.pretty import pretty

    report = sample.digits()

    assert report._repr_html_() == rendered(report)
    assert pretty(report) == str(report) == Terminal().render(report, RenderContext()).rstrip("\n")
    assert repr(report) == f"<energyprof report of {' '.join(report.run.command)}>"
