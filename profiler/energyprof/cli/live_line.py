"""The line that shows a run while it goes: elapsed, watts, joules, current stage; redrawn in place, gone at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any, TextIO

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


def live_text(event: Mapping[str, Any]) -> str:
    """Return `energyprof 1:02:03 · 45.6 W · 1.23 kJ · train/forward`; what is not known is left out.

    Figures that hold those of a model are called estimated.
    """
    if event.get("lead_in_s") is not None:
        parts = [f"energyprof lead-in: the program starts in {float(event['lead_in_s']):.1f} s"]
    else:
        parts = [f"energyprof {_clock(float(event['elapsed_s']))}"]
    figures = []
    if event.get("power_w") is not None:
        figures.append(f"{event['power_w']:.1f} W")
    if event.get("energy_j") is not None:
        figures.append(_joules(float(event["energy_j"])))
    if figures and event.get("estimated"):
        figures[0] = f"estimated {figures[0]}"
    parts += figures
    if event.get("stage"):
        parts.append("".join(letter if letter.isprintable() else "?" for letter in str(event["stage"])))
    return " · ".join(parts)


def _clock(elapsed_s: float) -> str:
    minutes, seconds = divmod(int(elapsed_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _joules(energy_j: float) -> str:
    for unit, size in (("MJ", 1e6), ("kJ", 1e3)):
        if energy_j >= size:
            return f"{energy_j / size:.2f} {unit}"
    return f"{energy_j:.1f} J"


def _is_in_foreground(stream: TextIO) -> bool:
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False
