"""A collector, or all of us, killed: the program goes on, and `recover` finishes the run with every span once."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from energyprof.launch.run_notes import config_of, note_config
from energyprof.run import load

STEPS = 150
GOES_ON = """
import energyprof, os, time
def steps():
    for _ in range(150):
        with energyprof.stage("step"):
            time.sleep(0.002)
with energyprof.stage("train"):
    steps()
    print(os.getpid(), flush=True)
    while not os.path.exists("go"):
        time.sleep(0.01)
    with energyprof.stage("late"):  # announced when nobody listens any more
        steps()
print("done", flush=True)
raise SystemExit(5)
"""


def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait for something to come true; fails if it does not."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.02)


def started(place: Any) -> subprocess.Popen[bytes]:
    """Start the program and wait until its recording has begun to be written."""
    place.write("job.py", GOES_ON)
    process = place.start(place.command("run", "--no-graph", "-o", "a.eprof", "job.py"))
    assert process.stdout.readline().strip().isdigit()
    until(lambda: has_content(place.folder / "a.eprof"))
    return process


def has_content(path: Path) -> bool:
    """Tell whether the recording has begun; for an instant its name is taken by none."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def stored_spans(path: Path) -> int:
    """Return how many spans an unfinished recording holds."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            found: int = db.execute("SELECT coalesce(sum(rows), 0) FROM chunk WHERE kind = 4").fetchone()[0]
    except sqlite3.Error:
        return 0
    return found


def collector_of(process: subprocess.Popen[bytes]) -> int:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return next(int(pid) for pid in children if b"collector_main" in Path(f"/proc/{pid}/cmdline").read_bytes())


def has_collector(process: subprocess.Popen[bytes]) -> bool:
    try:
        return collector_of(process) > 0
    except (StopIteration, FileNotFoundError):
        return False


def calls(path: Path) -> dict[str, int]:
    return {row.stage: row.calls for row in load(path).report().stages}


WHOLE = {"train": 1, "train/step": STEPS, "train/late": 1, "train/late/step": STEPS}


def test_a_killed_collector_is_said_once_and_recover_completes_the_run(place: Any) -> None:
    process = started(place)
    until(lambda: 0 < stored_spans(place.folder / "a.eprof") < sum(WHOLE.values()))

    os.kill(place.collector_of(process), signal.SIGKILL)
    place.write("go", "")
    stdout, stderr = process.communicate(timeout=30)

    (said,) = [line for line in stderr.decode().splitlines() if line.startswith("energyprof: ")]
    match = re.fullmatch(
        r"energyprof: the recording is not complete: .*; complete it with: (energyprof recover (.*))", said
    )
    assert (stdout, process.returncode) == (b"done\n", 5)
    assert match is not None
    done = place.call(place.command("recover", match[2]))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().startswith(f"recovered {sum(WHOLE.values())} spans; see them with: energyprof report ")
    report = load(place.folder / "a.eprof").report()
    assert calls(place.folder / "a.eprof") == WHOLE
    assert report.run.exit_code == 5
    (line,) = [line for line in report.warnings if "power is known for" in line]
    assert "joules, those of a call too, are of that time only, upper ends of intervals allow for the rest" in line
    assert not any("was not finished" in line for line in report.warnings)
    assert place.leftovers() == []
    again = place.call(place.command("recover", "a.eprof"))
    assert (again.returncode, again.stdout) == (
        0,
        f"{place.folder}/a.eprof is complete: there is nothing to do\n".encode(),
    )


def test_all_of_us_killed_leaves_the_program_unharmed_and_its_run_whole(place: Any) -> None:
    process = started(place)
    program = next(int(line.split()[0]) for line in programs(place))

    os.kill(place.collector_of(process), signal.SIGKILL)
    process.kill()
    process.wait()
    busy = place.call(place.command("recover", "a.eprof"))
    place.write("go", "")
    rest = process.communicate(timeout=30)[0]
    until(lambda: programs(place) == [])
    done = place.call(place.command("recover", "a.eprof"))

    assert busy.returncode == 2
    assert f"is still running (process {program}); " in busy.stderr.decode()
    assert rest == b"done\n"
    assert done.returncode == 0, done.stderr
    assert calls(place.folder / "a.eprof") == WHOLE
    assert load(place.folder / "a.eprof").report().run.exit_code is None
    assert place.leftovers() == []


def stored_readings(path: Path) -> int:
    """Return how many readings an unfinished recording holds."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            found: int = db.execute("SELECT coalesce(sum(rows), 0) FROM chunk WHERE kind = 6").fetchone()[0]
    except sqlite3.Error:
        return 0
    return found


def test_a_collector_killed_before_it_wrote_anything_is_said_and_costs_no_stage(place: Any) -> None:
    place.write("job.py", GOES_ON)
    process = place.start(place.command("run", "--no-graph", "-o", "a.eprof", "job.py"))
    until(lambda: has_collector(process))

    os.kill(collector_of(process), signal.SIGKILL)
    place.write("go", "")
    stdout, stderr = process.communicate(timeout=60)

    assert (process.returncode, stdout[-5:]) == (5, b"done\n")
    said = re.search(
        r"not complete: the collector ended early; complete it with: energyprof recover (\S+)", stderr.decode()
    )
    assert said is not None
    place.call(place.command("recover", said[1]))
    report = load(place.folder / "a.eprof").report()
    assert calls(place.folder / "a.eprof") == WHOLE
    assert any("the collector was stopped during the run: stages are complete" in line for line in report.warnings)


def test_a_collector_killed_soon_after_it_began_leaves_the_power_up_to_then(place: Any) -> None:
    process = started(place)
    path = place.folder / "a.eprof"
    until(lambda: stored_readings(path) > 0, timeout_s=3.5)  # the steady rhythm would have taken 4 s

    os.kill(place.collector_of(process), signal.SIGKILL)
    so_far = load(path).report().run
    place.write("go", "")
    process.communicate(timeout=30)
    done = place.call(place.command("recover", "a.eprof"))

    assert so_far.command[-1] == "job.py"
    assert so_far.wall_s > 0
    assert done.returncode == 0, done.stderr
    report = load(path).report()
    assert report.measured.energy_j is not None
    assert report.measured.energy_j > 0
    assert calls(path) == WHOLE


def programs(place: Any) -> list[str]:
    """Return pid and command line of the program where it is alive."""
    found = []
    for name in os.listdir("/proc"):
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0") if name.isdigit() else []
            if words[1:2] == [b"job.py"] and os.readlink(f"/proc/{name}/cwd") == str(place.folder):
                found.append(f"{name} {words}")
        except OSError:
            continue
    return found


def kept_folder(place: Any, recording: Any, output: str = "a.eprof") -> Path:
    """Return the run folder of a run whose collector never came to write anything."""
    recording.run("from energyprof import stage\nwith stage('a'):\n    with stage('b'): pass\n")
    folder: Path = recording.run_dir
    config = {
        "run_dir": str(folder),
        "output": str(place.folder / output),
        "command": ["python", "x.py"],
        "root_pid": 2**22 + 1,
        "start_ns": time.monotonic_ns() - 10**10,
        "start_unix_ns": time.time_ns() - 10**10,
    }
    note_config(str(folder), config)
    return folder


def test_a_run_whose_file_never_came_to_be_gets_one(place: Any, recording: Any) -> None:
    folder = kept_folder(place, recording)

    done = place.call(place.command("recover", str(folder)))

    assert done.returncode == 0, done.stderr
    assert calls(place.folder / "a.eprof") == {"a": 1, "a/b": 1}
    assert load(place.folder / "a.eprof").report().run.command == ("python", "x.py")
    assert not folder.exists()


def test_report_of_a_run_folder_recovers_it_first(place: Any, recording: Any) -> None:
    folder = kept_folder(place, recording)

    done = place.call(place.command("report", str(folder), "--format", "json"))

    assert [stage["stage"] for stage in json.loads(done.stdout)["stages"]] == ["a", "a/b"]
    assert calls(place.folder / "a.eprof") == {"a": 1, "a/b": 1}


def test_a_recovered_run_can_go_into_another_file(place: Any, recording: Any) -> None:
    folder = kept_folder(place, recording, "gone/a.eprof")
    refused = place.call(place.command("recover", str(folder)))

    done = place.call(place.command("recover", str(folder), "-o", "b.eprof"))

    assert refused.returncode == 2
    assert refused.stderr.endswith(b"choose another place with -o\n")
    assert done.returncode == 0, done.stderr
    assert calls(place.folder / "b.eprof") == {"a": 1, "a/b": 1}


def test_an_empty_file_whose_run_folder_is_gone_is_not_made_a_run_of_nothing(place: Any) -> None:
    path = place.write("a.eprof", "")

    done = place.call(place.command("recover", "a.eprof"))

    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"energyprof: {path} is empty and its run folder is gone")
    assert path.stat().st_size == 0


def test_a_folder_in_use_is_left_alone(place: Any, recording: Any) -> None:
    folder = kept_folder(place, recording)
    holds = (
        f"import sys; from energyprof.launch.run_notes import hold; assert hold({str(folder)!r}); "
        "print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"

    done = place.call(place.command("recover", str(folder)))
    holder.communicate()

    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"energyprof: {folder} is in use: ")
    assert folder.exists()


@pytest.mark.parametrize("missing", ["output", "root_pid", "start_ns", "start_unix_ns"])
def test_a_folder_that_does_not_say_what_was_run_is_no_run_folder(
    place: Any, recording: Any, command_here: Any, missing: str
) -> None:
    folder = kept_folder(place, recording)
    note_config(str(folder), {name: value for name, value in config_of(str(folder)).items() if name != missing})

    asked = {
        ("recover", str(folder)): f"{folder} is no run folder; name ",
        ("recover", str(folder), "-o", "b.eprof"): f"{folder} is no run folder; name ",
        ("report", str(folder)): f"{folder} is a folder; name ",
    }
    for words, fact in asked.items():
        done = command_here(*words)

        assert (done.returncode, done.stdout) == (2, b"")
        assert fact in done.stderr.decode()
    assert folder.exists()


def test_a_recording_is_recovered_beside_folders_that_do_not_say_what_was_run(
    place: Any, recording: Any, command_here: Any
) -> None:
    beside, ours = place.temporary / "energyprof-beside", place.temporary / "energyprof-ours"
    beside.mkdir()
    note_config(str(beside), {"run_dir": str(beside)})
    kept_folder(place, recording).rename(ours)

    done = command_here("recover", "a.eprof")

    assert (done.returncode, done.stderr) == (0, b"")
    assert calls(place.folder / "a.eprof") == {"a": 1, "a/b": 1}
    assert place.leftovers() == [beside.name]


def test_what_is_no_run_is_said(place: Any) -> None:
    for word, fact in ((".", "is no run folder"), ("gone", "no file or folder gone")):
        done = place.call(place.command("recover", word))

        assert done.returncode == 2
        assert fact in done.stderr.decode()
        assert len(done.stderr.decode().splitlines()) == 1
