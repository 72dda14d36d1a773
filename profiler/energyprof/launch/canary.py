"""Tell a signal sent to our whole process group, which the program has had, from one sent to us alone.

The kernel says who sent a signal, not to how many. So one more process stands in the group: a `cat` that reads a pipe
of ours and that nobody knows of. A signal to the group ends it, and how it ended says by which; a signal to us alone
leaves it alive. Whatever goes wrong with it (no `cat`, killed by a stranger), signals are passed on: to have one twice
is better than to miss it.
"""

from __future__ import annotations

import os
import select
import signal
import time
from typing import TypeAlias

from energyprof.launch.arrivals import WATCHED, Arrival
from energyprof.launch.executable import find_executable

FileAction: TypeAlias = "tuple[int, int, int] | tuple[int, int, str, int, int]"

GRACE_S = 0.02
"""A group's processes are signalled one after the other, and by some senders in as many calls."""
ECHO_S = 0.05
"""`timeout` signals its child and then the group: what the same sender sends again within this time is the same one."""
_DYING_S = 1.0
_DEADLY = WATCHED - {signal.SIGCONT, signal.SIGTSTP, signal.SIGCHLD}


class Canary:
    """Stands in our process group and dies of what is sent to all of it."""

    def __init__(self) -> None:
        """Start it; where there is no `cat` every question is answered with no."""
        self._path = find_executable("cat")
        self._pid = 0
        self._air = self._breath = -1
        """Our end of its input, which ends it when we are gone, and of its output, which ends when it does."""
        self._died_of = 0
        self._died_s = self._started_s = 0.0
        self._sender: int | None = None
        """Who sent what it died of, as soon as our own copy has come."""
        self._start()

    def look(self, wait_options: int = os.WNOHANG) -> None:
        """Take note of its death and start another. To be called whenever a signal has come, and now and then."""
        if self._pid:
            pid, status = os.waitpid(self._pid, wait_options)
            if not pid:
                return
            self._bury()
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) in _DEADLY:
                self._died_of, self._died_s, self._sender = os.WTERMSIG(status), time.monotonic(), None
            else:
                self._path = None  # it cannot live here, or somebody does not want it to
        if time.monotonic() - self._started_s > ECHO_S:  # else a storm of signals would keep us busy with funerals
            self._start()

    def has_had(self, arrival: Arrival) -> bool:
        """Return whether the signal went to the whole group; takes up to GRACE_S to be sure that it did not."""
        if arrival.signum not in _DEADLY:
            return False
        self.look()
        if not self._was_for_all(arrival) and self._pid:
            has_died = self._breathes_out(GRACE_S)
            if not has_died and self._is_dying():  # on a busy machine it waits for a core even for that
                has_died = self._breathes_out(_DYING_S)
            # Its output ends a little before itself.
            self.look(0 if has_died else os.WNOHANG)
        return self._was_for_all(arrival)

    def close(self) -> None:
        """End it; a second call does nothing."""
        self._path = None
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._bury()

    def _was_for_all(self, arrival: Arrival) -> bool:
        if self._died_of != arrival.signum or time.monotonic() - self._died_s > ECHO_S:
            return False
        if self._sender is None:
            self._sender = arrival.sender
        return self._sender == arrival.sender

    def _breathes_out(self, timeout_s: float) -> bool:
        return bool(select.select([self._breath], [], [], timeout_s)[0])

    def _is_dying(self) -> bool:
        """Return whether a signal waits for it (proc(5), SigPnd and ShdPnd)."""
        try:
            with open(f"/proc/{self._pid}/status", encoding="ascii", errors="replace") as stream:
                return any(int(line.split()[1], 16) for line in stream if line.startswith(("SigPnd:", "ShdPnd:")))
        except OSError:
            return False

    def _start(self) -> None:
        if self._path is None:
            return
        self._started_s = time.monotonic()
        its_stdin, self._air = os.pipe()
        self._breath, its_stdout = os.pipe()
        actions: list[FileAction] = [
            (os.POSIX_SPAWN_DUP2, its_stdin, 0),
            (os.POSIX_SPAWN_DUP2, its_stdout, 1),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ]
        try:
            self._pid = _spawn_without_core(self._path, actions)
        except OSError:
            self._path = None
            self._bury()
        finally:
            os.close(its_stdin)
            os.close(its_stdout)

    def _bury(self) -> None:
        self._pid = 0
        os.close(self._air)
        os.close(self._breath)


def _spawn_without_core(path: str, actions: list[FileAction]) -> int:
    """Start it deaf to Ctrl-Z and mortal to the rest, whatever we ignore, and without a core file after SIGQUIT."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    try:
        return os.posix_spawn(path, ["cat"], {}, file_actions=actions, setsigdef=_DEADLY, setsigmask={signal.SIGTSTP})
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
