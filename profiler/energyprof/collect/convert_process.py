"""What is known of one recorded process: names, clock, threads, and which lane runs in which thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from energyprof.collect.convert_lanes import POOLED, LaneTable, PoolRanges
from energyprof.collect.convert_stages import StageName, StageResolver, StageTable, facts_in
from energyprof.model.events import LANE, SPAWN
from energyprof.model.span import LANE_KINDS, Ints, LaneRuns, StageKind

THREAD_KEPT_NS = 60_000_000_000
"""A thread that was silent for so long has ended, or begins anew without a loss."""
_STAGE_KINDS = frozenset(get_args(StageKind))

Run = tuple[int, int, int]
"""(lane, start_ns, end_ns) of a stretch in which a lane other than the thread's own ran."""


@dataclass(slots=True)
class Thread:
    """One thread that has recorded something."""

    own: int
    """Index of the thread's own lane."""
    running: int
    """Index of the lane that runs in it now."""
    since_ns: int = 0
    last_ns: int = 0
    counted_ns: int = 0
    """Until when its time has been counted."""


@dataclass(frozen=True, slots=True, eq=False)
class ThreadEvents:
    """The events of one frame after the lane switches have been worked off; equal-length columns."""

    lane: Ints
    code: Ints
    t_ns: Ints
    lanes: frozenset[int]
    """Every lane that may occur in the column."""
    runs: tuple[Run, ...]
    thread: Thread
    running: int
    """The lane that ran before the first of them."""
    last_ns: int
    """When the thread recorded last before that; 0: never."""


class Process:
    """One process's side of the conversion; times come out as CLOCK_MONOTONIC."""

    __slots__ = (
        "_lane_table",
        "_last_swept",
        "_met",
        "_names",
        "_offset_ns",
        "_placed",
        "_pooled",
        "_pooled_tasks",
        "_ranges",
        "_stages",
        "_threads",
        "between",
        "closed_ns",
        "dropped",
        "events_read",
        "events_told",
        "governed",
        "is_asked_for",
        "is_replaced",
        "lanes",
        "lost_because",
        "made_by",
        "main",
        "new_lanes",
        "parent_lane",
        "parent_spool",
        "pid",
        "rank",
        "recorder_ns",
        "resolver",
        "spool",
        "started_ns",
        "threads",
    )

    def __init__(self, spool: str, stages: StageTable, lanes: LaneTable) -> None:
        self.spool = spool
        pid = spool.partition("-")[0]
        self.pid = int(pid) if pid.isdecimal() else 0
        self.parent_spool: str | None = None
        self.parent_lane = 0
        """Number of the lane that the parent announced at a fork; 0: launched, not forked."""
        self.is_asked_for = False
        """Forked on behalf of another process, which tells its pid."""
        self.between: tuple[int, ...] = ()
        self.made_by = 0
        """Pid of the process whose child it was when it first wrote: that may be one that records nothing."""
        self.started_ns = 0
        self.closed_ns: int | None = None
        """When it ended as far as its spool tells: closed in order, or turned into another program; None: not known."""
        self.is_replaced = False
        """Whether another program was about to take it over when it wrote last."""
        self.rank: tuple[int, int, int] | None = None
        """Rank, number of ranks, and rank on its host (-1: not known) in a distributed program; None: none is known."""
        self.recorder_ns = 0
        self.governed: dict[str, int] = {}
        """The bound of what recording may cost, how many layers were folded to keep it, and what it costs."""
        self.dropped = 0
        self.lost_because = ""
        self.events_read = self.events_told = 0
        """Events that came, and those that the recorder says it has written: of others the files are gone."""
        self.lanes: dict[int, int] = {}
        """Lane number to index."""
        self._pooled: dict[int, int] = {}
        """The same of lanes that share a row with others, as long as there is something to know of them."""
        self._pooled_tasks: set[int] = set()
        """Numbers of those that are known to be tasks or work items."""
        self._met: set[int] = set()
        """Numbers of those met since the last sweep."""
        self._ranges = PoolRanges()
        self._last_swept = 0
        """The greatest number of a lane that was forgotten."""
        self.new_lanes: list[tuple[int, int]] = []
        """The same, as far as it was not asked for yet."""
        self.main: int | None = None
        """Index of the main thread's lane."""
        self.threads: dict[int, None] = {}
        """Indices of the lanes of threads that have recorded something."""
        self._stages = stages
        self._names: dict[int, StageName] = {}
        self.resolver = StageResolver(stages, self._names)
        self._lane_table = lanes
        self._threads: dict[int, Thread] = {}
        self._placed: set[int] = set()
        """Numbers of the lanes whose thread is known."""
        self._offset_ns: int | None = None

    def take_head(self, head: dict[str, Any]) -> None:
        """Take the facts of a HEAD frame; only the first one sets the clock, so that time never steps."""
        if self._offset_ns is not None:
            return
        self.pid = head["pid"]
        self.started_ns = head["monotonic_ns"]
        self._offset_ns = self.started_ns - head["perf_counter_ns"]
        self.parent_spool = head.get("parent_spool") or None
        self.parent_lane = head.get("parent_lane") or 0
        self.is_asked_for = bool(head.get("asked_for", False))
        self.made_by = head.get("ppid") or 0
        self.between = tuple(head.get("between") or ())

    def take_facts(self, facts: dict[str, Any]) -> None:
        """Take the content of a FACTS frame: what recording has cost and written so far."""
        self.recorder_ns = max(self.recorder_ns, facts.get("recorder_ns", 0))
        self.events_told = max(self.events_told, facts.get("events", 0))
        self.is_replaced = facts.get("replacing", False)
        self.governed = facts.get("governor", self.governed)

    def monotonic_ns(self, perf_counter_ns: int) -> int:
        """Return the CLOCK_MONOTONIC of a time by the process's own clock."""
        return perf_counter_ns + (self._offset_ns or 0)

    def end_ns(self, payload: bytes) -> int | None:
        """Return the CLOCK_MONOTONIC at which an END frame says the recorder closed; None if it does not say."""
        return self.monotonic_ns(int.from_bytes(payload, "little")) if payload else None

    def take_name(self, entry: dict[str, Any]) -> None:
        """Take one announced stage name."""
        kind = entry.get("kind", "stage")
        stage = StageName(
            name=entry["name"],
            kind=kind if kind in _STAGE_KINDS else "stage",
            file=entry.get("file"),
            line=entry.get("line"),
            is_module=bool(entry.get("module", False)),
            after=tuple(entry.get("after") or ()),
            facts=facts_in(entry),
        )
        before = self._names.get(entry["code"], stage)
        if replace(before, facts=stage.facts) != stage:
            self.resolver.forget()
        self._names[entry["code"]] = stage
        if stage.facts:
            self._stages.tell(stage)

    def stage_name(self, code: int) -> StageName | None:
        """Return what a code stands for; None: its name never came."""
        return self._names.get(code)

    def take_lane(self, entry: dict[str, Any]) -> int | None:
        """Take an entry of a LANES frame; return the index of the process's main thread if it is that."""
        if "lanes" in entry:
            for number, name in zip(entry["lanes"], entry["names"], strict=True):
                index = self.lane(number, "task")
                if index >= POOLED:
                    self._pooled_tasks.add(number)
                self._lane_table.describe(index, self.pid, 0, "task", name)
            return None
        kind = entry["kind"] if entry.get("kind") in LANE_KINDS else "thread"
        tid = entry.get("tid") or 0
        is_main = tid == self.pid and kind == "thread"  # a device may have the number 1 as well
        index = self.lane(entry["lane"], kind, is_main=is_main)
        pid = entry.get("pid") or self.pid
        self._lane_table.describe(index, pid, tid, kind, entry.get("name") or "")
        if kind == "thread" and index < POOLED:
            self.threads[index] = None
        if not is_main:
            return None
        self.main = index
        return index

    def lane(self, number: int, kind: str, *, is_main: bool = False) -> int:
        """Return the index of a lane, making it known on first sight with what can be guessed."""
        index = self.lanes.get(number)
        if index is None:
            index = self._pooled.get(number)
        if index is None:
            pool = self._ranges.pool(number) if number <= self._last_swept else None
            if pool is None:
                index = self._lane_table.add(self.pid, number, kind, is_main=is_main)
            else:
                index = self._lane_table.rejoin(pool)
            if index < POOLED:
                self.lanes[number] = index
                self.new_lanes.append((number, index))
                return index
            self._pooled[number] = index
        if index >= POOLED:
            self._met.add(number)
        return index

    def keeps_apart(self, entries: list[dict[str, Any]]) -> bool:
        """Tell whether entries of a LANES frame tell of a launch, or of lanes that share no row with others."""
        return any(
            "pid" in entry or any(number in self.lanes for number in entry.get("lanes") or (entry["lane"],))
            for entry in entries
        )

    def kind(self, number: int) -> str:
        """Return what a lane in a pool is, as far as is known."""
        return "task" if number in self._pooled_tasks else "thread"

    def all_lanes(self) -> list[int]:
        """Return the indices of all lanes there is anything to know of."""
        return sorted((*self.lanes.values(), *self._pooled.values()))

    def sweep(self, t_ns: int, is_open: Callable[[int], bool]) -> None:
        """Forget ended threads, and lanes in pools as far as nothing is to be known of them: they may come again."""
        for number, thread in list(self._threads.items()):
            idle = thread.running == thread.own and not is_open(thread.own)
            if idle and max(thread.last_ns, thread.counted_ns) < t_ns - THREAD_KEPT_NS:
                del self._threads[number]
        used = {index for thread in self._threads.values() for index in (thread.own, thread.running)}
        for number, index in list(self._pooled.items()):
            if number in self._met or index in used or is_open(index):
                continue
            pool = self._lane_table.leave(index)
            if pool is not None:
                self._ranges.add(number, pool)
            del self._pooled[number]
            self._pooled_tasks.discard(number)
            self._placed.discard(number)
            self._last_swept = max(self._last_swept, number)
        self._met = set()

    def thread_events(self, number: int, payload: bytes, with_turns: bool = False) -> ThreadEvents:
        """Return the events of one EVENTS frame of the thread whose own lane is `number`.

        `with_turns`: with `LANE` on the lane to which the thread turns.
        """
        pairs = np.frombuffer(payload, "<i8", count=len(payload) // 16 * 2).reshape(-1, 2)
        self.events_read += len(pairs)
        own = self.lane(number, "thread")
        thread = self._threads.setdefault(number, Thread(own, own))
        code = pairs[:, 0]
        # A signal handler may record between the clock read and the append of the event it interrupts.
        t_ns = np.maximum.accumulate(pairs[:, 1] + (self._offset_ns or 0))
        before = thread, thread.running, thread.last_ns
        if len(t_ns):
            np.maximum(t_ns, thread.last_ns, out=t_ns)
            thread.last_ns = int(t_ns[-1])
        if not ((code == 0) | ((code >= LANE) & (code < SPAWN))).any():
            lane = np.full(len(code), thread.running, np.int64)
            return ThreadEvents(lane, code, t_ns, frozenset((thread.running,)), (), *before)
        is_switch = (code >= LANE) & (code < SPAWN)
        switches = np.flatnonzero(is_switch)
        lanes, runs = self._switch(thread, code[switches], t_ns[switches])
        lane = np.repeat(np.array(lanes, np.int64), np.diff(switches, prepend=0, append=len(code)))
        kept = code != 0
        if with_turns:
            lane[switches], code = lanes[1:], np.where(is_switch, LANE, code)
        else:
            kept &= ~is_switch
        return ThreadEvents(lane[kept], code[kept], t_ns[kept], frozenset(lanes), runs, *before)

    def _switch(self, thread: Thread, code: Ints, t_ns: Ints) -> tuple[list[int], tuple[Run, ...]]:
        """Return the lanes that ran before, between and after the switches, and the stretches that ended."""
        numbers = (code - LANE).tolist()
        known = {number: self._guest(number, thread) if number else thread.own for number in set(numbers)}
        lanes = [thread.running, *(known[number] for number in numbers)]
        times = [thread.since_ns, *t_ns.tolist()]
        runs = tuple(run for run in zip(lanes[:-1], times[:-1], times[1:], strict=True) if run[0] != thread.own)
        thread.running, thread.since_ns = lanes[-1], times[-1]
        return lanes, runs

    def _guest(self, number: int, thread: Thread) -> int:
        index = self.lane(number, "task")
        if number not in self._placed:
            self._placed.add(number)
            self._lane_table.place(index, thread.own)
        return index

    def last_ns(self) -> int:
        """Return the time of its last event so far."""
        return max((thread.last_ns for thread in self._threads.values()), default=self.started_ns)

    def missing(self) -> int:
        """Return how many events were written and never came."""
        return max(0, self.events_told - self.events_read)

    def state(self) -> dict[str, Any]:
        """Return what its events and figures have left behind, as JSON values."""
        return {
            "closed_ns": self.closed_ns,
            "is_replaced": self.is_replaced,
            "recorder_ns": self.recorder_ns,
            "governed": self.governed,
            "dropped": self.dropped,
            "lost_because": self.lost_because,
            "events": (self.events_read, self.events_told),
            "pooled": [
                (number, index, self._lane_table.stored(index), self.kind(number))
                for number, index in self._pooled.items()
            ],
            "ranges": (self._last_swept, self._ranges.rows()),
            "threads": [
                (number, thread.own, thread.running, thread.since_ns, thread.last_ns, thread.counted_ns)
                for number, thread in self._threads.items()
            ],
        }

    def go_on(self, state: dict[str, Any]) -> None:
        """Take up where `state` was returned; its lanes and names are known again."""
        self.closed_ns = state["closed_ns"]
        self.is_replaced = state.get("is_replaced", False)
        self.recorder_ns = state["recorder_ns"]
        self.governed = state.get("governed", {})
        self.dropped = state["dropped"]
        self.lost_because = state.get("lost_because", "")
        self.events_read, self.events_told = state["events"]
        self._last_swept, ranges = state["ranges"]
        self._ranges = PoolRanges((first, pool) for first, pool in ranges)
        for number, index, pool, kind in state["pooled"]:
            self._pooled[number] = index
            self._lane_table.take_up(index, pool)
            if kind == "task":
                self._pooled_tasks.add(number)
        self._threads = {number: Thread(*rest) for number, *rest in state["threads"]}
        known = {**self.lanes, **self._pooled}
        self._placed = {number for number, index in known.items() if self._lane_table.is_placed(index)}

    def live_threads(self) -> Iterable[Thread]:
        """Return the threads that have recorded something."""
        return self._threads.values()

    def runs_cut_at(self, end_ns: int) -> list[Run]:
        """Return the stretches of lanes that still ran when the process ended."""
        return [
            (thread.running, thread.since_ns, max(end_ns, thread.since_ns))
            for thread in self._threads.values()
            if thread.running != thread.own
        ]


def run_columns(runs: list[Run]) -> LaneRuns:
    """Return the runs as columns, ordered by lane and start."""
    lane, start_ns, end_ns = np.array(sorted(runs), np.int64).reshape(-1, 3).T
    return LaneRuns(lane.astype(np.int32), start_ns, end_ns)
