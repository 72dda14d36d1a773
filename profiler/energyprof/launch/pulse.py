"""A sign of life from the collector while it loads what may take seconds on a busy machine."""

from __future__ import annotations

import threading
from types import TracebackType

from energyprof.launch.control import Control

BEAT_S = 0.3


class Pulse:
    """Tells `working` again and again while its block runs.

    It comes from a thread of its own, so that a driver that hangs and lets nobody else run stops it as well.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="energyprof pulse", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(BEAT_S):
            self._control.tell("working")
