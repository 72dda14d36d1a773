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

    @property
    def has_any(self) -> bool:
        """Whether a spool has turned up so far, hence a recorder has started."""
        return bool(self._known)

    def adopt(self) -> None:
        """Look for new spools."""
        try:
            files = os.listdir(self._folder)
        except OSError:  # somebody has deleted it, or no descriptor is left: it will be looked at again
            return
        for file in files:
            spool = file.partition(".")[0]
            pid = spool.partition("-")[0]
            if file.endswith(SPOOL_SUFFIX) and pid.isdecimal() and spool not in self._known:
                self._known.add(spool)
                self._adopt_pid(int(pid))
