"""A recorded run in the view that a reader asks for, and two runs in one view that divides both alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

from energyprof.graph.call_choice import way_rows
from energyprof.graph.call_match import matched
from energyprof.graph.calls import call_rows
from energyprof.model.call_tree import CallTree
from energyprof.model.report import Report
from energyprof.model.span import Stage
from energyprof.model.view import View
from energyprof.report.function_level import at_function_level
from energyprof.report.same_functions import for_both, with_chosen


@dataclass(frozen=True, slots=True)
class Seen:
    """A run as a view shows it, not yet divided among sampled functions."""

    report: Report
    stages: tuple[Stage, ...]
    """Those of the view."""
    calls: CallTree | None
    """None: the view goes not down to functions, or none were sampled."""


def at_level(seen: Seen, view: View) -> Report:
    """Return the report of a view in the detail that it asks for."""
    if seen.calls is None:
        return seen.report
    ways = None if view.functions is None else way_rows(seen.calls, view.functions, seen.stages)
    return at_function_level(seen.report, call_rows(seen.calls, seen.stages), ways)


def with_same_functions(before: Seen, after: Seen, view: View) -> tuple[Report, Report]:
    """Return both reports; where functions are chosen for a picture, those that matter in both runs together.

    All other functions of a stage are one row.
    """
    if view.functions is None or before.calls is None or after.calls is None:
        return at_level(before, view), at_level(after, view)
    both = matched((before.calls, before.stages), (after.calls, after.stages))
    known = {stage.id for stage in before.stages} & {stage.id for stage in after.stages}
    drawn = way_rows(both.tree, view.functions, both.stages)
    ways = for_both([way for way in drawn if way.stage is None or way.stage in known])
    old, new = (
        at_function_level(with_chosen(seen.report, names, ways), (), ways)
        for seen, names in ((before, both.names_before), (after, {}))
    )
    return old, new


def with_stages_of(report: Report, shown: Report) -> Report:
    """Return the report with the stages of a view of its run; what it tells of the run as a whole stays."""
    return replace(
        report,
        stages=shown.stages,
        unsplit=shown.unsplit,
        functions=shown.functions,
        edges=shown.edges,
        hotspots=shown.hotspots,
        costliest_path=shown.costliest_path,
        waits=shown.waits,
    )
