"""End as the program ended: with its exit status, or by the signal that ended it, so that a shell sees the same."""

from __future__ import annotations

import os
import signal
import sys


def end_like(exit_code: int) -> int:
    """Return the status to exit with; does not return if the program was ended by a signal (a negative status)."""
    if exit_code >= 0:
        return exit_code
    number = -exit_code
    _flush()
    _leave_no_core()
    if number not in {signal.SIGKILL, signal.SIGSTOP}:  # these have no other action to begin with
        signal.signal(number, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    # Still here: the kernel shields process 1 of a container from its own signals; a shell would say it this way.
    return 128 + number


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # nobody reads it any more


def _leave_no_core() -> None:
    """The program has left its core already, if it may; ours would say nothing and could overwrite it."""
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    except (OSError, ValueError):
        return
