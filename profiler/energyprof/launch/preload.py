"""Use the time the program runs to import what its report will need, without disturbing the program's start."""

from __future__ import annotations

import threading
from collections.abc import Callable

from energyprof.errors import EnergyprofError

DELAY_S = 0.5
"""The program and the collector start first; on two cores a third importing process would slow them down."""


class Preload:
    """Calls `loads` in a thread, each after another DELAY_S.

    When the program has ended and the report is due it calls the first, which every report needs, at once; the others
    are left to those that come to need them.
    """

    def __init__(
        self, *loads: Callable[[], None], is_needed: Callable[[], bool | None] = lambda: True, delay_s: float = DELAY_S
    ) -> None:
        """Begin to wait. To be called once signals are held back, for a thread takes over the mask of its maker.

        `is_needed` is asked before the last, unless that is the only one, and again and again while nobody knows: None.
        """
        self._loads = loads
        self._is_needed = is_needed
        self._delay_s = delay_s
        self._hurried = threading.Event()
        threading.Thread(target=self._run, name="energyprof preload", daemon=True).start()

    def hurry(self) -> None:
        """Begin now, if it has not begun; returns at once."""
        self._hurried.set()

    def _run(self) -> None:
        for number, load in enumerate(self._loads):
            if self._hurried.wait(self._delay_s) and number:
                return
            if number and number == len(self._loads) - 1 and not self._is_last_needed():
                return
            try:
                load()
            except (ImportError, EnergyprofError):
                return  # the report's own import meets it again, where it can be said

    def _is_last_needed(self) -> bool:
        while (is_needed := self._is_needed()) is None:
            if self._hurried.wait(self._delay_s):
                return False
        return is_needed
