"""What a real recorded program wrote becomes the trace it must be: threads, recursion, a fork, a kill."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import energyprof
from energyprof.capture import CaptureWriter, read_trace
from energyprof.collect.convert import Converter
from energyprof.collect.spool_watch import SpoolWatcher
from energyprof.model.events import STAGE_LIMIT
from energyprof.model.spool import EVENTS, read_frames
from energyprof.model.trace import RunFacts, Trace

PACKAGE = Path(energyprof.__file__).parent
END_NS = 2**62
BEGUN = 53
"""How many stages the program's parent process begins before it waits to be killed."""

PROGRAM = """
import os, signal, sys, threading, time
from energyprof import stage

@stage
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def work():
    with stage("work"):
        fib(5)

with stage("train"):
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    child = os.fork()
    if child == 0:
        with stage("child"):
            fib(2)
        sys.exit(0)
    os.waitpid(child, 0)
    with stage("score", after="work"):
        fib(1)
with stage("serve"), stage("answer"):
    print("ready", flush=True)
    time.sleep(60)
"""


def begun(spool: Path, pid: int) -> int:
    """Return how many begins of stages a process has written so far."""
    frames = [frame for path in spool.glob(f"{pid}-*") for frame, _ in read_frames(path.read_bytes())]
    events = b"".join(frame.payload for frame in frames if frame.kind == EVENTS)
    return sum(0 < code < STAGE_LIMIT for code, _ in struct.iter_unpack("<qq", events))


def record_until_killed(folder: Path) -> int:
    """Run PROGRAM until it says that it is ready, wait for that to be in its spool, kill it; return its pid."""
    (folder / "spool").mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(PACKAGE / "record" / "site"),
        "ENERGYPROF_RUN_DIR": str(folder),
        "ENERGYPROF_PACKAGE": str(PACKAGE),
    }
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        try:
            assert program.stdout.readline() == "ready\n"
            while begun(folder / "spool", program.pid) < BEGUN:
                assert program.poll() is None
                os.sched_yield()
        finally:
            program.kill()
    return program.pid


def converted(folder: Path) -> Trace:
    path = folder / "run.eprof"
    writer = CaptureWriter(path)
    writer.set_run(RunFacts((sys.executable,), 0, 0, END_NS, -9))
    converter = Converter(SpoolWatcher(folder / "spool", bytes_per_step=500), writer)
    while converter.step():
        if writer.commit(force=True):
            converter.release()
    converter.finish(END_NS)
    writer.finish()
    converter.release()
    return read_trace(path)


def test_a_program_with_threads_a_fork_and_a_sudden_end(tmp_path: Path) -> None:
    pid = record_until_killed(tmp_path)

    trace = converted(tmp_path)

    spans = trace.spans
    calls = Counter(trace.stages[stage].id for stage in spans.stage.tolist())
    assert calls == {
        "train": 1,
        "train/work": 3,
        "train/work/fib": 45,
        "train/child": 1,
        "train/child/fib": 3,
        "train/score": 1,
        "train/score/fib": 1,
        "serve": 1,
        "serve/answer": 1,
    }
    assert [trace.stages[stage].id for stage in spans.stage[spans.is_open]] == ["serve", "serve/answer"]
    assert spans.end_ns[spans.is_open].tolist() == [END_NS, END_NS]
    flows = zip(trace.flows.source, trace.flows.target, strict=True)
    assert [(trace.stages[a].id, trace.stages[b].id) for a, b in flows] == [("train/work", "train/score")]
    inner = spans.parent >= 0
    outer = spans.parent[inner]
    assert (spans.start_ns[outer] <= spans.start_ns[inner]).all()
    assert (spans.end_ns[outer] >= spans.end_ns[inner]).all()
    assert pid in trace.lanes.pid
    assert list((tmp_path / "spool").iterdir()) == []
