"""How large the page is, how soon a real headless Chromium has drawn it, and how soon it answers the reader.

Run it by hand (`python tests/benchmarks/bench_html.py`) for a table of all figures: medians over repetitions of a
page opened anew, in one browser, the first opening left out. `drawn` is the time from the start of navigation until
every section has its place and the frame after that is begun; what is out of sight is laid out later, and has a figure
of its own, for printing needs all. Answers are the time from an action to the second frame after it, with the part of
the page in sight. Without a Chromium there is nothing to measure, and it fails.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
sys.path.insert(0, str(Path(__file__).parents[1] / "standin"))

from browser import Browser, find_browser
from layered_report import layered, noisy_history

from energyprof.interfaces import RenderContext
from energyprof.report.renderer import draw
from energyprof_plugins.exporters.html_page.page import HtmlReport

REPETITIONS = 7
USUAL, MANY = (60, 200), (60, 1000)
"""Stages and layers."""
KIB, MS = 1024.0, 1e-3
SIZE_KIB, DRAWN_S, ANSWER_S = 300.0, 0.5, 0.2

WATCH = """
addEventListener('load', () => requestAnimationFrame(() => {
  for (const section of document.querySelectorAll('section')) section.getBoundingClientRect();
  requestAnimationFrame(() => { window.drawnAt = performance.now(); });
}));
"""
DRAWN = "new Promise(done => { const ask = () => window.drawnAt ? done(window.drawnAt) : setTimeout(ask, 1); ask(); })"
PAINTED = """new Promise(done => new PerformanceObserver(seen => {
  for (const one of seen.getEntries()) if (one.name === 'first-contentful-paint') done(one.startTime);
}).observe({ type: 'paint', buffered: true }))"""
TIMED = """(async () => {
  const began = performance.now();
  (%s)();
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - began;
})()"""
"""The second frame comes after the first has been laid out and painted."""
TABLE = "#t-layers"
FILTER = """() => {
  const field = document.querySelector('input[data-for=t-layers]');
  field.value = field.value ? '' : 'layer 7';
  field.dispatchEvent(new Event('input'));
}"""
BEFORE = """(async () => {
  document.querySelector('%s').scrollIntoView({ block: 'center' });
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
})()"""
ALL = """() => {
  const rule = new CSSStyleSheet();
  rule.replaceSync('*{content-visibility:visible!important}');
  document.adoptedStyleSheets = [rule];
}"""
ACTIONS = {
    "sort layers by number": (TABLE, f"() => document.querySelector('{TABLE} thead th:nth-child(2) button').click()"),
    "sort layers by name": (TABLE, f"() => document.querySelector('{TABLE} thead button').click()"),
    "filter layers": (TABLE, FILTER),
    "show all layers again": (TABLE, FILTER),
    "mark a layer": (TABLE, f"() => document.querySelector('{TABLE} tbody tr:nth-child(9)').click()"),
    "zoom into the icicle": (
        ".ic",
        "() => document.querySelectorAll('.ic .c')[1].dispatchEvent(new MouseEvent('click'))",
    ),
    "zoom into power": ("#tl-bar", "() => document.querySelector('#tl-bar [data-t=in]').click()"),
    "lay out all that is not in sight": ("h1", ALL),
}

Row = tuple[str, float, str, float]


def rows() -> list[Row]:
    """Return (what, figure, unit, upper bound) of everything measured here."""
    program = find_browser()
    if program is None:
        raise RuntimeError("no Chromium is installed here; apt install chromium")
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(program, Path(folder, "profile"))
        try:
            browser.before_pages(WATCH)
            return [row for shape in (USUAL, MANY) for row in _page(browser, Path(folder), *shape)]
        finally:
            browser.close()


def _page(browser: Browser, folder: Path, stages: int, layers: int) -> list[Row]:
    report = layered(stages, layers)
    history = noisy_history(report)
    page = HtmlReport().render(report, RenderContext(draw=draw, history=lambda: history))
    file = folder / f"{layers}.html"
    file.write_text(page, encoding="utf-8")
    found: dict[str, list[float]] = {}
    for _ in range(REPETITIONS + 1):
        browser.open(file.as_uri())
        found.setdefault("drawn", []).append(browser.evaluate(DRAWN) * MS)
        found.setdefault("first contentful paint", []).append(browser.evaluate(PAINTED) * MS)
        for what, (part, action) in ACTIONS.items():
            browser.evaluate(BEFORE % part)
            found.setdefault(what, []).append(browser.evaluate(TIMED % action) * MS)
    name = f"{stages} stages, {layers} layers"
    bounds = dict.fromkeys(ACTIONS, ANSWER_S) | {"first contentful paint": DRAWN_S, "drawn": DRAWN_S}
    bounds["lay out all that is not in sight"] = DRAWN_S * layers / USUAL[1]
    size = (f"{name}: size", len(page.encode()) / KIB, "KiB", SIZE_KIB * layers / USUAL[1])
    return [size] + [(f"{name}: {what}", statistics.median(found[what][1:]), "s", bounds[what]) for what in found]


if __name__ == "__main__":
    for what, figure, unit, bound in rows():
        print(f"{what:55} {figure:8.3f} {unit:4} at most {bound:g}{'' if figure <= bound else '  MISSED'}")
