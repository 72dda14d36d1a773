"""The collector's end of its two pipes: JSON lines from the foreground in, JSON lines to it out.

Where the program itself has started it (`launch.own_collector`), a FIFO and a file of the run folder are the pipes.
"""

from __future__ import annotations

import json
import os
import select
import time
from typing import Any

BEGIN = "begin"
"""What a program that profiles itself says where its block begins: `t_ns`, `unix_ns`."""
END = "end"
START = "start"
"""The program has been started: what was not known of it during the lead-in."""
COMMIT = "commit"
MAKE = "make"
"""A run in `run_dir` wants a collector: said to a process that makes them."""
CONFIG_NAME = "config.json"
"""In the run folder: the configuration of a collector that the program itself has started."""
LOST = "lost"
"""What `wait` makes of a foreground that hung up without a word: it was killed."""


class Control:
    """Hears from the foreground and tells it; a foreground that is gone is news (`LOST`), never an exception."""

    def __init__(self, reader: int = 0, writer: int = 1) -> None:
        self._reader = reader
        self._writer = writer
        self._text = b""

    def wait(self, timeout_s: float | None) -> dict[str, Any] | None:
        """Return the next message, `{"op": LOST}` at the end of the pipe, or None once the time is up."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while b"\n" not in self._text:
            left_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
            if not select.select([self._reader], [], [], left_s)[0]:
                return None
            piece = os.read(self._reader, 65536)
            if not piece:
                return {"op": LOST}
            self._text += piece
        line, _, self._text = self._text.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def tell(self, event: str, **details: object) -> None:
        """Send one event."""
        line = json.dumps({"event": event, **details}).encode("ascii") + b"\n"
        try:
            os.write(self._writer, line)
        except OSError:
            return  # the foreground is gone; `wait` says so
