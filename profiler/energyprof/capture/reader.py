"""Read a capture: chunks joined and checked, lane-relative stages put together to full paths, spans in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from energyprof.capture.columns import joined, picked
from energyprof.capture.compose import Placed, StageTree, place_all
from energyprof.capture.content import Content
from energyprof.capture.first_begins import (
    FirstBegins,
    begins_in,
    begins_of,
    places_in_order,
    renumbered,
    reordered,
)
from energyprof.capture.flows import FlowTallies, as_columns, declared_edges, with_observed
from energyprof.capture.open_file import opened
from energyprof.capture.order_spans import ordered_runs, ordered_spans
from energyprof.capture.schema import ChunkKind
from energyprof.capture.span_codec import unpack_places, unpack_spans
from energyprof.capture.tallies import Columns
from energyprof.capture.whole_program import PROGRAM, program_counted, program_span
from energyprof.errors import CaptureError
from energyprof.model.cures import Cures
from energyprof.model.domain import Domain
from energyprof.model.hosts import Host
from energyprof.model.ids import DomainId
from energyprof.model.recording import SpanChunk
from energyprof.model.run_queue import RunQueue
from energyprof.model.sampling import DomainFacts
from energyprof.model.shell import in_shell
from energyprof.model.span import Index, Ints, LaneRuns, Lanes, Stage
from energyprof.model.stacks import Stacks
from energyprof.model.told import Told
from energyprof.model.trace import Flows, Outputs, RecorderFacts, RunFacts, Trace

_UNFINISHED = (
    "the recording was not finished (its collector was stopped); shown is what had been stored by then; "
    "complete it with: energyprof recover {}"
)
_COUNTED_PART = 1
"""The part of SPANS that are among the calls of tallies."""
_LIVE = "the run is still going on: figures so far"


@dataclass(frozen=True, slots=True, eq=False)
class RunSummary:
    """What a capture says of its run without its spans and readings; stages and flows are those of the trace."""

    run: RunFacts
    recorder: RecorderFacts
    domains: tuple[Domain, ...]
    stages: tuple[Stage, ...]
    flows: Flows
    warnings: tuple[str, ...]
    finished: bool
    sampling: Mapping[DomainId, DomainFacts]
    cures: Cures | None
    outputs: Outputs
    hosts: tuple[Host, ...] = ()
    told: Told = field(default_factory=Told)
    run_queue: RunQueue | None = None


def read_run(path: str | Path) -> RunSummary:
    """Return the facts of a run, its stages and declared flows; raises CaptureError if the file cannot be read."""
    with opened(Path(path)) as db:
        content = Content(db)
        open_ = content.open_spans
        packed = list(content.parts(ChunkKind.SPANS))
        places = [unpack_places(spans) for _, spans in packed]
        columns = Columns.of(content.tallies, content.run.end_ns)
        parts = [
            (open_.stage, open_.lane, open_.start_ns, np.ones(len(open_), np.int64)),
            *(
                (*place, np.full(len(place[0]), part != _COUNTED_PART, np.int64))
                for place, (part, _) in zip(places, packed, strict=True)
            ),
            _with_start(columns),
        ]
        stage, lane, since_ns, calls = (np.concatenate(column) for column in zip(*parts, strict=True))
        ends = (len(open_) + np.cumsum([len(place[0]) for place in places], dtype=np.int64)).tolist()
        chunks = zip([len(open_), *ends], ends, (spans for _, spans in packed), strict=False)
        begins = begins_in(since_ns, chunks)
        composed = _compose(content, columns, (stage, lane, calls), begins, _unfinished(path))
    return RunSummary(
        run=content.run,
        recorder=content.recorder,
        domains=content.domains,
        stages=composed.stages,
        flows=composed.flows,
        warnings=composed.warnings,
        finished=content.finished,
        sampling=content.sampling,
        cures=content.cures,
        outputs=composed.outputs,
        hosts=content.hosts,
        told=content.told,
        run_queue=content.run_queue,
    )


def summary_of(trace: Trace, *, finished: bool) -> RunSummary:
    """Return what `read_run` says, of a trace that has been read: the file may have grown meanwhile."""
    return RunSummary(
        run=trace.run,
        recorder=trace.recorder,
        domains=trace.domains,
        stages=trace.stages,
        flows=trace.flows,
        warnings=trace.warnings,
        finished=finished,
        sampling=trace.sampling,
        cures=trace.cures,
        outputs=trace.outputs,
        hosts=trace.hosts,
        told=trace.told,
        run_queue=trace.run_queue,
    )


def read_trace(path: str | Path, *, is_live: bool = False) -> Trace:
    """Return everything a run recorded; raises CaptureError if the file cannot be read or does not check out.

    `is_live`: the run goes on, so that an unfinished file is as it should be.
    """
    with opened(Path(path)) as db:
        content = Content(db)
        stored = [(part, unpack_spans(packed)) for part, packed in content.parts(ChunkKind.SPANS)]
        chunk = joined(SpanChunk, [*(spans for _, spans in stored), content.open_spans])
        flags = [np.full(len(spans), part == _COUNTED_PART) for part, spans in stored]
        is_counted = np.concatenate([*flags, np.zeros(len(content.open_spans), np.bool_)])
        columns = Columns.of(content.tallies, content.run.end_ns)
        parts = [(chunk.stage, chunk.lane, chunk.start_ns, (~is_counted).astype(np.int64)), _with_start(columns)]
        stage, lane, start_ns, calls = (np.concatenate(column) for column in zip(*parts, strict=True))
        unfinished = _LIVE if is_live else _unfinished(path)
        composed = _compose(content, columns, (stage, lane, calls), begins_of(start_ns), unfinished)
        host_use, device_use = content.use()
        readings, cpu, runs = content.readings(), content.cpu(), content.lane_runs()
        if int(runs.lane.max(initial=-1)) >= len(composed.lanes):
            raise CaptureError("lane runs belong to no lane")
    run, lanes = content.run, composed.lanes
    if not content.finished:  # the last thing seen is the end
        ends = (chunk.end_ns, cpu.t_ns, *(rows.t_after_ns for rows in readings.values()))
        run = replace(run, end_ns=max(run.end_ns, *(int(column.max(initial=0)) for column in ends)))
    is_merged = composed.placed.is_merged
    chunk = replace(chunk, resumed=chunk.resumed | is_merged[: len(chunk)])
    spans, order = ordered_spans(chunk, composed.placed.stage[: len(chunk)])
    counted = None
    if len(columns.start_ns):
        counted = columns.counted(
            composed.placed.stage[len(chunk) :], is_merged[len(chunk) :], is_counted[order], content.power_sums()
        )
        runs = _with_guests(runs, lanes, run.start_ns)
    if composed.stages == (PROGRAM,):
        lanes, spans = program_span(run, lanes, cpu)
        counted = None if counted is None else program_counted(counted)
    return Trace(
        run=run,
        recorder=content.recorder,
        domains=content.domains,
        readings=readings,
        stages=composed.stages,
        lanes=lanes,
        spans=spans,
        lane_runs=ordered_runs(runs),
        cpu=picked(cpu, np.lexsort((cpu.t_ns, cpu.tid, cpu.pid))),
        flows=composed.flows,
        outputs=composed.outputs,
        warnings=composed.warnings,
        host_use=host_use,
        device_use=device_use,
        counted=counted,
        cures=content.cures,
        told=content.told,
        run_queue=content.run_queue,
        ranks=content.ranks,
        hosts=content.hosts,
        hosts_use=content.hosts_use(),
        stacks=content.stacks() if _shows_functions(content, composed.stages) else Stacks.none(),
        sampling=content.sampling,
    )


def _shows_functions(content: Content, stages: tuple[Stage, ...]) -> bool:
    """Tell whether samples count: where sampling ended by itself, it has seen a part of the run only."""
    return content.stacks_mode in {"on", "whole"} or stages in {(), (PROGRAM,)}


@dataclass(frozen=True, slots=True, eq=False)
class _Composed:
    stages: tuple[Stage, ...]
    lanes: Lanes
    placed: Placed
    flows: Flows
    outputs: Outputs
    warnings: tuple[str, ...]


def _unfinished(path: str | Path) -> str:
    return _UNFINISHED.format(in_shell(str(path)))


def _with_start(columns: Columns) -> tuple[Index, Index, Ints, Ints]:
    """Return what tallies count: stage, lane, when it began as far as is known, and spans."""
    stage, lane, calls = columns.places()
    return stage, lane, columns.since_ns(), calls


def _compose(
    content: Content, columns: Columns, occurring: tuple[Index, Index, Ints], begins: FirstBegins, unfinished: str
) -> _Composed:
    """Put stages, lanes and flows together; each stage (lane-relative) occurs on a lane, in so many spans.

    `occurring` are columns of the three, those of the tallies last; `begins` knows when each of them began.
    """
    stage, lane, spans = occurring
    local, spanned, given = content.stages(), len(stage), FlowTallies.of(content.tallies)
    more_stage, more_lane = given.places()
    stage, lane = np.concatenate((stage, more_stage)), np.concatenate((lane, more_lane))
    pid, number, tid, kind, host = content.lanes()
    if int(stage.max(initial=-1)) >= len(local) or int(lane.max(initial=-1)) >= len(pid):
        raise CaptureError("spans belong to no stage or no lane")
    if min(int(stage.min(initial=0)), int(lane.min(initial=0))) < 0:
        raise CaptureError("spans belong to no stage or no lane")
    tree = StageTree(local)
    placed = place_all(tree, content.origins(), len(pid), stage, lane)
    placed = _put_in_order(tree, placed, begins(placed.stage[:spanned], len(tree.stages)))
    flows, outputs = given.placed(placed.stage[spanned:])
    placed = replace(placed, stage=placed.stage[:spanned])
    for index, handed in columns.work_of(placed.stage).items():
        tree.stages[index] = replace(tree.stages[index], facts={**tree.stages[index].facts, **handed})
    stages = tuple(tree.stages) or (() if content.recorder.has_lost else (PROGRAM,))
    calls = np.bincount(placed.stage, spans, len(stages)).astype(np.int64)
    edges, unknown = declared_edges(stages, tree.after, calls)
    edges = with_observed(edges, flows)
    narrow = [column.astype(np.int32) for column in (pid, tid, host)]
    lanes = Lanes(narrow[0], narrow[1], number, kind.astype(np.uint8), placed.parent, placed.prefix, narrow[2])
    cut_off = () if content.finished else (unfinished,)
    return _Composed(stages, lanes, placed, as_columns(edges), outputs, (*content.warnings, *unknown, *cut_off))


def _put_in_order(tree: StageTree, placed: Placed, first_ns: Ints) -> Placed:
    """Renumber the stages by when they first began."""
    number = places_in_order(tree.stages, first_ns)
    tree.after = [tree.after[at] for at in np.argsort(number).tolist()]
    tree.stages = reordered(tree.stages, number)
    return replace(placed, prefix=renumbered(placed.prefix, number), stage=renumbered(placed.stage, number))


def _with_guests(runs: LaneRuns, lanes: Lanes, start_ns: int) -> LaneRuns:
    """Return the runs and an empty one of each task whose runs were all counted: without any it would always run."""
    guests = np.flatnonzero(lanes.host >= 0)
    missing = guests[~np.isin(guests, runs.lane)].astype(np.int32)
    at_ns = np.full(len(missing), start_ns)
    return LaneRuns(
        np.concatenate((runs.lane, missing)),
        np.concatenate((runs.start_ns, at_ns)),
        np.concatenate((runs.end_ns, at_ns)),
    )
