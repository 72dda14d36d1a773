"""A signal sent to the whole process group reaches the program once, one sent to us alone is never lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FOREGROUND = str(Path(__file__).with_name("foreground.py"))
COUNTER = """
import os, signal, sys, time
seen = []
if "own-group" in sys.argv: os.setpgid(0, 0)
for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1"):
    signal.signal(getattr(signal, name), lambda number, frame: seen.append(signal.Signals(number).name))
print("ready", flush=True)
end = time.monotonic() + 30
while not seen and time.monotonic() < end:
    time.sleep(0.01)
time.sleep(0.3)
print(*seen, flush=True)
"""
SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1"]


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    (tmp_path / "counter.py").write_text(COUNTER)
    return [sys.executable, FOREGROUND, "kernel", sys.executable, str(tmp_path / "counter.py")]


def started(words: list[str], tmp_path: Path, **environment: str) -> subprocess.Popen[str]:
    """Start a command line as the leader of a group and wait until the program listens and the canary stands."""
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=tmp_path,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def in_group(group: int) -> list[str]:
    """Return the names of the living processes of a group (proc(5), stat)."""
    found = []
    for name in os.listdir("/proc"):
        try:
            stat = Path(f"/proc/{name}/stat").read_text() if name.isdigit() else ""
        except OSError:
            continue
        if stat and int(stat.rpartition(")")[2].split()[2]) == group and stat.rpartition(")")[2].split()[0] != "Z":
            found.append(stat.partition("(")[2].rpartition(")")[0])
    return found


def await_canary(group: int) -> None:
    deadline_s = time.monotonic() + 20
    while "cat" not in in_group(group):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_to_the_group_reaches_the_program_once(name: str, program: list[str], tmp_path: Path) -> None:
    process = started(program, tmp_path)
    await_canary(process.pid)

    os.killpg(process.pid, getattr(signal, name))

    assert process.communicate(timeout=30)[0] == f"{name}\n"
    assert sorted(os.listdir(tmp_path)) == ["counter.py"], "no core file of the canary either"


@pytest.mark.parametrize("options", [[], ["--foreground"]])
def test_timeout_ends_the_program_with_one_signal(options: list[str], program: list[str], tmp_path: Path) -> None:
    process = started(["timeout", *options, "-s", "USR1", "2", *program], tmp_path)

    assert process.communicate(timeout=30)[0] == "SIGUSR1\n"


def test_a_script_without_job_control_can_signal_us_alone(program: list[str], tmp_path: Path) -> None:
    line = f"{' '.join(program)} & read go; kill -TERM $!; wait"
    process = subprocess.Popen(
        ["/bin/sh", "-c", line],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    await_canary(process.pid)

    assert process.communicate("go\n", timeout=30)[0] == "SIGTERM\n"


def test_a_program_that_has_left_the_group_is_told(program: list[str], tmp_path: Path) -> None:
    process = started([*program, "own-group"], tmp_path)
    await_canary(process.pid)

    os.killpg(process.pid, signal.SIGTERM)

    assert process.communicate(timeout=30)[0] == "SIGTERM\n"


SLOW_TO_DIE = """#!{python} -ES
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
open("stands", "w").close()
while signal.SIGTERM not in signal.sigpending():
    signal.sigtimedwait([], 0.005)
signal.sigtimedwait([], 0.05)
os.close(1)
signal.sigtimedwait([], 0.2)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
"""


def test_a_canary_that_takes_its_time_to_die_is_believed(program: list[str], tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    cat = tmp_path / "bin" / "cat"
    cat.write_text(SLOW_TO_DIE.format(python=sys.executable))
    cat.chmod(0o755)
    process = started(program, tmp_path, PATH=str(tmp_path / "bin"))
    deadline_s = time.monotonic() + 20
    while not (tmp_path / "stands").exists():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)

    os.killpg(process.pid, signal.SIGTERM)

    assert process.communicate(timeout=30)[0] == "SIGTERM\n"


def test_another_signal_soon_after_one_to_the_group_is_passed_on(program: list[str], tmp_path: Path) -> None:
    process = started(program, tmp_path)
    await_canary(process.pid)

    os.killpg(process.pid, signal.SIGTERM)
    os.kill(process.pid, signal.SIGHUP)

    assert sorted(process.communicate(timeout=30)[0].split()) == ["SIGHUP", "SIGTERM"]


def test_without_a_canary_every_signal_is_passed_on(program: list[str], tmp_path: Path) -> None:
    process = started(program, tmp_path, PATH="/nowhere")
    assert "cat" not in in_group(process.pid)

    process.send_signal(signal.SIGTERM)

    assert process.communicate(timeout=30)[0] == "SIGTERM\n"


def test_a_killed_canary_loses_no_signal(program: list[str], tmp_path: Path) -> None:
    process = started(program, tmp_path)
    await_canary(process.pid)

    subprocess.run(["pkill", "-KILL", "-g", str(process.pid), "-x", "cat"], check=True)
    process.send_signal(signal.SIGTERM)

    assert process.communicate(timeout=30)[0] == "SIGTERM\n"


def test_no_canary_outlives_us(program: list[str], tmp_path: Path) -> None:
    process = started(program, tmp_path)
    await_canary(process.pid)

    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    deadline_s = time.monotonic() + 20
    while "cat" in in_group(process.pid):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=30)
