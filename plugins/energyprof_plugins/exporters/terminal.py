"""The report for a terminal: verdict first, then where the joules went, and the ledger that closes."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from energyprof.interfaces import RenderContext
from energyprof.model.line_breaks import UNBROKEN, WITHIN_FIGURE
from energyprof.model.report import Report
from energyprof.model.shell import in_shell
from energyprof_plugins.exporters.account import counted_domains
from energyprof_plugins.exporters.console.account_lines import ledger_lines, overhead_line, sensor_lines
from energyprof_plugins.exporters.console.cure_lines import delay_line, repeat_lines
from energyprof_plugins.exporters.console.finding_lines import best_lines
from energyprof_plugins.exporters.console.footprint_lines import footprint_lines
from energyprof_plugins.exporters.console.function_table import ROWS as FUNCTION_ROWS
from energyprof_plugins.exporters.console.function_table import function_table, heading, shown_functions
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.rank_table import host_lines, rank_lines, rank_table
from energyprof_plugins.exporters.console.stage_table import WIDE, Listing, key, stage_table
from energyprof_plugins.exporters.console.verdict import ranking_line, run_line, trust_lines, verdict
from energyprof_plugins.exporters.console.work_parts import work_parts

ROWS: Final = 12
"""Rows of the table unless option `rows` says otherwise."""
NARROWEST: Final = 60
WIDEST: Final = 200


class Terminal:
    """Format a report as text of 60 to 200 columns; options: `rows`; `run`, the file to name in commands."""

    name = "terminal"
    suffix = ".txt"
    summary = "text for people: verdict, costliest stages, ledger"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the whole report; with `color` it holds escape sequences of its own, never any of a name."""
        shown = context.folded(report)
        width = max(NARROWEST, min(WIDEST, context.width))
        page = Page(width, context)
        glyphs = page.glyphs
        page.line(verdict(shown, glyphs, width))
        page.line(Text(run_line(report, glyphs), style="dim"))
        ranked = ranking_line(report, glyphs)
        page.lines([] if ranked is None else [ranked], style="dim")
        page.lines(trust_lines(report, glyphs), style="bold")
        page.line()
        if counted_domains(report):
            self._stages(shown, page, context)
            self._functions(report, page, context)
            self._work(report, page)
            self._ranks(report, page)
            if report.repeat is not None:
                page.hanging("repeat mode", repeat_lines(report, glyphs))
                page.line()
            for line in ledger_lines(report, glyphs, page.wide):
                page.wrapped(line, indent=8)
        if report.footprint is not None:
            page.hanging("footprint", footprint_lines(report.footprint, glyphs))
        if report.delays is not None:
            page.wrapped(glyphs.text(delay_line(report)), indent=9)
        if report.hosts:
            page.hanging("hosts", host_lines(report, glyphs))
        if report.domains:
            page.hanging("sensors", sensor_lines(report, glyphs))
        page.wrapped(glyphs.text(overhead_line(report)), indent=10, style="dim")
        if report.warnings:
            page.line()
            page.hanging("warnings", map(glyphs.name, report.warnings))
        page.line()
        self._next(page, context)
        return page.text()

    @staticmethod
    def _stages(report: Report, page: Page, context: RenderContext) -> None:
        if not report.stages and report.overhead.dropped:
            return  # there were some, as a warning says
        if not report.stages:
            page.line(Text('no stage was recorded; mark one with: with energyprof.stage("name"):'))
            page.line()
            return
        limit = int(context.options.get("rows", ROWS))
        listing = Listing.of(report, limit)
        if listing.shown or listing.rest:
            page.console.print(stage_table(report, listing, page.glyphs, page.width))
        page.wrapped(key(report, listing), indent=5, style="dim")
        page.line()

    @staticmethod
    def _functions(report: Report, page: Page, context: RenderContext) -> None:
        if not shown_functions(report):
            return
        limit = int(context.options.get("rows", FUNCTION_ROWS))
        page.line(Text(page.glyphs.text(heading(report)), style="bold"))
        page.console.print(function_table(report, page.glyphs, page.width, limit))
        page.line()

    @staticmethod
    def _work(report: Report, page: Page) -> None:
        """Say what to change, and what each piece of work took."""
        glyphs = page.glyphs
        change = [("what to change", list(best_lines(report, glyphs)))] if report.findings else []
        for about, lines in (*change, *work_parts(report, glyphs)):
            page.hanging(about, lines)
            page.line()

    @staticmethod
    def _ranks(report: Report, page: Page) -> None:
        if not report.ranks:
            return
        page.console.print(rank_table(report, page.glyphs, page.width))
        for line in rank_lines(report, page.glyphs):
            page.wrapped(line, indent=11)
        page.line()

    @staticmethod
    def _next(page: Page, context: RenderContext) -> None:
        run = context.options.get("run", "")
        file = page.glyphs.name(f" {in_shell(run)}") if run else ""
        graph, figures = f"energyprof graph{file}", f"energyprof report{file} --format json"
        commands = [(graph, "hotspot diagram"), (figures, "every figure")]
        page.line(Text("next", style="bold"))
        room = max(len(command) for command, _ in commands) + 3
        for command, what in commands:
            beside = room + len(what) + 2 <= page.width
            gap = " " * (room - len(command)) if beside else "\n      "
            page.line(Text.assemble("  ", (command, "cyan"), (f"{gap}{what}", "dim")))


class Page:
    """Collect lines through rich, independent of the terminal this process happens to have."""

    def __init__(self, width: int, context: RenderContext) -> None:
        self.width, self.wide = width, width >= WIDE
        self.glyphs = Glyphs(context.unicode)
        self._written = io.StringIO()
        self.console = Console(
            force_jupyter=False,  # inside a notebook rich would display the lines one by one and return nothing
            file=self._written,
            width=width,
            force_terminal=context.color,
            color_system="standard" if context.color else None,
            no_color=not context.color,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
            # Without this rich would look at NO_COLOR, COLUMNS and others: same report, other bytes.
            _environ={},
        )

    def line(self, text: Text | None = None) -> None:
        """Write one line, empty by default; what does not fit goes on below, and no figure is parted."""
        shown = Text() if text is None else text.copy()
        shown.plain = WITHIN_FIGURE.sub(UNBROKEN, shown.plain)
        self.console.print(shown, soft_wrap=False)

    def lines(self, lines: Iterable[str], style: str = "") -> None:
        """Write lines in one style."""
        for line in lines:
            self.line(Text(line, style=style))

    def wrapped(self, text: str, indent: int, style: str = "") -> None:
        """Write one of our own lines; what does not fit goes on below, further in."""
        text = WITHIN_FIGURE.sub(UNBROKEN, text)
        self.lines(textwrap.wrap(text, self.width, subsequent_indent=" " * indent, break_on_hyphens=False), style)

    def hanging(self, heading: str, lines: Iterable[str]) -> None:
        """Write lines below a heading, set in from it."""
        self.line(Text(heading, style="bold"))
        for line in lines:
            self.console.print(Padding(Text(WITHIN_FIGURE.sub(UNBROKEN, line)), (0, 0, 0, 2)))

    def text(self) -> str:
        """Return all that was written, without spaces at the ends of lines."""
        written = self._written.getvalue().replace(UNBROKEN, " ")
        return "".join(f"{line.rstrip()}\n" for line in written.splitlines())
