"""The compact report as a part of somebody else's page: what a notebook shows below a cell.

No script, and no rule of style beyond its own box; text takes its colour from the page around it, of any theme.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from energyprof.interfaces import RenderContext
from energyprof.model.report import Report
from energyprof.model.shell import in_shell
from energyprof_plugins.exporters.account import counted_domains, ledger
from energyprof_plugins.exporters.console.account_lines import ledger_lines, overhead_line, sensor_lines
from energyprof_plugins.exporters.console.finding_lines import best_lines
from energyprof_plugins.exporters.console.footprint_lines import footprint_lines
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.rank_table import rank_lines
from energyprof_plugins.exporters.console.stage_table import LETTERS, Entry, Listing, fit_entries, key, telling_letters
from energyprof_plugins.exporters.console.verdict import ranking_line, run_line, trust_lines, verdict
from energyprof_plugins.exporters.console.work_parts import work_parts
from energyprof_plugins.exporters.figures import column_unit, grouped, percent
from energyprof_plugins.exporters.html_page.markup import figure, name, words

GLYPHS: Final = Glyphs(unicode=True)
ROWS: Final = 12
"""Stages, as in the terminal, unless option `rows` says otherwise."""
WIDTH: Final = 120
NAME_WIDTH: Final = 48
"""Cells: with it all columns fit beside each other in a notebook of usual width."""
WORDS: Final = {letter: word for word, letter in LETTERS.items()}
STYLE: Final = """\
.energyprof-report{max-width:75em;line-height:1.45}
.energyprof-report p,.energyprof-report ul{margin:.4em 0}
.energyprof-report .dim{opacity:.75}
.energyprof-report .wide{overflow-x:auto}
.energyprof-report table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.4em 0}
.energyprof-report th,.energyprof-report td{padding:.15em .6em;text-align:right;white-space:nowrap;\
border-bottom:1px solid rgba(128,128,128,.4)}
.energyprof-report tbody th{font-weight:normal}
.energyprof-report tbody tr:first-child th{font-weight:bold}
.energyprof-report table th.left,.energyprof-report table td.left{text-align:left}
.energyprof-report .bar{width:6em;min-width:6em}
.energyprof-report .bar div{height:.7em;background:#3d84c4}
.energyprof-report li,.energyprof-report p{overflow-wrap:anywhere}
"""
"""The bars stand out against white (4.0 to 1) and against a dark page (#12161b, 4.5 to 1)."""


class NotebookReport:
    """Format a report as HTML to be placed in a page; options: `rows`; `run`, the file that it is of."""

    name = "notebook"
    suffix = ".html"
    summary = "the compact report as HTML without a page, for notebooks"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return style and content; nothing in it asks for anything or runs. What trials do alike is one row."""
        content = "".join(_parts(context.folded(report), context))
        return f'<style>\n{STYLE}</style>\n<div class="energyprof-report">\n{content}</div>\n'


def _parts(report: Report, context: RenderContext) -> Iterator[str]:
    sentence = verdict(report, GLYPHS, WIDTH).plain.removeprefix("energyprof ")
    yield f"<p><b>{words(sentence)}</b></p>\n"
    ranked = ranking_line(report, GLYPHS)
    facts = [run_line(report, GLYPHS), *([] if ranked is None else [ranked])]
    yield f'<p class="dim">{"<br>".join(map(words, facts))}</p>\n'
    yield from (f"<p><b>{words(line)}</b></p>\n" for line in trust_lines(report, GLYPHS))
    if counted_domains(report):
        yield _stages(report, int(context.options.get("rows", ROWS)))
        yield from _work(report)
        yield f"<p>{'<br>'.join(words(line.strip()) for line in ledger_lines(report, GLYPHS, True))}</p>\n"
    if report.footprint is not None:
        yield _listed("footprint", footprint_lines(report.footprint, GLYPHS))
    yield _listed("warnings", map(GLYPHS.name, report.warnings))
    yield _details(report)
    run = context.options.get("run", "")
    if run:
        yield f'<p class="dim">all of it: <code>energyprof view {name(in_shell(run))}</code></p>\n'


def _stages(report: Report, rows: int) -> str:
    """Return the table of stages, costliest first, which adds up to the ledger's line; or that there are none."""
    if not report.stages:
        said = "" if report.overhead.dropped else 'no stage was recorded; mark one with: with energyprof.stage("name"):'
        return f"<p>{words(said)}</p>\n" if said else ""
    listing = Listing.of(report, rows)
    if not listing.shown and not listing.rest:
        return f'<p class="dim">{words(key(report, listing))}</p>\n'
    spent_uj, largest_uj = ledger(report).spent_uj, listing.largest_uj()
    unit, unit_j = column_unit(largest_uj / 1e6)
    heads = [f"<th scope=col>{head}</th>" for head in (f"itself, {unit}", "95 %", "share")]
    letters = telling_letters([entry.path for entry in listing.shown])
    names = fit_entries(listing.shown, NAME_WIDTH, GLYPHS, letters)
    rows_shown = zip(listing.shown, names, strict=True)
    lines = [_row(entry, shown, unit_j, spent_uj, largest_uj) for entry, shown in rows_shown]
    if listing.rest:
        rest_uj = sum(entry.energy_uj for entry in listing.rest)
        cells = _cells([figure(rest_uj / 1e6, None, None, unit_j)[0], "", _share(rest_uj, spent_uj), "", ""])
        lines.append(f'<tr><th scope=row class="left">+ {grouped(len(listing.rest))} smaller</th>{cells}<td></td></tr>')
    reasons = key(report, listing).split("; ")[1:]  # the letters are written out in the table
    reasons = [reason for reason in reasons if not reason.startswith("low, high")]
    return (
        f'<div class="wide"><table>\n<thead><tr><th scope=col class="left">stage</th>{"".join(heads)}'
        '<td class="bar"></td><th scope=col>calls</th><th scope=col class="left">how it is known</th></tr></thead>\n'
        f"<tbody>\n{chr(10).join(lines)}\n</tbody>\n</table></div>\n"
        + "".join(f'<p class="dim">{words(GLYPHS.name(reason))}</p>\n' for reason in reasons)
    )


def _row(entry: Entry, shown: str, unit_j: float, spent_uj: int, largest_uj: int) -> str:
    whole = GLYPHS.name("/".join((*entry.path, *(["{" + ", ".join(entry.members) + "}"] if entry.members else []))))
    titled = f' title="{words(whole)}"' if shown != whole else ""
    part = max(entry.energy_uj, 0) / largest_uj if largest_uj else 0.0
    bar = f'<div style="width:{100 * part:.1f}%"></div>'
    figures = figure(entry.energy_uj / 1e6, entry.low_uj / 1e6, entry.high_uj / 1e6, unit_j)
    calls = grouped(entry.calls) if entry.calls else ""
    how = WORDS[entry.how[0]]
    joint = f", {len(entry.members)} not separable" if len(entry.members) > 1 else ""
    cells = _cells([*figures, _share(entry.energy_uj, spent_uj), bar, calls])
    known = f'<td class="left">{words(how + joint)}</td>'
    return f'<tr><th scope=row class="left"{titled}>{words(shown)}</th>{cells}{known}</tr>'


def _cells(contents: list[str]) -> str:
    """Return figure, interval, share, bar and calls."""
    *figures, bar, calls = contents
    return "".join(f"<td>{cell}</td>" for cell in figures) + f'<td class="bar">{bar}</td><td>{calls}</td>'


def _share(energy_uj: int, spent_uj: int) -> str:
    return percent(energy_uj / spent_uj) if spent_uj > 0 else ""


def _work(report: Report) -> Iterator[str]:
    """Say what to change, and what each piece of work took."""
    yield _listed("what to change", best_lines(report, GLYPHS) if report.findings else ())
    yield from (_listed(heading, lines) for heading, lines in work_parts(report, GLYPHS))
    yield _listed("ranks", rank_lines(report, GLYPHS) if report.ranks else ())


def _details(report: Report) -> str:
    lines = [*(sensor_lines(report, GLYPHS) if report.domains else ()), overhead_line(report)]
    items = "".join(f"<li>{words(line.strip())}</li>" for line in lines)
    return f"<details><summary>sensors and overhead</summary><ul>{items}</ul></details>\n"


def _listed(heading: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{words(line.strip())}</li>" for line in lines)
    return f"<p><b>{words(heading)}</b></p>\n<ul>{items}</ul>\n" if items else ""
