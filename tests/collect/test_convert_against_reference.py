"""The vectorised converter gives the same spans as a slow and obviously right one, however the spool is cut."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from energyprof.collect.convert import Converter
from energyprof.collect.spool_watch import SpoolWatcher
from energyprof.model.events import END_ANY, LANE, SPAWN
from energyprof.model.recording import LaneOrigin, LaneRow, LocalStage, Progress, SpanChunk
from energyprof.model.span import LaneRuns
from energyprof.model.spool import EVENTS, HEAD, LANES, NAMES, pack_frame, pack_json

END_NS = 1_000_000
NAMES_OF = {1: "a", 2: "b", 3: "c", 4: "a"}  # code 4: the same name as code 1, another kind
KIND_OF = {1: "stage", 2: "stage", 3: "stage", 4: "function"}


@dataclass
class Collected:
    """A sink that keeps everything, as rows that two conversions can be compared by."""

    stages: dict[int, LocalStage] = field(default_factory=dict)
    lanes: dict[int, LaneRow] = field(default_factory=dict)
    rows: list[tuple[int, int, int, int, int, bool]] = field(default_factory=list)
    runs: list[tuple[int, int, int]] = field(default_factory=list)
    created: list[tuple[int, int, int, int]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add_stages(self, stages: list[LocalStage]) -> None:
        self.stages.update({stage.index: stage for stage in stages})

    def add_lanes(self, lanes: list[LaneRow]) -> None:
        self.lanes.update({lane.index: lane for lane in lanes})

    def add_origins(self, origins: list[LaneOrigin]) -> None:
        self.created += [(o.lane, o.parent_lane, o.parent_stage, o.t_ns) for o in origins]

    def add_spans(self, spans: SpanChunk) -> None:
        columns = (spans.lane, spans.stage, spans.start_ns, spans.end_ns, spans.depth, spans.is_open)
        self.rows += zip(*(column.tolist() for column in columns), strict=True)

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

    def path(self, stage: int) -> tuple[tuple[str, str], ...]:
        names = []
        while stage >= 0:
            names.append((self.stages[stage].name, self.stages[stage].kind))
            stage = self.stages[stage].parent
        return tuple(reversed(names))

    def facts(self) -> dict[str, list]:
        number = {index: row.number for index, row in self.lanes.items()}
        return {
            "spans": sorted((number[lane], self.path(stage), *rest) for lane, stage, *rest in self.rows),
            "runs": sorted((number[lane], *rest) for lane, *rest in self.runs),
            "origins": sorted((number[o[0]], number[o[1]], self.path(o[2]), o[3]) for o in self.created),
        }


class Reference:
    """One event at a time, one Python list per lane."""

    def __init__(self) -> None:
        self.stacks: dict[int, list[tuple[int, tuple, int]]] = {}
        self.spans: list[tuple] = []
        self.runs: list[tuple] = []
        self.origins: list[tuple] = []

    def close(self, lane: int, t_ns: int, is_open: bool = False) -> None:
        stack = self.stacks[lane]
        _, path, start_ns = stack.pop()
        self.spans.append((lane, path, start_ns, t_ns, len(stack), is_open))

    def thread(self, own: int, events: list[tuple[int, int]]) -> None:
        running, since = own, 0
        for code, t_ns in events:
            stack = self.stacks.setdefault(running, [])
            path = stack[-1][1] if stack else ()
            if code >= SPAWN:
                self.origins.append((code - SPAWN, running, path, t_ns))
            elif code >= LANE:
                if running != own:
                    self.runs.append((running, since, t_ns))
                running, since = (code - LANE) or own, t_ns
            elif code > 0:
                name = (NAMES_OF[code], KIND_OF[code])
                inner = path[: path.index(name) + 1] if name in path else (*path, name)
                stack.append((code, inner, t_ns))
            elif code == END_ANY:
                if stack:
                    self.close(running, t_ns)
            elif any(begun == -code for begun, _, _ in stack):
                while stack[-1][0] != -code:
                    self.close(running, t_ns)
                self.close(running, t_ns)
        if running != own:
            self.runs.append((running, since, END_NS))

    def facts(self) -> dict[str, list]:
        for lane, stack in self.stacks.items():
            while stack:
                self.close(lane, END_NS, is_open=True)
        return {"spans": sorted(self.spans), "runs": sorted(self.runs), "origins": sorted(self.origins)}


def thread_events(own: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    stage = st.sampled_from(list(NAMES_OF))
    lane = st.integers(0, 3).map(lambda k: LANE + (own * 10 + k if k else 0))
    spawn = st.integers(1, 5).map(lambda k: SPAWN + 1000 + own * 10 + k)
    code = st.one_of(stage, stage, stage.map(lambda c: -c), stage.map(lambda c: -c), st.just(END_ANY), lane, spawn)
    steps = st.lists(st.tuples(code, st.integers(0, 3)), max_size=60)

    def timed(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
        t_ns, events = 100, []
        for code_now, pause in pairs:
            t_ns += pause
            events.append((code_now, t_ns))
        return events

    return steps.map(timed)


def frames_of(own: int, events: list[tuple[int, int]], sizes: list[int]) -> list[bytes]:
    frames = []
    while events:
        size = sizes.pop() if sizes else len(events)
        part, events = events[:size], events[size:]
        frames.append(pack_frame(EVENTS, own, b"".join(struct.pack("<qq", *event) for event in part)))
    return frames


def spool_bytes(threads: list[list[tuple[int, int]]], draw: st.DrawFn) -> bytes:
    queues = [
        frames_of(own, list(events), draw(st.lists(st.integers(1, 20), max_size=8)))
        for own, events in enumerate(threads, 1)
    ]
    head = {"pid": 7, "spool": "7-1", "segment": 0, "monotonic_ns": 0, "perf_counter_ns": 0}
    names = [{"code": code, "name": name, "kind": KIND_OF[code]} for code, name in NAMES_OF.items()]
    lanes = [{"lane": own, "tid": 6 + own, "kind": "thread", "name": "t"} for own in range(1, len(threads) + 1)]
    data = pack_json(HEAD, head) + pack_json(NAMES, names) + pack_json(LANES, lanes)
    while any(queues):
        queue = draw(st.sampled_from([queue for queue in queues if queue]))
        data += queue.pop(0)
    return data


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_streams_in_random_pieces_match_the_reference(data: st.DataObject) -> None:
    threads = [data.draw(thread_events(own)) for own in range(1, data.draw(st.integers(1, 3)) + 1)]
    content = spool_bytes(threads, data.draw)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    sink = Collected()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "7-1.000000.spool"
        watcher = SpoolWatcher(Path(folder), bytes_per_step=data.draw(st.sampled_from([64, 700, 1 << 20])))
        converter = Converter(watcher, sink, now_ns=lambda: END_NS)
        for cut in [*cuts, len(content)]:
            path.write_bytes(content[:cut])
            while converter.step():
                pass
        converter.finish(END_NS)

    reference = Reference()
    for own, events in enumerate(threads, 1):
        reference.thread(own, events)
    assert sink.facts() == reference.facts()
