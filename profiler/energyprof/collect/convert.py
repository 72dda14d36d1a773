"""Convert spools to columns while the run goes: what the recorder wrote becomes stages, lanes, spans and lane runs.

    converter = Converter(SpoolWatcher(run_dir / "spool"), writer)
    while converter.step(): ...               # until nothing new is there
    if writer.commit(): converter.release()   # deletes spool segments whose content is now stored

Spans are handed on when they end; `finish` hands on those still open. An end closes the innermost open span of its
code and clips the ones inside; an end of a stage that is not open is ignored and counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import Any, Protocol

import numpy as np

from energyprof.collect.convert_children import Children, replaced_by
from energyprof.collect.convert_lanes import LaneTable
from energyprof.collect.convert_losses import Losses
from energyprof.collect.convert_process import Process, Run, ThreadEvents
from energyprof.collect.convert_progress import WHOLE, Journal
from energyprof.collect.convert_spans import LaneEvents, OpenSpan, convert_events
from energyprof.collect.convert_stacks import ProcessStacks, StackSink, StackTable
from energyprof.collect.convert_stages import StageTable
from energyprof.collect.spool_watch import SpoolPiece, SpoolWatcher
from energyprof.model.events import RESUME
from energyprof.model.recording import Announced, LaneOrigin, LaneRow, LocalStage, Progress, SpanChunk
from energyprof.model.span import LaneRuns
from energyprof.model.spool import (
    CODES,
    END,
    EVENTS,
    FACTS,
    HEAD,
    LANES,
    LOSS,
    NAMES,
    SAMPLES,
    STACKS,
    Frame,
    read_frames,
)
from energyprof.model.trace import RecorderFacts


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

    def keep_progress(self, progress: Callable[[], Progress]) -> None:
        """Take what it takes to go on after all that was handed on before: `progress()`, to be asked once."""
        ...

    def warn(self, message: str) -> None:
        """Take a warning for the report."""
        ...


class Converter:
    """Read spools piece by piece and hand columns to a sink. Not thread-safe; the collector's main loop owns it."""

    def __init__(
        self,
        watcher: SpoolWatcher,
        sink: RecordingSink,
        now_ns: Callable[[], int] = time.monotonic_ns,
        signalled_ns: Callable[[str], int | None] = lambda _spool: None,
        *,
        is_part: bool = False,
    ) -> None:
        """`signalled_ns` knows by spool when stack sampling gave its process the first signal.

        `is_part`: the program ran before, so that stages may end here that had begun in a run before this one.
        """
        self._is_part = is_part
        self._signalled_ns = signalled_ns
        self._watcher = watcher
        self._sink = sink
        self._now_ns = now_ns
        self._stages = StageTable()
        self._lanes = LaneTable()
        self._processes: dict[str, Process] = {}
        self._children = Children(self._process)
        self._stack_table = StackTable()
        self._stacks: dict[str, ProcessStacks] = {}
        self._origins: list[LaneOrigin] = []
        self._open: dict[int, list[OpenSpan]] = {}
        """Per lane on which anything is open: outermost first."""
        self._main = self._latest = -1
        self._spans = self._stray = self._clipped = 0
        self._finished = False
        self._journal = Journal()

    def go_on(self, stages: Sequence[LocalStage], lanes: Sequence[LaneRow], progress: Progress) -> None:
        """Take up where another converter was stopped; `progress` is all that it has had stored, with its sink's rows.

        Before the first step.
        """
        self._stages.go_on(stages)
        self._lanes.go_on(lanes)
        for announced in progress.announced:
            self._process(announced.spool).lanes.update(announced.lanes)
        for announced in progress.announced:
            for frame, _ in read_frames(announced.frames):
                self._take(self._process(announced.spool), frame)
        # What was announced has been handed on before.
        self._stages.take_fresh()
        self._lanes.take_fresh()
        self._origins = []
        for name, state in progress.state.items():
            if name == WHOLE:
                self._go_on_whole(state)
                continue
            self._watcher.go_on(name, state)
            self._process(name).go_on(state)
            if state["looked_ns"] is not None:
                self._stacks_of(self._process(name)).looked_ns = state["looked_ns"]

    def _go_on_whole(self, state: dict[str, Any]) -> None:
        for lane, code, start_ns, stage in state["open"]:
            self._open.setdefault(lane, []).append(OpenSpan(code, start_ns, stage))
        self._latest = state["latest"]
        self._spans, self._stray, self._clipped = state["spans"], state["stray"], state["clipped"]
        self._stages.overflowed = state["overflowed"]
        self._stack_table.go_on(state["stacks"])

    def _progress(self) -> Progress:
        state, announced = self._journal.take(self._state_of)
        lanes = []
        for process in self._processes.values():
            if process.new_lanes:
                lanes.append(Announced(process.spool, tuple(process.new_lanes), b""))
                process.new_lanes = []
        state[WHOLE] = {
            "open": [(lane, *astuple(span)) for lane, stack in self._open.items() for span in stack],
            "latest": self._latest,
            "spans": self._spans,
            "stray": self._stray,
            "clipped": self._clipped,
            "overflowed": self._stages.overflowed,
            "stacks": self._stack_table.handed_on,
        }
        return Progress(state, (*lanes, *announced))

    def _state_of(self, spool: str) -> dict[str, Any]:
        stacks = self._stacks.get(spool)
        looked_ns = None if stacks is None else stacks.looked_ns
        return {**self._watcher.position(spool), **self._processes[spool].state(), "looked_ns": looked_ns}

    def step(self) -> bool:
        """Convert the next bounded piece; False: nothing new is there at present."""
        piece = self._watcher.read()
        if piece is None:
            return False
        self._convert(piece)
        return True

    def seal(self) -> None:
        """Convert no more than what is there now; see `SpoolWatcher.seal`."""
        self._watcher.seal()

    def release(self) -> None:
        """Delete the spool segments converted so far; only after the sink has stored what it was given."""
        self._watcher.release()

    def finish(self, end_ns: int, ended_ns: Callable[[int, int], int | None] = lambda _pid, _since_ns: None) -> None:
        """Convert all the rest and hand on what is still open, cut at `end_ns` or where its process ended before.

        `ended_ns` returns when the process that had a pid at some time ended, None: it is alive. A second call does
        nothing.
        """
        if self._finished:
            return
        self._finished = True
        while self.step():
            pass
        self._watcher.close()
        self._origins += self._children.rest(self._processes.values())
        self._hand_on()
        for process in self._processes.values():
            ended = [end_ns] if process.closed_ns is None else [end_ns, process.closed_ns]
            seen_ns = ended_ns(process.pid, process.started_ns)
            if seen_ns is not None:
                ended.append(max(seen_ns, process.last_ns()))
            self._cut(process, min(ended))
        self._warn_of_losses()

    def recorder_facts(self) -> RecorderFacts:
        """Return what is known here of the cost and the losses of recording; the collector adds its own share."""
        processes = self._processes.values()
        return RecorderFacts(
            recorder_s=sum(process.recorder_ns for process in processes) / 1e9,
            spans=self._spans,
            dropped=sum(process.dropped + process.missing() for process in processes),
        )

    def last_ns(self) -> int:
        """Return when anything was recorded last, or a recorder closed; 0: never."""
        return max((process.closed_ns or process.last_ns() for process in self._processes.values()), default=0)

    def has_spans(self) -> bool:
        """Tell whether any stage or module has been seen to begin."""
        return self._spans > 0 or any(self._open.values())

    def current_stage(self) -> str:
        """Return the path of the innermost stage open on the main lane, else on the lane active last, else ''."""
        stack = self._open.get(self._main) or self._open.get(self._latest)
        return "/".join(self._stages.path(stack[-1].stage)) if stack else ""

    def _convert(self, piece: SpoolPiece) -> None:
        process = self._process(piece.spool)
        events = []
        for frame in piece.frames:
            if frame.kind == EVENTS:
                events.append(process.thread_events(frame.lane, frame.payload))
            else:
                self._take(process, frame)
                self._journal.keep(piece.spool, frame)
        if events:
            self._take_events(process, events)
        self._hand_on()
        self._journal.touch(piece.spool)
        self._sink.keep_progress(self._progress)

    def _process(self, spool: str) -> Process:
        if spool not in self._processes:
            self._processes[spool] = Process(spool, self._stages, self._lanes)
        return self._processes[spool]

    def _take(self, process: Process, frame: Frame) -> None:
        """Work off a frame that holds no events."""
        if frame.kind == END:
            process.closed_ns = process.end_ns(frame.payload) or self._now_ns()
        elif frame.kind in {CODES, STACKS, SAMPLES}:
            self._take_stacks(process, frame)
        else:
            self._take_told(process, frame)

    def _take_told(self, process: Process, frame: Frame) -> None:
        content: Any = frame.json()  # JSON of the recorder, whose shape `model.spool` documents
        if frame.kind == HEAD:
            process.take_head(content)
            for other in replaced_by(process, self._processes.values()):
                other.closed_ns = min(other.closed_ns or process.started_ns, process.started_ns)
        elif frame.kind == NAMES:
            for entry in content:
                process.take_name(entry)
        elif frame.kind == LANES:
            for entry in content:
                main = process.take_lane(entry)
                if main is not None:
                    self._place_main_thread(process, main)
                elif "pid" in entry:
                    self._origins += self._children.told(process, entry)
        elif frame.kind == LOSS:
            process.dropped += content["dropped"]
        elif frame.kind == FACTS:
            process.recorder_ns = max(process.recorder_ns, content.get("recorder_ns", 0))
            process.events_told = max(process.events_told, content.get("events", 0))
            for message in content.get("warnings", ()):
                self._sink.warn(message)

    def _stacks_of(self, process: Process) -> ProcessStacks:
        return self._stacks.setdefault(process.spool, ProcessStacks(self._stack_table))

    def _take_stacks(self, process: Process, frame: Frame) -> None:
        stacks = self._stacks_of(process)
        if frame.kind == CODES:
            stacks.take_codes(frame.json())
        elif frame.kind == STACKS:
            stacks.take_stacks(frame.payload)
        else:
            signalled_ns = self._signalled_ns(process.spool)
            samples = stacks.samples(frame.payload, process.pid, process.monotonic_ns, signalled_ns)
            self._stack_table.hand_on(self._sink)
            self._sink.add_samples(samples)

    def _place_main_thread(self, process: Process, main: int) -> None:
        """Put a forked or launched child below the stage in which its parent created it."""
        if process.parent_spool is not None:
            self._origins += self._children.place(process, main)
        elif self._main < 0:
            self._main = main

    def _take_events(self, process: Process, parts: list[ThreadEvents]) -> None:
        self._add_runs([run for part in parts for run in part.runs])
        lane = np.concatenate([part.lane for part in parts])
        if not len(lane):
            return
        self._latest = int(lane[-1])
        lanes = sorted(frozenset().union(*(part.lanes for part in parts)))
        events = LaneEvents(
            rank=np.searchsorted(np.array(lanes), lane) if len(lanes) > 1 else np.zeros(len(lane), np.int64),
            code=np.concatenate([part.code for part in parts]),
            t_ns=np.concatenate([part.t_ns for part in parts]),
        )
        done = convert_events(events, lanes, [self._open.pop(index, []) for index in lanes], process.resolver.resolve)
        self._open.update(done.still_open)
        if not process.parent_lane:  # a forked child rightly ends stages that its parent had begun
            self._stray += done.stray
        self._clipped += done.clipped
        spawns = done.spawns
        for creator, stage, number, t_ns in zip(
            spawns.lane.tolist(), spawns.stage.tolist(), spawns.number.tolist(), spawns.t_ns.tolist(), strict=True
        ):
            self._origins.append(LaneOrigin(process.lane(number, "thread"), creator, stage, t_ns))
        self._add_spans(done.spans)

    def open_spans(self, end_ns: int) -> SpanChunk:
        """Return what is open now, cut off at `end_ns`."""
        return self._open_on(sorted(self._open), end_ns)

    def _cut(self, process: Process, end_ns: int) -> None:
        """Hand on the spans and runs of a process that never ended."""
        self._add_runs(process.runs_cut_at(end_ns))
        self._add_spans(self._open_on(sorted(process.lanes.values()), end_ns))

    def _open_on(self, lanes: Sequence[int], end_ns: int) -> SpanChunk:
        rows = [
            (span.stage, lane, span.start_ns, max(end_ns, span.start_ns), depth, span.code > RESUME)
            for lane in lanes
            for depth, span in enumerate(self._open.get(lane, ()))
        ]
        stage, lane_column, start_ns, end_column_ns, depth, resumed = np.array(rows, np.int64).reshape(-1, 6).T
        narrow = [column.astype(np.int32) for column in (stage, lane_column, depth)]
        is_open = np.ones(len(rows), np.bool_)
        return SpanChunk(narrow[0], narrow[1], start_ns, end_column_ns, narrow[2], is_open, resumed.astype(np.bool_))

    def _add_spans(self, spans: SpanChunk) -> None:
        if len(spans):
            self._spans += len(spans)
            self._hand_on()
            self._sink.add_spans(spans)

    def _add_runs(self, runs: list[Run]) -> None:
        if runs:
            self._hand_on()
            lane, start_ns, end_ns = np.array(sorted(runs), np.int64).T
            self._sink.add_lane_runs(LaneRuns(lane.astype(np.int32), start_ns, end_ns))

    def _hand_on(self) -> None:
        """Hand on new stages, lanes and origins, before anything that refers to them."""
        stages = self._stages.take_fresh()
        if stages:
            self._sink.add_stages(stages)
        lanes = self._lanes.take_fresh()
        if lanes:
            self._sink.add_lanes(lanes)
        if self._origins:
            self._sink.add_origins(self._origins)
            self._origins = []

    def _warn_of_losses(self) -> None:
        losses = Losses(
            unnamed=sum(len(process.resolver.unnamed) for process in self._processes.values()),
            damaged_bytes=sum(self._watcher.damaged.values()),
            stray=0 if self._is_part else self._stray,
            clipped=self._clipped,
            overflowed=self._stages.overflowed,
        )
        for line in losses.lines():
            self._sink.warn(line)
