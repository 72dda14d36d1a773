"""Collectors that need not be loaded: a process that has all they need in memory makes one for each run that asks.

Loading Python and numpy is what a short block waits for most: 0.5 s and more. Who profiles many in a row, as pytest
does, waits for that once.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress

from energyprof.launch.control import CONFIG_NAME, END, MAKE
from energyprof.launch.detached import Detached
from energyprof.launch.own_collector import pid_file_of, start_in, streams_of
from energyprof.launch.run_folder import make_run_folder, remove_run_folder

MODULE = "energyprof.collector_forks"
PATIENCE_S = 20.0
"""How long the first run waits for it to have loaded everything, as it does for a collector of its own."""
_GLANCE_S = 0.002


class ReadyCollectors:
    """The process that makes them. It ends when told so, or when the program that has started it is gone."""

    def __init__(self, environment: Mapping[str, str], module: str = MODULE) -> None:
        """Start it; raises OSError or InputError where that cannot be done."""
        self._pid = os.getpid()
        self._folder = make_run_folder()
        try:
            with open(os.path.join(self._folder, CONFIG_NAME), "x", encoding="ascii") as stream:
                json.dump({"parent_pid": self._pid}, stream)
            os.mkfifo(streams_of(self._folder).reader, 0o600)
            self._process = start_in(self._folder, environment, module)
        except BaseException:
            remove_run_folder(self._folder)
            raise

    def make(self, run_dir: str) -> Detached | None:
        """Return a new collector of a run, whose configuration lies in its folder; None: one has to be started."""
        deadline_s = time.monotonic() + PATIENCE_S
        self._say({"op": MAKE, "run_dir": run_dir})
        while (made := _made_in(run_dir)) is None and self._process.is_alive() and time.monotonic() < deadline_s:
            time.sleep(_GLANCE_S)
        if made is None:
            self.end()  # so that it does not come after all, beside the one that is started instead
            made = _made_in(run_dir)
        return made

    def end(self) -> None:
        """End it; the collectors it has made go on. Only who has started it can, not a child forked from that."""
        if os.getpid() == self._pid:
            self._say({"op": END})
            self._process.end()
            remove_run_folder(self._folder)

    def _say(self, message: Mapping[str, str]) -> None:
        with suppress(OSError):  # it has gone, or the folder has
            control = os.open(streams_of(self._folder).reader, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                os.write(control, json.dumps(message).encode("ascii") + b"\n")
            finally:
                os.close(control)


def _made_in(run_dir: str) -> Detached | None:
    try:
        with open(pid_file_of(run_dir), encoding="ascii") as stream:
            return Detached(int(stream.read()))
    except (OSError, ValueError):
        return None
