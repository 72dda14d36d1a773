"""A capture read while it is being written: what was open is there, and one state of the file is what is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from energyprof.capture import CaptureWriter, read_run, read_trace
from energyprof.capture.reader import summary_of
from energyprof.capture.schema import named_crc
from energyprof.errors import CaptureError
from energyprof.model.recording import LaneRow, LocalStage, SpanChunk
from energyprof.model.trace import RunFacts

RUN = RunFacts(("notebook",), 0, 5, 100, None)


def chunk(*rows: tuple[int, int, int, int, int], is_open: bool = False) -> SpanChunk:
    table = np.array(rows, np.int64).reshape(-1, 5)
    stage, lane, depth = (table[:, at].astype(np.int32) for at in (0, 1, 4))
    return SpanChunk(stage, lane, table[:, 2].copy(), table[:, 3].copy(), depth, np.full(len(table), is_open))


def spans(path: Path) -> list[tuple[str, int, int, int, bool]]:
    trace = read_trace(path, is_live=True)
    columns = (trace.spans.stage, trace.spans.start_ns, trace.spans.end_ns, trace.spans.parent, trace.spans.is_open)
    return [(trace.stages[row[0]].name, *row[1:]) for row in zip(*(c.tolist() for c in columns), strict=True)]


@pytest.fixture
def writer(tmp_path: Path) -> CaptureWriter:
    """A run of which one span has ended inside another that is open."""
    writer = CaptureWriter(tmp_path / "run.eprof")
    writer.set_run(RUN)
    writer.add_stages([LocalStage(0, -1, "train", "stage"), LocalStage(1, 0, "step", "stage")])
    writer.add_lanes([LaneRow(0, 7, 1, 7, 0, "main")])
    writer.add_spans(chunk((1, 0, 20, 30, 1)))
    writer.set_open(chunk((0, 0, 10, 90, 0), is_open=True))
    writer.commit(force=True)
    return writer


def test_what_is_open_is_read_as_cut_off(writer: CaptureWriter) -> None:
    assert spans(writer.path) == [("train", 10, 90, -1, True), ("step", 20, 30, 0, False)]
    assert [stage.name for stage in read_run(writer.path).stages] == ["train", "step"]


def test_what_was_open_and_has_ended_is_there_once(writer: CaptureWriter) -> None:
    writer.add_spans(chunk((0, 0, 10, 95, 0)))
    writer.commit(force=True)

    assert spans(writer.path) == [("train", 10, 95, -1, False), ("step", 20, 30, 0, False)]


def test_what_is_open_stays_readable_for_a_while_though_the_run_goes_on(writer: CaptureWriter) -> None:
    writer.add_spans(chunk((1, 0, 40, 50, 1)))

    assert not writer.commit()
    assert ("train", 10, 90, -1, True) in spans(writer.path)


def test_a_finished_file_has_nothing_open(writer: CaptureWriter) -> None:
    writer.finish()

    assert [name for name, *_ in spans(writer.path)] == ["step"]


def test_a_run_that_goes_on_is_not_called_cut_off(writer: CaptureWriter) -> None:
    trace = read_trace(writer.path, is_live=True)

    assert trace.warnings == ("the run is still going on: figures so far",)
    assert read_trace(writer.path).warnings[0].startswith("the recording was not finished")
    assert summary_of(trace, finished=False).stages == trace.stages


def test_reading_sees_one_state_of_the_file(writer: CaptureWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    from energyprof.capture import content

    read_facts = content.read_facts

    def then_more_is_written(db: object) -> object:
        facts = read_facts(db)
        writer.add_spans(chunk((0, 0, 10, 95, 0)))
        writer.set_run(replace(RUN, end_ns=120))
        writer.commit(force=True)
        return facts

    monkeypatch.setattr(content, "read_facts", then_more_is_written)

    assert spans(writer.path) == [("train", 10, 90, -1, True), ("step", 20, 30, 0, False)]


@pytest.mark.parametrize("rows", [[[0, 0, 10]], [["x"] * 5], {"a": 1}, [[9, 0, 10, 90, 0]], [[0, 9, 10, 90, 0]]])
def test_open_spans_that_make_no_sense_are_damage(tmp_path: Path, write: Callable[..., Path], rows: object) -> None:
    import sqlite3

    path = tmp_path / "bad.eprof"
    writer = CaptureWriter(path)
    writer.set_run(RUN)
    writer.commit(force=True)
    value = json.dumps(rows).encode()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE fact SET value = ?, crc = ? WHERE name = 'open'", (value, named_crc("open", 0, value)))
    db.close()

    with pytest.raises(CaptureError, match="is damaged"):
        read_trace(path)
