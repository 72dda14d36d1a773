"""Processes known by the spools they leave: a child whose ancestors ended early belongs to the program all the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from energyprof.model.spool import SPOOL_SUFFIX


class SpoolOwners:
    """Hands the pid of every spool that turns up to `adopt_pid`, once."""

    def __init__(self, folder: Path, adopt_pid: Callable[[int], None]) -> None:
        self._folder = folder
        self._adopt_pid = adopt_pid
        self._known: set[str] = set()
        """Of those that are there: a spool that was read to its end is deleted, and never comes back."""
        self._has_any = False

    @property
    def has_any(self) -> bool:
        """Whether a spool has turned up so far, hence a recorder has started."""
        return self._has_any

    def adopt(self) -> None:
        """Look for new spools."""
        try:
            files = os.listdir(self._folder)
        except OSError:  # somebody has deleted it, or no descriptor is left: it will be looked at again
            return
        present = set()
        for file in files:
            spool = file.partition(".")[0]
            pid = spool.partition("-")[0]
            if not file.endswith(SPOOL_SUFFIX) or not pid.isdecimal():
                continue
            if spool not in self._known and spool not in present:
                self._adopt_pid(int(pid))
            present.add(spool)
        self._known = present
        self._has_any |= bool(present)
