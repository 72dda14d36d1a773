"""The layers of a run's models as an HTML table: a page of its own, or a part of a notebook's."""

from __future__ import annotations

from html import escape
from typing import Final

from energyprof.interfaces import RenderContext
from energyprof.model.report import Report
from energyprof_plugins.exporters.console.footprint_lines import OF_THE_RUN, footprint_lines
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.layer_table import (
    Column,
    bar_parts,
    layer_columns,
    layer_key,
    name_heading,
    own_name,
    rest_name,
)
from energyprof_plugins.exporters.layer_choice import NO_LAYERS, Choice, choose
from energyprof_plugins.exporters.layers import layer_heading

STYLE: Final = """\
.energyprof-layers p{margin:.4em 0}
.energyprof-layers .key,.energyprof-layers i{opacity:.75}
.energyprof-layers i{font-style:normal}
.energyprof-layers .wide{overflow-x:auto}
.energyprof-layers table{border-collapse:collapse;font-variant-numeric:tabular-nums}
.energyprof-layers th,.energyprof-layers td{padding:.15em .6em;text-align:right;white-space:nowrap;\
border-bottom:1px solid rgba(128,128,128,.4)}
.energyprof-layers tbody th{font-weight:normal}
.energyprof-layers .left{text-align:left}
.energyprof-layers .bar{width:6em;min-width:6em}
.energyprof-layers .bar div{height:.7em;background:#3d84c4}
"""
"""Text takes its colour from the page around it, so that it is read in a notebook of any theme; the bars stand out
against white (4.0 to 1) and against a dark page (#12161b, 4.5 to 1)."""
PAGE_STYLE: Final = """\
:root{color-scheme:light dark}
body{margin:1.5em;font:14px/1.45 system-ui,sans-serif;background:#fff;color:#1b1f24}
@media(prefers-color-scheme:dark){body{background:#12161b;color:#e8ecf1}}
"""
GLYPHS: Final = Glyphs(unicode=True)


class LayerHtml:
    """Format the layers as HTML without any script; options: those of the table, and `place`: `page` or `notebook`."""

    name = "layers-html"
    suffix = ".html"
    summary = "the layers as an HTML table, for browsers and notebooks"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return a page, or for a notebook what goes into one; raises InputError for a phase that no layer had."""
        choice = choose(report, context.options)
        content = f'<div class="energyprof-layers">\n{_content(report, choice)}</div>\n'
        if context.options.get("place") == "notebook":
            return f"<style>\n{STYLE}</style>\n{content}"
        title = escape(layer_heading(report, choice, GLYPHS)) if choice.rows else "layers"
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title}</title>\n<style>\n{PAGE_STYLE}{STYLE}</style>\n</head>\n<body>\n{content}</body>\n</html>\n"
        )


def _content(report: Report, choice: Choice) -> str:
    if not choice.rows:
        return f"<p>{escape(NO_LAYERS)}</p>\n"
    columns = layer_columns(report, choice, GLYPHS)
    heads = f'<th scope="col" class="left">{name_heading(choice)}</th>' + "".join(map(_head, columns))
    names = _names(choice)
    bars = [f'<div style="width:{100 * part:.1f}%"></div>' for part in bar_parts(choice)] + [""] * bool(choice.rest)
    lines = [
        f"<tr>{name}{''.join(_cell(column, place, bars) for column in columns)}</tr>"
        for place, name in enumerate(names)
    ]
    return (
        f"<p><b>{escape(layer_heading(report, choice, GLYPHS))}</b></p>\n"
        f'<div class="wide"><table>\n<thead><tr>{heads}</tr></thead>\n'
        "<tbody>\n" + "\n".join(lines) + "\n</tbody>\n</table></div>\n"
        f'<p class="key">{escape(layer_key(choice, report))}</p>\n' + _footprint(report)
    )


def _footprint(report: Report) -> str:
    lines = [escape(line) for line in footprint_lines(report.footprint, GLYPHS)]
    return f'<p class="key">{OF_THE_RUN}: {"<br>".join(lines)}</p>\n' if lines else ""


def _names(choice: Choice) -> list[str]:
    made = []
    for row in choice.rows:
        own = own_name(row, choice)
        indent = "" if choice.by_cost or not row.depth else f' style="padding-left:{0.6 + 1.2 * row.depth:.1f}em"'
        named = f' title="{_text(row.layer)}"' if own != row.layer else ""
        kind = f" <i>{_text(row.module_class)}</i>" if row.module_class != own else ""
        made.append(f'<th scope="row" class="left"{indent}{named}>{_text(own)}{kind}</th>')
    return made + [f'<th scope="row" class="left">{name}</th>' for name in rest_name(choice)]


def _head(column: Column) -> str:
    if not column.heading:
        return '<td class="bar"></td>'
    return f'<th scope="col"{_side(column)}>{escape(column.heading)}</th>'


def _cell(column: Column, place: int, bars: list[str]) -> str:
    if not column.heading:
        return f'<td class="bar">{bars[place]}</td>'
    return f"<td{_side(column)}>{escape(column.cells[place])}</td>"


def _side(column: Column) -> str:
    return ' class="left"' if column.left else ""


def _text(name: str) -> str:
    """Return somebody else's words, harmless in a page."""
    return escape(GLYPHS.name(name))
