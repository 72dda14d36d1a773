"""The collector that the very program it watches has started: asked by it, and outliving it.

The two talk through files of the run folder: a FIFO that the collector reads, a list of events that it appends to.
So the program holds no descriptor of ours: none that a forked child inherits, that `os.closerange` closes, or whose
number the program's own next file gets while we still write to it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from energyprof.launch.collector import (
    LOG_NAME,
    MODULE,
    NO_FOLDER,
    PATIENCE_S,
    Result,
    last_line,
    parse,
)
from energyprof.launch.control import BEGIN, COMMIT, CONFIG_NAME, END
from energyprof.launch.detached import Detached, Streams, start_detached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from energyprof.launch.ready_collectors import ReadyCollectors

START_PATIENCE_S = 20.0
"""Until it says that it has begun, the collector loads Python and has touched no driver."""
SAMPLING_PATIENCE_S = 2.0
"""How long a block waits for the first reading: 0.2 s on a free machine, unless a driver hangs."""
_GLANCE_S = (0.002, 0.02)
_CODE = """\
import sys
sys.path[:] = [entry for entry in sys.path if entry]
sys.path += [entry for entry in {path!r} if entry not in sys.path]
from {module} import main
main({run_dir!r})
"""
"""The interpreter's own path comes first: a file of the program's folder must not stand in for a module of the standard
library.
"""


def streams_of(folder: str) -> Streams:
    """Return the files of a run folder by which it hears, tells and complains."""
    return Streams(*(os.path.join(folder, name) for name in ("control", "events", LOG_NAME)))


def pid_file_of(folder: str) -> str:
    """Return the file of a run folder that has its pid."""
    return os.path.join(folder, "collector.pid")


def start_in(folder: str, environment: Mapping[str, str], module: str) -> Detached:
    """Start `main(folder)` of a module in an interpreter of its own, its streams in that folder; raises OSError."""
    if not sys.executable:
        raise OSError("this Python does not know where its interpreter is")
    if getattr(sys, "frozen", False):  # it would be the program itself once more, and so on without end
        raise OSError("a frozen program has no interpreter that could read the sensors; profile the script itself")
    code = _CODE.format(path=[os.path.abspath(entry) for entry in sys.path], module=module, run_dir=folder)
    argv = [sys.executable, *NO_FOLDER, "-c", code]
    return start_detached(argv, environment, streams_of(folder), pid_file_of(folder))


class OwnCollector:
    """One collector. No method raises because it has died or hangs: what comes back says so."""

    def __init__(
        self,
        config: Mapping[str, Any],
        environment: Mapping[str, str],
        module: str = MODULE,
        ready: ReadyCollectors | None = None,
    ) -> None:
        """Start it, or take one of those that are ready; raises OSError."""
        self._run_dir = str(config["run_dir"])
        self._control, self._events, self._log = streams_of(self._run_dir)
        self._read = 0
        self._has_begun = False
        self._is_sampling = False
        self._commits = 0
        self._committed: tuple[int, str] = (0, "")
        self._result: Result | None = None
        self._live: Mapping[str, Any] | None = None
        self.warnings: list[str] = []
        """What it has said so far that cannot wait for the report."""
        os.mkfifo(self._control, 0o600)
        with open(os.path.join(self._run_dir, CONFIG_NAME), "x", encoding="ascii") as stream:
            json.dump(dict(config), stream)
        made = None if ready is None else ready.make(self._run_dir)
        self._process = start_in(self._run_dir, environment, module) if made is None else made
        self._started_s = time.monotonic()

    def await_sampling(self) -> None:
        """Wait until all sensors have been read once, but not for ever: what is spent before that is never known."""
        deadline_s = time.monotonic() + SAMPLING_PATIENCE_S
        while not self._is_sampling and self._result is None and time.monotonic() < deadline_s:
            if not self._process.is_alive():
                return  # `finish` says so
            time.sleep(_GLANCE_S[0])
            self._hear()

    def begin(self, t_ns: int, unix_ns: int) -> None:
        """Tell it that the block begins, at this CLOCK_MONOTONIC and Unix time."""
        self._say({"op": BEGIN, "t_ns": t_ns, "unix_ns": unix_ns})

    def commit(self) -> str:
        """Have everything so far stored; return why that failed, or nothing."""
        self._commits += 1
        self._say({"op": COMMIT, "number": self._commits})
        failure = self._await(lambda: self._committed[0] == self._commits, PATIENCE_S)
        return failure or (self._result.failure if self._result else self._committed[1])

    def live(self) -> Mapping[str, Any] | None:
        """Return its newest figures; None: none yet, or it was not asked for them."""
        self._hear()
        return self._live

    def finish(self, end: Mapping[str, Any]) -> Result:
        """Tell it how the run ended, wait until the file is complete, and see it off."""
        self._say({"op": END, **end})
        failure = self._await(lambda: self._result is not None, PATIENCE_S)
        if self._result is None:
            self._result = Result((), failure)
            self._process.end()
        elif self._process.is_our_child():
            self._process.end()
        return self._result

    def abandon(self) -> None:
        """End it: there is nothing to record."""
        self._process.end()

    def _await(self, is_done: Callable[[], bool], patience_s: float) -> str:
        """Hear events until `is_done` or all is over; return why it was given up, or nothing.

        The collector has `patience_s`, and then PATIENCE_S more whenever it says that it is at work.
        """
        deadline_s = time.monotonic() + patience_s
        pause_s = _GLANCE_S[0]
        while True:
            was_alive = self._process.is_alive()
            events = self._hear()
            if is_done() or self._result is not None:
                return ""
            if not was_alive:
                return f"the collector ended early{last_line(self._log)}"
            now_s = time.monotonic()
            if not self._has_begun:
                deadline_s = max(deadline_s, min(now_s + patience_s, self._started_s + START_PATIENCE_S))
            elif events:
                deadline_s = max(deadline_s, now_s + PATIENCE_S)
            if now_s >= deadline_s:
                return f"the collector has said nothing for {PATIENCE_S:g} s and was ended"
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _GLANCE_S[1])

    def _hear(self) -> list[dict[str, Any]]:
        """Return the events since the last time."""
        try:
            with open(self._events, "rb") as stream:
                stream.seek(self._read)
                text = stream.read()
        except OSError:
            return []  # somebody has removed the run folder
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        events = [event for line in whole.splitlines() if (event := parse(line)) is not None]
        for event in events:
            self._note(event)
        return events

    def _note(self, event: Mapping[str, Any]) -> None:
        self._has_begun = True
        if event["event"] == "sampling":
            self._is_sampling = True
        elif event["event"] == "live":
            self._live = event
        elif event["event"] == "warning":
            self.warnings.append(str(event.get("message", "")))
        elif event["event"] == "committed":
            self._committed = (int(event["number"]), str(event.get("failure", "")))
        elif event["event"] == "done":
            self._result = Result(tuple(event.get("warnings", ())), "")
        elif event["event"] == "failed":
            self._result = Result((), str(event.get("message", "the collector failed")))

    def _say(self, message: Mapping[str, Any]) -> None:
        try:
            # Without O_NONBLOCK it would wait here for a collector that has died.
            control = os.open(self._control, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return  # it has gone, or the folder: whoever waits for the answer finds out
        try:
            os.write(control, json.dumps(message).encode("ascii") + b"\n")
        except OSError:
            return  # as above
        finally:
            os.close(control)
