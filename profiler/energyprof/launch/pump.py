"""Stand between the shell and the program: pass signals on, stop and continue with it, and see how it ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from energyprof.launch.arrivals import Arrival, Arrivals
from energyprof.launch.canary import Canary
from energyprof.launch.waker import Waker


class Ending(NamedTuple):
    """How the program ended."""

    exit_code: int
    """Exit status; negative: ended by that signal."""
    t_ns: int
    """CLOCK_MONOTONIC when it was seen to have ended."""
    cpu_ns: int
    """CPU time, user and system, of the program and the descendants it waited for."""


class Pump:
    """Waits for one program. `on_tick` is called between signals, `on_stop` before we stop with the program."""

    def __init__(
        self,
        pid: int,
        arrivals: Arrivals,
        canary: Canary,
        *,
        on_tick: Callable[[], float],
        on_stop: Callable[[], None],
    ) -> None:
        """`on_tick` returns the seconds until it wants to be called again."""
        self._pid = pid
        self._arrivals = arrivals
        self._canary = canary
        self._on_tick = on_tick
        self._on_stop = on_stop
        self._is_stopped = False
        self._waker_pid = 0

    def run(self) -> Ending:
        """Return when the program has ended."""
        while True:
            arrival = self._arrivals.wait(self._on_tick())
            ending = self._reap()
            if ending is not None:
                return ending
            self._canary.look()
            if arrival is not None:
                self._relay(arrival)

    def _reap(self) -> Ending | None:
        """Take in every change of state of the program; return how it ended, if it did."""
        while True:
            pid, status, usage = os.wait4(self._pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            if pid == 0:
                return None
            if os.WIFSTOPPED(status):
                self._is_stopped = True
                self._on_stop()
                with Waker(self._pid) as waker:
                    self._arrivals.stop_like(os.WSTOPSIG(status))
                self._waker_pid = waker.pid
            elif os.WIFCONTINUED(status):
                self._is_stopped = False
            else:
                cpu_ns = round((usage.ru_utime + usage.ru_stime) * 1e9)
                return Ending(os.waitstatus_to_exitcode(status), time.monotonic_ns(), cpu_ns)

    def _relay(self, arrival: Arrival) -> None:
        if arrival.signum == signal.SIGCHLD or arrival.is_from_terminal:
            return
        if arrival.sender == self._pid:
            return  # it signalled its own group or its parent: it meant us, or has had it already
        if self._waker_pid and arrival.sender == self._waker_pid:
            return  # the program runs already, or has stopped once more
        if arrival.signum == signal.SIGCONT and not self._is_stopped:
            return  # the shell continues the whole group, and only somebody's `kill -CONT` us alone
        if os.getpgid(self._pid) == os.getpgrp() and self._canary.has_had(arrival):
            return  # sent to the whole group, and so to the program
        os.kill(self._pid, arrival.signum)  # it cannot be another's pid: it has not been reaped yet
