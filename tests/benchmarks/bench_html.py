"""How large the page is, how soon a real headless Chromium has drawn it, and how soon it answers the reader.

Run it by hand (`python tests/benchmarks/bench_html.py`) for a table of all figures: medians over repetitions of a
page opened anew, in one browser, the first opening left out. `drawn` is the time from the start of navigation until all
sections have been laid out and the frame after that has been asked for; answers are the time of an action and of the layout it
causes. Without a Chromium there is nothing to measure, and it fails.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("report", "standin")]

from layered_report import layered, noisy_history
from browser import Browser, find_browser

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
TIMED = """(() => {
  const began = performance.now();
  (%s)();
  document.body.getBoundingClientRect();
  for (const table of document.querySelectorAll('table')) table.getBoundingClientRect();
  return performance.now() - began;
})()"""
ACTIONS = {
    "sort layers by number": "() => document.querySelector('#t-layers thead th:nth-child(2) button').click()",
    "sort layers by name": "() => document.querySelector('#t-layers thead button').click()",
    "filter layers": """() => {
      const field = document.querySelector('input[data-for=t-layers]');
      field.value = field.value ? '' : 'layer 7';
      field.dispatchEvent(new Event('input'));
    }""",
    "mark a layer": "() => document.querySelector('#t-layers tbody tr:nth-child(9)').click()",
    "zoom into the icicle": "() => document.querySelector('.ic .c').dispatchEvent(new MouseEvent('click'))",
    "zoom into power": "() => document.querySelector('#tl-bar [data-t=in]').click()",
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
        for what, action in ACTIONS.items():
            found.setdefault(what, []).append(browser.evaluate(TIMED % action) * MS)
    name = f"{stages} stages, {layers} layers"
    bounds = dict.fromkeys(ACTIONS, ANSWER_S) | {"first contentful paint": DRAWN_S, "drawn": DRAWN_S * (layers / 200)}
    size = (f"{name}: size", len(page.encode()) / KIB, "KiB", SIZE_KIB * (layers / 200))
    return [size] + [(f"{name}: {what}", statistics.median(found[what][1:]), "s", bounds[what]) for what in found]


if __name__ == "__main__":
    for what, figure, unit, bound in rows():
        print(f"{what:55} {figure:8.3f} {unit:4} at most {bound:g}{'' if figure <= bound else '  MISSED'}")
