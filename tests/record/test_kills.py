"""Fifty kills at random moments: what was recorded until a quarter of a second before can be read every time."""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import sys
import time
from typing import Any, NamedTuple

KILLS = 50
AT_ONCE = 10
LATEST_S = 1.6
FLUSHED_WITHIN_NS = 250_000_000
ITS_OWN_STALL = 2
"""Times the longest stall of the program's own threads: one of ours waits for a core as long as they do."""

# The last end of a stage and the threads' longest stall stand in shared memory, which outlives the kill.
PROGRAM = """
import mmap, struct, sys, threading, time
from energyprof import stage
with open(sys.argv[1], "r+b") as file:
    shared = mmap.mmap(file.fileno(), 24)
began_ns = before_ns = time.perf_counter_ns()
longest_ns = 0
def wait_and_see():
    global longest_ns
    while True:
        due_ns = time.perf_counter_ns() + 50_000_000
        time.sleep(0.05)
        longest_ns = max(longest_ns, time.perf_counter_ns() - due_ns)
threading.Thread(target=wait_and_see, daemon=True).start()
with stage("outer"):
    while time.perf_counter_ns() - began_ns < 30_000_000_000:
        with stage("inner"):
            time.sleep(0.002)
        now_ns = time.perf_counter_ns()
        longest_ns, before_ns = max(longest_ns, now_ns - before_ns), now_ns
        shared[:] = struct.pack("<qqq", began_ns, now_ns, longest_ns)
"""


class Killed(NamedTuple):
    """What a killed program had done, and what could be read of it."""

    began_ns: int
    """0: it had not come so far."""
    last_ns: int
    longest_ns: int
    spools: list[Any]
    torn_bytes: int


def kill_some(recording: Any, delays_s: list[float]) -> list[Killed]:
    """Start as many programs at once, kill each after its delay, and read their spools."""
    begun = []
    for number, delay_s in enumerate(delays_s):
        place = type(recording)(recording.folder / f"{delay_s:.4f}-{number}")
        shared = place.folder / "shared"
        shared.write_bytes(bytes(24))
        words = [sys.executable, str(place.script(PROGRAM)), str(shared)]
        begun.append((time.monotonic() + delay_s, place, subprocess.Popen(words, env=place.environment())))
    killed = []
    for at_s, place, process in sorted(begun, key=lambda one: one[0]):
        time.sleep(max(0.0, at_s - time.monotonic()))
        process.kill()
        assert process.wait() == -signal.SIGKILL
        shared = (place.folder / "shared").read_bytes()
        spools = place.collected().spools
        killed.append(Killed(*struct.unpack("<qqq", shared), spools, sum(spool.torn_bytes for spool in spools)))
    return killed


def test_fifty_kills_cost_a_quarter_of_a_second_at_most(recording: Any) -> None:
    rng = random.Random(os.getpid())
    delays_s = [rng.uniform(0.0, LATEST_S) for _ in range(KILLS)]

    killed = [one for at in range(0, KILLS, AT_ONCE) for one in kill_some(recording, delays_s[at : at + AT_ONCE])]

    assert [one.torn_bytes for one in killed] == [0] * KILLS
    recorded = [one for one in killed if one.began_ns]
    assert len(recorded) > KILLS / 4
    for one in recorded:
        (spool,) = one.spools
        last_ns = max((t_ns for _, t_ns in spool.events.get(1, ())), default=one.began_ns)
        assert one.last_ns - last_ns <= FLUSHED_WITHIN_NS + ITS_OWN_STALL * one.longest_ns
        ends = [spool.names[-code]["name"] for code, _ in spool.events.get(1, ()) if code < 0]
        assert set(ends) <= {"inner"}
