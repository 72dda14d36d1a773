"""Convert spools to columns while the run goes: what the recorder wrote becomes stages, lanes, spans and lane runs.

    converter = Converter(SpoolWatcher(run_dir / "spool"), writer)
    while converter.step(): ...               # until nothing new is there
    if writer.commit(): converter.release()   # deletes spool segments whose content is now stored

Spans are handed on when they end; `finish` hands on those still open. An end closes the innermost open span of its
code and clips the ones inside; an end of a stage that is not open is ignored and counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from energyprof.collect.bursts import Bursts
from energyprof.collect.convert_children import Children, replaced_by
from energyprof.collect.convert_counts import Counter
from energyprof.collect.convert_cures import CureLog
from energyprof.collect.convert_facts import end_of, facts_of
from energyprof.collect.convert_hand_on import HandOn, RecordingSink
from energyprof.collect.convert_handed import HandedOver
from energyprof.collect.convert_lanes import POOLED, LaneTable
from energyprof.collect.convert_losses import Losses, lines_of_cut_off
from energyprof.collect.convert_own_cpu import OwnReadings
from energyprof.collect.convert_process import Process, ThreadEvents, run_columns
from energyprof.collect.convert_progress import WHOLE, Journal
from energyprof.collect.convert_ranks import RankLog
from energyprof.collect.convert_sampled import SampledStacks
from energyprof.collect.convert_spans import LaneEvents, convert_events
from energyprof.collect.convert_stages import PATH_LIMIT, StageTable
from energyprof.collect.convert_times import ThreadTimes
from energyprof.collect.convert_told import ToldLog
from energyprof.collect.open_spans import OpenSpans
from energyprof.collect.spool_watch import SpoolPiece, SpoolWatcher
from energyprof.collect.time_cover import TimeCover
from energyprof.model.frame import TOLD
from energyprof.model.recording import Announced, LaneRow, LocalStage, Progress, SpanChunk
from energyprof.model.spool import CPU, CURES, END, EVENTS, FACTS, HEAD, LANES, LOSS, NAMES, RANK, Frame, read_frames
from energyprof.model.trace import RecorderFacts

STAGE_BYTES, ENDED_BYTES = 1024, 8192
"""Parts of the bound of a recording for which one stage is kept apart, and one process that ended is still known."""
ENDED_KEPT = 200


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
        self._watcher = watcher
        self._sink = sink
        self._now_ns = now_ns
        limit_bytes = None if bursts is None else bursts.limit_bytes
        self._stages = StageTable(PATH_LIMIT if limit_bytes is None else min(PATH_LIMIT, limit_bytes // STAGE_BYTES))
        self._lanes = LaneTable(lane_limit)
        self._processes: dict[str, Process] = {}
        self._children = Children(self._process)
        self._open = OpenSpans()
        self._bursts = bursts
        self._counter = None if bursts is None else Counter(bursts)
        self._out = HandOn(sink, self._stages, self._lanes, self._counter)
        self._own_cpu = OwnReadings()
        self._sampled = SampledStacks(sink, self._out, signalled_ns, limit_bytes)
        self._times = None if self._counter is None else ThreadTimes(self._counter, self._open.innermost, self._lanes)
        self.cures, self.told = CureLog(), ToldLog()
        self._logs: dict[int, CureLog | ToldLog] = {CURES: self.cures, TOLD: self.told}
        self._handed = HandedOver(lambda stage: self._stages.stages[stage].parent)
        self._ranks = RankLog(sink.add_rank)
        self._main = self._latest = -1
        self._stray = self._clipped = 0
        self._gone = {"recorder_ns": 0, "dropped": 0, "unnamed": 0}  # of processes that were forgotten
        self._ended_kept = ENDED_KEPT if limit_bytes is None else min(ENDED_KEPT, limit_bytes // ENDED_BYTES)
        self._ended: dict[str, None] = {}  # spools of processes that ended, the earliest first
        self._forgotten: list[str] = []
        self._finished = False
        self._journal = Journal()

    def go_on(self, stages: Sequence[LocalStage], lanes: Sequence[LaneRow], progress: Progress) -> None:
        """Before the first step take up where another was stopped; `progress` is all it had stored with these rows."""
        self._stages.go_on(stages)
        self._lanes.go_on(lanes)
        for announced in progress.announced:
            self._process(announced.spool).lanes.update(announced.lanes)
        for announced in progress.announced:
            for frame, _ in read_frames(announced.frames):
                self._take(self._process(announced.spool), frame)  # what was announced has been handed on before
        self._stages.take_fresh()
        self._lanes.take_fresh()
        self._out.origins = []
        for name, state in progress.state.items():
            if name == WHOLE:
                self._go_on_whole(state)
                continue
            self._watcher.go_on(name, state)
            self._process(name).go_on(state)
            self._sampled.looked(name, state["looked_ns"])

    def _go_on_whole(self, state: dict[str, Any]) -> None:
        self._open.go_on(state)
        if self._bursts is not None and self._counter is not None and state["bursts"] is not None:
            self._bursts.go_on(state["bursts"])
            self._counter.go_on(state["counter"])
            self._out.begin_counting()
        self._gone = state["gone"]
        self._lanes.go_on_with_pools(state["pools"])
        self._latest = state["latest"]
        self._out.count, self._stray, self._clipped = state["spans"], state["stray"], state["clipped"]
        self._stages.overflowed = state["overflowed"]
        self._handed.go_on(state["handed"])
        self._sampled.go_on(state["stacks"])

    def _progress(self) -> Progress:
        state, announced = self._journal.take(self._state_of)
        lanes = []
        for process in self._processes.values():
            if process.new_lanes:
                lanes.append(Announced(process.spool, tuple(process.new_lanes), b""))
                process.new_lanes = []
        state[WHOLE] = {
            **self._open.state(),
            "bursts": self._bursts.state() if self._bursts is not None and self._out.is_counting else None,
            "gone": self._gone,
            "pools": self._lanes.state(),
            "latest": self._latest,
            "spans": self._out.count,
            "stray": self._stray,
            "clipped": self._clipped,
            "overflowed": self._stages.overflowed,
            "stacks": self._sampled.state(),
            "handed": self._handed.state(),
        }
        tallies = self._handed.tallies()
        if self._counter is not None and self._out.is_counting:
            tallies |= self._counter.take()
            state[WHOLE]["counter"] = self._counter.state()
        forgotten, self._forgotten = tuple(self._forgotten), []
        return Progress(state, (*lanes, *announced), forgotten, tallies)

    def _state_of(self, spool: str) -> dict[str, Any]:
        own = {**self._processes[spool].state(), "looked_ns": self._sampled.looked_ns(spool)}
        return {**self._watcher.position(spool), **own}

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
                self._open.forget(lane)
            self._children.forget(process)
            self._watcher.forget(spool)
            self._sampled.forget(spool)
            self._handed.forget(spool)
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
        self._out.warnings(lines_of_cut_off(self._processes.values(), self._open.__contains__, ended_ns))
        for process in self._processes.values():
            self._close(process, end_of(process, end_ns, ended_ns(process.pid, process.started_ns)))
        if self._out.is_counting and self._counter is not None:
            self._counter.reach(end_ns)
            self._sink.keep_progress(self._progress)
        self._warn_of_losses()

    def recorder_facts(self) -> RecorderFacts:
        """Return what is known here of the cost and the losses of recording; the collector adds its own share."""
        counted = 0 if self._counter is None else self._counter.counted
        return facts_of(self._processes.values(), self._gone, self._out.count, counted)

    def processes(self) -> Collection[Process]:
        """Return the processes that are known, but for ended ones long ago."""
        return self._processes.values()

    def watch(self, stages: TimeCover, own: TimeCover) -> None:
        """Say from here on when stages are open, and when samples show a main thread that does not import."""
        self._out.cover, self._sampled.own = stages, own
        stages.open_since_ns = self._open.since_ns

    def current_stage(self) -> str:
        """Return the path of the innermost stage open on the main lane, else on the lane active last, else ''."""
        open_on = (self._open.innermost(lane) for lane in (self._main, self._latest))
        stage = next((stage for stage in open_on if stage >= 0), -1)
        return "/".join(self._stages.path(stage)) if stage >= 0 else ""

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
        elif frame.kind == CPU:
            self._sink.add_cpu(self._own_cpu.rows(process, frame.payload, only_ends=self._out.is_counting))
        elif frame.kind == RANK:
            self._ranks.take(process, frame.json())
        elif frame.kind in SampledStacks.KINDS:
            self._sampled.take(process, frame)
        else:
            self._take_told(process, frame)

    def _take_told(self, process: Process, frame: Frame) -> None:
        content: Any = frame.json()  # JSON of the recorder, whose shape `model.spool` documents
        if frame.kind == HEAD:
            process.take_head(content)
            for other in replaced_by(process, self._processes.values()):
                other.closed_ns = min(other.closed_ns or process.started_ns, process.started_ns)
            self._ranks.begun(process, self._processes.get(process.parent_spool or ""))
        elif frame.kind == NAMES:
            for entry in content:
                process.take_name(entry)
        elif frame.kind == LANES:
            for entry in content:
                main = process.take_lane(entry)
                if main is not None:
                    self._place_main_thread(process, main)
                elif "pid" in entry or "base" in entry:
                    self._out.origins += self._children.told(process, entry)
        elif frame.kind in self._logs:
            self._logs[frame.kind].take(process, content)
        elif frame.kind == LOSS:
            process.dropped += content["dropped"]
            process.lost_because = content["reason"]
        elif frame.kind == FACTS:
            process.take_facts(content)
            for message in content.get("warnings", ()):
                self._sink.warn(message)

    def _place_main_thread(self, process: Process, main: int) -> None:
        """Put a forked or launched child below the stage in which its parent created it."""
        if process.parent_spool is not None:
            self._out.origins += self._children.place(process, main)
        elif self._main < 0:
            self._main = main

    def _take_events(self, process: Process, parts: list[ThreadEvents]) -> None:
        runs = run_columns([run for part in parts for run in part.runs])
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
        before = {at: self._open.innermost(at) for part in parts for at in (*part.lanes, part.running, part.thread.own)}
        stacks = self._open.take(lanes)
        done = convert_events(events, lanes, stacks, process.resolver.resolve, self._open.last_outermost)
        outermost = {lane: stage for lane, stage in done.last_outermost.items() if lane < POOLED}
        self._open.put(done.still_open, outermost)
        if self._bursts is not None and self._out.is_counting:
            starts, ends = (done.spans.start_ns, runs.start_ns), (done.spans.end_ns, runs.end_ns)
            self._bursts.admit(np.concatenate(starts), np.concatenate(ends))
        if not process.parent_lane:  # a forked child rightly ends stages that its parent had begun
            self._stray += done.stray
        self._clipped += done.clipped
        spawns = (done.spawns.lane, done.spawns.stage, done.spawns.number, done.spawns.t_ns)
        for creator, stage, number, t_ns in zip(*(column.tolist() for column in spawns), strict=True):
            self._out.place(process, number, (self._lanes.stored(creator), stage), t_ns)
        self._handed.take(process, done, self._lanes.stored)
        self._out.runs(runs)
        self._out.spans(done.spans, done.enclosing, done.previous)
        if self._times is not None and self._out.is_counting:
            self._times.count(parts, before, lane, done)
        if self._bursts is not None:
            self._bursts.saw(max(int(part.t_ns[-1]) for part in parts if len(part.t_ns)))

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
        spans = self._open.cut(self._open.lanes(), end_ns)
        return replace(spans, lane=self._lanes.stored_column(spans.lane))

    def _cut(self, process: Process, end_ns: int) -> None:
        """Hand on the spans and runs of a process that never ended."""
        self._out.runs(run_columns(process.runs_cut_at(end_ns)))
        lanes = process.all_lanes()
        self._out.spans(self._open.cut(lanes, end_ns), *self._open.around(lanes))

    def _warn_of_losses(self) -> None:
        unnamed = sum(len(process.resolver.unnamed) for process in self._processes.values())
        losses = Losses(
            unnamed=self._gone["unnamed"] + unnamed,
            damaged_bytes=sum(self._watcher.damaged.values()),
            stray=0 if self._is_part else self._stray,
            clipped=self._clipped,
            overflowed=self._stages.overflowed,
        )
        self._out.warnings(losses.lines())
