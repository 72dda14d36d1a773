"""Threads stand below the stage in which they were started: `Thread.start` says so in the starting thread."""

from __future__ import annotations

import threading

from energyprof.record import lanes
from energyprof.record.lanes import LANE_KEY, announce_spawn
from energyprof.record.patch import resemble, take_us_out


class ThreadSpawns:
    """A wrap of `threading.Thread.start`, which executors use as well."""

    def __init__(self) -> None:
        self._original: object = None
        self._wrapped: object = None
        self._is_silent = False

    def install(self) -> None:
        """Replace `Thread.start`."""
        original = threading.Thread.start

        def start(thread: threading.Thread) -> None:
            if not self._is_silent:
                vars(thread)[LANE_KEY] = announce_spawn()  # past any __setattr__ of a subclass
                lanes.on_thread()
            try:
                original(thread)
            except BaseException as error:
                take_us_out(error)
                raise

        self._original, self._wrapped = original, resemble(start, original)
        self._is_silent = False
        setattr(threading.Thread, "start", self._wrapped)  # noqa: B010 - an assignment is an error to mypy

    def remove(self) -> None:
        """Put it back, or fall silent if somebody has wrapped it since."""
        self._is_silent = True
        if self._original is not None and threading.Thread.start is self._wrapped:
            setattr(threading.Thread, "start", self._original)  # noqa: B010 - as above
