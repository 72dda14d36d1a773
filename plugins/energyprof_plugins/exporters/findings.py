"""The findings as text: each with its evidence, what it costs now, what the change may save, and the change."""

from __future__ import annotations

from typing import Final

from rich.text import Text

from energyprof.interfaces import RenderContext
from energyprof.model.report import Report
from energyprof_plugins.exporters.console.finding_lines import finding_lines, offenders
from energyprof_plugins.exporters.console.footprint_lines import OF_THE_RUN, footprint_lines
from energyprof_plugins.exporters.terminal import Page

NOTHING: Final = "nothing found: none of the rules sees energy here that need not be spent"


class FindingList:
    """Format the findings as text."""

    name = "findings"
    suffix = ".txt"
    summary = "text for people: what to change, as `energyprof findings` prints it"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return all findings, the surest savings first, hints last."""
        page = Page(context.width, context)
        if not report.findings:
            page.wrapped(NOTHING, indent=2)
        for number, found in enumerate(report.findings, 1):
            if number > 1:
                page.line()
            page.line(Text(f"{number}. {offenders(found, page.glyphs)}: {page.glyphs.text(found.fault)}", style="bold"))
            for line in finding_lines(found, page.glyphs):
                page.wrapped(f"   {line}", indent=13)
        if report.footprint is not None:
            page.line()
            page.hanging(OF_THE_RUN, footprint_lines(report.footprint, page.glyphs))
        return page.text()
