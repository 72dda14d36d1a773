"""Read a capture: chunks joined and checked, lane-relative stages put together to full paths, spans in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from energyprof.capture.columns import joined, picked
from energyprof.capture.compose import Placed, StageTree, place_all
from energyprof.capture.content import Content
from energyprof.capture.flows import as_columns, declared_edges, with_observed
from energyprof.capture.open_file import opened
from energyprof.capture.order_spans import ordered_runs, ordered_spans
from energyprof.capture.schema import ChunkKind
from energyprof.capture.span_codec import unpack_places, unpack_spans
from energyprof.capture.whole_program import PROGRAM, program_span
from energyprof.errors import CaptureError
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.recording import SpanChunk
from energyprof.model.sampling import DomainFacts
from energyprof.model.span import Index, Lanes, Stage
from energyprof.model.stacks import Stacks
from energyprof.model.trace import Flows, RecorderFacts, RunFacts, Trace

_UNFINISHED = (
    "the recording was not finished (its collector was stopped); shown is what had been stored by then; "
    "complete it with: energyprof recover FILE"
)
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


def read_run(path: str | Path) -> RunSummary:
    """Return the facts of a run, its stages and declared flows; raises CaptureError if the file cannot be read."""
    with opened(Path(path)) as db:
        content = Content(db)
        open_ = content.open_spans
        places = [unpack_places(packed) for packed in content.take(ChunkKind.SPANS)]
        stage = np.concatenate([open_.stage, *(part[0] for part in places)])
        lane = np.concatenate([open_.lane, *(part[1] for part in places)])
        composed = _compose(content, stage, lane)
    return RunSummary(
        run=content.run,
        recorder=content.recorder,
        domains=content.domains,
        stages=composed.stages,
        flows=composed.flows,
        warnings=composed.warnings,
        finished=content.finished,
        sampling=content.sampling,
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
    )


def read_trace(path: str | Path, *, is_live: bool = False) -> Trace:
    """Return everything a run recorded; raises CaptureError if the file cannot be read or does not check out.

    `is_live`: the run goes on, so that an unfinished file is as it should be.
    """
    with opened(Path(path)) as db:
        content = Content(db)
        stored = [unpack_spans(packed) for packed in content.take(ChunkKind.SPANS)]
        chunk = joined(SpanChunk, [*stored, content.open_spans])
        composed = _compose(content, chunk.stage, chunk.lane, _LIVE if is_live else _UNFINISHED)
        host_use, device_use = content.use()
        readings, cpu, runs = content.readings(), content.cpu(), content.lane_runs()
        if int(runs.lane.max(initial=-1)) >= len(composed.lanes):
            raise CaptureError("lane runs belong to no lane")
    run, lanes = content.run, composed.lanes
    if not content.finished:  # the last thing seen is the end
        ends = (chunk.end_ns, cpu.t_ns, *(rows.t_after_ns for rows in readings.values()))
        run = replace(run, end_ns=max(run.end_ns, *(int(column.max(initial=0)) for column in ends)))
    spans = ordered_spans(chunk, composed.placed.stage)
    if composed.stages == (PROGRAM,):
        lanes, spans = program_span(run, lanes, cpu)
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
        warnings=composed.warnings,
        host_use=host_use,
        device_use=device_use,
        stacks=content.stacks() if _shows_functions(content, composed.stages) else Stacks.none(),
        sampling=content.sampling,
    )


def _shows_functions(content: Content, stages: tuple[Stage, ...]) -> bool:
    """Tell whether samples count: by itself sampling stops at the first stage, and has seen a part of the run only."""
    return content.stacks_mode == "on" or stages == (PROGRAM,)


@dataclass(frozen=True, slots=True, eq=False)
class _Composed:
    stages: tuple[Stage, ...]
    lanes: Lanes
    placed: Placed
    flows: Flows
    warnings: tuple[str, ...]


def _compose(content: Content, stage: Index, lane: Index, unfinished: str = _UNFINISHED) -> _Composed:
    """Put stages, lanes and flows together; `stage` (lane-relative) and `lane` are those of all spans."""
    local = content.stages()
    pid, number, tid, kind, host = content.lanes()
    if int(stage.max(initial=-1)) >= len(local) or int(lane.max(initial=-1)) >= len(pid):
        raise CaptureError("spans belong to no stage or no lane")
    if min(int(stage.min(initial=0)), int(lane.min(initial=0))) < 0:
        raise CaptureError("spans belong to no stage or no lane")
    tree = StageTree(local)
    placed = place_all(tree, content.origins(), len(pid), stage, lane)
    stages = tuple(tree.stages) or (PROGRAM,)
    calls = np.bincount(placed.stage, minlength=len(stages))
    edges, unknown = declared_edges(stages, tree.after, calls)
    edges = with_observed(edges, content.flows(), tree.first_places())
    narrow = [column.astype(np.int32) for column in (pid, tid, host)]
    lanes = Lanes(narrow[0], narrow[1], number, kind.astype(np.uint8), placed.parent, placed.prefix, narrow[2])
    cut_off = () if content.finished else (unfinished,)
    return _Composed(stages, lanes, placed, as_columns(edges), (*content.warnings, *unknown, *cut_off))
