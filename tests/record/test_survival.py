"""Kills, full disks and vanished folders: what was flushed can be read, and the program never notices."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import Any

import pytest

LOOP = """
import sys, time
from energyprof import stage
with stage("outer"):
    deadline = time.monotonic() + 30
    count = 0
    while time.monotonic() < deadline:
        with stage("inner"):
            time.sleep(0.0005)
        count += 1
        if count == 900:
            print("ready", flush=True)
"""


def test_a_killed_program_leaves_a_readable_spool_with_the_open_stage(recording: Any) -> None:
    program = subprocess.Popen(
        [sys.executable, str(recording.script(LOOP))],
        stdout=subprocess.PIPE,
        env=recording.environment(),
        text=True,
    )
    assert program.stdout is not None

    program.stdout.readline()
    program.send_signal(signal.SIGKILL)
    program.communicate()

    spool = recording.collected().spool
    told = spool.told()
    assert (told[0], told.count("-outer")) == ("+outer", 0)
    assert told.count("+inner") > 200
    assert (spool.torn_bytes, spool.is_ended) == (0, False)


def test_a_program_killed_at_once_has_written_its_head(recording: Any) -> None:
    program = recording.run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")

    assert program.returncode == -signal.SIGKILL
    assert program.spool.head["segment"] == 0
    assert program.spool.lanes[1]["name"] == "MainThread"


@pytest.mark.usefixtures("no_bytecode")
def test_a_full_disk_costs_events_and_nothing_else(recording: Any) -> None:
    program = recording.run(
        "import resource, sys, time\nfrom energyprof import stage\n"
        "def record():\n    for _ in range(2_000):\n        with stage('a'): pass\n    time.sleep(.3)\n"
        "record()\n"
        "limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, limit))\n"
        "record()\nrecord()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
        "record()\n"
        "sys.exit(3)\n"
    )

    spool = program.spool
    kept = len(spool.events[1])
    assert (program.returncode, program.stdout, program.stderr, program.log) == (3, "", "", "")
    assert kept + spool.dropped == 16_000
    assert (kept, spool.dropped) == (12_000, 4_000)  # the next segment begins at 0 bytes again
    assert (spool.torn_bytes, spool.is_ended) == (0, True)


def test_a_deleted_run_folder_goes_unnoticed(recording: Any) -> None:
    program = recording.run(
        "import os, shutil, sys, time\nfrom energyprof import stage\n"
        "with stage('a'): time.sleep(.3)\n"
        "shutil.rmtree(os.environ['ENERGYPROF_RUN_DIR'])\n"
        "for _ in range(5_000):\n    with stage('b'): pass\n"
        "time.sleep(.3)\nsys.exit(4)\n"
    )

    assert (program.returncode, program.stdout, program.stderr) == (4, "", "")
    assert not recording.run_dir.exists()


def test_memory_stays_bounded_while_nothing_can_be_written(recording: Any) -> None:
    program = recording.run(
        "import os, shutil, resource\nfrom energyprof import stage\na = stage('a')\n"
        "def record():\n    for _ in range(400_000):\n        with a: pass\n"
        "with a: pass\n"
        "shutil.rmtree(os.environ['ENERGYPROF_RUN_DIR'])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for _ in range(3): record()\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )

    assert program.stderr == ""
    assert int(program.stdout) < 120  # MiB; 2.4 million events would be some 220


def test_a_program_that_closes_all_descriptors_loses_nothing(recording: Any) -> None:
    program = recording.run(
        "import os, sys, time\nfrom energyprof import stage\n"
        "with stage('a'): time.sleep(.3)\n"
        "os.closerange(3, 100)\n"
        "mine = open('mine.txt', 'w')\n"
        "with stage('b'): time.sleep(.3)\n"
        "mine.write('only mine'); mine.close()\n"
    )

    assert (recording.folder / "mine.txt").read_text() == "only mine"
    assert program.spool.told() == ["+a", "-a", "+b", "-b"]


def test_ending_takes_no_longer_than_it_must(recording: Any) -> None:
    program = recording.run(
        "import time\nfrom energyprof import bootstrap, stage\n"
        "for _ in range(20_000):\n    with stage('a'): pass\n"
        "begun = time.perf_counter()\nbootstrap.stop()\nprint(time.perf_counter() - begun < .1)\n"
    )

    assert program.stdout == "True\n"
    assert (len(program.spool.events[1]), program.spool.is_ended) == (40_000, True)


def test_a_collector_that_takes_segments_away_meanwhile_loses_nothing(recording: Any) -> None:
    program = subprocess.Popen(
        [
            sys.executable,
            str(
                recording.script(
                    "import sys, time\nfrom energyprof import stage\n"
                    "with stage('a'): time.sleep(.5)\nprint('flushed', flush=True)\nsys.stdin.readline()\n"
                    "with stage('b'): pass\n"
                )
            ),
        ],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        env=recording.environment(),
        text=True,
    )
    assert program.stdout is not None

    program.stdout.readline()
    first = recording.collected().spool
    for segment in os.listdir(recording.run_dir / "spool"):
        os.unlink(recording.run_dir / "spool" / segment)
    program.communicate("go\n")

    second = recording.collected().spool
    assert first.told()[0] == "+a"
    assert second.head["segment"] == 1
    assert [code > 0 for code, _ in second.events[1]][-2:] == [True, False]


def test_after_the_run_folder_was_deleted_and_made_again_all_is_announced_again(recording: Any) -> None:
    script = recording.script(
        "import sys\nfrom energyprof import bootstrap, stage\n"
        "for _ in range(3):\n"
        "    with stage('a'): pass\n"
        "    bootstrap.flush()\n    print('flushed', flush=True)\n    sys.stdin.readline()\n"
    )
    program = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        env=recording.environment(),
        text=True,
    )
    assert program.stdout is not None
    assert program.stdin is not None

    for is_restored_at_once in (True, False):
        program.stdout.readline()
        assert recording.collected().spool.told() == ["+a", "-a"]
        shutil.rmtree(recording.run_dir)
        if not is_restored_at_once:
            print("go", file=program.stdin, flush=True)
            program.stdout.readline()
        (recording.run_dir / "spool").mkdir(parents=True)
        print("go", file=program.stdin, flush=True)
    program.communicate("")

    spool = recording.collected().spool
    assert spool.told() == ["+a", "-a"]
    assert spool.lanes[1]["tid"] == spool.head["pid"]


def test_tasks_are_announced_again_after_the_run_folder_was_deleted(recording: Any) -> None:
    script = recording.script(
        "import asyncio, os, shutil\nfrom energyprof import bootstrap, stage\n"
        "async def work():\n    with stage('a'): await asyncio.sleep(0)\n"
        "    bootstrap.flush()\n    folder = os.environ['ENERGYPROF_RUN_DIR']\n"
        "    shutil.rmtree(folder)\n    os.makedirs(os.path.join(folder, 'spool'))\n"
        "    with stage('b'): await asyncio.sleep(0)\n"
        "async def main():\n    await asyncio.create_task(work())\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, str(script)], env=recording.environment(), check=True, timeout=30)

    spool = recording.collected().spool
    assert {"Task-1", "Task-2"} <= {lane["name"] for lane in spool.lanes.values()}


def test_many_short_threads_leave_no_memory_behind(recording: Any) -> None:
    program = recording.run(
        "import threading\nfrom energyprof import stage\n"
        "def work():\n    with stage('a'): pass\n"
        "def kib():\n    rows = open('/proc/self/status').read().splitlines()\n"
        "    return next(int(row.split()[1]) for row in rows if row.startswith('VmRSS'))\n"
        "def threads(count):\n"
        "    for _ in range(count):\n"
        "        one = threading.Thread(target=work); one.start(); one.join()\n"
        "threads(200)\nbefore = kib()\nthreads(4_000)\nprint(kib() - before)\n"
    )

    assert program.stderr == ""
    assert int(program.stdout) < 8_192  # 20,000 took 1.4 MiB; a lane kept for each of 4,000 would be some 10
