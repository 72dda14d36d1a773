"""A progress bar for analysis that takes over a second; nothing for one that does not, or off a terminal."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE_S = 1.0


class AnalysisBar(AbstractContextManager["AnalysisBar"]):
    """Told the part done, shows it once PATIENCE_S have gone by, and is gone when the analysis is done."""

    def __init__(self, stream: TextIO, is_wanted: bool, patience_s: float = PATIENCE_S) -> None:
        self._stream = stream
        self._is_wanted = is_wanted
        self._due_s = time.monotonic() + patience_s
        self._progress: Progress | None = None

    def tell(self, part: float) -> None:
        """Take the part done, 0..1."""
        if not self._is_wanted:
            return
        if self._progress is None and time.monotonic() >= self._due_s and part < 1.0:
            self._progress = self._shown()
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], completed=part)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _shown(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        console = Console(file=self._stream)
        columns = (TextColumn("energyprof: dividing the energy"), BarColumn(), TaskProgressColumn())
        progress = Progress(*columns, console=console, transient=True)
        progress.add_task("", total=1.0)
        progress.start()
        return progress
