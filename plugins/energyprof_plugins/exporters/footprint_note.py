"""CO2e and money of a run in one line, for formats that have a place for words and none for such figures."""

from __future__ import annotations

from dataclasses import replace

from energyprof.model.footprint_text import footprint_sentences
from energyprof.model.report import Report
from energyprof_plugins.exporters.visible import visible


def footprint_note(report: Report) -> str:
    """Return what the run comes with, and what that rests on; empty where nobody said. Everyday things are left out."""
    if report.footprint is None:
        return ""
    return visible("; ".join(footprint_sentences(replace(report.footprint, equivalents=()))))
