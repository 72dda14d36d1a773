"""Use the time the program runs to import what its report will need, without disturbing the program's start."""

from __future__ import annotations

import threading
from collections.abc import Callable

from energyprof.errors import EnergyprofError

DELAY_S = 0.5
"""The program and the collector start first; on two cores a third importing process would slow them down."""


class Preload:
    """Calls `load` in a thread: after DELAY_S, or at once when the program has ended and the report is due."""

    def __init__(self, load: Callable[[], None], delay_s: float = DELAY_S) -> None:
        """Begin to wait. To be called once signals are held back, for a thread takes over the mask of its maker."""
        self._load = load
        self._delay_s = delay_s
        self._hurried = threading.Event()
        threading.Thread(target=self._run, name="energyprof preload", daemon=True).start()

    def hurry(self) -> None:
        """Begin now, if it has not begun; returns at once."""
        self._hurried.set()

    def _run(self) -> None:
        self._hurried.wait(self._delay_s)
        try:
            self._load()
        except (ImportError, EnergyprofError):
            return  # the report's own import meets it again, where it can be said
