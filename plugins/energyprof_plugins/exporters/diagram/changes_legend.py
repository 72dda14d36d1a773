"""The legend above a diagram of changes: the verdict on both runs, their ledgers side by side, and the key."""

from __future__ import annotations

import textwrap
from typing import Final

from energyprof.model.comparison import ASSUMED_PART_SD, ASSUMED_SD, Comparison
from energyprof.model.report import Report
from energyprof_plugins.exporters.account import sum_word
from energyprof_plugins.exporters.diagram.anatomy import in_a_word
from energyprof_plugins.exporters.diagram.label import cell, fit, font, label, row, table
from energyprof_plugins.exporters.diagram.palette import LIGHT
from energyprof_plugins.exporters.figures import grouped, joules, joules_change, percent
from energyprof_plugins.exporters.visible import program_name, visible

INK, DIM = LIGHT["ink"], LIGHT["dim"]
LINE_PT: Final = 330
LINE_CHARACTERS: Final = 68
WORDS: Final = {
    "stages": "in stages",
    "idle": "idle",
    "outside": "outside any stage",
    "others": "other processes",
    "unattributed": "unattributed",
}


def changes_legend(
    report: Report, comparison: Comparison, folded: int, handed_on: str | None, functions: int = 0
) -> str:
    """Return the legend as the label of the graph; `handed_on`: the weakest provenance of what arrows carry."""
    top = 'ALIGN="LEFT" VALIGN="TOP"'
    gap = cell("", 'WIDTH="16"')
    left = table([row(cell(text)) for text in _verdict(report, comparison, folded, functions)], padding=2)
    cells = [cell(left, top), gap, cell(_ledger(report, comparison), top), gap, cell(_key(handed_on), top)]
    return label(table([row(*cells)], spacing=6))


def _verdict(report: Report, comparison: Comparison, folded: int, functions: int) -> list[str]:
    name = fit(program_name(comparison.after.command), 17, LINE_PT)
    said = [font(f"{name}: after \u2212 before", 17, INK, bold=True)]
    whole = comparison.measured
    if whole.change_j is None:
        said.append(font("the change of the whole is not known", 12, INK, bold=True))
    else:
        share = ""
        if whole.before_j:
            part = whole.change_j / whole.before_j
            share = f" ({'+' if part > 0 else ''}{percent(part)})"
        more = whole.change_j > 0
        verdict = "significant" if whole.is_significant else "not tested" if comparison.obstacles else "within noise"
        glyph = ("\u25b2 " if more else "\u25bc ") if whole.is_significant else ""
        color = INK if not whole.is_significant else LIGHT["more" if more else "less"]
        amount = joules_change(whole.change_j, whole.low_j, whole.high_j)
        said.append(font(f"{glyph}{amount} {sum_word(report)}{share}, {verdict}", 12, color, bold=True))
    sides = (("before", comparison.before), ("after", comparison.after))
    for word, run in sides:
        what = ", ".join(part for part in (run.host, run.start) if part)
        said.append(font(fit(f"{word}: {program_name(run.command)}, {what}", 9, LINE_PT), 9, DIM))
    if len({run.host for _, run in sides}) > 1:
        said.append(font("the runs are of different machines", 10, INK, bold=True))
    for text in comparison.changed:
        said += (font(line, 9, INK) for line in _wrapped(visible(text)))
    if comparison.obstacles:
        said += (font(line, 9, INK, bold=True) for line in _why_untested(comparison))
    else:
        what = "stages and functions" if functions else "stages"
        said.append(font(f"95 % intervals, corrected for testing {grouped(comparison.tested)} {what}", 9, DIM))
        spread = f"{100 * ASSUMED_SD:g} %, {what} by {100 * ASSUMED_PART_SD:g} %"
        said.append(font(f"one run each: runs are taken to differ by {spread} (one standard deviation)", 9, DIM))
    if folded:
        count = len(comparison.stages) - (len(report.view.calls.columns) if report.view and report.view.calls else 0)
        said.append(font(f"{grouped(folded)} of {grouped(count)} stages folded", 9, DIM))
    if functions:
        text = f"functions by samples: the {grouped(functions)} that say most of both runs, all others one box"
        said.append(font(text, 9, DIM))
    return said


def _why_untested(comparison: Comparison) -> list[str]:
    return _wrapped(f"not tested: {'; '.join(comparison.obstacles)}")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, LINE_CHARACTERS, break_on_hyphens=False)


def _ledger(report: Report, comparison: Comparison) -> str:
    right = 'ALIGN="RIGHT" WIDTH="52"'
    rows = [row(cell(""), *(cell(font(word, 9, DIM), right) for word in ("before", "after", "change")))]
    for one in comparison.ledger:
        bold = one.line == "measured"
        name = WORDS.get(one.line, f"= {sum_word(report)}")
        figures = [one.before_j, one.after_j, None]
        if one.before_j is not None and one.after_j is not None:
            figures[2] = one.after_j - one.before_j
        texts = ["not known" if figure is None else joules(figure) for figure in figures]
        if figures[2] is not None and figures[2] > 0:
            texts[2] = f"+{texts[2]}"
        cells = [cell(font(text, 9, INK, bold=bold), right) for text in texts]
        rows.append(row(cell(font(name, 9, INK, bold=bold)), *cells))
    return table(rows, padding=2)


def _key(handed_on: str | None) -> str:
    def sample(text: str, color: str, fill: str, width: int) -> str:
        return row(cell(font(text, 9, INK), f'BORDER="{width}" COLOR="{color}" BGCOLOR="{fill}"'))

    rows = [
        sample("\u25b2 costs more", LIGHT["more"], LIGHT["morefill"], 2),
        sample("\u25bc costs less", LIGHT["less"], LIGHT["lessfill"], 2),
        sample("within noise: interval holds 0", LIGHT["frame"], LIGHT["page"], 1),
    ]
    said = [font("line width = size of the change of total", 9, DIM)]
    how = f" ({in_a_word(handed_on)})" if handed_on else ""
    said.append(font(f"arrow down = change of the J handed on{how}", 9, LIGHT["feed"]))
    return table([*rows, *(row(cell(text)) for text in said)], spacing=4, padding=3)
