"""One line on stderr that says how far a command has come, gone when done."""

from __future__ import annotations

import sys


class ProgressLine:
    """Shows what is being done and the part done; nothing where it is not wanted."""

    def __init__(self, doing: str, is_wanted: bool) -> None:
        self._doing, self._is_wanted, self._shown = doing, is_wanted, ""

    def tell(self, what: str, part: float) -> None:
        """Show the part done, 0..1, of what is being done."""
        text = f"energyprof: {self._doing} {what} {part:4.0%}"
        if self._is_wanted and text != self._shown:
            self._shown = text
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Remove the line."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
