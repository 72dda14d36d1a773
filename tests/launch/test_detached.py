"""A process that is nobody's child, and what its starter can still do about it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from energyprof.launch.detached import Detached, Streams, start_detached

ECHO = [
    sys.executable,
    "-c",
    "import os; print(os.getppid(), input(), os.getsid(0) != int(input()), flush=True); input()",
]


def streams_in(folder: Path) -> Streams:
    os.mkfifo(folder / "in")
    return Streams(str(folder / "in"), str(folder / "out"), str(folder / "log"))


def say(streams: Streams, text: str) -> None:
    fifo = os.open(streams.reader, os.O_WRONLY | os.O_NONBLOCK)
    os.write(fifo, text.encode())
    os.close(fifo)


def until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def started(folder: Path, shell: str = "/bin/sh") -> tuple[Detached, Streams]:
    streams = streams_in(folder)
    process = start_detached(ECHO, os.environ, streams, str(folder / "pid"), shell)
    say(streams, f"heard\n{os.getsid(0)}\n")
    until(lambda: Path(streams.writer).read_text().endswith("\n"))
    return process, streams


def test_it_hears_and_answers_and_is_no_child_of_ours(tmp_path: Path) -> None:
    before = children()

    process, streams = started(tmp_path)

    parent, *rest = Path(streams.writer).read_text().split()
    assert children() == before
    assert int(parent) != os.getpid()
    assert rest == ["heard", "True"]
    assert process.is_alive()
    assert not process.is_our_child()
    process.end()
    until(lambda: not process.is_alive())
    assert Path(streams.log).read_text() == ""


def test_it_never_hears_the_end_of_its_input(tmp_path: Path) -> None:
    process, streams = started(tmp_path)

    say(streams, "")  # opened and closed again

    assert process.is_alive()
    say(streams, "\n")
    until(lambda: not process.is_alive())


def test_without_a_shell_it_is_a_child_and_leaves_no_zombie(tmp_path: Path) -> None:
    before = children()

    process, streams = started(tmp_path, shell=str(tmp_path / "no-shell"))

    parent, *rest = Path(streams.writer).read_text().split()
    assert int(parent) == os.getpid()
    assert rest == ["heard", "True"]
    assert process.is_our_child()
    process.end()
    assert not process.is_alive()
    assert children() == before


def test_an_executable_that_is_not_there_is_an_error_or_a_process_that_has_ended(tmp_path: Path) -> None:
    streams = streams_in(tmp_path)

    process = start_detached([str(tmp_path / "none")], os.environ, streams, str(tmp_path / "pid"))

    until(lambda: not process.is_alive())
    assert "none" in Path(streams.log).read_text()


def test_a_shell_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="could not start"):
        start_detached(ECHO, os.environ, streams_in(tmp_path), str(tmp_path / "pid"), shell="/bin/false")


def test_a_stranger_with_the_same_pid_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        process = Detached(stranger.pid)
        process._started = 1  # it began at another time

        process.end()

        assert not process.is_alive()
        assert stranger.poll() is None
        stranger.send_signal(signal.SIGKILL)
