"""Folded stacks in microjoules, a line each: what flamegraph.pl, inferno and speedscope read."""

from __future__ import annotations

from energyprof.interfaces import RenderContext
from energyprof.model.report import Report
from energyprof_plugins.exporters.energy_stacks import energy_stacks
from energyprof_plugins.exporters.footprint_note import footprint_note


class FoldedStacks:
    """Write `stage;stage;function microjoules` lines; like stacks are one line."""

    name = "folded"
    suffix = ".folded"
    summary = "folded stacks in microjoules; flamegraph.pl, inferno and speedscope open it"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the lines, in pipeline order; a run without any energy has an empty line.

        The format has no comments, and readers complain of lines that are no stack: CO2e and money stand first, as a
        stack of nothing.
        """
        note = footprint_note(report)
        lines = {f"# {note.replace(';', ',')}": 0} if note else {}
        for stack in energy_stacks(report, context.calls()):
            path = ";".join(frame.name.replace(";", ":") for frame in stack.frames)
            lines[path] = lines.get(path, 0) + stack.energy_uj
        return "".join(f"{path} {energy_uj}\n" for path, energy_uj in lines.items()) or "\n"
