"""What stages are handed to work off is added up for each of them, wherever the lane that has it was created."""

from __future__ import annotations

import struct
from pathlib import Path

from energyprof.capture import CaptureWriter, read_trace
from energyprof.capture.reader import read_run
from energyprof.collect.convert import Converter
from energyprof.collect.spool_watch import SpoolWatcher
from energyprof.model.events import SPAWN, WORK, WORK_LIMIT, WORK_UNITS, work_code
from energyprof.model.spool import EVENTS, HEAD, LANES, NAMES, pack_frame, pack_json
from energyprof.model.trace import RunFacts

A, B, DECODE, OURS = 1, 2, 3, 4


def capture(folder: Path, **lanes: tuple[tuple[int, int], ...]) -> Path:
    """Convert the events of `lane1`, `lane2`, ... of one process into a capture."""
    head = {"version": 1, "pid": 7, "spool": "7-1", "segment": 0, "monotonic_ns": 0, "perf_counter_ns": 0}
    names = [{"code": code, "name": name} for code, name in ((A, "a"), (B, "b"), (DECODE, "decode"))]
    names.append({"code": OURS, "name": "decode", "kind": "generation"})
    told = [{"lane": n, "tid": 6 + n, "kind": "thread", "name": ""} for n in range(1, len(lanes) + 1)]
    frames = [pack_json(HEAD, head), pack_json(NAMES, names), pack_json(LANES, told)]
    for lane, events in enumerate(lanes.values(), 1):
        frames.append(pack_frame(EVENTS, lane, b"".join(struct.pack("<qq", *event) for event in events)))
    (folder / "7-1.000000.spool").write_bytes(b"".join(frames))
    writer = CaptureWriter(folder / "run.eprof")
    writer.set_run(RunFacts(("x",), 0, 0, 1000, 0))
    Converter(SpoolWatcher(folder), writer, now_ns=lambda: 1000).finish(1000)
    writer.finish()
    return folder / "run.eprof"


def facts(path: Path) -> dict[str, dict[str, str | int]]:
    of_run = {stage.id: dict(stage.facts) for stage in read_run(path).stages}
    assert of_run == {stage.id: dict(stage.facts) for stage in read_trace(path).stages}
    return of_run


def test_work_is_added_up_for_the_stage_open_where_it_is_handed_over(tmp_path: Path) -> None:
    five, two, eight = work_code("tokens", 5), work_code("tokens", 2), work_code("samples", 8)

    path = capture(
        tmp_path, lane1=((A, 10), (DECODE, 20), (five, 20), (-DECODE, 30), (eight, 31), (DECODE, 40), (two, 41))
    )

    assert facts(path) == {"a": {"samples": 8}, "a/decode": {"tokens": 7}}


def test_threads_below_different_stages_keep_their_work_apart(tmp_path: Path) -> None:
    def decodes(tokens: int) -> tuple[tuple[int, int], ...]:
        return ((DECODE, 50), (work_code("tokens", tokens), 50), (-DECODE, 60))

    path = capture(
        tmp_path,
        lane1=((A, 10), (SPAWN + 2, 11), (-A, 70), (B, 71), (SPAWN + 3, 72), (-B, 90)),
        lane2=decodes(5),
        lane3=decodes(9),
    )

    assert facts(path) == {"a": {}, "a/decode": {"tokens": 5}, "b": {}, "b/decode": {"tokens": 9}}


def test_work_outside_any_stage_and_of_unknown_units_is_left_out(tmp_path: Path) -> None:
    path = capture(
        tmp_path, lane1=((work_code("tokens", 5), 5), (A, 10), (WORK + len(WORK_UNITS) * WORK_LIMIT + 1, 20), (-A, 30))
    )

    assert facts(path) == {"a": {}}
    assert read_trace(path).spans.end_ns.tolist() == [30]


def test_a_stage_of_an_instrument_within_the_programs_own_is_no_call_and_its_work_is_that_ones(tmp_path: Path) -> None:
    two = work_code("tokens", 2)

    path = capture(
        tmp_path,
        lane1=(*((DECODE, 10), (OURS, 20), (two, 20), (-OURS, 30), (-DECODE, 40)), *((DECODE, 50), (-DECODE, 60))),
    )

    trace = read_trace(path)
    assert facts(path) == {"decode": {"tokens": 2}}
    assert trace.stages[0].kind == "generation"
    assert trace.spans.resumed.tolist() == [False, True, False]
