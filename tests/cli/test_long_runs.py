"""A recording with a bound: the file stays below it, and calls and times are those of the program."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from energyprof.run import load

pytestmark = pytest.mark.slow

LIMIT = 300 << 10
BUSY = """
import asyncio, energyprof, json, os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from energyprof import stage
calls = {}
def count(name):
    calls[name] = calls.get(name, 0) + 1
def item():
    with stage("item"):
        time.sleep(0.0005)
async def task():
    with stage("task"):
        await asyncio.sleep(0)
async def tasks():
    await asyncio.gather(*(task() for _ in range(5)))
started, own_s = time.perf_counter(), 0.0
end = started + float(sys.argv[1])
with stage("run"), ThreadPoolExecutor(2) as pool:
    while time.perf_counter() < end and not os.path.exists("enough"):
        with stage("loop"):
            count("run/loop")
            for _ in range(150):
                with stage("tiny"):
                    pass
                count("run/loop/tiny")
            began = time.perf_counter()
            with stage("sleep"):
                count("run/loop/sleep")
                time.sleep(0.002)
            own_s += time.perf_counter() - began
            done = [pool.submit(item) for _ in range(2)]
            for one in done:
                one.result()
                count("run/loop/item")
        if calls["run/loop"] % 50 == 0:
            asyncio.run(tasks())
            calls["run/task"] = calls.get("run/task", 0) + 5
calls["run"] = 1
open("counts.json", "w").write(json.dumps({"calls": calls, "sleep_s": own_s}))
"""


def until(condition: Callable[[], bool], timeout_s: float = 40.0) -> None:
    """Wait for something to come true; fails if it does not."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.02)


def tallies(path: Path) -> int:
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            found: int = db.execute("SELECT count(*) FROM tally").fetchone()[0]
    except sqlite3.Error:
        return 0
    return found


def constant_power(place: Any) -> str:
    rows = [f"gpu:0,{at * 20_000_000},{0.2 * at:.3f},J" for at in range(4000)]
    place.write("power.csv", "domain,t_ns,value,unit\n" + "\n".join(rows) + "\n")
    return "replay:power.csv"


def test_a_run_beyond_its_bound_keeps_it_and_every_count(place: Any) -> None:
    place.write("job.py", BUSY)
    source = constant_power(place)

    done = place.run("--max-size", "300K", "--source", source, "--no-graph", "-o", "a.eprof", "job.py", "8")

    told = json.loads((place.folder / "counts.json").read_text())
    report = load(place.folder / "a.eprof").report()
    rows = {row.stage: row for row in report.stages}
    assert done.returncode == 0
    assert (place.folder / "a.eprof").stat().st_size <= LIMIT
    assert {stage: row.calls for stage, row in rows.items()} == told["calls"]
    assert report.overhead.dropped == 0
    assert 0 < report.overhead.counted < report.overhead.spans == sum(told["calls"].values())
    sleep = rows["run/loop/sleep"]
    assert sleep.wall_s == pytest.approx(told["sleep_s"], rel=0.05)
    assert sleep.self_wall_s == pytest.approx(sleep.wall_s, rel=1e-6)
    (ledger,) = report.ledger
    parts_j = ledger.stages_j + ledger.idle_j + ledger.outside_j + ledger.others_j + ledger.unattributed_j
    assert ledger.measured_j == pytest.approx(parts_j, abs=1e-6)
    assert ledger.measured_j == pytest.approx(10 * report.run.wall_s, rel=0.05)
    (total,) = rows["run"].total_energy
    assert total.low_j <= 10 * rows["run"].wall_s * 1.01
    assert total.high_j >= 10 * rows["run"].wall_s * 0.97
    assert any(re.search(r"stored during [\d.]+% of the run, in random bursts", line) for line in report.warnings)
    assert any(re.search(r"stored during [\d.]+%", line) for line in [" ".join(done.stderr.decode().split())])


def test_a_collector_killed_between_bursts_leaves_every_count_to_recover(place: Any) -> None:
    place.write("job.py", BUSY)
    words = place.command("run", "--max-size", "300K", "--no-graph", "-o", "a.eprof", "job.py", "60")
    process = place.start(words)
    try:
        until(lambda: tallies(place.folder / "a.eprof") > 1)
        os.kill(place.collector_of(process), signal.SIGKILL)
        time.sleep(0.5)  # which the program records on, unseen
        place.write("enough", "")
    except BaseException:
        process.kill()
        process.communicate()
        raise
    _, stderr = process.communicate(timeout=60)

    match = re.search(r"energyprof recover (\S+)", stderr.decode())
    assert match is not None
    recovered = place.call(place.command("recover", match[1]))
    told = json.loads((place.folder / "counts.json").read_text())
    report = load(place.folder / "a.eprof").report()
    assert (recovered.returncode, recovered.stderr) == (0, b"")
    assert (place.folder / "a.eprof").stat().st_size <= LIMIT
    assert {row.stage: row.calls for row in report.stages} == told["calls"]
    assert report.overhead.counted > 0


def test_a_run_below_its_bound_is_stored_whole(place: Any) -> None:
    place.write("job.py", BUSY)

    done = place.run("--max-size", "0", "--no-graph", "-o", "a.eprof", "job.py", "1")

    report = load(place.folder / "a.eprof").report()
    assert done.returncode == 0
    assert report.overhead.counted == 0
    assert not any("--max-size" in line for line in report.warnings)


MANY = """
import asyncio, subprocess, sys, threading
from concurrent.futures import ThreadPoolExecutor
from energyprof import stage
KID = "import energyprof\\nwith energyprof.stage('kid'):\\n    pass"
def thread():
    with stage("thread"):
        pass
async def task():
    with stage("task"):
        await asyncio.sleep(0)
async def tasks():
    for _ in range(20):
        await asyncio.gather(*(task() for _ in range(100)))
with stage("run"):
    for _ in range(1000):
        one = threading.Thread(target=thread)
        one.start()
        one.join()
    with stage("serve"):
        asyncio.run(tasks())
    with stage("pool"), ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: thread(), range(2000)))
    with stage("launch"):
        for _ in range(4):
            subprocess.run([sys.executable, "-c", KID], check=True)
"""


def test_lanes_beyond_the_limit_share_rows_and_keep_their_places(place: Any) -> None:
    place.write("job.py", MANY)

    done = place.run("--max-size", "256K", "--no-graph", "-o", "a.eprof", "job.py")

    run = load(place.folder / "a.eprof")
    assert done.returncode == 0
    assert {row.stage: row.calls for row in run.report().stages} == {
        "run": 1,
        "run/thread": 1000,
        "run/serve": 1,
        "run/serve/task": 2000,
        "run/pool": 1,
        "run/pool/thread": 2000,
        "run/launch": 1,
        "run/launch/kid": 4,
    }
    assert len(run.trace.lanes) < 2 * 256
    assert (place.folder / "a.eprof").stat().st_size <= 256 << 10
