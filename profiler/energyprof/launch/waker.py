"""Wake the foreground, which has stopped with the program, once the program runs again or has ended without it.

The shell continues the whole job, but `kill -CONT` of the program's pid reaches the program alone, and who is stopped
is told of nothing. So while the foreground is stopped one more process looks at the program now and then, in a session
of its own so that no Ctrl-Z stops it too. It is this file, run as a script with nothing of ours imported.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import TracebackType

_LOOK_S = 0.1
_STOPPED = frozenset({b"T", b"t"})
"""States of proc(5): stopped by a signal, and by a debugger."""


class Waker:
    """Looks after the foreground for as long as its block lasts; where there is no /proc, nobody does."""

    def __init__(self, program_pid: int) -> None:
        self._program_pid = program_pid
        self.pid = 0
        """Its own, the sender of the signal that wakes us; 0: there is none."""

    def __enter__(self) -> Waker:  # noqa: PYI034 - Self is no part of Python 3.10's typing
        if sys.executable and _state(self._program_pid):
            self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def _start(self) -> None:
        words = [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(self._program_pid)]
        actions = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
        try:
            self.pid = os.posix_spawn(words[0], words, os.environ, file_actions=actions, setsid=True, setsigmask=())
        except (OSError, NotImplementedError):
            return  # we are stopped until somebody continues us too


def watch(foreground_pid: int, program_pid: int) -> None:
    """Continue the foreground, our parent, whenever it is stopped and the program is not; return when it has died.

    Again and again, since the program may run on before the foreground has stopped.
    """
    while os.getppid() == foreground_pid:
        if _state(program_pid) not in _STOPPED and _state(foreground_pid) == b"T":
            os.kill(foreground_pid, signal.SIGCONT)
        time.sleep(_LOOK_S)


def _state(pid: int) -> bytes:
    """Return the letter of proc(5); an empty one for who is gone, and where there is no /proc."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return b""
    return text[text.rindex(b")") + 2 :][:1]


if __name__ == "__main__":
    watch(int(sys.argv[1]), int(sys.argv[2]))
