"""The account: a bar of all parts below an empty one of what was measured, and the table whose columns add up."""

from __future__ import annotations

from typing import Final

from energyprof.model.report import LedgerRow, Report
from energyprof_plugins.exporters.account import (
    COVERED_FROM,
    Ledger,
    covered_text,
    ledger,
    microjoules,
    percent_covered,
    sensed_word,
)
from energyprof_plugins.exporters.figures import column_unit, decimals_for, joules, percent, rounded_to_add_up
from energyprof_plugins.exporters.html_page.markup import badge, name, words
from energyprof_plugins.exporters.html_page.section import Section

LINES: Final = (
    ("st", "in stages"),
    ("id", "idle"),
    ("ou", "outside any stage"),
    ("ot", "other processes"),
    ("un", "unattributed"),
)
PATTERNS: Final = (
    '<svg class=defs width=0 height=0 aria-hidden="true"><defs>'
    '<pattern id=k-id width=7 height=7 patternUnits=userSpaceOnUse><circle class=ink cx=3 cy=3 r=1.3 /></pattern>'
    '<pattern id=k-ou width=7 height=7 patternUnits=userSpaceOnUse><path class=hatch d="M0 7L7 0"/></pattern>'
    '<pattern id=k-ot width=7 height=7 patternUnits=userSpaceOnUse><path class=hatch d="M0 3.5H7M3.5 0V7"/></pattern>'
    '<pattern id=k-un width=4 height=4 patternUnits=userSpaceOnUse></pattern>'
    "</defs></svg>"
)  # fmt: skip
"""Each line has a pattern: colour alone tells nothing here."""
SMALLEST_SAID: Final = 0.0005
"""Of all energy: a smaller negative remainder is rounding."""
PAGES_PX: Final = ((340, ""), (640, " class=m"), (1000, " class=w"))
"""Bars are at least so wide on a telephone, on paper and small screens, and on others -> who has a label."""
LETTER_PX: Final = 7.2
LABEL_PADDING_PX: Final = 12


def ledger_section(report: Report) -> Section:
    """Return bar and table over all domains that count."""
    account = ledger(report)
    covered = covered_text(report)
    said = f"<p>This {words(covered)}.</p>" if covered else ""
    return Section(
        "ledger",
        "Where every joule went",
        f"{PATTERNS}{_bar(account, _spent_word(report, account))}{said}{_table(report)}",
    )


def _parts_uj(account: Ledger) -> tuple[int, ...]:
    return (
        account.stages_uj, account.idle_uj, account.outside_uj, account.others_uj, account.told_unattributed_uj,
    )  # fmt: skip


def _spent_word(report: Report, account: Ledger) -> str:
    if account.measured_uj and account.estimated_uj:
        return f"{sensed_word(report)} and estimated"
    return "estimated" if account.estimated_uj else sensed_word(report)


def _bar(account: Ledger, word: str) -> str:
    parts = _parts_uj(account)
    whole_uj = max(account.spent_uj, sum(part for part in parts if part > 0), 1)
    at, drawn, told = 0.0, [], []
    for (key, line), part in zip(LINES, parts, strict=True):
        if part:
            told.append(f"{line} {joules(part / 1e6)}")
        if part <= 0:
            continue
        width = 100 * part / whole_uj
        label = _label(line, part / whole_uj)
        drawn.append(
            f'<svg x="{at:.3f}%" y=26 width="{width:.3f}%" height=28><title>{line} {joules(part / 1e6)}</title>'
            f'<rect class="k-{key}" width="100%" height=28 />{label}</svg>'
        )
        at += width
    spent = joules(account.spent_uj / 1e6)
    difference = joules(account.difference_uj / 1e6)
    said = words(f"{word} {spent}: {', '.join(told)}")
    sign = (
        ""
        if account.unattributed_uj >= -SMALLEST_SAID * account.spent_uj
        else " (what is unattributed is negative: parts exceed what was read)"
    )
    return (
        f'<svg class=led height=58 role=img aria-label="{said}">'
        f'<rect class=out x=1 y=1 width="{100 * account.spent_uj / whole_uj:.3f}%" height=20 />'
        f"<text x=6 y=16>{words(word)} {spent}</text>{''.join(drawn)}</svg>"
        f"<p><b>sum of parts {joules(sum(parts) / 1e6)}, {words(word)} {spent}, difference {difference}</b>{sign}</p>"
    )


def _label(line: str, share: float) -> str:
    """Return the name of a part on the pages on which it fits; one that does not is left out, never cut."""
    needed_px = LETTER_PX * len(line) + LABEL_PADDING_PX
    fits = next((pages for wide_px, pages in PAGES_PX if share * wide_px >= needed_px), None)
    return "" if fits is None else f"<text{fits} x=6 y=19>{line}</text>"


def _table(report: Report) -> str:
    counts = {row.domain: row.counts for row in report.domains}
    parents = {row.domain: row.parent for row in report.domains}
    known = [row for row in report.ledger if row.measured_j is not None]
    added = [row for row in known if counts.get(row.domain)]
    within = [row for row in known if not counts.get(row.domain)]
    account = ledger(report)
    columns = [tuple(map(microjoules, _figures(row))) for row in added]
    if len(added) != 1:
        columns.append(_parts_uj(account))
    columns += [tuple(map(microjoules, _figures(row))) for row in within]
    unit, unit_j = column_unit(max(account.spent_uj, 1) / 1e6)
    decimals = decimals_for(max(account.spent_uj, 1) / 1e6 / unit_j)
    shown = [rounded_to_add_up([part / 1e6 / unit_j for part in column], decimals) for column in columns]
    heads = [f"{name(row.domain)}, {unit}" for row in added] + ([f"all, {unit}"] if len(added) != 1 else [])
    heads += [f"{name(row.domain)}, {unit}{_inside(parents[row.domain])}" for row in within]
    body = []
    for place, (key, line) in enumerate(LINES):
        cells = "".join(f"<td>{parts[place]}" for parts, _ in shown)
        share = percent(_parts_uj(account)[place] / account.spent_uj) if account.spent_uj else ""
        swatch = (
            f'<svg class=key width=18 height=12 aria-hidden="true"><rect class="k-{key}" width=18 height=12 /></svg>'
        )
        body.append(f"<tr><th scope=row>{swatch}{line}{cells}<td>{share}")
    totals = "".join(f"<td>{total}" for _, total in shown)
    ways = "".join(f"<td>{badge(row.provenance)}" for row in added)
    ways += ("<td>" if len(added) != 1 else "") + "".join(f"<td>{badge(row.provenance)}" for row in within)
    return (
        '<div class=scroll tabindex=0 role=region aria-label="Energy by ledger line and domain"><table>'
        "<caption>Energy by ledger line and domain</caption>"
        f"<thead><tr><th scope=col>line{''.join(f'<th scope=col>{head}' for head in heads)}<th scope=col>share"
        f"</thead><tbody>{''.join(body)}</tbody><tfoot><tr><th scope=row>all parts{totals}<td>100 %"
        f"<tr><th scope=row>how it is known{ways}<td>{_covered(added, within)}</tfoot></table></div>"
    )


def _inside(parent: str | None) -> str:
    return f"<br><small>within {name(parent)}, not added</small>" if parent else "<br><small>not added</small>"


def _covered(added: list[LedgerRow], within: list[LedgerRow]) -> str:
    cells = [row.covered_share for row in added]
    cells += [None] if len(added) != 1 else []
    cells += [row.covered_share for row in within]
    if all(share is None or share >= COVERED_FROM for share in cells):
        return ""
    shown = "".join(f"<td>{percent_covered(share) if share is not None else ''}" for share in cells)
    return f"<tr><th scope=row>of the run{shown}<td>"


def _figures(row: LedgerRow) -> tuple[float | None, ...]:
    return row.stages_j, row.idle_j, row.outside_j, row.others_j, row.unattributed_j
