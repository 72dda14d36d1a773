"""Programs killed under `energyprof run`, one before anything is flushed; a hundred forks while they record."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import Any

import pytest

from energyprof.capture import read_trace
from energyprof.run import load

pytestmark = pytest.mark.slow

# The clock after the latest stage outlives the kill in a file that is mapped into memory.
STEPPING = """
import mmap, os, struct, sys, time
from energyprof import stage
with open(sys.argv[1], "r+b") as file:
    shared = mmap.mmap(file.fileno(), 16)
print(os.getpid(), flush=True)
with stage("outer"):
    while True:
        began_ns = time.perf_counter_ns()
        with stage("inner"):
            time.sleep(0.002)
        ended_ns = time.perf_counter_ns()
        stall_ns = max(struct.unpack("<qq", shared)[1], ended_ns - began_ns)
        shared[:] = struct.pack("<qq", ended_ns, stall_ns)
"""
KILLS = int(os.environ.get("ENERGYPROF_TEST_KILLS", "10"))
"""So many runs are killed, 3 s each; set the variable to try more moments."""
LOST_NS = 250_000_000
OWN_STALLS = 2
"""Times the longest stall of the program: the recorder's thread waits for a core as long as the program does."""


@pytest.mark.parametrize("number", range(KILLS))
def test_a_kill_costs_a_quarter_of_a_second_at_most(place: Any, number: int) -> None:
    place.write("shared", "\0" * 16)
    place.write("job.py", STEPPING)
    process = place.start(place.command("run", "-q", "--no-graph", "-o", "a.eprof", "job.py", "shared"))
    program = int(process.stdout.readline())

    time.sleep(
        number % 10 * 0.12 + random.Random(os.getpid() + number).uniform(0, 0.12 if KILLS > 10 else 0.02)
    )  # 0: before the first flush
    os.kill(program, signal.SIGKILL)
    _, stderr = process.communicate(timeout=60)

    last_ns, stall_ns = (int.from_bytes((place.folder / "shared").read_bytes()[at : at + 8], "little") for at in (0, 8))
    trace = read_trace(place.folder / "a.eprof")
    report = load(place.folder / "a.eprof").report()
    ends_ns = [end for end, is_open in zip(trace.spans.end_ns, trace.spans.is_open, strict=True) if not is_open]
    assert (process.returncode, stderr) == (-signal.SIGKILL, b"")
    assert report.run.exit_code == -signal.SIGKILL
    assert not any("not finished" in line for line in report.warnings)
    if ends_ns:
        assert last_ns - max(ends_ns) <= LOST_NS + OWN_STALLS * stall_ns
    else:
        assert number % 10 < 5
    assert place.leftovers() == []


FORKING = """
import os, threading, time
from energyprof import stage
def load():
    while not over.is_set():
        with stage("load"): time.sleep(0.0005)
over = threading.Event()
threads = [threading.Thread(target=load) for _ in range(2)]
for thread in threads: thread.start()
with stage("forks"):
    children = []
    for _ in range(100):
        child = os.fork()
        if child == 0:
            with stage("child"):
                with stage("work"): pass
            time.sleep(1)  # longer than the time between two flushes
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 100
over.set()
for thread in threads: thread.join()
print("all")
"""


def test_a_hundred_forks_under_load_all_end_and_are_counted_once(place: Any) -> None:
    place.write("job.py", FORKING)

    done = place.run("-q", "--no-graph", "-o", "a.eprof", "job.py")

    calls = {row.stage: row.calls for row in load(place.folder / "a.eprof").report().stages}
    assert (done.stdout, done.stderr, done.returncode) == (b"all\n", b"", 0)
    assert calls.pop("load") > 0
    assert calls == {"forks": 1, "forks/child": 100, "forks/child/work": 100}


BEFORE_THE_COLLECTOR = """
import glob, os, signal, subprocess, time
from energyprof import stage

def collector():
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as stat, open(path[:-4] + "cmdline") as words:
                is_sibling = int(stat.read().rpartition(")")[2].split()[1]) == os.getppid()
                if is_sibling and "collector" in words.read():
                    return int(path.split("/")[2])
        except OSError:
            continue

while (pid := collector()) is None:
    pass
os.kill(pid, signal.SIGSTOP)  # it looks at the program when that is gone
subprocess.Popen(["sh", "-c", f"sleep 1; kill -CONT {pid}"], start_new_session=True, stdout=2)
with stage("cut"):
    time.sleep(0.4)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_stage_cut_off_before_the_collector_looked_lasts_until_the_kill(place: Any) -> None:
    place.write("job.py", BEFORE_THE_COLLECTOR)

    done = place.run("-q", "--no-graph", "-o", "a.eprof", "job.py")

    rows = load(place.folder / "a.eprof").report().stages
    assert done.returncode == -signal.SIGKILL
    assert [(row.stage, row.calls) for row in rows] == [("cut", 1)]
    assert rows[0].wall_s >= 0.4
