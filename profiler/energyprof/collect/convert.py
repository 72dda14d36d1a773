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
from dataclasses import astuple, replace
from typing import Any

import numpy as np

from energyprof.collect.bursts import Bursts
from energyprof.collect.convert_children import Children, replaced_by
from energyprof.collect.convert_counts import Counter
from energyprof.collect.convert_hand_on import HandOn, RecordingSink
from energyprof.collect.convert_lanes import POOLED, LaneTable
from energyprof.collect.convert_losses import Losses
from energyprof.collect.convert_process import Process, Run, ThreadEvents
from energyprof.collect.convert_progress import WHOLE, Journal
from energyprof.collect.convert_spans import LaneEvents, OpenSpan, convert_events
from energyprof.collect.convert_stacks import NODE_LIMIT, ProcessStacks, StackTable
from energyprof.collect.convert_stages import PATH_LIMIT, StageTable
from energyprof.collect.convert_times import ThreadTimes
from energyprof.collect.spool_watch import SpoolPiece, SpoolWatcher
from energyprof.model.events import RESUME
from energyprof.model.recording import Announced, LaneRow, LocalStage, Progress, SpanChunk
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

STAGE_BYTES, NODE_BYTES = 1024, 128
"""Part of the bound of a recording for which one stage, or one call of a sampled function, is kept apart."""
ENDED_KEPT = 200
"""Processes that ended and are still known; fewer where the bound is so small that one takes more than its part of it.
"""
ENDED_BYTES = 8192


class Converter:
    """Read spools piece by piece and hand columns to a sink. Not thread-safe; the collector's main loop owns it."""

    def __init__(  # noqa: PLR0913 - three clocks and plans by keyword
        self,
        watcher: SpoolWatcher,
        sink: RecordingSink,
        now_ns: Callable[[], int] = time.monotonic_ns,
        signalled_ns: Callable[[str], int | None] = lambda _spool: None,
        *,
        is_part: bool = False,
        bursts: Bursts | None = None,
        lane_limit: int | None = None,
    ) -> None:
        """`signalled_ns` knows by spool when stack sampling gave its process the first signal.

        `bursts` says when spans are stored; None: always. At most `lane_limit` lanes are kept apart; None: all.

        `is_part`: the program ran before, so that stages may end here that had begun in a run before this one.
        """
        self._is_part = is_part
        self._signalled_ns = signalled_ns
        self._watcher = watcher
        self._sink = sink
        self._now_ns = now_ns
        limit_bytes = None if bursts is None else bursts.limit_bytes
        self._stages = StageTable(PATH_LIMIT if limit_bytes is None else min(PATH_LIMIT, limit_bytes // STAGE_BYTES))
        self._lanes = LaneTable(lane_limit)
        self._processes: dict[str, Process] = {}
        self._children = Children(self._process)
        self._stack_table = StackTable(
            NODE_LIMIT if limit_bytes is None else min(NODE_LIMIT, limit_bytes // NODE_BYTES)
        )
        self._stacks: dict[str, ProcessStacks] = {}
        self._open: dict[int, list[OpenSpan]] = {}
        """Per lane on which anything is open: outermost first."""
        self._last_outermost: dict[int, int] = {}
        """Stage of the outermost span that began last, per lane."""
        self._bursts = bursts
        self._counter = None if bursts is None else Counter(bursts)
        self._out = HandOn(sink, self._stages, self._lanes, self._counter)
        self._times = None if self._counter is None else ThreadTimes(self._counter, self._innermost, self._lanes)
        self._main = self._latest = -1
        self._stray = self._clipped = 0
        self._gone = {"recorder_ns": 0, "dropped": 0, "unnamed": 0}
        """What processes that were forgotten leave."""
        self._ended_kept = ENDED_KEPT if limit_bytes is None else min(ENDED_KEPT, limit_bytes // ENDED_BYTES)
        self._ended: dict[str, None] = {}
        """Spools of processes that ended, the earliest first."""
        self._forgotten: list[str] = []
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
        self._out.origins = []
        for name, state in progress.state.items():
            if name == WHOLE:
                self._go_on_whole(state)
                continue
            self._watcher.go_on(name, state)
            self._process(name).go_on(state)
            if state["looked_ns"] is not None:
                self._stacks_of(self._process(name)).looked_ns = state["looked_ns"]

    def _go_on_whole(self, state: dict[str, Any]) -> None:
        for lane, *span in state["open"]:
            self._open.setdefault(lane, []).append(OpenSpan(*span))
        self._last_outermost = dict(state["last_outermost"])
        if self._bursts is not None and self._counter is not None and state["bursts"] is not None:
            self._bursts.go_on(state["bursts"])
            self._counter.go_on(state["counter"])
            self._out.begin_counting()
        self._gone = state["gone"]
        self._lanes.go_on_with_pools(state["pools"])
        self._latest = state["latest"]
        self._out.count, self._stray, self._clipped = state["spans"], state["stray"], state["clipped"]
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
            "last_outermost": list(self._last_outermost.items()),
            "bursts": self._bursts.state() if self._bursts is not None and self._out.is_counting else None,
            "gone": self._gone,
            "pools": self._lanes.state(),
            "latest": self._latest,
            "spans": self._out.count,
            "stray": self._stray,
            "clipped": self._clipped,
            "overflowed": self._stages.overflowed,
            "stacks": self._stack_table.handed_on,
        }
        tallies = {}
        if self._counter is not None and self._out.is_counting:
            tallies = self._counter.take()
            state[WHOLE]["counter"] = self._counter.state()
        forgotten, self._forgotten = tuple(self._forgotten), []
        return Progress(state, (*lanes, *announced), forgotten, tallies)

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
        self._forget_ended()

    def _forget_ended(self) -> None:
        """Forget the processes that ended first, but for the last ones: their children may still turn up."""
        if self._finished:
            return
        for spool in list(self._ended)[: max(0, len(self._ended) - self._ended_kept)]:
            if not self._watcher.is_over(spool):
                continue
            process = self._processes[spool]
            if process.closed_ns is not None:
                self._close(process, process.closed_ns)
            self._out.origins += self._children.rest_of(process)
            self._gone["recorder_ns"] += process.recorder_ns
            self._gone["dropped"] += process.dropped + process.missing()
            self._gone["unnamed"] += len(process.resolver.unnamed)
            for lane in process.all_lanes():
                self._lanes.leave(lane)
                self._open.pop(lane, None)
                self._last_outermost.pop(lane, None)
            self._children.forget(process)
            self._watcher.forget(spool)
            self._stacks.pop(spool, None)
            self._journal.forget(spool)
            self._forgotten.append(spool)
            del self._processes[spool], self._ended[spool]
            self._sink.keep_progress(self._progress)

    def _close(self, process: Process, end_ns: int) -> None:
        """Hand on what is still open in a process that ended."""
        if self._times is not None and self._out.is_counting:
            self._times.count_until(process.live_threads(), end_ns)
        self._cut(process, end_ns)

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
        self._out.origins += self._children.rest(self._processes.values())
        self._out.tables()
        for process in self._processes.values():
            ended = [end_ns] if process.closed_ns is None else [end_ns, process.closed_ns]
            seen_ns = ended_ns(process.pid, process.started_ns)
            if seen_ns is not None:
                ended.append(max(seen_ns, process.last_ns()))
            self._close(process, min(ended))
        if self._out.is_counting and self._counter is not None:
            self._counter.reach(end_ns)
            self._sink.keep_progress(self._progress)
        self._warn_of_losses()

    def recorder_facts(self) -> RecorderFacts:
        """Return what is known here of the cost and the losses of recording; the collector adds its own share."""
        processes = self._processes.values()
        return RecorderFacts(
            recorder_s=(self._gone["recorder_ns"] + sum(process.recorder_ns for process in processes)) / 1e9,
            spans=self._out.count,
            dropped=self._gone["dropped"] + sum(process.dropped + process.missing() for process in processes),
            counted=0 if self._counter is None else self._counter.counted,
        )

    def last_ns(self) -> int:
        """Return when anything was recorded last, or a recorder closed; 0: never."""
        return max((process.closed_ns or process.last_ns() for process in self._processes.values()), default=0)

    def has_spans(self) -> bool:
        """Tell whether any stage or module has been seen to begin."""
        return self._out.count > 0 or any(self._open.values())

    def current_stage(self) -> str:
        """Return the path of the innermost stage open on the main lane, else on the lane active last, else ''."""
        stack = self._open.get(self._main) or self._open.get(self._latest)
        return "/".join(self._stages.path(stack[-1].stage)) if stack else ""

    def _convert(self, piece: SpoolPiece) -> None:
        process = self._process(piece.spool)
        if self._bursts is not None and not self._out.is_counting:
            self._bursts.expect(sum(len(frame.payload) for frame in piece.frames if frame.kind == EVENTS) // 32)
            if self._bursts.is_counting:
                self._out.begin_counting()
        events = []
        for frame in piece.frames:
            if frame.kind == EVENTS:
                events.append(process.thread_events(frame.lane, frame.payload, self._out.is_counting))
            else:
                self._take(process, frame)
                if frame.kind != LANES or process.keeps_apart(frame.json()):
                    self._journal.keep(piece.spool, frame)
        if events:
            self._take_events(process, events)
        self._out.tables()
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
            self._ended[process.spool] = None
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
                    self._out.origins += self._children.told(process, entry)
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
            self._out.samples(samples)

    def _place_main_thread(self, process: Process, main: int) -> None:
        """Put a forked or launched child below the stage in which its parent created it."""
        if process.parent_spool is not None:
            self._out.origins += self._children.place(process, main)
        elif self._main < 0:
            self._main = main

    def _take_events(self, process: Process, parts: list[ThreadEvents]) -> None:
        runs = _run_columns([run for part in parts for run in part.runs])
        lane = np.concatenate([part.lane for part in parts])
        if not len(lane):
            self._out.runs(runs)
            return
        self._latest = int(lane[-1])
        lanes = sorted(frozenset().union(*(part.lanes for part in parts)))
        events = LaneEvents(
            rank=np.searchsorted(np.array(lanes), lane) if len(lanes) > 1 else np.zeros(len(lane), np.int64),
            code=np.concatenate([part.code for part in parts]),
            t_ns=np.concatenate([part.t_ns for part in parts]),
            row=np.arange(len(lane)),
        )
        before = {at: self._innermost(at) for part in parts for at in (*part.lanes, part.running, part.thread.own)}
        stacks = [self._open.pop(index, []) for index in lanes]
        done = convert_events(
            events, lanes, stacks, process.resolver.resolve, lambda at: self._last_outermost.get(at, -1)
        )
        self._open.update(done.still_open)
        self._last_outermost.update({lane: stage for lane, stage in done.last_outermost.items() if lane < POOLED})
        if self._bursts is not None and self._out.is_counting:
            spans = done.spans
            self._bursts.admit(
                np.concatenate((spans.start_ns, runs.start_ns)), np.concatenate((spans.end_ns, runs.end_ns))
            )
        if not process.parent_lane:  # a forked child rightly ends stages that its parent had begun
            self._stray += done.stray
        self._clipped += done.clipped
        spawns = done.spawns
        for creator, stage, number, t_ns in zip(
            spawns.lane.tolist(), spawns.stage.tolist(), spawns.number.tolist(), spawns.t_ns.tolist(), strict=True
        ):
            self._out.place(process, number, (self._lanes.stored(creator), stage), t_ns)
        self._out.runs(runs)
        self._out.spans(done.spans, done.enclosing, done.previous)
        if self._times is not None and self._out.is_counting:
            self._times.count(parts, before, lane, done)
        if self._bursts is not None:
            self._bursts.saw(max(int(part.t_ns[-1]) for part in parts if len(part.t_ns)))

    def _innermost(self, lane: int) -> int:
        stack = self._open.get(lane)
        return stack[-1].stage if stack else -1

    def count_until(self, t_ns: int) -> None:
        """Count what threads did since their last events; nothing they did before `t_ns` is still to come."""
        for process in self._processes.values():
            process.sweep(t_ns, self._open.__contains__)
        if self._times is None or self._counter is None or not self._out.is_counting:
            return
        for process in self._processes.values():
            if process.closed_ns is None:
                self._times.count_until(process.live_threads(), t_ns)
        if self._bursts is not None:
            self._bursts.saw(t_ns)
        self._counter.reach(t_ns)
        self._sink.keep_progress(self._progress)

    def open_spans(self, end_ns: int) -> SpanChunk:
        """Return what is open now, cut off at `end_ns`."""
        spans = self._open_on(sorted(self._open), end_ns)
        return replace(spans, lane=self._lanes.stored_column(spans.lane))

    def _cut(self, process: Process, end_ns: int) -> None:
        """Hand on the spans and runs of a process that never ended."""
        self._out.runs(_run_columns(process.runs_cut_at(end_ns)))
        lanes = process.all_lanes()
        stacks = [self._open.get(lane, []) for lane in lanes]
        spans = [span for stack in stacks for span in stack]
        enclosing = [stage for stack in stacks for stage in (-1, *(span.stage for span in stack[:-1]))[: len(stack)]]
        previous = np.array([span.previous for span in spans], np.int32)
        self._out.spans(self._open_on(lanes, end_ns), np.array(enclosing, np.int32), previous)

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

    def _warn_of_losses(self) -> None:
        losses = Losses(
            unnamed=self._gone["unnamed"] + sum(len(process.resolver.unnamed) for process in self._processes.values()),
            damaged_bytes=sum(self._watcher.damaged.values()),
            stray=0 if self._is_part else self._stray,
            clipped=self._clipped,
            overflowed=self._stages.overflowed,
        )
        for line in losses.lines():
            self._sink.warn(line)


def _run_columns(runs: list[Run]) -> LaneRuns:
    lane, start_ns, end_ns = np.array(sorted(runs), np.int64).reshape(-1, 3).T
    return LaneRuns(lane.astype(np.int32), start_ns, end_ns)
