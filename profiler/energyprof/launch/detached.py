"""A process of ours that is nobody's child: a program that waits for its children must not meet one it never made."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

SHELL = "/bin/sh"
# A shell gives /dev/null to what it starts in the background, unless told where else to read.
_SCRIPT = 'exec 3<&0; "$@" <&3 3<&- >&4 4>&- & echo $!'


class Streams(NamedTuple):
    """Files that the process has as its standard streams; `reader` is opened for writing too, so that it never ends."""

    reader: str
    writer: str
    log: str


class Detached:
    """One such process, known by its pid and the moment it started: a stranger who gets the pid is not taken for it."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        found = _look(pid)
        self._started = None if found is None else found.started

    def is_alive(self) -> bool:
        """Return whether it is still there."""
        if self._started is None:
            return _answers(self._pid)
        found = _look(self._pid)
        return found is not None and found.started == self._started and found.state != "Z"

    def end(self) -> None:
        """End it if it is there. In a container whose first process is the program, it is its child after all."""
        found = _look(self._pid)
        if found is None or found.started != self._started:
            return
        try:
            os.kill(self._pid, signal.SIGKILL)
            if found.parent == os.getpid():
                os.waitpid(self._pid, 0)
        except OSError:
            return  # it was faster, or the program is no longer who started it

    def is_our_child(self) -> bool:
        """Return whether it must be waited for, so that it leaves no zombie."""
        found = _look(self._pid)
        return found is not None and found.started == self._started and found.parent == os.getpid()


def start_detached(
    argv: Sequence[str], environment: Mapping[str, str], streams: Streams, pid_file: str, shell: str = SHELL
) -> Detached:
    """Start a program in a session of its own, by way of a shell that ends at once; raises OSError.

    Where there is no shell, it is a child like any other.
    """
    create = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    common = [
        (os.POSIX_SPAWN_OPEN, 0, streams.reader, os.O_RDWR, 0),
        (os.POSIX_SPAWN_OPEN, 2, streams.log, create, 0o600),
    ]
    by_shell = [
        (os.POSIX_SPAWN_OPEN, 1, pid_file, create, 0o600),
        (os.POSIX_SPAWN_OPEN, 4, streams.writer, create, 0o600),
    ]
    try:
        pid = _spawn([shell, "-c", _SCRIPT, "sh", *argv], environment, [*common, *by_shell])
    except FileNotFoundError:
        direct = (os.POSIX_SPAWN_OPEN, 1, streams.writer, create, 0o600)
        return Detached(_spawn(argv, environment, [*common, direct]))
    with suppress(ChildProcessError):  # the program has its children reaped by the system, or by a handler of its own
        os.waitpid(pid, 0)
    with open(pid_file, encoding="ascii") as stream:
        text = stream.read()
    if not text.strip().isdigit():
        raise OSError(f"{shell} could not start {argv[0]}")
    return Detached(int(text))


def close_inherited() -> None:
    """Close what the program holds open for children of its own: whoever reads a pipe waits for its last writer."""
    try:
        numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        numbers = list(range(3, 256))
    for number in numbers:
        if number > 2:
            with suppress(OSError):  # the one by which they were listed
                os.close(number)


def _spawn(argv: Sequence[str], environment: Mapping[str, str], actions: list[tuple[int, int, str, int, int]]) -> int:
    try:
        return os.posix_spawn(argv[0], [*argv], environment, file_actions=actions, setsid=True, setsigmask=())
    except NotImplementedError:
        return os.posix_spawn(argv[0], [*argv], environment, file_actions=actions, setpgroup=0, setsigmask=())


class _Seen(NamedTuple):
    state: str
    parent: int
    started: int


def _look(pid: int) -> _Seen | None:
    """Return what proc(5) says of a process; None where it is gone or there is no /proc."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    return _Seen(fields[0].decode(), int(fields[1]), int(fields[19]))


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
