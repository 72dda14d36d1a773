"""The line that shows a run while it goes: elapsed, watts, joules, current stage; redrawn in place, gone at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any, TextIO

from energyprof.launch.live_text import live_text

_ERASE = "\r\x1b[K"


class LiveLine:
    """Draws on a terminal, only while our process group is in its foreground: a job in the background stays quiet."""

    def __init__(self, stream: TextIO, is_wanted: bool) -> None:
        self._stream = stream
        self.is_wanted = is_wanted
        self._is_drawn = False
        self._said: set[str] = set()

    def live(self, event: Mapping[str, Any]) -> None:
        """Show the newest figures."""
        if not self.is_wanted or not _is_in_foreground(self._stream):
            return
        width = shutil.get_terminal_size((80, 24)).columns - 1
        self._write(_ERASE + live_text(event)[: max(0, width)])
        self._is_drawn = True

    def clear(self) -> None:
        """Take the line away; a second call does nothing."""
        if self._is_drawn:
            self._is_drawn = False
            self._write(_ERASE)

    def say(self, message: str) -> None:
        """Show one line that stays; the same message is not shown twice."""
        if not self.has_said(message):
            self._said.add(message)
            self.clear()
            self._write(f"energyprof: {' '.join(message.split())}\n")

    def has_said(self, message: str) -> bool:
        """Return whether a line says this."""
        return message in self._said

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self.is_wanted = False  # the terminal has gone


def _is_in_foreground(stream: TextIO) -> bool:
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False
