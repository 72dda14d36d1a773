"""The power goes: what lies on the disk at that instant, or a part of it, is a report or one line."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

INSTANTS = 4
LONGEST_S = 0.6
STEPPING = """
import energyprof, os, time
with energyprof.stage("train"):
    print("begun", flush=True)
    while not os.path.exists("enough"):
        for _ in range(50):
            with energyprof.stage("step"):
                pass
        time.sleep(0.01)
"""
SQLITE_HEADER = 96
"""Bytes at the start of a file of SQLite without which nothing says what it is."""
SUFFIXES = ("", "-wal", "-shm")


@contextlib.contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """Stop the process for as long as its files are copied: power goes in one instant."""
    os.kill(pid, signal.SIGSTOP)
    try:
        deadline_s = time.monotonic() + 20
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline_s
            time.sleep(0.001)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def stored_spans(path: Path) -> int:
    """Return how many spans have been committed to a recording, by SQLite alone."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            found: int = db.execute("SELECT coalesce(sum(rows), 0) FROM chunk WHERE kind = 4").fetchone()[0]
    except sqlite3.OperationalError:  # nothing has been made in it yet
        return 0
    return found


def copied(path: Path, name: str) -> Path:
    """Copy the recording and what SQLite keeps beside it."""
    copy = path.with_name(name)
    for suffix in SUFFIXES:
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
    return copy


@pytest.fixture(scope="module")
def losses(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, workplace_class: Any
) -> Iterator[list[tuple[Path, int]]]:
    """Return copies of a live recording at random instants, each with the number of spans committed by then."""
    rng = random.Random(os.getpid())
    place = workplace_class(tmp_path_factory.mktemp("lost"), cache, tmp_path_factory.mktemp("t"))
    try:
        yield lost_by(place, rng)
    finally:
        place.end()


def lost_by(place: Any, rng: random.Random) -> list[tuple[Path, int]]:
    path = place.folder / "a.eprof"
    place.write("job.py", STEPPING)
    process = place.start(place.command("run", "-q", "--no-graph", "-o", "a.eprof", "job.py"))
    assert process.stdout.readline() == b"begun\n"
    found = []
    for number in range(INSTANTS):
        deadline_s = time.monotonic() + 20
        while number and not stored_spans(path):  # the first instant may come before anything is stored
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        time.sleep(rng.uniform(0, LONGEST_S))  # wherever the collector happens to be
        with standing_still(place.collector_of(process)):
            copy = copied(path, f"lost-{number}.eprof")
        found.append(copy)
    place.write("enough", "")
    assert (*process.communicate(timeout=60), process.returncode) == (b"", b"", 0)
    return [(copy, stored_spans(copied(copy, f"counted-{copy.name}")) if copy.stat().st_size else 0) for copy in found]


def reported(energyprof: Any, path: Path) -> int | None:
    """Return how many calls `energyprof report` tells of; None: it says in one line why it cannot."""
    done = energyprof("report", str(path), "--format", "json")
    if done.returncode == 0:
        return sum(row["calls"] for row in json.loads(done.stdout)["stages"])
    (line,) = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout) == (2, b"")
    assert line.startswith("energyprof: ")
    assert f"{path} " in line
    is_nothing = 0 < path.stat().st_size < SQLITE_HEADER and "is no energyprof recording; `energyprof run" in line
    assert "record the run again" in line or is_nothing
    return None


def test_every_span_committed_before_the_power_went_is_reported(
    command_here: Any, losses: list[tuple[Path, int]]
) -> None:
    assert losses[-1][1] > 0
    for number, (whole, spans) in enumerate(losses):
        copy = copied(whole, f"whole-{number}.eprof")
        if number % 2:
            Path(f"{copy}-shm").unlink(missing_ok=True)  # SQLite's own index, which it makes again

        calls = reported(command_here, copy)

        assert calls is not None or (spans == 0 and copy.stat().st_size == 0)
        assert (calls or 0) >= spans


def test_a_part_of_the_files_is_a_report_or_one_line(command_here: Any, losses: list[tuple[Path, int]]) -> None:
    rng = random.Random(os.getpid())
    answers = []
    for number, (whole, spans) in enumerate(losses):
        for kind, suffix in (("no-wal", "-wal"), ("cut-wal", "-wal"), ("cut", "")):
            copy = copied(whole, f"{kind}-{number}.eprof")
            path = Path(f"{copy}{suffix}")
            if kind == "no-wal":
                path.unlink(missing_ok=True)
            elif path.exists():
                os.truncate(path, rng.randint(0, path.stat().st_size))
            calls = reported(command_here, copy)
            answers.append((kind, calls))
            assert calls is None or kind == "cut" or calls <= spans + 2  # those that were open are shown too

    assert {kind for kind, calls in answers if calls is not None} >= {"no-wal", "cut-wal"}
