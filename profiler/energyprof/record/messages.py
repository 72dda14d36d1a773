"""What a worker did before it sends a message is written before that: whoever gets the message may then kill it.

A pool's workers are ended by SIGTERM while they wait for more work, a loader's in a handler written in C, both without
a word to Python. But a process that works for another says when an item is done, and is not ended for that before.
"""

from __future__ import annotations

import sys

from energyprof.record import fork
from energyprof.record.patch import Patch, take_us_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class WorkerMessages:
    """The wrap of the method through which all messages of `multiprocessing` go: those of pools, queues and pipes."""

    def __init__(self) -> None:
        self._patches: list[Patch] = []

    def install(self) -> None:
        """Have messages wait for what came before them; `multiprocessing.connection` has been imported."""
        connection = getattr(sys.modules["multiprocessing.connection"], "Connection", None)
        if connection is not None and hasattr(connection, "_send_bytes"):  # a later Python may have another
            self._patches = [Patch(connection, "_send_bytes", _writing_first)]

    def remove(self) -> None:
        """Undo it; a second call does nothing."""
        while self._patches:
            self._patches.pop().undo()


def _writing_first(original: Callable[..., None]) -> tuple[Any, Callable[[], None]]:
    is_silent = False

    def _send_bytes(self: Any, *args: Any) -> None:
        recorder = fork.followed()
        if recorder is not None and not is_silent:
            recorder.telling()
        try:
            original(self, *args)
        except BaseException as error:
            take_us_out(error)
            raise

    def silence() -> None:
        nonlocal is_silent
        is_silent = True

    return _send_bytes, silence
