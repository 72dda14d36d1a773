"""Once a gate is shut: wait until the signal that the collector may just have decided on has come.

The collector holds a lock on the folder of the gates from its look at them to the last signal of that round. On a busy
machine it may be kept waiting between the two, and the program's own handler would meet a signal meant for ours.
"""

from __future__ import annotations

import time
from os import O_CLOEXEC, O_RDONLY, close
from os import open as open_folder

PATIENCE_S = 0.5
"""A collector that was stopped in the middle of a round is not waited for any longer."""
_GLANCE_S = 0.0005


def await_last_signal(gates: str) -> None:
    """Return once no round that began earlier goes on: what was sent in it is pending or taken."""
    try:
        import fcntl

        folder = open_folder(gates, O_RDONLY | O_CLOEXEC)
    except (ImportError, OSError):
        return  # the program has taken away where modules are found, or the run is over
    try:
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            try:
                fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_GLANCE_S)
            else:
                return
    except OSError:
        return  # a file system without locks
    finally:
        close(folder)
