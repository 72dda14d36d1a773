"""When a run begins: known to its collector from the start, or told by the program that profiles a part of itself."""

from __future__ import annotations

import threading


class Beginning:
    """The instant, for threads that wait to be told."""

    def __init__(self) -> None:
        self._t_ns = 0
        self._is_told = threading.Event()

    def tell(self, t_ns: int) -> None:
        """Say when it was, as CLOCK_MONOTONIC."""
        self._t_ns = t_ns
        self._is_told.set()

    def wait_ns(self) -> int:
        """Return when it was, waiting until that is known."""
        self._is_told.wait()
        return self._t_ns
