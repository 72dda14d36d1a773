"""Handing on: lanes as they are stored, only what is stored one by one, and nothing before what it refers to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from typing import Protocol

from energyprof.collect.convert_counts import Counter
from energyprof.collect.convert_lanes import POOLED, LaneTable
from energyprof.collect.convert_process import Process
from energyprof.collect.convert_stacks import StackSink
from energyprof.collect.convert_stages import StageTable
from energyprof.collect.time_cover import TimeCover
from energyprof.model.power import ThreadCpu
from energyprof.model.ranks import RankProcess
from energyprof.model.recording import LaneOrigin, LaneRow, LocalStage, Progress, SpanChunk
from energyprof.model.span import Flags, Index, LaneRuns
from energyprof.model.stacks import Samples


class RecordingSink(StackSink, Protocol):
    """Where converted pieces go; the capture's writer is one."""

    def add_stages(self, stages: Sequence[LocalStage]) -> None:
        """Take stages; one seen before replaces its earlier row."""
        ...

    def add_lanes(self, lanes: Sequence[LaneRow]) -> None:
        """Take lanes; one seen before replaces its earlier row."""
        ...

    def add_origins(self, origins: Sequence[LaneOrigin]) -> None:
        """Take origins of lanes; the first one of a lane counts."""
        ...

    def add_spans(self, spans: SpanChunk) -> None:
        """Take spans."""
        ...

    def add_lane_runs(self, runs: LaneRuns) -> None:
        """Take the stretches in which coroutine lanes ran."""
        ...

    def add_cpu(self, cpu: ThreadCpu) -> None:
        """Take what processes have read of their own CPU times."""
        ...

    def add_rank(self, process: RankProcess) -> None:
        """Take which rank a process is; the last word on a process counts."""
        ...

    def count_from_here(self) -> None:
        """Take note that all spans added from now on are among the calls of tallies."""
        ...

    def keep_progress(self, progress: Callable[[], Progress]) -> None:
        """Take what it takes to go on after all that was handed on before: `progress()`, to be asked once."""
        ...

    def warn(self, message: str) -> None:
        """Take a warning for the report."""
        ...


class HandOn:
    """The way from the converter to its sink."""

    def __init__(self, sink: RecordingSink, stages: StageTable, lanes: LaneTable, counter: Counter | None) -> None:
        self._sink = sink
        self._stages = stages
        self._lanes = lanes
        self._counter = counter
        self.is_counting = False
        """Whether spans are counted, and stored in bursts only."""
        self.count = 0
        """Spans so far, stored or not."""
        self.origins: list[LaneOrigin] = []
        """Not handed on yet."""
        self.cover: TimeCover | None = None
        """Who wants to know when stages were open."""

    def begin_counting(self) -> None:
        """Count from here on."""
        self.is_counting = True
        self._sink.count_from_here()

    def place(self, process: Process, number: int, creator: tuple[int, int], t_ns: int) -> None:
        """Put a lane below the stage open on the lane that created it."""
        index = process.lane(number, "thread")
        is_new = True
        if index >= POOLED:
            index, is_new = self._lanes.join(index, *creator, (process.pid, process.kind(number)))
        if is_new:
            self.origins.append(LaneOrigin(index, *creator, t_ns))

    def spans(self, spans: SpanChunk, enclosing: Index, previous: Index) -> None:
        """Count spans that have ended, with the stages around and before them, and hand on what is stored."""
        if not len(spans):
            return
        self.count += len(spans)
        if self.cover is not None:
            is_outermost = spans.depth == 0
            self.cover.add(spans.start_ns[is_outermost], spans.end_ns[is_outermost])
        spans = replace(spans, lane=self._lanes.stored_column(spans.lane))
        self.tables()
        if self._counter is not None and self.is_counting:
            is_call = self._stages.is_outermost(enclosing, spans.stage)
            stored = self._counter.spans(spans, enclosing, previous, is_call)
            spans = _picked(spans, stored)
        self._sink.add_spans(spans)

    def runs(self, runs: LaneRuns) -> None:
        """Hand on the runs of coroutines that are stored."""
        if not len(runs):
            return
        runs = replace(runs, lane=self._lanes.stored_column(runs.lane))
        self.tables()
        if self._counter is not None and self.is_counting:
            stored = self._counter.is_stored(runs.start_ns, runs.end_ns)
            runs = LaneRuns(runs.lane[stored], runs.start_ns[stored], runs.end_ns[stored])
        self._sink.add_lane_runs(runs)

    def tables(self) -> None:
        """Hand on new stages, lanes and origins, before anything that refers to them."""
        stages = self._stages.take_fresh()
        if stages:
            self._sink.add_stages(stages)
        origins = [told for origin in self.origins for told in self._stored_origin(origin)]
        self.origins = []
        lanes = self._lanes.take_fresh()
        if lanes:
            self._sink.add_lanes(lanes)
        if origins:
            self._sink.add_origins(origins)

    def _stored_origin(self, origin: LaneOrigin) -> tuple[LaneOrigin, ...]:
        """Return the origin as it is stored: once for all lanes that share a row."""
        parent = self._lanes.stored(origin.parent_lane)
        if origin.lane < POOLED:
            return (replace(origin, parent_lane=parent),)
        like = (0, "thread")
        pool, is_new = self._lanes.join(origin.lane, parent, origin.parent_stage, like)
        return (LaneOrigin(pool, parent, origin.parent_stage, origin.t_ns),) if is_new else ()

    def warnings(self, lines: Iterable[str]) -> None:
        """Hand on lines for the report."""
        for line in lines:
            self._sink.warn(line)

    def samples(self, samples: Samples) -> None:
        """Hand on samples of stacks."""
        if self._counter is not None and self.is_counting:
            stored = self._counter.is_stored(samples.start_ns, samples.end_ns)
            samples = Samples(*(getattr(samples, column.name)[stored] for column in fields(Samples)))
        self._sink.add_samples(samples)


def _picked(spans: SpanChunk, rows: Flags) -> SpanChunk:
    if rows.all():
        return spans
    return SpanChunk(*(getattr(spans, column.name)[rows] for column in fields(SpanChunk)))
