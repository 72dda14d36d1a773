"""What the writer was given is what the reader returns."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energyprof.capture import CaptureWriter, read_run, read_trace
from energyprof.errors import CaptureError
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings
from energyprof.model.recording import LaneRow, LocalStage, Progress, SpanChunk
from energyprof.model.span import Stage
from energyprof.model.tally import FLOWS, Tally
from energyprof.model.trace import RunFacts
from energyprof.testing import SECOND

Write = Callable[[Callable[[CaptureWriter], None]], Path]


def rows(columns: object, *names: str) -> list[tuple]:
    return list(zip(*(getattr(columns, name).tolist() for name in names), strict=True))


def test_spans_come_back_in_order_with_full_stages_and_parent_rows(capture: Path) -> None:
    trace = read_trace(capture)

    assert trace.stages == (
        Stage("train", "train", ("train",), None, "stage", "x.py", 3),
        Stage("train/forward", "forward", ("train", "forward"), 0, "function"),
        Stage("train/load", "load", ("train", "load"), 0, "loader"),
    )
    assert rows(trace.spans, "stage", "lane", "start_ns", "end_ns", "parent", "is_open") == [
        (0, 0, 10, 60, -1, False),
        (1, 0, 20, 30, 0, False),
        (1, 0, 40, 50, 0, False),
        (2, 1, 20, 50, -1, False),
        (2, 2, 46, 49, -1, False),
    ]


def test_facts_of_a_stage_come_back_and_later_ones_are_added(write: Write) -> None:
    def fill(writer: CaptureWriter) -> None:
        writer.set_run(RunFacts(("true",), 0, 5, 50, 0))
        writer.add_stages([LocalStage(0, -1, "Net", "module", is_module=True, facts={"parameters": 7, "flops": 1})])
        writer.add_stages([LocalStage(0, -1, "Net", "module", is_module=True, facts={"parameters": 7, "flops": 2})])
        writer.add_lanes([LaneRow(0, 7, 1, 7, 0, "main")])
        column = np.zeros(1, np.int64)
        writer.add_spans(
            SpanChunk(*(column.astype(np.int32),) * 2, column, column + 5, column.astype(np.int32), column > 0)
        )

    (stage,) = read_trace(write(fill)).stages

    assert dict(stage.facts) == {"parameters": 7, "flops": 2}


def test_lanes_stand_below_the_stage_they_were_created_in(capture: Path) -> None:
    trace = read_trace(capture)

    assert rows(trace.lanes, "pid", "tid", "number", "kind", "parent", "prefix") == [
        (7, 7, 1, 0, -1, -1),
        (7, 8, 2, 0, 0, 0),
        (7, 0, 3, 1, 1, 2),
    ]
    assert rows(trace.lane_runs, "lane", "start_ns", "end_ns") == [(2, 46, 48)]


def test_readings_and_cpu_times_come_back(capture: Path) -> None:
    trace = read_trace(capture)

    readings = {id_: rows(r, "t_before_ns", "t_after_ns", "raw", "status") for id_, r in trace.readings.items()}
    assert readings == {"cpu": [(10, 12, 500, 0), (20, 23, 900, 0), (30, 31, 0, 3)], "gpu:0": [(11, 11, -4, 0)]}
    assert rows(trace.cpu, "pid", "tid", "t_ns", "cpu_ns") == [(7, 0, 12, 9), (7, 8, 10, 4), (7, 8, 12, 5)]


def test_facts_come_back_without_reading_spans(capture: Path) -> None:
    trace, run = read_trace(capture), read_run(capture)

    assert (run.run, run.recorder, run.domains) == (trace.run, trace.recorder, trace.domains)
    assert (run.stages, run.warnings, run.finished) == (trace.stages, trace.warnings, True)
    assert rows(run.flows, "source", "target", "count") == rows(trace.flows, "source", "target", "count") == [(1, 2, 2)]
    assert run.run == RunFacts(
        ("python", "x.py"), 1_700_000_000_000_000_000, 5, 1000, -9, "host", 2, {"energyprof": "0.1.0"}
    )
    assert run.domains[1] == Domain(
        DomainId("gpu:0"), "nvml", "sensor", "power", 0.001, "device", wrap=2**32, lag_ns=(1, 9)
    )
    assert run.warnings == ("something was odd",)


@given(st.lists(st.one_of(st.text(), st.characters(categories=["Cs"])), min_size=1, max_size=4))
@settings(max_examples=10, deadline=None)
def test_any_name_survives(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    check_names(tmp_path_factory.mktemp("names") / "x.eprof", list(dict.fromkeys(names)))


@pytest.mark.parametrize("name", ["a\0b", "line\nbreak", "'; DROP TABLE chunk; --", '"', "x" * 10_000, "\ud800", ""])
def test_awkward_names_survive(tmp_path: Path, name: str) -> None:
    check_names(tmp_path / "x.eprof", [name])


def check_names(path: Path, names: list[str]) -> None:
    writer = CaptureWriter(path)
    writer.set_run(RunFacts(tuple(names), 0, 0, 9, 0, host=names[0], versions={names[0]: names[-1]}))
    writer.add_stages([LocalStage(at, -1, name, "stage", file=name) for at, name in enumerate(names)])
    writer.add_lanes([LaneRow(0, 1, 1, 1, 0, names[0])])
    stage = np.arange(len(names), dtype=np.int32)
    times = np.arange(len(names), dtype=np.int64)
    writer.add_spans(SpanChunk(stage, stage * 0, times, times + 1, stage * 0, stage < 0))
    writer.warn(names[0])

    writer.finish()

    trace = read_trace(path)
    assert [(stage.name, stage.path, stage.file) for stage in trace.stages] == [(n, (n,), n) for n in names]
    assert (trace.run.command, trace.run.host, trace.warnings) == (tuple(names), names[0], (names[0],))
    assert trace.run.versions == {names[0]: names[-1]}


def test_a_run_without_stages_is_one_stage_program(write: Write) -> None:
    path = write(lambda writer: writer.set_run(RunFacts(("true",), 0, 5, 50, 0)))

    trace = read_trace(path)

    assert trace.stages == read_run(path).stages == (Stage("program", "program", ("program",), None, "program"),)
    assert rows(trace.spans, "stage", "lane", "start_ns", "end_ns", "parent") == [(0, 0, 5, 50, -1)]
    assert len(trace.lanes) == 1


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "kept.eprof"
    path.write_text("kept")

    with pytest.raises(CaptureError, match="exists already and is never overwritten"):
        CaptureWriter(path)

    assert path.read_text() == "kept"


def test_a_place_that_cannot_be_written_is_one_line_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"missing/x.eprof cannot be written \(No such file.*-o"):
        CaptureWriter(tmp_path / "missing" / "x.eprof")


def test_a_finished_file_is_one_file_that_opens_in_a_read_only_folder(capture: Path) -> None:
    folder = capture.parent
    os.chmod(capture, stat.S_IRUSR)
    os.chmod(folder, stat.S_IRUSR | stat.S_IXUSR)

    try:
        assert [path.name for path in folder.iterdir()] == ["run.eprof"]
        assert capture.read_bytes()[18:20] == b"\1\1"  # no WAL: SQLite's header, write and read version
        assert len(read_trace(capture).spans) == 5
        assert [path.name for path in folder.iterdir()] == ["run.eprof"]
    finally:
        os.chmod(folder, stat.S_IRWXU)


def test_odd_characters_in_the_path_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "a b?c#d%20'é.eprof"

    CaptureWriter(path).finish()
    writer = CaptureWriter(path.with_suffix(".two"))
    writer.set_run(RunFacts(("x",), 0, 0, 1, 0))
    writer.finish()

    assert read_run(path.with_suffix(".two")).run.command == ("x",)


def test_small_pieces_wait_and_are_told_to_wait(tmp_path: Path) -> None:
    now = [0]
    writer = CaptureWriter(tmp_path / "x.eprof", monotonic_ns=lambda: now[0])
    now[0] = 60 * SECOND
    writer.add_stages([LocalStage(0, -1, "a", "stage")])
    writer.add_lanes([LaneRow(0, 1, 1, 1, 0, "")])
    zero = np.zeros(1, np.int32)
    writer.add_spans(SpanChunk(zero, zero, np.array([1]), np.array([2]), zero, zero > 0))
    now[0] += 3 * SECOND
    early = writer.commit()

    now[0] += SECOND

    assert (early, writer.commit(), len(read_trace(tmp_path / "x.eprof").spans)) == (False, True, 1)


def test_a_file_says_which_run_it_is_of_from_its_first_commit_on(tmp_path: Path) -> None:
    writer = CaptureWriter(tmp_path / "x.eprof")
    writer.set_run(RunFacts(("python", "job.py"), 0, 0, 5, None))

    writer.commit()

    assert read_run(tmp_path / "x.eprof").run.command == ("python", "job.py")


def test_what_a_young_file_has_not_stored_is_at_most_half_of_its_run(tmp_path: Path) -> None:
    now = [0]
    path = tmp_path / "x.eprof"
    writer = CaptureWriter(path, monotonic_ns=lambda: now[0])
    cpu = Domain(DomainId("cpu"), "load_model", "model", "power", 1e-3, "cpu")
    writer.add_domains([cpu])
    writer.set_run(RunFacts(("x",), 0, 0, 1, None))
    chunks, unstored = [], []

    for tick in range(1, 201):  # of 0.1 s, with one reading each
        now[0] = tick * SECOND // 10
        t_ns = np.array([now[0]])
        writer.add_readings({cpu.id: Readings(t_ns, t_ns, t_ns, np.zeros(1, np.uint8))})
        writer.commit()
        stored = read_trace(path).readings.get(cpu.id)
        rows = 0 if stored is None else len(stored.t_after_ns)
        unstored.append((tick, tick - rows))
        chunks.append(rows)

    assert all(behind <= min(tick / 2 + 1, 40) for tick, behind in unstored)
    assert len(set(chunks)) < 14  # six or so to begin with, then one in four seconds


def test_full_chunks_are_stored_at_once(tmp_path: Path) -> None:
    now = [0]
    writer = CaptureWriter(tmp_path / "x.eprof", monotonic_ns=lambda: now[0])
    now[0] = 60 * SECOND
    writer.add_stages([LocalStage(0, -1, "a", "stage")])
    writer.add_lanes([LaneRow(0, 1, 1, 1, 0, "")])
    many = np.zeros(20_000, np.int32)
    times = np.arange(20_000)
    writer.add_spans(SpanChunk(many, many, times, times, many, many > 0))

    assert writer.commit()
    assert len(read_trace(tmp_path / "x.eprof").spans) == 20_000


def test_readings_of_an_unknown_domain_are_a_programming_error(tmp_path: Path) -> None:
    none = np.zeros(0, np.int64)
    readings = Readings(none, none, none, none.astype(np.uint8))

    with pytest.raises(ValueError, match="before the domain was added"):
        CaptureWriter(tmp_path / "x.eprof").add_readings({DomainId("cpu"): readings})


def test_observed_flows_are_between_full_stages(write: Write) -> None:
    def fill(writer: CaptureWriter) -> None:
        writer.set_run(RunFacts((), 0, 0, 9, 0))
        writer.add_stages([LocalStage(0, -1, "b", "stage"), LocalStage(1, 0, "a", "stage")])
        writer.add_lanes([LaneRow(0, 1, 1, 1, 0, "")])
        zero, one = np.zeros(2, np.int32), np.array([0, 1], np.int32)
        writer.add_spans(SpanChunk(one, zero, np.array([1, 2]), np.array([9, 3]), one, zero > 0))
        one_row = [[0], [1], [0], [0]]
        sums = {
            at: Tally(FLOWS, 0, 0, tuple(np.array(column) for column in (*one_row, [count], [nbytes])))
            for at, count, nbytes in ((-1, 2, 10), (-3, 3, 20))
        }
        writer.keep_progress(lambda: Progress(tallies=sums))

    assert rows(read_trace(write(fill)).flows, "source", "target", "count", "nbytes") == [(1, 0, 5, 30)]


SPANS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 99), st.integers(0, 30), st.integers(0, 30)), max_size=30)


@given(SPANS, st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_parents_are_found_across_chunks(
    tmp_path_factory: pytest.TempPathFactory, seeds: list[tuple[int, int, int, int]], pieces: int
) -> None:
    # Given trees of three levels without equal times, their spans spread over chunks
    spans, parents = [], {}
    t_ns = 0
    for lane, inner, before, after in seeds:
        start = t_ns = t_ns + 1
        children = []
        for _ in range(inner % 4):
            leaf_start = t_ns + before + 2
            children += [(1, lane, leaf_start - 1, leaf_start + after + 2, 1), (2, lane, leaf_start, leaf_start + 1, 2)]
            parents[lane, leaf_start] = (lane, leaf_start - 1)
            parents[lane, leaf_start - 1] = (lane, start)
            t_ns = leaf_start + after + 3
        t_ns += 1
        spans += [(0, lane, start, t_ns, 0), *children]
        parents[lane, start] = None
    path = tmp_path_factory.mktemp("parents") / "x.eprof"
    writer = CaptureWriter(path)
    writer.set_run(RunFacts((), 0, 0, 10**6, 0))
    writer.add_stages([LocalStage(0, -1, "a", "stage"), LocalStage(1, 0, "b", "stage"), LocalStage(2, 1, "c", "stage")])
    writer.add_lanes([LaneRow(at, 1, at, at, 0, "") for at in range(4)])
    for piece in range(pieces):
        table = np.array(spans[piece::pieces], np.int64).reshape(-1, 5)
        narrow = [table[:, at].astype(np.int32) for at in (0, 1, 4)]
        none_open = np.zeros(len(table), np.bool_)
        writer.add_spans(SpanChunk(narrow[0], narrow[1], table[:, 2], table[:, 3], narrow[2], none_open))
        writer.commit(force=True)
    writer.finish()

    # When they are read
    read = read_trace(path)

    # Then every span has the parent it was made with
    if spans:
        keys = rows(read.spans, "lane", "start_ns")
        assert keys == sorted((lane, start) for _, lane, start, _, _ in spans)
        found = {key: keys[at] if at >= 0 else None for key, at in zip(keys, read.spans.parent.tolist(), strict=True)}
        assert found == parents
