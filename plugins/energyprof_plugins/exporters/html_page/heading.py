"""The top of the page: the verdict in one sentence, and which run it is of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from energyprof.model.report import Report
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.verdict import ranking_line, run_line, trust_lines, verdict
from energyprof_plugins.exporters.html_page.markup import NO_BREAK, badge, name, whole_figures, words
from energyprof_plugins.exporters.visible import program_name

GLYPHS: Final = Glyphs(unicode=True)
INTERVAL: Final = re.compile(r"\([-\u2212\d. ]+ to [-\u2212\d. ]+\)")
WIDTH: Final = 200
"""Columns: there is room for what the stage of the verdict took."""


def title(report: Report) -> str:
    """Return what a tab of the browser is called."""
    return f"energy of {program_name(report.run.command)}"


def heading(report: Report) -> str:
    """Return verdict, program, machine and what is not measured."""
    sentence = verdict(report, GLYPHS, WIDTH).plain.removeprefix("energyprof ")
    facts = [f"<p>{words(line)}</p>" for line in trust_lines(report, GLYPHS)]
    if not report.domains:
        facts.append("<p>What a power sensor needs on this machine is told by: <code>energyprof doctor</code>")
    ranked = ranking_line(report, GLYPHS)
    if ranked is not None:
        facts.append(f"<p class=dim>{words(ranked)}</p>")
    shown = badge(report.measured.provenance) if report.measured.energy_j is not None else ""
    return (
        f"<h1>{words(_unbroken(sentence))}</h1>\n<p>{shown} {whole_figures(words(run_line(report, GLYPHS)))}</p>\n"
        f"<p class=dim>{'<br>'.join(_machine(report))}</p>\n" + "".join(facts)
    )


def _unbroken(sentence: str) -> str:
    """Return a sentence whose figures and intervals stay on one line."""
    whole = INTERVAL.sub(lambda found: found[0].replace(" ", NO_BREAK), sentence)
    return whole_figures(whole).replace(" \u00b1", f"{NO_BREAK}\u00b1")


def _machine(report: Report) -> Iterator[str]:
    run = report.run
    yield f"<code>{name(' '.join(run.command))}</code>"
    host = [run.start, *([f"on {run.host}"] if run.host else [])]
    yield name(" ".join(host))
    if run.versions:
        yield name(" \u00b7 ".join(f"{what} {version}" for what, version in run.versions.items()))
