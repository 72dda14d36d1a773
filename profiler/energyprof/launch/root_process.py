"""The program as the collector holds it: enough to end it when the foreground was killed, and never a stranger."""

from __future__ import annotations

import os
import select
import signal
import time

_GLANCE_S = 0.05


class RootProcess:
    """Signals one process and waits for its end, though it is no child of ours."""

    def __init__(self, pid: int) -> None:
        """Take hold of the process; a pid given to another process later is not mistaken for it where Linux helps."""
        self._pid = pid
        self._descriptor: int | None = None
        self._is_gone = False
        if hasattr(os, "pidfd_open"):
            try:
                self._descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                self._is_gone = True
            except OSError:
                self._descriptor = None  # a kernel before 5.3, or a sandbox that forbids it

    def terminate(self, patience_s: float) -> None:
        """Ask the program to end (SIGTERM) and wait for that, but not for ever."""
        deadline_s = time.monotonic() + patience_s
        self._send(signal.SIGTERM)
        while not self.has_ended() and time.monotonic() < deadline_s:
            time.sleep(_GLANCE_S)

    def _send(self, number: int) -> None:
        if self._is_gone:
            return
        try:
            if self._descriptor is None:
                os.kill(self._pid, number)
            else:
                signal.pidfd_send_signal(self._descriptor, number)
        except OSError:
            self._is_gone = True

    def has_ended(self) -> bool:
        """Return whether the program is gone, or a zombie."""
        if self._descriptor is not None:
            return bool(select.select([self._descriptor], [], [], 0)[0])
        self._send(0)
        return self._is_gone
