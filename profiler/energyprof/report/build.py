"""Build the report: everything exporters print, worked out once, without touching a span or a reading."""

from __future__ import annotations

from energyprof.model.attribution import Attribution
from energyprof.model.domain import Domain, counted_ids
from energyprof.model.graph import StageGraph
from energyprof.model.report import Report
from energyprof.model.span import Stage
from energyprof.model.trace import RecorderFacts, RunFacts
from energyprof.report import rows
from energyprof.report.cautions import cautions
from energyprof.report.functions import function_rows
from energyprof.report.sums import exact_sum, measured_sum, stages_sum


def build_report(  # noqa: PLR0913, PLR0917 - the parts of a run that a report needs, none of them optional
    run: RunFacts,
    recorder: RecorderFacts,
    domains: tuple[Domain, ...],
    stages: tuple[Stage, ...],
    warnings: tuple[str, ...],
    attribution: Attribution,
    graph: StageGraph,
) -> Report:
    """Return the rows of all formats; `warnings` are those of recording, to which those of analysis are added."""
    by_id, counted = {domain.id: domain for domain in domains}, counted_ids(domains)
    stages_j = exact_sum([found.ledger.stages_j for found in attribution.domains if found.domain in counted])
    measured = measured_sum(domains, attribution, stages_j)
    this_run = rows.run_row(run)
    return Report(
        run=this_run,
        domains=tuple(
            rows.domain_row(by_id[found.domain], found, found.domain in counted) for found in attribution.domains
        ),
        ledger=tuple(rows.ledger_row(found) for found in attribution.domains),
        stages=rows.stage_rows(stages, attribution, graph, stages_j),
        unsplit=rows.unsplit_rows(stages, attribution),
        functions=function_rows(stages, attribution, counted),
        edges=rows.edge_rows(graph),
        hotspots=graph.hotspots,
        overhead=rows.overhead(recorder, this_run.wall_s),
        warnings=cautions(run, recorder, domains, stages, attribution, warnings),
        measured=measured,
        stages_sum=stages_sum(domains, attribution, graph, measured),
    )
