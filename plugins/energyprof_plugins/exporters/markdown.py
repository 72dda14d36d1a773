"""The report for a comment on a pull request: GitHub's and GitLab's Markdown, nothing in it but text and tables.

Names stand in code spans, where no mark, link, mention or tag means anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from energyprof.interfaces import RenderContext
from energyprof.model.footprint_text import footprint_sentences
from energyprof.model.report import FunctionRow, LedgerRow, Report
from energyprof.model.trial_rows import TrialRow
from energyprof_plugins.exporters.account import ROUNDING_UJ, covered_text, ledger, microjoules, sum_word
from energyprof_plugins.exporters.console.function_table import shown_functions
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.stage_table import LETTERS, Entry, Listing, uncovered
from energyprof_plugins.exporters.console.trial_lines import trial_sums
from energyprof_plugins.exporters.console.trial_order import became, conclusions, ranked, value_text
from energyprof_plugins.exporters.console.verdict import verdict_sentence
from energyprof_plugins.exporters.console.work_parts import SEARCH, work_parts
from energyprof_plugins.exporters.figures import (
    column_unit,
    decimals_for,
    grouped,
    half_width,
    joules,
    joules_with_bounds,
    joules_within,
    percent,
    rounded_to_add_up,
    seconds,
    watts,
)
from energyprof_plugins.exporters.function_names import shown_name, shown_place
from energyprof_plugins.exporters.visible import program_name, visible

MOST_STAGES: Final = 15
"""A comment holds 65,536 characters, and nobody reads more rows than these in one."""
MOST_FUNCTIONS: Final = 8
"""As the terminal lists."""
MOST_TRIALS: Final = 8
MOST_MEMBERS: Final = 3
"""Named of a group that cannot be told apart."""
MOST_WARNINGS: Final = 20
LONGEST_NAME: Final = 80
GLYPHS: Final = Glyphs(unicode=True)
WORDS: Final = {letter: word for word, letter in LETTERS.items()}
LEFT: Final = frozenset(("how", "state", "parameters"))
"""Columns of words."""
SPECIAL: Final = re.compile(r"([\\`*_\[\]|~#])")


class Markdown:
    """Write what took the energy, the costliest stages and the account."""

    name = "markdown"
    suffix = ".md"
    summary = "the costliest stages and the account, to paste into a pull request or an issue"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the text; what trials of a search do alike is one row."""
        report = context.folded(report)
        parts = [_heading(report), *_stages(report), *_functions(report), *_work(report), *_trials(report)]
        parts += [*_account(report), *_footprint(report), *_warnings(report)]
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


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], right_from: int = 1, left: frozenset[str] = frozenset()
) -> str:
    """Return a table; columns from `right_from` on hold figures, but for those whose heads are in `left`."""
    rule = [":---" if place < right_from or name in left else "---:" for place, name in enumerate(head)]
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
    sentence = verdict_sentence(report)
    known = f"\n\n{plain(sentence)}" if sentence else ""
    return f"### Energy of {code(program_name(run.command))}\n\n{line}{said}{known}"


def _stages(report: Report) -> list[str]:
    """Return the stages, each without what is below it, so that rows and remainder add up to the stages of the account.

    A group that cannot be told apart is a row of its own.
    """
    if not report.stages:
        return ["No stage was recorded."]
    listing = Listing.of(report, MOST_STAGES)
    spent_uj = ledger(report).spent_uj
    lines = [_stage(entry, spent_uj) for entry in listing.shown]
    if listing.rest:
        rest_uj = sum(entry.energy_uj for entry in listing.rest)
        lines.append((f"{len(listing.rest)} smaller", joules(rest_uj / 1e6), _share(rest_uj, spent_uj), "", "", ""))
    found = (
        [table(("stage (self energy)", "energy", "share", "calls", "per call", "how"), lines, left=LEFT)]
        if lines
        else []
    )
    missing = uncovered(report)
    if missing:
        whose = "1 stage was" if missing == 1 else f"{missing} stages were"
        found.append(f"The energy of {whose} not read.")
    return found


def _stage(entry: Entry, spent_uj: int) -> tuple[str, ...]:
    members = entry.members[:MOST_MEMBERS]
    more = [f"+{len(entry.members) - len(members)}"] if len(members) < len(entry.members) else []
    together = ["{" + ", ".join([*members, *more]) + "}"] if members else []
    name = code("/".join((*entry.path, *together))) + (f" ({code(entry.domain)})" if entry.domain else "")
    energy_j, bounds_j = entry.energy_uj / 1e6, (entry.low_uj / 1e6, entry.high_uj / 1e6)
    calls = entry.calls or 0
    each = joules_within(energy_j / calls, half_width(energy_j, *bounds_j) / calls) if calls else ""
    how = WORDS[entry.how[0]] + (f", {len(entry.members)} not separable" if len(entry.members) > 1 else "")
    energy = joules_with_bounds(energy_j, *bounds_j)
    return (name, energy, _share(entry.energy_uj, spent_uj), grouped(calls) if calls else "", each, how)


def _share(part_uj: int, spent_uj: int) -> str:
    return percent(part_uj / spent_uj) if spent_uj > 0 else ""


def _work(report: Report) -> list[str]:
    """Return what steps, tokens and units of work cost, and what the program told."""
    parts = (part for part in work_parts(report, GLYPHS) if part[0] != SEARCH)
    return [_listed(f"{heading[:1].upper()}{heading[1:]}", lines) for heading, lines in parts]


def _listed(heading: str, lines: Iterable[str]) -> str:
    return "\n".join((f"**{plain(heading)}**", "", *(f"- {plain(line)}" for line in lines)))


def _trials(report: Report) -> list[str]:
    """Return what the trials of each study took together, and a table of the best."""
    found = report.trials
    if found is None:
        return []
    parts = []
    for study in found.studies or (found,):
        order = ranked(study)
        lines = [*trial_sums(study), *conclusions(study)]
        if len(order) > MOST_TRIALS:
            lines.append(f"of the best; {len(order) - MOST_TRIALS} more: energyprof trials")
        head = ("trial", "value", "energy", "all up to it", "state", "parameters")
        best = study.best()
        rows = table(head, (_trial(row, is_best=row is best) for row in order[:MOST_TRIALS]), left=LEFT)
        parts += [_listed(f"Trials of {study.study}" if study.study else "Trials", lines), rows]
    return parts


def _trial(row: TrialRow, *, is_best: bool) -> tuple[str, ...]:
    energy, up_to = row.total_sum, row.up_to
    own = "" if energy.energy_j is None else joules_with_bounds(energy.energy_j, energy.low_j, energy.high_j)
    summed = "" if up_to is None else joules(up_to.energy_j)
    state = "best" if is_best else ", ".join(became(row))
    return (
        str(row.number),
        plain(value_text(row)) if value_text(row) else "",
        own,
        summed,
        plain(state) if state else "",
        _params(row),
    )


def _params(row: TrialRow) -> str:
    return code(row.params) if row.params else ""


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
    """Return a row of each domain whose parts add up, as printed, to what was spent."""
    lines = [_domain(row) for row in report.ledger]
    if not lines:
        return ["No power was recorded."]
    head = ("domain", "how", "spent", "stages", "idle", "outside stages", "other programs", "unattributed")
    return [table(head, lines, right_from=2)]


def _domain(row: LedgerRow) -> tuple[str, ...]:
    how = (code(row.domain), row.provenance)
    if row.measured_j is None:
        return (*how, "not read", *[""] * 5)
    told = (row.stages_j, row.idle_j, row.outside_j, row.others_j, row.unattributed_j)
    parts_uj = list(map(microjoules, told))
    unit, unit_j = column_unit(row.measured_j)
    shown, whole = rounded_to_add_up([part / 1e6 / unit_j for part in parts_uj], decimals_for(row.measured_j / unit_j))
    # The last microjoule that is left is what rounding makes, in a smaller figure than any other.
    is_nothing = [part == 0 for part in parts_uj[:-1]] + [abs(parts_uj[-1]) <= ROUNDING_UJ]
    cells = ["0 J" if nothing else f"{text} {unit}" for text, nothing in zip(shown, is_nothing, strict=True)]
    return (*how, f"{whole} {unit}", *cells)


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
