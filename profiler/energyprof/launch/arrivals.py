"""The signals that arrive at the foreground, each with whether the program has had it already.

A terminal gives Ctrl-C to every process of its group, so the program has it before we see it: passing it on would make
two of one. A signal sent to our pid alone reached nobody else and must be passed on. The kernel says which is which
(`si_code`, sigaction(2)), and only `sigtimedwait` hands that to Python; macOS has no such call.

A terminal that is closed is another matter: the kernel tells the leader of its session alone, and the foreground group
only once that leader has ended (tty_signal_session_leader and disassociate_ctty, Linux, drivers/tty/tty_jobctrl.c).
Where we are that leader (`ssh -t`, `docker run -t`, a terminal's own command) the program has not had it.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # `signal` wraps it in enums, which delays the program
import os
import time
from abc import ABC, abstractmethod
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

WATCHED = frozenset(
    {
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGCONT,
        signal.SIGTSTP,
        signal.SIGCHLD,
    }
)
FROM_KEYBOARD = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP})
OF_HANGUP = frozenset({signal.SIGHUP, signal.SIGCONT})
"""What the kernel sends when a terminal is closed."""


# Importing typing for its NamedTuple would delay the program's start by 6 ms.
class Arrival(namedtuple("Arrival", "signum is_from_terminal sender")):  # noqa: PYI024
    """One signal; `sender` is a pid, or 0 where that is not known."""

    signum: int
    is_from_terminal: bool
    sender: int


class Arrivals(ABC):
    """Where signals wait to be fetched. While it is open none of them ends or stops the foreground by itself."""

    mask_for_program: set[int]
    """The signal mask as we were given it, for the program to start with."""

    @abstractmethod
    def wait(self, timeout_s: float) -> Arrival | None:
        """Return the next signal, or None once the time is up; may return None early."""

    @abstractmethod
    def stop_like(self, signum: int) -> None:
        """Stop as the program did, so that the shell gets its prompt back; returns when we are continued."""

    @abstractmethod
    def close(self) -> None:
        """Let signals act on the foreground again as they did before; a second call does nothing."""


def open_arrivals() -> Arrivals:
    """Return the best way of this system. From the main thread only, before any other thread is started."""
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        # Some launchers leave it ignored, and then no exit status can be waited for.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return KernelQueue() if hasattr(signal, "sigtimedwait") else WakeupPipe()


class KernelQueue(Arrivals):
    """Linux: the signals are blocked, queue in the kernel and come with who sent them."""

    def __init__(self) -> None:
        self.mask_for_program: set[int] = set(signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED))
        self._is_open = True

    def wait(self, timeout_s: float) -> Arrival | None:
        """Return the next signal; None: none came in time."""
        info = signal.sigtimedwait(WATCHED, max(0.0, timeout_s))
        if info is None:
            return None
        # Positive codes come from the kernel, SI_USER and its kin are 0 or less (asm-generic/siginfo.h).
        is_from_terminal = info.si_code > 0 and info.si_signo != signal.SIGCHLD
        if info.si_signo in OF_HANGUP and os.getsid(0) == os.getpid():
            is_from_terminal = False
        return Arrival(info.si_signo, is_from_terminal, 0 if info.si_code > 0 else info.si_pid)

    def stop_like(self, signum: int) -> None:
        """Stop as the program did; returns when we are continued."""
        if signum != signal.SIGTSTP:
            os.kill(os.getpid(), signal.SIGSTOP)
            return
        # Unblocked it acts at once, and the shell says "Stopped" as of any other job.
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTSTP})
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})

    def close(self) -> None:
        """Let signals act as they did before; a second call does nothing."""
        if self._is_open:
            self._is_open = False
            signal.pthread_sigmask(signal.SIG_SETMASK, self.mask_for_program)


class WakeupPipe(Arrivals):
    """Elsewhere: handlers that do nothing, and Python's wakeup pipe. Who sent a signal is inferred.

    A keyboard signal counts as the terminal's if we are in the terminal's foreground; then the program has had it.
    """

    def __init__(self) -> None:
        self.mask_for_program: set[int] = set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        # A signal that our own parent had us ignore stays ignored, for the program inherits that from us.
        self._before = {
            number: signal.signal(number, _do_nothing)
            for number in sorted(WATCHED)
            if signal.getsignal(number) != signal.SIG_IGN
        }
        self._wakeup_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._waiting: list[int] = []

    def wait(self, timeout_s: float) -> Arrival | None:
        """Return the next signal; None: none came in time."""
        import select

        deadline_s = time.monotonic() + timeout_s
        while not self._waiting:
            left_s = deadline_s - time.monotonic()
            select.select([self._reader], [], [], max(0.0, left_s))
            try:
                self._waiting += os.read(self._reader, 512)
            except BlockingIOError:
                return None
        number = self._waiting.pop(0)
        return Arrival(number, number in FROM_KEYBOARD and is_in_foreground(), 0)

    def stop_like(self, signum: int) -> None:  # noqa: ARG002 - SIGTSTP has a handler here, so the sure one serves
        """Stop; returns when we are continued."""
        os.kill(os.getpid(), signal.SIGSTOP)

    def close(self) -> None:
        """Let signals act as they did before; a second call does nothing."""
        if self._reader < 0:
            return
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._reader)
        os.close(self._writer)
        self._reader = self._writer = -1


def is_in_foreground() -> bool:
    """Return whether a terminal on stdin or stderr gives its keyboard signals to our process group."""
    for descriptor in (0, 2):
        try:
            if os.tcgetpgrp(descriptor) == os.getpgrp():
                return True
        except OSError:
            continue
    return False


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Stand in for the default action; the wakeup pipe carries the signal."""
