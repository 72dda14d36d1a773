"""Files that are no sound capture: one line with the fact and the remedy, never a traceback or a wrong number."""

from __future__ import annotations

import os
import random
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest

from energyprof.capture import CaptureWriter, read_attribution, read_run, read_trace
from energyprof.capture.database import create, roll_back
from energyprof.capture.open_file import has_sidecar
from energyprof.errors import CaptureError
from energyprof.model.recording import LaneRow, LocalStage, SpanChunk
from energyprof.model.trace import RunFacts

Read = Callable[[Path], object]
READS = pytest.mark.parametrize("read", [read_trace, read_run, read_attribution])


def plain(value: object) -> object:
    """Return a trace as values that can be compared."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return tuple(map(plain, value)) if isinstance(value, tuple) else value


def message(path: Path, read: Read = read_trace) -> str:
    with pytest.raises(CaptureError) as caught:
        read(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text[len(str(path)) + 1 :]


@READS
def test_a_missing_file(tmp_path: Path, read: Read) -> None:
    assert message(tmp_path / "no.eprof", read) == "does not exist; `energyprof run SCRIPT` writes one"


@READS
def test_a_folder(tmp_path: Path, read: Read) -> None:
    assert message(tmp_path, read) == "cannot be read (Is a directory); check the path and its permissions"


@READS
def test_an_empty_file(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "x.eprof"
    path.touch()

    fact = "is empty: its run was cut off before anything was written"
    assert message(path, read) == f"{fact}; complete it with: energyprof recover {path}, or record the run again"


@READS
@pytest.mark.parametrize("content", [b"x", b"#!/usr/bin/env python\n" * 20, b"SQLite format 3\0", bytes(4096)])
def test_a_file_that_is_no_database(tmp_path: Path, read: Read, content: bytes) -> None:
    path = tmp_path / "x.eprof"
    path.write_bytes(content)

    assert message(path, read) == "is no energyprof recording; `energyprof run SCRIPT` writes one"


@READS
def test_a_database_of_another_program(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "x.eprof"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE chunk (id INTEGER)")
    db.close()

    assert message(path, read) == "is no energyprof recording; `energyprof run SCRIPT` writes one"


@READS
def test_a_newer_schema(capture: Path, read: Read) -> None:
    db = sqlite3.connect(capture)
    db.execute("PRAGMA user_version = 7")
    db.close()

    assert message(capture, read) == (
        "was written by a newer energyprof (schema 7, this one reads up to 1); upgrade: pip install -U energyprof"
    )


def test_a_file_truncated_anywhere(capture: Path) -> None:
    whole = capture.read_bytes()

    for size in [*range(1, 200, 13), *range(200, len(whole), 511), len(whole) - 1]:
        capture.write_bytes(whole[:size])
        for read in (read_trace, read_run, read_attribution):
            text = message(capture, read)
            assert "recording" in text or "truncated" in text


def test_a_flipped_bit_is_an_error_or_changes_nothing(capture: Path) -> None:
    whole = capture.read_bytes()
    sound = plain(read_trace(capture))
    summary = plain(read_run(capture))
    random_ = random.Random(5)
    refused = 0

    for position in random_.sample(range(len(whole)), 400):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << random_.randrange(8)
        capture.write_bytes(damaged)
        try:
            assert (plain(read_trace(capture)), plain(read_run(capture))) == (sound, summary), position
        except CaptureError:
            refused += 1

    assert refused > 20


def test_every_flipped_byte_of_a_chunk_is_noticed(capture: Path) -> None:
    content = sqlite3.connect(capture).execute("SELECT content FROM chunk WHERE kind = 4").fetchone()[0]
    whole = capture.read_bytes()
    at = whole.index(content[:200])

    for offset in range(0, min(len(content), 200), 7):
        damaged = bytearray(whole)
        damaged[at + offset] ^= 0x10
        capture.write_bytes(damaged)
        assert "does not match its checksum" in message(capture)


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ("DELETE FROM chunk WHERE id = 2", "block 2 does not match its checksum"),
        ("DELETE FROM chunk WHERE id = (SELECT max(id) FROM chunk)", "blocks are missing from it"),
        ("UPDATE chunk SET part = 1 WHERE kind = 6", "does not match its checksum"),
        (
            "UPDATE fact SET value = CAST(replace(value, '0.125', '0.126') AS BLOB)",
            "a fact of the run does not match its checksum",
        ),
        ("DELETE FROM fact WHERE name = 'domains'", "the fact 'domains' is missing"),
        ("DROP TABLE chunk", "no such table: chunk"),
    ],
)
def test_a_changed_table_is_noticed(capture: Path, change: str, fact: str) -> None:
    db = sqlite3.connect(capture)
    db.execute(change)
    db.commit()
    db.close()

    text = message(capture)

    assert text.startswith("is damaged: ")
    assert fact in text
    assert text.endswith("; copy it again from where it was recorded, or record the run again")


def some_spans(writer: CaptureWriter, count: int) -> None:
    zero = np.zeros(count, np.int32)
    times = np.arange(count, dtype=np.int64) * 1000
    writer.add_spans(SpanChunk(zero, zero, times, times + 10, zero, zero > 0))


@pytest.fixture
def crashed(tmp_path: Path) -> Iterator[Path]:
    """A capture as a killed collector leaves it: stored data still in the WAL, later data lost."""
    running = tmp_path / "running.eprof"
    writer = CaptureWriter(running)
    writer.set_run(RunFacts(("x",), 0, 3, 3, None))
    writer.add_stages([LocalStage(0, -1, "a", "stage")])
    writer.add_lanes([LaneRow(0, 1, 1, 1, 0, "")])
    some_spans(writer, 100)
    writer.commit(force=True)
    some_spans(writer, 7)
    folder = tmp_path / "crashed"
    folder.mkdir()
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{running}{suffix}", folder / f"run.eprof{suffix}")
    yield folder / "run.eprof"
    writer.finish()


def test_an_unfinished_file_shows_what_had_been_stored(crashed: Path) -> None:
    trace = read_trace(crashed)

    assert len(trace.spans) == 100
    assert trace.run.end_ns == 99_010
    assert trace.warnings == (
        (
            "the recording was not finished (its collector was stopped); shown is what had been stored by then; "
            f"complete it with: energyprof recover {crashed}"
        ),
    )
    assert not read_run(crashed).finished


def test_an_unfinished_file_without_its_wal_opens_with_what_is_in_it(crashed: Path) -> None:
    os.unlink(f"{crashed}-wal")

    assert read_run(crashed).finished is False


def test_a_running_capture_can_be_looked_at(tmp_path: Path) -> None:
    writer = CaptureWriter(tmp_path / "x.eprof")
    writer.set_run(RunFacts(("x",), 0, 3, 3, None))
    writer.commit(force=True)

    assert read_run(tmp_path / "x.eprof").run.command == ("x",)

    writer.finish()
    assert read_run(tmp_path / "x.eprof").finished


@pytest.mark.usefixtures("no_bytecode")
def test_a_full_disk_is_an_error_after_which_storing_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "x.eprof"
    writer = CaptureWriter(path)
    writer.set_run(RunFacts(("x",), 0, 0, 9, 0))
    writer.add_stages([LocalStage(0, -1, "a", "stage")])
    writer.add_lanes([LaneRow(0, 1, 1, 1, 0, "")])
    random_ns = np.cumsum(np.random.default_rng(1).integers(1, 10**6, 20_000))
    zero = np.zeros(len(random_ns), np.int32)
    writer.add_spans(SpanChunk(zero, zero, random_ns, random_ns, zero, zero > 0))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))
    try:
        with pytest.raises(CaptureError, match=r"cannot be written \(.*\); raise the limit on the size of files"):
            writer.commit(force=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    writer.finish()

    assert len(read_trace(path).spans) == 20_000


class _Dying(sqlite3.Connection):
    """Ends the process, as a kill does, at the statement with this number."""

    left = 0

    def executescript(self, script: str) -> sqlite3.Cursor:  # type: ignore[override]  # one argument serves here
        for statement in script.split(";")[:-1]:
            made = self.execute(statement)
        return made

    def execute(self, *words: object) -> sqlite3.Cursor:  # type: ignore[override]  # whatever it is called with
        type(self).left -= 1
        if not self.left:
            os._exit(9)
        return super().execute(*words)  # type: ignore[arg-type]  # as above


def _make_and_die(path: Path, statement: int) -> int:
    """Make a capture in a process of its own that ends before the statement; return that process's status."""
    child = os.fork()
    if child == 0:
        connect = sqlite3.connect
        sqlite3.connect = lambda *words, **more: connect(*words, **more, factory=_Dying)  # type: ignore[assignment]
        _Dying.left = statement
        create(path)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_kill_while_the_file_is_made_leaves_an_empty_file_or_a_capture(tmp_path: Path) -> None:
    found = []
    for statement in range(1, 40):
        path = tmp_path / f"{statement}.eprof"
        status = _make_and_die(path, statement)

        if has_sidecar(path, "-journal"):
            roll_back(path)

        found.append(path.stat().st_size > 0)
        assert not found[-1] or not read_run(path).finished
        if status == 0:
            break
    assert status == 0
    assert set(found) == {False, True}
