"""Write down which version of the program runs while it runs, in a thread that neither of the two waits for long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from energyprof.errors import EnergyprofError
from energyprof.launch.run_notes import note_program

DELAY_S = 0.1
"""The program starts up alone first."""
PATIENCE_S = 0.5
"""How long the end of a run waits: a program of a few files takes some hundredths of a second."""


class ProgramNote:
    """Calls `identify` once and writes down what it returns, in the run folder."""

    def __init__(self, identify: Callable[[], Mapping[str, Any]], run_dir: str, *, delay_s: float = DELAY_S) -> None:
        """Begin to wait. To be called once signals are held back, for a thread takes over the mask of its maker."""
        self._identify = identify
        self._run_dir = run_dir
        self._delay_s = delay_s
        self._hurried = threading.Event()
        self._turn = threading.Lock()
        self._is_too_late = False
        self._thread = threading.Thread(target=self._run, name="energyprof program", daemon=True)
        self._thread.start()

    def close(self, patience_s: float = PATIENCE_S) -> None:
        """Return when it is written, or after `patience_s`; nothing is written after that."""
        self._hurried.set()
        self._thread.join(patience_s)
        with self._turn:
            self._is_too_late = True

    def _run(self) -> None:
        self._hurried.wait(self._delay_s)
        try:
            found = self._identify()
        except (EnergyprofError, OSError, ImportError, ValueError):
            return  # a file that cannot be read, a name that is none: nothing is known, and nothing is said
        with self._turn:
            if not self._is_too_late:
                note_program(self._run_dir, found)
