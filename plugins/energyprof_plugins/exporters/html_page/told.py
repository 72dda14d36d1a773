"""What else the run showed: sampled functions, steps, generations, trials, work, ranks, repeated layers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from energyprof.model.report import FunctionRow, Report
from energyprof_plugins.exporters.console.cure_lines import delay_line, repeat_lines
from energyprof_plugins.exporters.console.function_table import heading as functions_heading
from energyprof_plugins.exporters.console.function_table import shown_functions
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.rank_table import host_lines, rank_lines
from energyprof_plugins.exporters.console.work_parts import SEARCH, work_parts
from energyprof_plugins.exporters.figures import column_unit, grouped, percent
from energyprof_plugins.exporters.html_page.markup import badge, figure, name, words
from energyprof_plugins.exporters.html_page.section import Section
from energyprof_plugins.exporters.html_page.tables import HOW, INTERVAL, NAMELESS, Column, Row, Table, stacked

GLYPHS: Final = Glyphs(unicode=True)
MOST_FUNCTIONS: Final = 100
BETWEEN_WORDS: Final = re.compile(r"(?<=\w)(?:\.|_+)(?=[^\W_])")
FOLDERS: Final = 2
"""Shown of the path of a function's file."""


def function_section(report: Report) -> Section:
    """Return the costliest sampled functions; they decompose stages and are added to none."""
    found = shown_functions(report)[:MOST_FUNCTIONS]
    if not found:
        return Section("functions", "Functions", "")
    unit, unit_j = column_unit(max((row.total_j or 0.0) for row in found) or 1.0)
    columns = [
        Column("Function", "t"), HOW, Column(f"itself, {unit}", "n", INTERVAL), NAMELESS,
        Column(f"in all, {unit}", "n", INTERVAL), Column("share", "n"), Column("samples", "n"),
    ]  # fmt: skip
    places: defaultdict[tuple[str, str, int], list[str]] = defaultdict(list)
    for place, one in enumerate(report.functions):
        places[one.function, one.file, one.line].append(f"f{place}")
    spent_j = report.measured.energy_j or 0.0
    rows = [_function(row, unit_j, spent_j, places[row.function, row.file, row.line]) for row in found]
    lead = functions_heading(report).removeprefix("functions (").removesuffix(")")
    return Table("functions", "Functions", columns, rows).section(f"{lead[:1].upper()}{lead[1:]}.")


def _function(row: FunctionRow, unit_j: float, spent_j: float, boxes: list[str]) -> Row:
    """Return the row of a function; `boxes` are its names in the diagram, one for each stage that it ran in."""
    cells = [
        badge(row.provenance), stacked(*figure(row.energy_j, row.low_j, row.high_j, unit_j)), "",
        stacked(*figure(row.total_j, row.total_low_j, row.total_high_j, unit_j)),
        percent(row.energy_j / spent_j) if row.energy_j is not None and spent_j > 0 else "", grouped(row.samples),
    ]  # fmt: skip
    where = f"<br><small>{_place(row.file)}:{row.line}</small>" if row.file else ""
    return Row(
        f'<tr data-s="{" ".join(boxes)}">',
        _breakable(name(row.function)) + where,
        cells,
        f"{name(row.file)}:{row.line}" if row.file else "",
    )


def _breakable(markup: str) -> str:
    """Return a name which a narrow page breaks between its words."""
    return BETWEEN_WORDS.sub(r"\g<0><wbr>", markup)


def _place(file: str) -> str:
    """Return the end of a path: where a package is installed is nobody's question."""
    parts = [name(part) for part in file.split("/")]
    cut = "\u2026/" if len(parts) > FOLDERS + 1 else ""
    return cut + "/<wbr>".join(map(_breakable, parts[-FOLDERS - 1 :]))


def told_section(report: Report) -> Section:
    """Return what the run showed of its work, a heading and lines for each."""
    parts = [
        f"<h3>{words(heading)}</h3><ul>{''.join(f'<li>{words(line.strip())}' for line in lines)}</ul>"
        for heading, lines in _told(report)
    ]
    return Section("work", "What it did", "\n".join(parts))


def _told(report: Report) -> Iterator[tuple[str, list[str]]]:
    yield from (part for part in work_parts(report, GLYPHS) if part[0] != SEARCH)  # the trials have their own section
    if report.ranks:
        yield "ranks", list(rank_lines(report, GLYPHS))
    if report.hosts:
        yield "hosts", list(host_lines(report, GLYPHS))
    if report.repeat is not None:
        yield "repeat mode", list(repeat_lines(report, GLYPHS))
    if report.delays is not None:
        yield "delays", [delay_line(report)]
