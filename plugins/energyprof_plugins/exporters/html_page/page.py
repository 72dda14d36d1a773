"""The exporter: one HTML file, offline, whose policy lets nothing be loaded and nothing run but its own script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib.resources import files
from typing import Final

from energyprof.interfaces import RenderContext
from energyprof.model.report import Report
from energyprof_plugins.exporters.account import counted_domains
from energyprof_plugins.exporters.diagram.palette import style_sheet
from energyprof_plugins.exporters.html_page.advice import advice_section
from energyprof_plugins.exporters.html_page.footprint import footprint_section
from energyprof_plugins.exporters.html_page.heading import heading, title
from energyprof_plugins.exporters.html_page.hotspots import hotspots
from energyprof_plugins.exporters.html_page.icicle import icicle
from energyprof_plugins.exporters.html_page.layer_rows import layer_section
from energyprof_plugins.exporters.html_page.ledger_bar import ledger_section
from energyprof_plugins.exporters.html_page.markup import name
from energyprof_plugins.exporters.html_page.section import Section
from energyprof_plugins.exporters.html_page.stage_rows import StageTable
from energyprof_plugins.exporters.html_page.timeline import timeline
from energyprof_plugins.exporters.html_page.told import function_section, told_section
from energyprof_plugins.exporters.html_page.trial_rows import trial_section
from energyprof_plugins.exporters.html_page.trust import caution_section, trust_section

SCRIPT: Final = ("page", "tables", "selection", "diagram", "icicle", "timeline")
"""Files in `script/`, in the order of their use of each other."""
NO_SCRIPT: Final = (
    "<noscript><p class=dim>Without JavaScript the page shows everything, but sorts, filters and zooms nothing."
    "</noscript>"
)


class HtmlReport:
    """Format a report as one page for browsers; options: `nodes`, about how many boxes the diagram has."""

    name = "html"
    suffix = ".html"
    summary = "one offline page with everything, opens in a browser"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the page; where diagrams cannot be drawn it says so in the diagram's place."""
        shown = context.folded(report)
        sections = [section for section in _sections(report, shown, context) if section.content]
        style = style_sheet() + _file("style.css") + "".join(section.style for section in sections)
        script = "".join(_file(f"script/{part}.js") for part in SCRIPT)
        links = "".join(f'<a href="#{section.id}">{section.title}</a>' for section in sections)
        nav = f'<nav aria-label="Sections">{links}</nav>' if links else ""
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy(style, script)}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="referrer" content="no-referrer">\n<link rel="icon" href="data:,">\n'
            f"<title>{name(title(report))}</title>\n<style>{style}</style>\n</head>\n<body>\n"
            f"<header>{heading(shown)}</header>\n{nav}\n<main>\n"
            + "".join(section.markup() for section in sections)
            + f'{NO_SCRIPT}</main>\n<div id="say" role="status" aria-live="polite"></div>\n'
            f"<script>{script}</script>\n</body>\n</html>\n"
        )


def policy(style: str, script: str) -> str:
    """Return the content-security policy that allows this style and this script, and no request at all."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _sections(report: Report, shown: Report, context: RenderContext) -> Iterator[Section]:
    """Yield what a reader asks, in that order: is all counted, what to do, where, in which layer, when, how sure.

    `shown` has the trials of a search as one; what is told of single ones is of `report`.
    """
    has_figures = bool(counted_domains(report))
    table = StageTable.of(shown)
    if has_figures:
        yield ledger_section(report)
    yield advice_section(report)
    yield caution_section(shown)
    if has_figures and report.stages:
        yield hotspots(shown, context)
        yield icicle(shown, table)
    yield table.section()
    yield layer_section(shown)
    yield function_section(report)
    yield trial_section(report)
    yield told_section(report)
    yield timeline(shown, context.history())
    if report.domains:
        yield trust_section(shown)
    yield footprint_section(report)


def _file(of: str) -> str:
    return files(__package__ or __name__.rpartition(".")[0]).joinpath(of).read_text("utf-8")


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
