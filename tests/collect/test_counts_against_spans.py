"""Counting between bursts gives the calls, times and orders that storing every span gives."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from energyprof.attribute.fit import attribute
from energyprof.capture.reader import read_run, read_trace
from energyprof.capture.writer import CaptureWriter
from energyprof.collect.bursts import NEVER_NS, Bursts
from energyprof.collect.convert import Converter
from energyprof.collect.spool_watch import SpoolWatcher
from energyprof.model.attribution import Attribution
from energyprof.model.events import END_ANY, LANE, SPAWN
from energyprof.model.spool import EVENTS, HEAD, LANES, NAMES, pack_frame, pack_json
from energyprof.model.trace import RunFacts, Trace

PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
"""Each example writes and reads two files: to shrink one takes minutes."""
NAMES_OF = {1: "a", 2: "b", 3: "c", 4: "a"}  # code 4: the same name as code 1, another kind
KIND_OF = {1: "stage", 2: "stage", 3: "stage", 4: "function"}


def thread_events(own: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Anything a thread may record: unmatched ends, tasks of its own that it turns to and leaves, lanes created."""
    stage = st.sampled_from(list(NAMES_OF))
    lane = st.integers(0, 3).map(lambda k: LANE + (own * 10 + k if k else 0))
    spawn = st.integers(1, 3).map(lambda k: SPAWN + 1000 + own * 10 + k)
    code = st.one_of(stage, stage, stage.map(lambda c: -c), stage.map(lambda c: -c), st.just(END_ANY), lane, spawn)
    made = [(3, 1), (SPAWN + own * 10 + 1, 1), (-3, 1)]  # one of its tasks stands below `c`
    return st.lists(st.tuples(code, st.integers(1, 9)), max_size=60).map(lambda steps: made + steps)


def timed(steps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    t_ns, events = 100, []
    for code, pause in steps:
        t_ns += pause
        events.append((code, t_ns))
    return events


def spool_bytes(threads: list[list[tuple[int, int]]], sizes: list[int]) -> bytes:
    head = {"pid": 7, "spool": "7-1", "segment": 0, "monotonic_ns": 0, "perf_counter_ns": 0}
    names = [{"code": code, "name": name, "kind": KIND_OF[code]} for code, name in NAMES_OF.items()]
    lanes = [{"lane": own, "tid": 6 + own, "kind": "thread", "name": "t"} for own in range(1, len(threads) + 1)]
    data = pack_json(HEAD, head) + pack_json(NAMES, names) + pack_json(LANES, lanes)
    left = [list(events) for events in threads]
    while any(left):
        for own, events in enumerate(left, 1):
            size = sizes[own % len(sizes)]
            part, left[own - 1] = events[:size], events[size:]
            if part:
                data += pack_frame(EVENTS, own, b"".join(struct.pack("<qq", *event) for event in part))
    return data


def scripted(edges: list[int]) -> Bursts:
    """Return a plan with these edges: stretch, burst, stretch and so on."""
    bursts = Bursts(1 << 20, lambda: 0, seed=0)
    plan = {"forgotten": 0, "period_ns": 1, "period_start_ns": 0, "size_before": 0, "seen_ns": 0}
    bursts.go_on({"edges": [*edges, NEVER_NS], **plan})
    return bursts


def converted(folder: Path, content: bytes, end_ns: int, edges: list[int] | None) -> Path:
    spool = folder / f"spool-{edges is None}"
    spool.mkdir()
    (spool / "7-1.000000.spool").write_bytes(content)
    path = folder / f"{edges is None}.eprof"
    writer = CaptureWriter(path)
    bursts = None if edges is None else scripted(edges)
    converter = Converter(SpoolWatcher(spool, bytes_per_step=200), writer, now_ns=lambda: end_ns, bursts=bursts)
    while converter.step():
        writer.commit(force=True)
        converter.count_until(0)
    converter.finish(end_ns)
    writer.set_run(RunFacts(("x",), 0, 0, end_ns, 0))
    writer.set_recorder(converter.recorder_facts())
    writer.finish()
    return path


def figures(trace: Trace, found: Attribution) -> dict[str, object]:
    ids = [str(stage.id) for stage in trace.stages]
    columns = (found.times.calls, found.times.wall_ns, found.times.self_wall_ns)

    def edges(flows: object) -> dict[tuple[str, str], int]:
        rows = zip(flows.source.tolist(), flows.target.tolist(), flows.count.tolist(), strict=True)
        return {(ids[source], ids[target]): count for source, target, count in rows}

    return {
        "times": {id_: tuple(int(column[row]) for column in columns) for row, id_ in enumerate(ids)},
        "follows": edges(found.follows),
        "calls": edges(found.calls),
    }


@settings(max_examples=40, deadline=None, phases=PHASES)
@given(st.data())
def test_counted_runs_have_the_calls_times_and_orders_of_stored_ones(data: st.DataObject) -> None:
    threads = [timed(data.draw(thread_events(own))) for own in range(1, data.draw(st.integers(1, 3)) + 1)]
    content = spool_bytes(threads, data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=3)))
    end_ns = max([t_ns for events in threads for _, t_ns in events], default=100) + 10
    # The first edge lies after all that is read before counting begins: here that is nothing.
    edges = sorted(set(data.draw(st.lists(st.integers(1, 500), min_size=1, max_size=7))))
    edges = edges[: len(edges) - (len(edges) + 1) % 2]

    with tempfile.TemporaryDirectory() as folder:
        stored = converted(Path(folder), content, end_ns, None)
        counted = converted(Path(folder), content, end_ns, edges)
        traces = read_trace(stored), read_trace(counted)
        stages = read_run(counted).stages

    expected, actual = (figures(trace, attribute(trace)) for trace in traces)
    assert actual == expected
    assert stages == traces[1].stages
    assert traces[1].recorder.spans == traces[0].recorder.spans
    assert traces[1].recorder.spans - traces[1].recorder.counted == len(traces[1].spans)


@settings(max_examples=10, deadline=None, phases=PHASES)
@given(st.data())
def test_a_thread_never_has_more_time_in_a_stretch_than_there_was(data: st.DataObject) -> None:
    threads = [timed(data.draw(thread_events(own))) for own in range(1, 3)]
    end_ns = max([t_ns for events in threads for _, t_ns in events], default=100) + 10
    edges = sorted({1, *data.draw(st.lists(st.integers(2, 500), min_size=2, max_size=7))})
    edges = edges[: len(edges) - (len(edges) + 1) % 2]

    with tempfile.TemporaryDirectory() as folder:
        trace = read_trace(converted(Path(folder), spool_bytes(threads, [20]), end_ns, edges))

    counted = trace.counted
    assert counted is not None
    thread = np.where(trace.lanes.host >= 0, trace.lanes.host, np.arange(len(trace.lanes)))[counted.lane]
    for stretch in range(len(counted)):
        for host in range(len(trace.lanes)):
            mine = (counted.stretch == stretch) & (thread == host)
            assert counted.self_ns[mine].sum() <= counted.end_ns[stretch] - counted.start_ns[stretch]
