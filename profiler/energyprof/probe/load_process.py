"""The load's process as the probe holds it: started, told when to begin, asked what it did, never left behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO

READY_S = 90.0
"""CUDA's first start on a cold machine takes a minute."""
HEAD_START_NS = 300_000_000
TAIL_S = 10.0


class LoadProcess:
    """A load of a kind (`cpu`, `cuda`) and a plan; `failure` says why it cannot be put on."""

    def __init__(self, kind: str, plan: Sequence[tuple[int, int]]) -> None:
        self._kind = kind
        self._plan = plan
        self._process: subprocess.Popen[str] | None = None
        self.failure = ""
        self.group = 0
        """Process group of the load, once it runs."""

    def __enter__(self) -> LoadProcess:  # noqa: PYI034 - Self is no part of Python 3.10's typing
        command = [sys.executable, "-m", "energyprof.probe.load", self._kind]
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH", ""))))
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A session of its own: its workers are ended with it, whatever becomes of the probe.
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.group = self._process.pid
        with suppress(BrokenPipeError):
            self._tell({"stretches": self._plan})
        if self._answer() != "ready":
            self._fail()
        return self

    def start(self) -> int:
        """Have it begin; return when that will be, CLOCK_MONOTONIC in ns."""
        start_ns = time.monotonic_ns() + HEAD_START_NS
        self._tell(start_ns)
        return start_ns

    def finish(self) -> list[list[tuple[int, int]]] | None:
        """Return when each of its workers worked; None: it broke off, see `failure`."""
        process = self._process
        if process is None:
            return None
        try:
            stdout, _ = process.communicate(timeout=TAIL_S)
            workers: list[list[tuple[int, int]]] = json.loads(stdout)
        except (subprocess.TimeoutExpired, ValueError):
            self._fail()
            return None
        return workers

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        process = self._process
        if process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for stream in (process.stdin, process.stdout, process.stderr):
            _close(stream)
        process.wait()

    def _tell(self, value: object) -> None:
        stream = self._process.stdin if self._process is not None else None
        if stream is not None:
            stream.write(json.dumps(value) + "\n")
            stream.flush()

    def _answer(self) -> str:
        """Return its next line; empty where it says nothing for too long."""
        stream = self._process.stdout if self._process is not None else None
        if stream is None or not select.select([stream], [], [], READY_S)[0]:
            return ""
        return stream.readline().strip()

    def _fail(self) -> None:
        what = "a GPU load needs torch with CUDA" if self._kind == "cuda" else "the CPU load could not be started"
        said = ""
        process = self._process
        if process is not None and process.stderr is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # its last words end with it
            said = (process.stderr.read().strip().splitlines() or [""])[-1]
        self.failure = f"{what}, so its lag and window stay unknown{f' ({said[:200]})' if said else ''}"


def _close(stream: IO[str] | None) -> None:
    if stream is not None:
        with suppress(OSError):
            stream.close()
