"""Turn the run's facts, the attribution and the graph into the rows of a report, one function per kind of row."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Final

from energyprof.model.attribution import PROVENANCES, Attribution, DomainAttribution, EnergyColumns
from energyprof.model.domain import Domain
from energyprof.model.graph import Edge, Node, StageGraph
from energyprof.model.hosts import Host
from energyprof.model.ids import DomainId
from energyprof.model.natural_order import natural_key
from energyprof.model.rank_rows import HostRow
from energyprof.model.report import (
    DomainRow,
    EdgeRow,
    EnergyRow,
    LedgerRow,
    Overhead,
    RunRow,
    StageRow,
    SumRow,
    UnsplitRow,
)
from energyprof.model.sampling import DomainFacts
from energyprof.model.span import Stage
from energyprof.model.trace import RecorderFacts, RunFacts
from energyprof.model.work_rows import WaitRow
from energyprof.report.others import others_share
from energyprof.report.sums import mean_power_w, provenance_of

LEAST_WAIT: Final = 0.01
"""Of the idle energy of a device."""


def run_row(run: RunFacts) -> RunRow:
    """Return which run this is; the time of its start is given in UTC, empty where it is not known."""
    return RunRow(
        command=run.command,
        exit_code=run.exit_code,
        start=_instant(run.start_unix_ns),
        wall_s=(run.end_ns - run.start_ns) / 1e9,
        host=run.host,
        versions=dict(run.versions),
        program=run.program,
    )


def host_row(host: Host, run: RunFacts) -> HostRow:
    """Return one host of the merged run `run`."""
    return HostRow(
        host=host.name,
        command=host.run.command,
        exit_code=host.run.exit_code,
        start=_instant(host.run.start_unix_ns),
        start_s=(host.run.start_ns - run.start_ns) / 1e9,
        wall_s=(host.run.end_ns - host.run.start_ns) / 1e9,
        clock=host.clock,
    )


def _instant(unix_ns: int) -> str:
    return datetime.fromtimestamp(unix_ns / 1e9, timezone.utc).isoformat(timespec="milliseconds") if unix_ns else ""


def domain_row(domain: Domain, found: DomainAttribution, counts: bool, sampled: DomainFacts | None = None) -> DomainRow:
    """Return how one domain was read; the period is the one found in the readings, else the nominal one."""
    figures = {} if sampled is None else {name: figure._asdict() for name, figure in sampled.figures.items()}
    period_ns = found.period_ns if found.period_ns is not None else domain.period_ns
    # Reads before and after what was measured count, too, and so does their time: a log may be longer than the run.
    read_ns = max(found.read_ns, found.measured_end_ns - found.measured_start_ns)
    return DomainRow(
        domain=domain.id,
        source=domain.source,
        provenance=provenance_of(domain),
        period_s=None if period_ns is None else period_ns / 1e9,
        reads=found.reads,
        failures=found.failures,
        achieved_hz=found.reads * 1e9 / read_ns if read_ns > 0 else None,
        parent=domain.parent,
        baseline_w=found.baseline_w,
        gain_error=domain.gain_error,
        counts=counts,
        mean_power_w=mean_power_w(found),
        others_share=others_share(found),
        timing=domain.timing,
        call_cost_s=None if sampled is None else sampled.call_cost_s,
        gaps=found.gaps,
        notes=found.notes,
        facts=figures,
    )


def ledger_row(domain: Domain, found: DomainAttribution, wall_s: float) -> LedgerRow:
    """Return one domain's account; of a domain without any reading nothing is known, which is not 0 J."""
    line, covered_s = found.ledger, found.covered_ns / 1e9
    return LedgerRow(
        domain=domain.id,
        measured_j=None if line is None else line.measured_j,
        stages_j=None if line is None else line.stages_j,
        idle_j=None if line is None else line.idle_j,
        outside_j=None if line is None else line.outside_j,
        others_j=None if line is None else line.others_j,
        unattributed_j=None if line is None else line.unattributed_j,
        provenance=provenance_of(domain),
        covered_s=covered_s,
        covered_share=min(covered_s / wall_s, 1.0) if wall_s > 0 else None,
    )


def wait_rows(stages: tuple[Stage, ...], attribution: Attribution) -> tuple[WaitRow, ...]:
    """Return the stages of the host that kept devices waiting; without those of which next to nothing is told."""
    return tuple(
        WaitRow(found.domain, stages[index].id, energy_j, "inferred")
        for found in attribution.domains
        if found.waiting_j is not None and found.ledger is not None
        for index, energy_j in enumerate(found.waiting_j.tolist())
        if energy_j > 0 and energy_j >= LEAST_WAIT * found.ledger.idle_j
    )


def stage_rows(
    stages: tuple[Stage, ...], attribution: Attribution, graph: StageGraph, stages_j: float
) -> tuple[StageRow, ...]:
    """Return one row per stage; shares are of `stages_j`."""
    times = attribution.times
    self_wall_s, cpu_s = (times.self_wall_ns / 1e9).tolist(), (times.cpu_ns / 1e9).tolist()
    resumes = times.resumes.tolist()
    own = _energy_rows([(found.domain, found.self_energy) for found in attribution.domains], len(stages))
    total = _energy_rows([(found.domain, found.total_energy) for found in attribution.domains], len(stages))
    return tuple(
        StageRow(
            stage=stage.id,
            name=stage.name,
            path=stage.path,
            parent=node.parent,
            kind=stage.kind,
            file=stage.file,
            line=stage.line,
            calls=node.calls,
            resumes=resumes[index],
            wall_s=node.wall_s,
            self_wall_s=self_wall_s[index],
            cpu_s=cpu_s[index],
            self_energy=own[index],
            total_energy=total[index],
            self_sum=_self_sum(node, stages_j),
            total_sum=_total_sum(node, stages_j),
            embodied_j=node.embodied_j,
            facts=stage.facts,
            embodied_low_j=_embodied_bounds(node)[0],
            embodied_high_j=_embodied_bounds(node)[1],
            embodied_provenance=None if node.embodied_j is None else node.embodied_provenance,
            outputs=node.outputs,
            unused_outputs=node.unused_outputs,
            repeated_inputs=node.repeated_inputs,
        )
        for index, (stage, node) in enumerate(zip(stages, graph.nodes, strict=True))
    )


def unsplit_rows(stages: tuple[Stage, ...], attribution: Attribution) -> tuple[UnsplitRow, ...]:
    """Return the stages that cannot be told apart, by domain, the costliest first."""
    rows = [
        UnsplitRow(
            domain=joint.domain,
            energy_j=joint.energy_j,
            low_j=joint.low_j,
            high_j=joint.high_j,
            members=tuple(stages[index].id for index in joint.members),
            reason=joint.reason,
        )
        for found in attribution.domains
        for joint in found.unsplit
    ]
    return tuple(sorted(rows, key=lambda row: (natural_key(row.domain), -row.energy_j, row.members)))


def edge_rows(graph: StageGraph) -> tuple[EdgeRow, ...]:
    """Return the edges of the graph."""
    return tuple(_edge_row(edge) for edge in graph.edges)


def _edge_row(edge: Edge) -> EdgeRow:
    low_j, high_j = edge.bounds_j or (None, None)
    return EdgeRow(edge.source, edge.target, edge.kind, edge.count, edge.energy_j, low_j, high_j, edge.provenance)


def overhead(recorder: RecorderFacts, wall_s: float) -> Overhead:
    """Return what the profiler cost; shares are 0 for a run without any length."""
    return Overhead(
        recorder_s=recorder.recorder_s,
        share=recorder.recorder_s / wall_s if wall_s > 0 else 0.0,
        spans=recorder.spans,
        dropped=recorder.dropped,
        counted=recorder.counted,
        collector_s=recorder.collector_s,
        sampler_s=recorder.sampler_s,
        sampler_share=recorder.sampler_s / wall_s if wall_s > 0 else 0.0,
        polls=recorder.polls,
        late_polls=recorder.late_polls,
        bound_share=recorder.max_overhead or None,
        folded=recorder.folded,
        steps_share=recorder.steps,
        governed_share=recorder.overhead if recorder.max_overhead else None,
    )


def _energy_rows(columns: list[tuple[DomainId, EnergyColumns]], stages: int) -> list[tuple[EnergyRow, ...]]:
    per_domain = [_column_rows(domain, energy) for domain, energy in columns]
    return [tuple(rows) for rows in zip(*per_domain, strict=True)] if per_domain else [()] * stages


def _column_rows(domain: DomainId, energy: EnergyColumns) -> list[EnergyRow]:
    told = zip(energy.energy_j.tolist(), energy.refused.tolist(), strict=True)
    unread = energy.unread.tolist()
    columns = (
        [None if refused else energy_j for energy_j, refused in told],
        [None if gap else low_j for low_j, gap in zip(energy.low_j.tolist(), unread, strict=True)],
        [None if gap else high_j for high_j, gap in zip(energy.high_j.tolist(), unread, strict=True)],
        [PROVENANCES[code] for code in energy.provenance.tolist()],
        energy.data_share.tolist(),
        energy.reason,
    )
    return [EnergyRow(domain, *row) for row in zip(*columns, strict=True)]


def _embodied_bounds(node: Node) -> tuple[float | None, float | None]:
    return node.embodied_bounds_j or (None, None)


def _share(energy_j: float | None, stages_j: float) -> float | None:
    return None if energy_j is None or stages_j <= 0 else energy_j / stages_j


def _self_sum(node: Node, stages_j: float) -> SumRow:
    low_j, high_j = node.self_bounds_j or (None, None)
    return SumRow(node.self_j, low_j, high_j, node.provenance, _share(node.self_j, stages_j))


def _total_sum(node: Node, stages_j: float) -> SumRow:
    low_j, high_j = node.total_bounds_j or (None, None)
    return SumRow(node.total_j, low_j, high_j, node.total_provenance, _share(node.total_j, stages_j))
