"""What a spool becomes: one test per rule, on spools written frame by frame."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from energyprof.collect.convert import Converter
from energyprof.collect.convert_lanes import POOLED, LaneTable
from energyprof.collect.convert_stages import StageName, StageTable
from energyprof.collect.spool_watch import SpoolWatcher
from energyprof.model.events import END_ANY, LANE, RESUME, SPAWN
from energyprof.model.recording import LaneOrigin, LaneRow, LocalStage, Progress, SpanChunk
from energyprof.model.span import LANE_KINDS, LaneRuns
from energyprof.model.spool import END, EVENTS, FACTS, HEAD, LANES, LOSS, NAMES, pack_frame, pack_json
from energyprof.model.trace import RecorderFacts

THREAD, TASK, PROCESS = (LANE_KINDS.index(kind) for kind in ("thread", "task", "process"))


@dataclass
class Sink:
    """Keeps what the converter hands on; `spans` reads as (lane, path, start, end, depth, is_open)."""

    stages: dict[int, LocalStage] = field(default_factory=dict)
    lanes: dict[int, LaneRow] = field(default_factory=dict)
    origins: list[LaneOrigin] = field(default_factory=list)
    spans: list[tuple[int, str, int, int, int, bool]] = field(default_factory=list)
    resumed: list[tuple[str, int]] = field(default_factory=list)
    """Path and start of the spans that go on with a generator."""
    runs: list[tuple[int, int, int]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add_stages(self, stages: list[LocalStage]) -> None:
        self.stages.update({stage.index: stage for stage in stages})

    def add_lanes(self, lanes: list[LaneRow]) -> None:
        self.lanes.update({lane.index: lane for lane in lanes})

    def add_origins(self, origins: list[LaneOrigin]) -> None:
        self.origins += origins

    def add_spans(self, spans: SpanChunk) -> None:
        columns = (spans.start_ns, spans.end_ns, spans.depth, spans.is_open)
        rows = zip(spans.lane.tolist(), spans.stage.tolist(), *(column.tolist() for column in columns), strict=True)
        self.spans += [(lane, self.path(stage), *rest) for lane, stage, *rest in rows]
        again = zip(spans.stage[spans.resumed].tolist(), spans.start_ns[spans.resumed].tolist(), strict=True)
        self.resumed += [(self.path(stage), start_ns) for stage, start_ns in again]

    def add_rank(self, process):
        self.rank = process

    def add_cpu(self, cpu):
        self.cpu = cpu

    def add_lane_runs(self, runs: LaneRuns) -> None:
        self.runs += zip(runs.lane.tolist(), runs.start_ns.tolist(), runs.end_ns.tolist(), strict=True)

    def keep_progress(self, progress: Callable[[], Progress]) -> None:
        self.progress = progress

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def path(self, stage: int) -> str:
        above = self.stages[stage].parent
        return (self.path(above) + "/" if above >= 0 else "") + self.stages[stage].name


class Spool:
    """Writes the segments of one process the way the recorder does."""

    def __init__(self, folder: Path, pid: int = 7, **head: object) -> None:
        self.name = f"{pid}-1"
        self.folder = folder
        self.segment = -1
        self.head = {"version": 1, "pid": pid, "spool": self.name, "monotonic_ns": 0, "perf_counter_ns": 0, **head}
        self.next_segment()

    @property
    def path(self) -> Path:
        return self.folder / f"{self.name}.{self.segment:06}.spool"

    def next_segment(self) -> None:
        self.segment += 1
        self.json(HEAD, {**self.head, "segment": self.segment})

    def write(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def json(self, kind: int, content: object) -> None:
        self.write(pack_json(kind, content))

    def names(self, *names: str) -> None:
        self.json(NAMES, [{"code": code, "name": name, "kind": "stage"} for code, name in enumerate(names, 1)])

    def events(self, *events: tuple[int, int], lane: int = 1) -> None:
        self.write(events_frame(*events, lane=lane))


def events_frame(*events: tuple[int, int], lane: int = 1) -> bytes:
    return pack_frame(EVENTS, lane, b"".join(struct.pack("<qq", *event) for event in events))


def convert(folder: Path, end_ns: int = 1000) -> Sink:
    sink = Sink()
    Converter(SpoolWatcher(folder), sink, now_ns=lambda: end_ns).finish(end_ns)
    return sink


def test_nested_stages_become_paths(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.names("train", "forward")

    spool.events((1, 10), (2, 20), (-2, 30), (2, 40), (-2, 50), (-1, 60))

    assert convert(tmp_path).spans == [
        (0, "train", 10, 60, 0, False),
        (0, "train/forward", 20, 30, 1, False),
        (0, "train/forward", 40, 50, 1, False),
    ]


def test_going_on_with_a_generator_is_a_span_of_its_stage_and_no_call(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.names("use", "give")

    spool.events((1, 10), (2, 20), (-2, 30), (RESUME + 2, 40), (-2, 50))
    spool.events((-1, 60), (RESUME + 2, 70), (1, 80), (-2, 90), (RESUME + 2, 95))

    sink = convert(tmp_path, end_ns=100)
    assert [(path, start, end) for _, path, start, end, _, _ in sink.spans] == [
        ("use", 10, 60), ("use/give", 20, 30), ("use/give", 40, 50),
        ("give", 70, 90), ("give/use", 80, 90), ("give", 95, 100),
    ]  # fmt: skip
    assert sink.resumed == [("use/give", 40), ("give", 70), ("give", 95)]


def test_stages_stand_in_the_order_in_which_they_began_and_not_were_announced(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.names("loss", "backward", "net", "elsewhere", "loader")

    spool.events((5, 10), (-5, 20), (3, 30), (-3, 40), (1, 50), (2, 52), (-2, 54), (-1, 60))
    spool.events((4, 25), (-4, 35), lane=2)

    sink = convert(tmp_path)
    outermost = [stage.name for _, stage in sorted(sink.stages.items()) if stage.parent < 0]
    assert outermost == ["loader", "elsewhere", "net", "loss"]


def test_facts_told_late_reach_the_stage_wherever_it_stands(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.names("train", "Net")
    spool.events((1, 10), (2, 20), (-2, 30), (-1, 40), (2, 50), (-2, 60))

    spool.json(NAMES, [{"code": 2, "name": "Net", "kind": "stage", "facts": {"parameters": 7, "odd": [1]}}])

    sink = convert(tmp_path)
    facts = {sink.path(index): dict(stage.facts) for index, stage in sink.stages.items()}
    assert facts == {"train": {}, "train/Net": {"parameters": 7}, "Net": {"parameters": 7}}


def test_recursion_stays_one_stage(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.names("fib", "add")

    spool.events((1, 1), (2, 2), (1, 3), (1, 4), (2, 5), (-2, 6), (-1, 7), (-1, 8), (-2, 9), (-1, 10))

    sink = convert(tmp_path)
    assert [stage.name for stage in sink.stages.values()] == ["fib", "add"]
    assert [(path, depth) for _, path, _, _, depth, _ in sink.spans] == [
        ("fib", 0), ("fib/add", 1), ("fib", 2), ("fib", 3), ("fib/add", 4),
    ]  # fmt: skip


def test_an_end_closes_the_innermost_open_span_of_its_code_and_clips_those_inside(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.names("a", "b")

    spool.events((1, 10), (2, 20), (-1, 30), (-2, 40))

    sink = convert(tmp_path)
    assert sink.spans == [(0, "a", 10, 30, 0, False), (0, "a/b", 20, 30, 1, False)]
    assert [line.partition(";")[0] for line in sink.warnings] == [
        "1 ends of stages that were not open were ignored",
        "1 spans were cut short as a stage around them ended first",
    ]


def test_an_end_without_a_begin_is_ignored_and_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.names("a", "b")

    spool.events((-2, 5), (END_ANY, 6), (1, 10), (-2, 15), (-1, 20))

    sink = convert(tmp_path)
    assert sink.spans == [(0, "a", 10, 20, 0, False)]
    assert [line.partition(";")[0] for line in sink.warnings] == ["3 ends of stages that were not open were ignored"]


def test_end_any_ends_whatever_is_innermost(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.names("a", "b")

    spool.events((1, 10), (2, 20), (END_ANY, 30), (END_ANY, 40))

    assert convert(tmp_path).spans == [(0, "a", 10, 40, 0, False), (0, "a/b", 20, 30, 1, False)]


def test_a_killed_process_leaves_open_spans_up_to_the_end_of_the_run(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.names("a", "b")

    spool.events((1, 10), (2, 20))

    assert convert(tmp_path, end_ns=99).spans == [(0, "a", 10, 99, 0, True), (0, "a/b", 20, 99, 1, True)]


def test_spans_open_when_the_recorder_closed_end_there(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.names("a")
    spool.events((1, 10))
    spool.write(pack_frame(END, 0, b""))
    sink = Sink()

    converter = Converter(SpoolWatcher(tmp_path), sink, now_ns=lambda: 50)
    converter.finish(1000)

    assert sink.spans == [(0, "a", 10, 50, 0, True)]


def test_tasks_get_lanes_of_their_own_and_the_stretches_in_which_they_ran(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.names("serve", "ask")
    spool.json(LANES, [{"lane": 1, "tid": 7, "kind": "thread", "name": "main"}])

    spool.events((1, 10), (SPAWN + 5, 11), (SPAWN + 6, 12))
    spool.events((LANE + 5, 20), (2, 21), (LANE + 6, 30), (2, 31), (LANE + 5, 40), (-2, 41), (LANE, 42), (-1, 50))
    spool.events((LANE + 6, 60))

    sink = convert(tmp_path, end_ns=90)
    assert sink.spans == [
        (0, "serve", 10, 50, 0, False),
        (1, "ask", 21, 41, 0, False),
        (2, "ask", 31, 90, 0, True),
    ]
    assert sorted(sink.runs) == [(1, 20, 30), (1, 40, 42), (2, 30, 40), (2, 60, 90)]
    assert sink.origins == [LaneOrigin(1, 0, 0, 11), LaneOrigin(2, 0, 0, 12)]


def test_a_guest_runs_where_it_was_first_seen_whoever_created_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.names("submit", "work")
    spool.json(LANES, [{"lane": 1, "tid": 7, "kind": "thread", "name": "MainThread"}])
    spool.json(LANES, [{"lane": 2, "tid": 8, "kind": "thread", "name": "worker"}])
    spool.events((1, 10), (SPAWN + 5, 11), (SPAWN + 6, 12), (-1, 90))

    spool.json(LANES, [{"kind": "task", "lanes": [5, 6], "names": ["one", "two"]}])
    spool.events((LANE + 5, 20), (2, 21), (-2, 29), (LANE, 30), (LANE + 6, 40), (LANE, 50), lane=2)

    sink = convert(tmp_path)
    rows = {row.number: row for row in sink.lanes.values()}
    assert [(rows[k].kind, rows[k].name, rows[k].tid) for k in (5, 6)] == [(TASK, "one", 0), (TASK, "two", 0)]
    assert [row.host for row in (rows[1], rows[2], rows[5], rows[6])] == [-1, -1, rows[2].index, rows[2].index]
    assert {(origin.lane, origin.parent_lane) for origin in sink.origins} == {
        (rows[5].index, rows[1].index),
        (rows[6].index, rows[1].index),
    }


def test_lanes_are_described_by_what_the_process_announces(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.names("a")
    spool.events((1, 1), (SPAWN + 2, 2))
    task = {"lane": 2, "tid": 0, "kind": "task", "name": "Task-1 \ud800"}
    spool.json(LANES, [{"lane": 1, "tid": 7, "kind": "thread", "name": "MainThread"}, task])

    sink = convert(tmp_path)

    assert list(sink.lanes.values()) == [
        LaneRow(0, 7, 1, 7, THREAD, "MainThread"),
        LaneRow(1, 7, 2, 0, TASK, "Task-1 \ud800"),
    ]


@pytest.mark.parametrize("child_first", [True, False])
def test_a_forked_child_stands_below_the_stage_of_its_fork(tmp_path: Path, child_first: bool) -> None:
    parent = Spool(tmp_path, pid=8)
    parent.names("load")
    parent.events((1, 10), (SPAWN + 3, 12), (-1, 90))
    child = Spool(tmp_path, pid=5 if child_first else 9, parent_spool="8-1", parent_lane=3, monotonic_ns=13)
    child.names("read")
    child.json(LANES, [{"lane": 1, "tid": child.head["pid"], "kind": "thread", "name": "main"}])
    child.head["perf_counter_ns"] = 13
    child.events((1, 20), (-1, 30))

    sink = convert(tmp_path)

    by_pid = {(row.pid, row.number): row.index for row in sink.lanes.values()}
    origins = {origin.lane: (origin.parent_lane, origin.parent_stage) for origin in sink.origins}
    load = next(stage.index for stage in sink.stages.values() if stage.name == "load")
    assert origins == {
        by_pid[child.head["pid"], 1]: (by_pid[8, 3], -1),
        by_pid[8, 3]: (by_pid[8, 1], load),
    }


def test_times_are_monotonic_clock_whatever_the_recorders_clock(tmp_path: Path) -> None:
    spool = Spool(tmp_path, monotonic_ns=1_000_500, perf_counter_ns=500)
    spool.names("a")
    spool.events((1, 600), (-1, 700))
    spool.head["perf_counter_ns"] = 499  # read again for the next segment, a little off
    spool.next_segment()

    spool.events((1, 800), (-1, 900))

    assert [(start, end) for _, _, start, end, _, _ in convert(tmp_path).spans] == [
        (1_000_600, 1_000_700),
        (1_000_800, 1_000_900),
    ]


def test_a_signal_handlers_earlier_record_does_not_turn_time_back(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.names("a", "handler")

    spool.events((2, 12), (-2, 14), (1, 11), (-1, 20))

    assert convert(tmp_path).spans == [(0, "handler", 12, 14, 0, False), (0, "a", 14, 20, 0, False)]


def test_names_of_two_processes_share_stages_but_not_codes(tmp_path: Path) -> None:
    first, second = Spool(tmp_path, pid=7), Spool(tmp_path, pid=8)
    first.names("a", "b")
    second.names("b", "a")

    first.events((1, 1), (-1, 2))
    second.events((2, 3), (-2, 4))

    sink = convert(tmp_path)
    assert sink.spans == [(0, "a", 1, 2, 0, False), (1, "a", 3, 4, 0, False)]
    assert len(sink.stages) == 1


def test_more_may_be_said_of_a_stage_later(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.json(NAMES, [{"code": 1, "name": "b", "kind": "function"}])
    spool.events((1, 1), (-1, 2))
    again = {"code": 2, "name": "b", "kind": "function", "file": "x.py", "line": 3, "after": ["a"]}

    spool.json(NAMES, [again])
    spool.events((2, 3), (-2, 4))

    assert list(convert(tmp_path).stages.values()) == [LocalStage(0, -1, "b", "function", "x.py", 3, False, ("a",))]


def test_losses_and_costs_of_the_recorder_are_summed(tmp_path: Path) -> None:
    for pid in (7, 8):
        spool = Spool(tmp_path, pid=pid)
        spool.names("a")
        spool.events((1, 1), (-1, 2))
        spool.json(LOSS, {"dropped": 5, "reason": "memory"})
        spool.json(LOSS, {"dropped": 2, "reason": "memory"})
        spool.json(FACTS, {"recorder_ns": 500_000_000, "events": 5, "warnings": ["from the recorder"]})
    sink = Sink()
    converter = Converter(SpoolWatcher(tmp_path), sink)

    converter.finish(10)

    assert converter.recorder_facts() == RecorderFacts(
        recorder_s=1.0, spans=2, dropped=20, lost_because="memory"
    )  # 14 said, 6 that never came
    assert sink.warnings == [
        "from the recorder",
        "from the recorder",
    ]


def test_a_code_without_a_name_is_kept_and_warned_about(tmp_path: Path) -> None:
    spool = Spool(tmp_path)

    spool.events((3, 1), (-3, 2))

    sink = convert(tmp_path)
    assert sink.spans == [(0, "<unnamed 3>", 1, 2, 0, False)]
    assert sink.warnings == [
        "1 stage names were lost with a deleted spool; keep cleaners away from the temporary folder"
    ]


def test_paths_beyond_the_limit_become_other() -> None:
    table = StageTable(limit=2)
    first, second = table.intern(-1, StageName("a")), table.intern(-1, StageName("b"))

    others = {table.intern(first, StageName("c")), table.intern(second, StageName("d"))}

    assert [table.path(index) for index in others] == [("<other>",)]
    assert table.overflowed == 2


def test_the_current_stage_is_the_main_threads(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.names("train", "forward", "load")
    spool.json(LANES, [{"lane": lane, "tid": 6 + lane, "kind": "thread", "name": ""} for lane in (1, 2)])
    converter = Converter(SpoolWatcher(tmp_path), Sink())
    seen = []

    for lane, events in ((2, [(3, 1)]), (1, [(1, 2), (2, 3)]), (2, [(-3, 4), (3, 5)]), (1, [(-2, 6), (-1, 7)])):
        spool.events(*events, lane=lane)
        while converter.step():
            pass
        seen.append(converter.current_stage())
    spool.events((3, 8), (-3, 9), lane=2)
    converter.finish(10)

    assert seen == ["load", "train/forward", "train/forward", ""]


def test_no_stage_is_current_before_anything_came(tmp_path: Path) -> None:
    assert Converter(SpoolWatcher(tmp_path), Sink()).current_stage() == ""


def test_a_forked_child_may_end_what_its_parent_began(tmp_path: Path) -> None:
    child = Spool(tmp_path, parent_spool="6-1", parent_lane=3)
    child.names("inherited", "a")

    child.events((2, 10), (-2, 20), (-1, 30))

    sink = convert(tmp_path)
    assert (sink.spans, sink.warnings) == ([(0, "a", 10, 20, 0, False)], [])


def test_a_stream_of_a_device_stands_where_its_base_was_announced(tmp_path: Path) -> None:
    spool = Spool(tmp_path, pid=1)
    spool.names("train", "net")
    rows = [{"lane": 1, "tid": 1, "kind": "thread", "name": "MainThread"}]
    spool.json(LANES, [*rows, {"lane": 3, "tid": 1, "kind": "device", "name": "cuda:1 stream 0", "base": 2}])
    spool.events((1, 10), (SPAWN + 2, 15), (2, 20), (-2, 30), (-1, 40))
    spool.events((RESUME + 2, 25), (-2, 90), lane=3)

    sink = convert(tmp_path)

    (device,) = (lane for lane in sink.lanes.values() if lane.kind == LANE_KINDS.index("device"))
    assert (device.pid, device.tid, device.number) == (1, 1, 3)  # the number of the device, though a process has it too
    (base,) = (origin for origin in sink.origins if sink.lanes[origin.lane].number == 2)
    assert sink.path(base.parent_stage) == "train"
    (stream,) = (origin for origin in sink.origins if origin.lane == device.index)
    assert (stream.parent_lane, stream.parent_stage) == (base.lane, -1)
    assert (device.index, "net", 25, 90, 0, False) in sink.spans
    assert ("net", 25) in sink.resumed


def test_streams_of_devices_are_kept_apart_beyond_the_limit_of_lanes() -> None:
    table = LaneTable(limit=2)
    kinds = ["thread", "thread", "thread", "device"]

    kept = [table.add(7, number, kind) < POOLED for number, kind in enumerate(kinds)]

    assert kept == [True, True, False, True]
