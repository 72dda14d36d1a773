"""Signals reach the program once, the run is written whatever happens to it, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from energyprof.run import load

pytestmark = pytest.mark.slow

PATIENT = """
import energyprof, signal, sys, time
seen = []
signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
with energyprof.stage("serve"):
    print("ready", flush=True)
    end = time.monotonic() + 20
    while not seen and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.2)
print("seen", [int(number) for number in seen], flush=True)
sys.exit(5)
"""
WARMING = """
import energyprof, os, time
with energyprof.stage("warm up"):
    open("begun", "a").write("x")
    for _ in range(3000):
        if os.path.exists("drawn"):
            break
        time.sleep(0.02)
"""
STOPPING = """
import energyprof, os, signal, sys
with energyprof.stage("pause"):
    print(os.getpid(), flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    print("went on", flush=True)
sys.exit(6)
"""
KILLED = """
import energyprof, glob, os, time
with energyprof.stage("train"):
    began_s = time.monotonic()
    while not any(map(os.path.getsize, glob.glob("*.eprof"))):
        time.sleep(0.01)
    print(time.monotonic() - began_s, flush=True)  # from here on the collector sees that it lives
    time.sleep(0.8)
    os.kill(os.getpid(), {number})
"""


def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait for something to come true; fails if it does not."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.02)


def is_begun(recordings: list[Path]) -> bool:
    """Tell whether a collector writes one; what was reserved for it before may go while we look."""
    with contextlib.suppress(FileNotFoundError):
        return [path.stat().st_size > 0 for path in recordings] == [True]
    return False


def is_finished(recordings: list[Path]) -> bool:
    """Tell whether there is one recording and its collector has let go of it."""
    return len(recordings) == 1 and recordings[0].stat().st_size > 0 and not Path(f"{recordings[0]}-wal").exists()


class OnTerminal:
    """A command as the leader of a pseudo-terminal's session."""

    def __init__(self, words: list[str], cwd: Path, environment: dict[str, str]) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execve(words[0], words, environment)
        self.text = ""

    def type(self, control: int) -> None:
        os.write(self._fd, termios.tcgetattr(self._fd)[6][control])

    def until(self, wanted: str) -> None:
        while wanted not in self.text and self._read():
            pass
        assert wanted in self.text, self.text

    def close(self) -> int:
        while self._read():
            pass
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def hang_up(self) -> None:
        os.close(self._fd)

    def has_ended(self, statuses: list[int]) -> bool:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            statuses.append(os.waitstatus_to_exitcode(status))
        return bool(pid)

    def _read(self) -> bool:
        assert select.select([self._fd], [], [], 30)[0], self.text
        try:
            piece = os.read(self._fd, 4096)
        except OSError:  # the last process on the terminal has closed it
            return False
        self.text += piece.decode()
        return bool(piece)


def test_ctrl_c_reaches_the_program_exactly_once_and_the_run_is_written(place: Any) -> None:
    place.write("job.py", PATIENT)
    terminal = OnTerminal(place.command("run", "--no-graph", "job.py"), place.folder, place.environment)
    terminal.until("ready")

    terminal.type(termios.VINTR)
    status = terminal.close()

    assert "seen [2]" in terminal.text
    assert "KeyboardInterrupt" not in terminal.text
    assert status == 5
    report = load(place.recordings()[0]).report()
    assert report.run.exit_code == 5
    assert [row.stage for row in report.stages] == ["serve"]
    assert place.leftovers() == []


def test_a_live_line_is_drawn_on_a_terminal_and_cleared(place: Any) -> None:
    place.write("job.py", WARMING)
    shown = OnTerminal(place.command("run", "--no-graph", "job.py"), place.folder, place.environment)
    quiet = OnTerminal(place.command("run", "-q", "--no-graph", "job.py"), place.folder, place.environment)
    until(lambda: (place.folder / "begun").exists() and (place.folder / "begun").stat().st_size == 2)
    shown.until(" J · warm up")

    place.write("drawn", "")
    assert (shown.close(), quiet.close()) == (0, 0)

    drawn = shown.text.split("\r\x1b[K")
    assert any(re.match(r"energyprof \d+:\d\d .* W · .* J · warm up", line) for line in drawn)
    assert not re.search(r"energyprof \d+:\d\d", drawn[-1])
    assert quiet.text == ""


def test_a_signal_sent_to_us_reaches_the_program_and_the_run_is_written(place: Any) -> None:
    place.write("job.py", PATIENT)
    process = place.start(place.command("run", "-q", "--no-graph", "job.py"))
    assert process.stdout.readline() == b"ready\n"

    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=30)

    assert (stdout, stderr, process.returncode) == (b"seen [15]\n", b"", 5)
    assert load(place.recordings()[0]).report().run.exit_code == 5
    assert place.members() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_program_ended_by_a_signal_leaves_a_complete_report(number: int, place: Any) -> None:
    place.write("job.py", KILLED.format(number=int(number)))

    process = place.start(place.command("run", "-q", "--no-graph", "job.py"))
    stdout, stderr = process.communicate(timeout=60)

    assert process.returncode == -number
    assert stderr == b""
    report = load(place.recordings()[0]).report()
    assert report.run.exit_code == -number
    assert [row.stage for row in report.stages] == ["train"]
    assert float(stdout) <= report.stages[0].wall_s <= report.run.wall_s
    assert place.members() == []
    assert place.leftovers() == []


def test_a_program_that_stops_itself_and_is_continued_by_its_pid_ends_the_command(place: Any) -> None:
    place.write("job.py", STOPPING)
    process = place.start(place.command("run", "-q", "--no-graph", "job.py"))
    program = int(process.stdout.readline())
    _, status = os.waitpid(process.pid, os.WUNTRACED)  # whoever waits for us sees us stop with it
    assert os.WIFSTOPPED(status)

    os.kill(program, signal.SIGCONT)
    stdout, stderr = process.communicate(timeout=60)

    assert (stdout, stderr, process.returncode) == (b"went on\n", b"", 6)
    assert [row.stage for row in load(place.recordings()[0]).report().stages] == ["pause"]
    assert place.members() == []


def test_a_shell_sees_137_for_a_killed_program(place: Any) -> None:
    place.write("job.py", KILLED.format(number=9))
    line = f"{' '.join(place.command('run', '-q', '--no-graph', 'job.py'))}; echo $?"

    assert place.call(["/bin/sh", "-c", line]).stdout.endswith(b"\n137\n")


def test_a_killed_foreground_leaves_no_orphan_and_a_finished_run(place: Any) -> None:
    place.write("job.py", PATIENT)
    process = place.start(place.command("run", "-q", "--no-graph", "job.py"))
    assert process.stdout.readline() == b"ready\n"
    until(lambda: is_begun(place.recordings()))

    process.kill()
    said = process.communicate(timeout=30)[0]

    assert said == b"seen [15]\n"
    until(lambda: place.members() == [])
    assert is_finished(place.recordings())
    assert load(place.recordings()[0]).report().run.exit_code is None
    assert place.leftovers() == []


def test_a_killed_collector_changes_nothing_for_the_program_and_is_said(place: Any) -> None:
    place.write("job.py", PATIENT)
    process = place.start(place.command("run", "--no-graph", "-q", "job.py"))
    assert process.stdout.readline() == b"ready\n"
    until(lambda: is_begun(place.recordings()))

    os.kill(place.collector_of(process), signal.SIGKILL)
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=30)

    assert (stdout, process.returncode) == (b"seen [15]\n", 5)
    assert b"the recording is not complete: the collector ended early" in stderr
    assert len(place.leftovers()) == 1
    assert os.path.join(str(place.temporary), place.leftovers()[0]).encode() in stderr


def test_nothing_connects_anywhere(place: Any) -> None:
    hooks = place.folder / "hooks"
    hooks.mkdir()
    hook = (
        "import sys\ndef note(event, args):\n    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.bind'):\n"
    )
    log = place.folder / "network.log"
    (hooks / "sitecustomize.py").write_text(
        f"{hook}        open({str(log)!r}, 'a').write(event)\nsys.addaudithook(note)"
    )
    watched = {"PYTHONPATH": str(hooks)}
    place.write("job.py", "import energyprof\nwith energyprof.stage('a'): pass")
    place.write("connects.py", "import socket; socket.socket(socket.AF_UNIX).connect_ex('/nowhere')")

    place.run("job.py", environment=watched)
    quiet = log.exists()
    place.call([sys.executable, "connects.py"], environment=watched)

    assert not quiet
    assert log.read_text() == "socket.connect"


def test_a_closed_terminal_ends_the_run_which_is_kept(place: Any) -> None:
    place.write("job.py", PATIENT.replace("end = time.monotonic() + 20", "end = time.monotonic() + 120"))
    words = place.command("run", "--no-graph", "job.py")
    reset = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    terminal = OnTerminal([sys.executable, "-c", reset, *words], place.folder, place.environment)
    terminal.until("ready\r\n")

    terminal.hang_up()

    ended: list[int] = []
    until(lambda: terminal.has_ended(ended), timeout_s=60.0)
    assert ended == [-signal.SIGHUP]
    until(lambda: is_finished(place.recordings()))
    assert load(place.recordings()[0]).report().run.exit_code == -signal.SIGHUP
