"""What to do about it: the findings of a run, those with the surest saving first."""

from __future__ import annotations

from typing import Final

from energyprof.model.finding import Finding
from energyprof.model.report import Report
from energyprof_plugins.exporters.console.finding_lines import finding_lines, offenders
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.html_page.markup import words
from energyprof_plugins.exporters.html_page.section import Section

GLYPHS: Final = Glyphs(unicode=True)


def advice_section(report: Report) -> Section:
    """Return every finding with its evidence, remedy and saving, or nothing where nothing was found."""
    shown = "".join(_item(*numbered) for numbered in enumerate(report.findings, 1))
    return Section("findings", "What to do about it", f"<ol class=find>{shown}</ol>" if shown else "")


def _item(number: int, found: Finding) -> str:
    lines = [words(line.strip()) for line in finding_lines(found, GLYPHS)]
    about = f"{offenders(found, GLYPHS)}: {GLYPHS.name(found.fault)}".removeprefix(": ")
    return f"<li><b>{number}. {words(about)}</b><br>{'<br>'.join(lines)}"
