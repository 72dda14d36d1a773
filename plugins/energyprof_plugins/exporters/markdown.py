"""The report for a comment on a pull request: GitHub's and GitLab's Markdown, nothing in it but text and tables.

Names stand in code spans, where no mark, link, mention or tag means anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from energyprof.interfaces import RenderContext
from energyprof.model.footprint_text import footprint_sentences
from energyprof.model.report import FunctionRow, Report, StageRow
from energyprof_plugins.exporters.account import Known, counted_domains, covered_text, is_stage, known, ledger, sum_word
from energyprof_plugins.exporters.console.function_table import shown_functions
from energyprof_plugins.exporters.console.verdict import function_sentence
from energyprof_plugins.exporters.figures import (
    half_width,
    joules,
    joules_with_bounds,
    joules_within,
    percent,
    seconds,
    watts,
)
from energyprof_plugins.exporters.function_names import shown_name, shown_place
from energyprof_plugins.exporters.visible import program_name, visible

MOST_STAGES: Final = 15
"""A comment holds 65,536 characters, and nobody reads more rows than these in one."""
MOST_FUNCTIONS: Final = 8
"""As the terminal lists."""
MOST_WARNINGS: Final = 20
LONGEST_NAME: Final = 80
SPECIAL: Final = re.compile(r"([\\`*_\[\]|~#])")


class Markdown:
    """Write what took the energy, the costliest stages and the account."""

    name = "markdown"
    suffix = ".md"
    summary = "the costliest stages and the account, to paste into a pull request or an issue"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the text; what trials of a search do alike is one row."""
        report = context.folded(report)
        parts = [_heading(report), *_stages(report), *_functions(report), *_account(report), *_footprint(report),
                 *_warnings(report)]  # fmt: skip
        return "\n\n".join(parts) + "\n"


def code(name: str) -> str:
    """Return a name as a code span that can stand in a table: whatever it holds is shown as it is."""
    text = visible(name)
    if len(text) > LONGEST_NAME:
        text = f"{text[: LONGEST_NAME // 2]}\u2026{text[-LONGEST_NAME // 2 :]}"
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    # A table is cut at every `|` that no backslash stands before, in code spans too.
    inner = text.replace("|", "\\|")
    pad = " " if inner[:1] in "` " or inner[-1:] in "` " else ""
    return f"{fence}{pad}{inner}{pad}{fence}"


def plain(text: str) -> str:
    """Return a sentence of ours in which names may stand, with every mark made to show as itself."""
    marked = SPECIAL.sub(r"\\\1", visible(text).replace("&", "&amp;").replace("<", "&lt;"))
    return marked.replace("@", "@&#8203;")  # nobody is to be told of a comment whose name stands in a warning


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right_from: int = 1) -> str:
    """Return a table; columns from `right_from` on hold figures."""
    rule = [":---" if place < right_from else "---:" for place in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def _heading(report: Report) -> str:
    run = report.run
    whole = report.measured
    if whole.energy_j is None:
        amount = "its energy is not known: no reading covers it"
    else:
        amount = f"**{joules_with_bounds(whole.energy_j, whole.low_j, whole.high_j)}** ({sum_word(report)})"
    facts = [amount, seconds(run.wall_s)]
    if report.mean_power_w is not None:
        facts.append(f"mean {watts(report.mean_power_w)}")
    if run.exit_code:
        facts.append(f"exit status {run.exit_code}")
    covered = covered_text(report)
    said = f"\n\n{plain(covered)}" if covered and whole.energy_j is not None else ""
    line = " \u00b7 ".join(facts)
    known = f"\n\n{plain(function_sentence(report))}" if function_sentence(report) else ""
    return f"### Energy of {code(program_name(run.command))}\n\n{line}{said}{known}"


def _stages(report: Report) -> list[str]:
    counted = counted_domains(report)
    rows = [(row, known(row.total_energy, counted)) for row in report.stages if is_stage(row)]
    if not rows:
        return ["No stage was recorded."]
    spent_uj = ledger(report).spent_uj
    rows.sort(key=lambda pair: -pair[1].energy_uj)
    lines = [_stage(row, total, spent_uj) for row, total in rows[:MOST_STAGES]]
    found = [table(("stage", "energy with all below", "share", "calls", "per call", "time", "how"), lines)]
    left = len(rows) - len(lines)
    if left:
        found.append(f"{left} more {'stage' if left == 1 else 'stages'} that took less.")
    if report.unsplit:
        joint = sum(row.energy_j for row in report.unsplit if row.domain in counted)
        found.append(
            f"{joules(joint)} were spent in stages that cannot be told apart; they stand in those around them."
        )
    return found


def _stage(row: StageRow, total: Known, spent_uj: int) -> tuple[str, ...]:
    name, calls = code("/".join(row.path)), str(row.calls)
    if total.nothing:
        return (name, "not told apart", "", calls, "", seconds(row.wall_s), row.total_sum.provenance)
    share = percent(total.energy_uj / spent_uj) if spent_uj > 0 else ""
    half_j = half_width(total.energy_j, *total.bounds_j)
    each = joules_within(total.energy_j / row.calls, half_j / row.calls) if row.calls else ""
    energy = joules_with_bounds(total.energy_j, *total.bounds_j)
    part = " (part)" if total.refused else ""
    return (name, f"{energy}{part}", share, calls, each, seconds(row.wall_s), row.total_sum.provenance)


def _functions(report: Report) -> list[str]:
    """Return the costliest functions where there is nothing else that has a name."""
    rows = shown_functions(report)
    if len(report.stages) > 1 or not rows:
        return []
    spent_uj = ledger(report).spent_uj
    lines = [_function(row, spent_uj) for row in rows[:MOST_FUNCTIONS]]
    found = [table(("function", "its own energy", "share", "samples", "with callees", "where", "how"), lines)]
    left_j = sum(row.energy_j or 0.0 for row in rows[MOST_FUNCTIONS:])
    count = len(rows) - len(lines)
    if count:
        found.append(f"{count} more {'function' if count == 1 else 'functions'} that took less: {joules(left_j)}.")
    return found


def _function(row: FunctionRow, spent_uj: int) -> tuple[str, ...]:
    own_j = row.energy_j or 0.0
    share = percent(own_j * 1e6 / spent_uj) if spent_uj > 0 else ""
    whole = "" if row.total_j is None else joules(row.total_j)
    place = code(f"{shown_place(row.file)}:{row.hot_line or row.line}")
    energy = joules_with_bounds(own_j, row.low_j, row.high_j)
    return (code(shown_name(row.function, row.file)), energy, share, str(row.samples), whole, place, row.provenance)


def _account(report: Report) -> list[str]:
    lines = []
    for row in report.ledger:
        name = code(row.domain)
        if row.measured_j is None:
            lines.append((name, row.provenance, "not read", *[""] * 5))
            continue
        parts = (row.measured_j, row.stages_j, row.idle_j, row.outside_j, row.others_j, row.unattributed_j)
        lines.append((name, row.provenance, *("" if part is None else joules(part) for part in parts)))
    if not lines:
        return ["No power was recorded."]
    head = ("domain", "how", "spent", "stages", "idle", "outside stages", "other programs", "unattributed")
    return [table(head, lines, right_from=2)]


def _footprint(report: Report) -> list[str]:
    if report.footprint is None:
        return []
    return ["\n".join(("Footprint:", "", *(f"- {plain(line)}" for line in footprint_sentences(report.footprint))))]


def _warnings(report: Report) -> list[str]:
    if not report.warnings:
        return []
    shown = [f"- {plain(line)}" for line in report.warnings[:MOST_WARNINGS]]
    left = len(report.warnings) - len(shown)
    more = [f"- {left} more: energyprof report"] if left else []
    count = len(report.warnings)
    title = f"{count} {'warning' if count == 1 else 'warnings'}"
    return [f"<details><summary>{title}</summary>\n\n" + "\n".join([*shown, *more]) + "\n\n</details>"]
