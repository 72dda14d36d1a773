"""The hotspot diagram inside the page, in the page's own colours and linked with its tables."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from energyprof.interfaces import RenderContext
from energyprof.model.report import Report
from energyprof_plugins.exporters.graphviz import Svg
from energyprof_plugins.exporters.html_page.markup import words
from energyprof_plugins.exporters.html_page.section import Section

NODES: Final = "24"
STYLE: Final = re.compile(r"<style>.*?</style>", re.DOTALL)
"""The diagram's own; the page has it already."""
BUTTONS: Final = (
    '<div class=bar id=hs-zoom hidden><button data-z=in aria-label="Larger">+</button>'
    '<button data-z=out aria-label="Smaller">\u2212</button><button data-z=one>100 %</button>'
    "<button data-z=fit>Fit width</button></div>"
)


def hotspots(report: Report, context: RenderContext) -> Section:
    """Return the diagram, or why there is none."""
    lead = (
        "The pipeline runs down; detail opens to the right. Size and colour: energy of the stage itself. "
        "Border: how it is known. Click a box, or press Enter on it, to mark it in all parts of this page."
    )
    options = {"nodes": context.options.get("nodes", NODES)}
    try:
        drawn = Svg().render(report, replace(context, comparison=None, options=options))
    except LookupError as missing:
        return Section("hotspots", "Hotspots", f"<p>Not drawn: {words(str(missing))}</p>")
    box = '<div class="scroll hsbox" tabindex=0 role=region aria-label="Hotspot diagram">'
    return Section("hotspots", "Hotspots", f"{BUTTONS}{box}{STYLE.sub('', drawn).strip()}</div>", lead)
