"""What one repeated call costs: the visits of the repeat phase, attributed as a run of their own.

Visits are long (half a sensor's period and more) and come in random order, so that what the sensor cannot tell apart in
the run itself it can tell apart here. They are handed to the same attribution as any run, as spans of one stage for
each repeated thing, over the time of the phase only. With E_r the energy of all visits of r (with its interval) and n_r
the calls made in them

    e_r = E_r / n_r

is the energy of one call, idle power of its time included, as in every stage's figure. Repeated calls find caches and
clocks warm and the machine otherwise idle: e_r is the cost of *that*, which is why it has a provenance of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from energyprof.model.attribution import PROVENANCES, REPEAT_MODE, Attribution, EnergyColumns, RepeatedCall
from energyprof.model.cures import Repeats
from energyprof.model.domain import Domain
from energyprof.model.ids import StageId
from energyprof.model.recorded_names import REPEAT_STAGE
from energyprof.model.span import Ints, LaneRuns, Spans, Stage
from energyprof.model.stacks import Stacks
from energyprof.model.trace import Flows, Trace


def repeated_calls(
    trace: Trace, repeats: Repeats, attribute: Callable[[Trace], Attribution]
) -> tuple[RepeatedCall, ...]:
    """Return what one call of each repeated thing costs in each domain; things without a visit are left out."""
    phase = phase_of(trace, repeats)
    if phase is None:
        return ()
    found = attribute(phase)
    domains = {domain.id: domain for domain in trace.domains}
    stages = [_stage_of(trace, repeats, at) for at in range(len(repeats.things))]
    return tuple(
        call
        for part in found.domains
        if part.ledger is not None
        for call in _calls(repeats, domains[part.domain], part.self_energy, stages)
    )


def phase_of(trace: Trace, repeats: Repeats) -> Trace | None:
    """Return the repeat phase as a trace of its own, whose stages are the things repeated; None: there is no visit."""
    lane = _lane_of_phase(trace)
    if lane is None or not repeats.visits:
        return None
    thing, start_ns, end_ns, _ = (np.array(column) for column in zip(*repeats.visits, strict=True))
    order = np.argsort(start_ns, kind="stable")
    count = len(order)
    spans = Spans(
        stage=thing[order].astype(np.int32),
        lane=np.full(count, lane, np.int32),
        start_ns=start_ns[order].astype(np.int64),
        end_ns=end_ns[order].astype(np.int64),
        parent=np.full(count, -1, np.int32),
        is_open=np.zeros(count, np.bool_),
    )
    none = np.zeros(0, np.int64)
    return replace(
        trace,
        run=replace(trace.run, start_ns=int(start_ns.min()), end_ns=int(end_ns.max()), lead_in_s=0.0),
        stages=tuple(
            Stage(StageId(str(at)), one.name, (str(at),), None, one.kind) for at, one in enumerate(repeats.things)
        ),
        lanes=replace(trace.lanes, prefix=np.full(len(trace.lanes), -1, np.int32)),
        spans=spans,
        lane_runs=LaneRuns(none.astype(np.int32), none, none),
        flows=Flows.none(),
        stacks=Stacks.none(),
        counted=None,
        cures=None,
    )


def _lane_of_phase(trace: Trace) -> int | None:
    rows = [at for at, stage in enumerate(trace.stages) if stage.name == REPEAT_STAGE and stage.kind == "stage"]
    lanes = trace.spans.lane[np.isin(trace.spans.stage, rows)]
    return int(lanes[-1]) if len(lanes) else None


def _calls(repeats: Repeats, domain: Domain, energy: EnergyColumns, stages: list[int]) -> Iterator[RepeatedCall]:
    for at, thing in enumerate(repeats.things):
        visits = [visit for visit in repeats.visits if visit.thing == at]
        calls = sum(visit.calls for visit in visits)
        if not calls:
            continue
        unread, refused = bool(energy.unread[at]), bool(energy.refused[at])
        is_model = domain.provenance == "model"
        yield RepeatedCall(
            domain=domain.id,
            name=thing.name,
            kind=thing.kind,
            stage=stages[at],
            visits=len(visits),
            repeated_calls=calls,
            wall_ns=sum(visit.end_ns - visit.start_ns for visit in visits) // calls,
            energy_j=None if refused or unread else float(energy.energy_j[at]) / calls,
            low_j=None if unread else float(energy.low_j[at]) / calls,
            high_j=None if unread else float(energy.high_j[at]) / calls,
            provenance=PROVENANCES.index("estimated (model)") if is_model else REPEAT_MODE,
            data_share=float(energy.data_share[at]),
            reason=energy.reason[at],
        )


def _stage_of(trace: Trace, repeats: Repeats, at: int) -> int:
    """Return the stage on whose inputs a thing was repeated: of the first span of its name since they were kept.

    Where spans were counted and not stored, or the instant was not told, the only stage of that name will do.
    """
    thing = repeats.things[at]
    named = np.array(
        [row for row, stage in enumerate(trace.stages) if (stage.name, stage.kind) == (thing.name, thing.kind)],
        np.int64,
    )
    if thing.seen_ns:
        rows: Ints = np.flatnonzero(np.isin(trace.spans.stage, named) & (trace.spans.start_ns >= thing.seen_ns))
        if len(rows) and trace.counted is None:
            return int(trace.spans.stage[rows[np.argmin(trace.spans.start_ns[rows])]])
    return int(named[0]) if len(named) == 1 else -1
