"""Build the report: everything exporters print, worked out once, without touching a span or a reading."""

from __future__ import annotations

from collections.abc import Mapping

from energyprof.model.attribution import Attribution, counted_domains
from energyprof.model.cures import Cures
from energyprof.model.domain import Domain
from energyprof.model.graph import StageGraph
from energyprof.model.hosts import Host
from energyprof.model.ids import DomainId
from energyprof.model.report import Report
from energyprof.model.sampling import DomainFacts
from energyprof.model.span import Stage
from energyprof.model.told import Told
from energyprof.model.trace import RecorderFacts, RunFacts
from energyprof.report import rows
from energyprof.report.cautions import cautions
from energyprof.report.cures import delay_row, repeat_row
from energyprof.report.functions import function_rows
from energyprof.report.layers import layer_rows
from energyprof.report.rankings import ranking_rows
from energyprof.report.ranks import imbalance, rank_rows
from energyprof.report.steps import step_row
from energyprof.report.sums import mean_power_w, measured_sum, stages_energy_j, stages_sum
from energyprof.report.told import metric_rows, unit_rows
from energyprof.report.trials import trials_of
from energyprof.report.work import token_rows

NOTHING_TOLD = Told()


def build_report(  # noqa: PLR0913, PLR0917 - the parts of a run that a report needs, none of them optional
    run: RunFacts,
    recorder: RecorderFacts,
    domains: tuple[Domain, ...],
    stages: tuple[Stage, ...],
    warnings: tuple[str, ...],
    attribution: Attribution,
    graph: StageGraph,
    sampling: Mapping[DomainId, DomainFacts] | None = None,
    cures: Cures | None = None,
    hosts: tuple[Host, ...] = (),
    told: Told = NOTHING_TOLD,
) -> Report:
    """Return the rows of all formats; `warnings` are those of recording, to which those of analysis are added."""
    by_id, counted = {domain.id: domain for domain in domains}, counted_domains(domains, attribution)
    stages_j = stages_energy_j(domains, attribution) or 0.0
    measured = measured_sum(domains, attribution)
    sampled = sampling or {}
    this_run = rows.run_row(run)
    runs = {"": run, **{host.name: host.run for host in hosts}}
    wall_s = {name: (one.end_ns - one.start_ns) / 1e9 for name, one in runs.items()}
    powers_w = [
        power_w
        for found in attribution.domains
        if found.domain in counted and (power_w := mean_power_w(found)) is not None
    ]
    stage_rows = rows.stage_rows(stages, attribution, graph, stages_j)
    ranks = rank_rows(attribution, [by_id[id_] for id_ in sorted(counted)], stages_j)
    return Report(
        run=this_run,
        domains=tuple(
            rows.domain_row(by_id[found.domain], found, found.domain in counted, sampled.get(found.domain))
            for found in attribution.domains
        ),
        ledger=tuple(
            rows.ledger_row(by_id[found.domain], found, wall_s[by_id[found.domain].host])
            for found in attribution.domains
        ),
        stages=stage_rows,
        unsplit=rows.unsplit_rows(stages, attribution),
        functions=function_rows(stages, attribution, counted),
        edges=rows.edge_rows(graph),
        hotspots=graph.hotspots,
        costliest_path=graph.costliest_path,
        overhead=rows.overhead(recorder, this_run.wall_s),
        warnings=cautions(run, recorder, domains, stages, attribution, warnings, hosts),
        measured=measured,
        layers=layer_rows(stage_rows, stages_j),
        stages_sum=stages_sum(domains, attribution, graph, measured),
        # Domains may have been measured for different parts of the run: their powers add up, not their energies.
        mean_power_w=sum(powers_w) if powers_w else None,
        delays=delay_row(cures, this_run.wall_s),
        repeat=repeat_row(stages, attribution),
        rankings=ranking_rows(stages, attribution),
        tokens=token_rows(stage_rows),
        ranks=ranks,
        imbalance=imbalance(ranks),
        hosts=tuple(rows.host_row(host, run) for host in hosts),
        trials=trials_of(stage_rows),
        units=unit_rows(told, measured, this_run.wall_s),
        metrics=metric_rows(told, run.start_ns),
        steps=step_row(stage_rows, attribution, measured.provenance),
        waits=rows.wait_rows(stages, attribution),
    )
