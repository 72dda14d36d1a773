"""The hotspot diagram, or what changed between two runs: Graphviz source, SVG, PDF, and PNG for everything else."""

from __future__ import annotations

from energyprof.interfaces import RenderContext
from energyprof.model.report import Report
from energyprof_plugins.exporters.diagram.changes import changes_drawing
from energyprof_plugins.exporters.diagram.drawing import drawing
from energyprof_plugins.exporters.diagram.palette import THEMES, Theme
from energyprof_plugins.exporters.diagram.svg import finish
from energyprof_plugins.exporters.diagram.wishes import Wishes
from energyprof_plugins.exporters.visible import program_name, visible


class Dot:
    """Write the diagram as Graphviz source.

    Options: `nodes`, about how many boxes it has; `node_fraction`, `edge_fraction`, `trim`, `metric` and `group` as
    `energyprof graph` has them.
    """

    name = "dot"
    suffix = ".dot"
    summary = "hotspot diagram as Graphviz source"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return DOT source."""
        return _source(report, context)


class Svg:
    """Draw the diagram for browsers, light or dark as the reader prefers.

    Options: as for `dot`; `theme`: `light` or `dark` for all readers alike; `source`, what `dot` made of the same
    report, where it need not be made again.
    """

    name = "svg"
    suffix = ".svg"
    summary = "hotspot diagram, opens in a browser"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the SVG; raises LookupError where there is no renderer."""
        drawn = context.draw(_source(report, context), "svg")
        what = "hotspots" if context.comparison is None else "changes"
        theme: Theme = next((one for one in THEMES if one == context.options.get("theme")), "auto")
        return finish(drawn, f"Energy {what} of {visible(program_name(report.run.command))}", theme)


class Png:
    """Draw the diagram as a picture on white; options as for `svg`.

    The renderer's own fonts have no East Asian letters and no emoji: those are boxes here; the SVG shows them.
    """

    name = "png"
    suffix = ".png"
    summary = "hotspot diagram as a picture"

    def render(self, report: Report, context: RenderContext) -> bytes:
        """Return the PNG; raises LookupError where there is no renderer."""
        return context.draw(_source(report, context), "png")


class Pdf:
    """Draw the diagram for papers; options as for `svg`."""

    name = "pdf"
    suffix = ".pdf"
    summary = "hotspot diagram for papers (needs energyprof[pdf], or the program dot)"

    def render(self, report: Report, context: RenderContext) -> bytes:
        """Return the PDF; raises LookupError where there is no renderer that makes one."""
        return context.draw(_source(report, context), "pdf")


def _source(report: Report, context: RenderContext) -> str:
    given = context.options.get("source")
    if given:
        return given
    wishes = Wishes.of(context.options)
    report = context.drawn(report, wishes.room)
    if context.comparison is not None:
        return changes_drawing(report, context.comparison, wishes)
    return drawing(report, wishes)
