"""The foreground's hold on the collector: start it, hear from it, end it, and do without it if it hangs."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from energyprof.launch.control import START
from energyprof.launch.pump import Ending

PATIENCE_S = 1.7
"""How long the collector may say nothing before it counts as hung: with the time to see it off the prompt waits 2 s."""
LONGEST_LEAD_OUT_S = 1.2
LOG_NAME = "collector.log"
MODULE = "energyprof.collector_main"
NO_FOLDER = ("-P",) if sys.version_info >= (3, 11) else ()
"""Keeps the current folder out of the path from the first import on: where that has been deleted, Python 3.13.0 cannot
import any more.
"""
_START = "import sys; sys.path[:] = {path!r}; from {module} import main; main()"
_GLANCE_S = 0.2


class Result(NamedTuple):
    """What became of the recording. `failure` is empty if the file is complete."""

    warnings: tuple[str, ...]
    failure: str


class Collector:
    """One collector process. No method raises because the collector has died or hangs: `finish` says so."""

    def __init__(
        self,
        config: Mapping[str, Any],
        run_dir: str,
        environment: Mapping[str, str],
        mask: set[int],
        module: str = MODULE,
    ) -> None:
        """Start it in a session of its own, which keeps the terminal's signals from it; raises OSError."""
        self._log = os.path.join(run_dir, LOG_NAME)
        self._lead_out_s = LONGEST_LEAD_OUT_S
        self._text = b""
        self._result: Result | None = None
        its_stdin, self._control = os.pipe()
        self._status, its_stdout = os.pipe()
        os.set_blocking(self._status, False)
        try:
            self._pid = _spawn(module, (its_stdin, its_stdout), self._log, environment, mask)
        except OSError:
            os.close(self._control)
            os.close(self._status)
            raise
        finally:
            os.close(its_stdin)
            os.close(its_stdout)
        self._say(config)

    def events(self) -> list[dict[str, Any]]:
        """Return what the collector has said since the last call, without waiting."""
        found = []
        while self._status >= 0:
            try:
                piece = os.read(self._status, 65536)
            except BlockingIOError:
                break
            if not piece:
                self._hang_up()
                break
            self._text += piece
        *lines, self._text = self._text.split(b"\n")
        for line in lines:
            event = parse(line)
            if event is not None:
                self._note(event)
                found.append(event)
        return found

    @property
    def has_ended(self) -> bool:
        """Whether it is known to say nothing more."""
        return self._status < 0 or self._result is not None

    def begin(self, config: Mapping[str, Any]) -> None:
        """Tell a collector that began with a lead-in that the program has been started."""
        self._say({**config, "op": START})

    def cancel(self) -> None:
        """End it: there is no program."""
        self._see_off()

    def finish(
        self, ending: Ending, is_given_up: Callable[[], bool], hear: Callable[[Mapping[str, Any]], None]
    ) -> Result:
        """Tell it how the program ended, wait until the file is complete, and see it off; `hear` is told all it says.

        It has PATIENCE_S, and as much again whenever it says that it is still at work, as it does in the lead-out too:
        a hung one costs no more than that. Once the lead-out is over the user, asked through `is_given_up`, may rather
        have the prompt.
        """
        self._say({"op": "end", "t_ns": ending.t_ns, "exit_code": ending.exit_code, "cpu_ns": ending.cpu_ns})
        deadline_s = time.monotonic() + PATIENCE_S
        promised_s = deadline_s + self._lead_out_s
        while self._result is None and self._status >= 0:
            now_s = time.monotonic()
            if now_s >= deadline_s:
                self._result = Result((), f"the collector has said nothing for {PATIENCE_S:g} s and was ended")
            elif now_s >= promised_s and is_given_up():
                self._result = Result((), "interrupted before the collector had finished")
            else:
                select.select([self._status], [], [], min(_GLANCE_S, deadline_s - now_s))
                for event in self.events():
                    deadline_s = time.monotonic() + PATIENCE_S
                    hear(event)
        return self._see_off()

    def _see_off(self) -> Result:
        if self._control >= 0:
            os.close(self._control)
            self._control = -1
        self._hang_up()
        # Done means that the file is closed; what is left is the interpreter's own end, which nobody needs to wait for.
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        return self._result or Result((), f"the collector ended early{last_line(self._log)}")

    def _note(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "ready":
            self._lead_out_s = min(float(event.get("lead_out_s", 0.0)), LONGEST_LEAD_OUT_S)
        elif event["event"] == "done":
            self._result = Result(tuple(event.get("warnings", ())), "")
        elif event["event"] == "failed":
            self._result = Result((), str(event.get("message", "the collector failed")))

    def _say(self, message: Mapping[str, Any]) -> None:
        try:
            os.write(self._control, json.dumps(message).encode() + b"\n")
        except OSError:
            return  # it has gone: `finish` finds the end of its events and says so

    def _hang_up(self) -> None:
        if self._status >= 0:
            os.close(self._status)
            self._status = -1


def _spawn(module: str, pipes: tuple[int, int], log: str, environment: Mapping[str, str], mask: set[int]) -> int:
    if not os.path.isdir(os.path.dirname(log)):
        log = os.devnull  # the program was quicker, and deleted the folder: the collector makes it again, and says so
    actions = [
        (os.POSIX_SPAWN_DUP2, pipes[0], 0),
        (os.POSIX_SPAWN_DUP2, pipes[1], 1),
        (os.POSIX_SPAWN_OPEN, 2, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
    ]
    code = _START.format(path=list(sys.path), module=module)
    argv = [sys.executable, *NO_FOLDER, "-c", code]
    try:
        # A session of its own: Linux shares the cores out between sessions first, so that in the session of a busy
        # program up to half of the polls of a 10 ms timer came more than 5 ms late (2 cores, both busy).
        return os.posix_spawn(sys.executable, argv, environment, file_actions=actions, setsid=True, setsigmask=mask)
    except NotImplementedError:
        return os.posix_spawn(sys.executable, argv, environment, file_actions=actions, setpgroup=0, setsigmask=mask)


def parse(line: bytes) -> dict[str, Any] | None:
    """Return the event; None for anything else, such as what a user's start-up hook prints."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def last_line(log: str) -> str:
    """Return the last line of its log in parentheses, or nothing: an error's own words come last."""
    try:
        with open(log, encoding="utf-8", errors="replace") as stream:
            lines = [line.strip() for line in stream if line.strip()]
    except OSError:
        return ""
    return f" ({lines[-1]})" if lines else ""
