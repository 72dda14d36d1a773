"""Children of multiprocessing's fork server stand below the stage that asked for them, not where the server stands."""

from __future__ import annotations

import sys
from time import perf_counter_ns

from energyprof.record import fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MODULE = "multiprocessing.forkserver"
SLACK_NS = 1_000_000_000
"""The child has been at work since before its pid is read; no other has had the same pid so shortly before."""


class ForkserverChildren:
    """A wrap of the function by which the pid of a new child is read from the server.

    What asks for a child pickles objects of the program: a wrap of that would show in the tracebacks of its errors.
    """

    def __init__(self) -> None:
        self._is_silent = False
        self._original: object = None
        self._wrapped: object = None

    def install(self) -> None:
        """Wrap it; the module has been imported."""
        module: Any = sys.modules[MODULE]
        original = module.read_signed

        def read_signed(*arguments: Any) -> int:
            since_ns = perf_counter_ns() - SLACK_NS
            number: int = original(*arguments)
            recorder = fork.followed()
            # Exit statuses are read in the same way, by another function.
            if recorder is not None and not self._is_silent and sys._getframe(1).f_code.co_name == "_launch":
                recorder.launched(recorder.launching(), number, since_ns)
            return number

        self._original, self._wrapped = original, read_signed
        module.read_signed = read_signed

    def remove(self) -> None:
        """Put it back, or fall silent if somebody has wrapped it since."""
        self._is_silent = True
        module: Any = sys.modules.get(MODULE)
        if module is not None and module.read_signed is self._wrapped:
            module.read_signed = self._original
