"""Commands of energyprof in processes of their own that need not import it: each is a fork of one that has.

To start Python and to import numpy and what a report is made of takes a command longer than what most tests look at.
What is forked has no thread, and gets what a process is started with: words, environment, folder, streams, a session.
Only what is settled before Python runs would be missed: `starts_alike` says where that matters.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

PACKAGES = (
    *(f"energyprof.{name}" for name in ("attribute", "capture", "cli", "graph", "launch", "model", "report")),
    "energyprof_plugins.exporters",
)
LAZY = ("energyprof.run", "importlib.metadata", "networkx", "rich.console", "rich.table", "scipy.linalg")
"""What commands import only once they need it."""
BEFORE_PYTHON = ("PYTHON", "LD_", "MALLOC_", "LC_", "LANG")
"""How the variables begin that the loader or the interpreter reads as it starts."""
PATH = "PYTHONPATH"
"""But this one, which a fork can follow."""
PIPE_BYTES = 512
"""What a pipe that is ready to be written to takes at once at least (POSIX)."""
_STREAMS = 4
"""Standard input, output and error, and the pipe that takes the exit status."""


class ForkedCommands:
    """The process that forks them, made when first needed; it ends when the one that has made it does."""

    def __init__(self) -> None:
        self._ours: socket.socket | None = None
        self._started_in: dict[str, str] = {}

    def starts_alike(self, environment: Mapping[str, str]) -> bool:
        """Return whether a fork has all that a fresh interpreter would have in this environment."""
        return self._ours is None or _settled(environment) == self._started_in

    def call(
        self, words: list[str], stdin: bytes, environment: Mapping[str, str], cwd: str, timeout_s: float
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `energyprof WORDS` to its end, as `subprocess.run` would, in a session of its own."""
        pipes = [os.pipe() for _ in range(_STREAMS)]
        theirs = [pipes[0][0], *(write for _, write in pipes[1:])]
        try:
            given = {"words": words, "environment": dict(environment), "cwd": cwd}
            if self._ours is None:
                self._ours = self._started(_settled(environment))
            socket.send_fds(self._ours, [json.dumps(given).encode()], theirs)
        finally:
            for stream in theirs:
                os.close(stream)
        stdout, stderr, ended = _communicate(pipes[0][1], [read for read, _ in pipes[1:]], stdin, timeout_s)
        return subprocess.CompletedProcess(words, int(ended.split()[1]), stdout, stderr)

    def _started(self, settled: dict[str, str]) -> socket.socket:
        ours, served = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        subprocess.Popen(
            [sys.executable, __file__, str(served.fileno())],
            env={"PATH": os.environ["PATH"], **settled},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[served.fileno()],
            start_new_session=True,
        ).returncode = 0  # nobody waits for it: it ends with this process
        served.close()
        self._started_in = settled
        atexit.register(ours.close)
        return ours


def _settled(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(BEFORE_PYTHON) and name != PATH}


def _communicate(writing: int, reading: list[int], stdin: bytes, timeout_s: float) -> list[bytes]:
    """Write and read until all are closed. What takes too long is killed, and said as `subprocess` says it."""
    parts: dict[int, list[bytes]] = {stream: [] for stream in reading}
    deadline_s = time.monotonic() + timeout_s
    is_late = False
    with selectors.DefaultSelector() as selector:
        selector.register(writing, selectors.EVENT_WRITE)
        for stream in reading:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            if not is_late and time.monotonic() > deadline_s:
                is_late = True
                os.killpg(int(b"".join(parts[reading[-1]]).split()[0]), signal.SIGKILL)
            for key, _ in selector.select(0.1):
                stream = key.fd
                if stream == writing:
                    stdin = stdin[_written(stream, stdin) :] if stdin else b""
                    is_over = not stdin
                else:
                    parts[stream].append(os.read(stream, 1 << 16))
                    is_over = not parts[stream][-1]
                if is_over:
                    selector.unregister(stream)
                    os.close(stream)
    if is_late:
        raise subprocess.TimeoutExpired("energyprof", timeout_s)
    return [b"".join(parts[stream]) for stream in reading]


def _written(stream: int, given: bytes) -> int:
    """Return how much of it was taken; all of it, where nobody reads any more."""
    try:
        return os.write(stream, given[:PIPE_BYTES])
    except BrokenPipeError:
        return len(given)


def serve(served: socket.socket) -> int:
    """Fork a process for each command, until nobody asks any more; return the status that this process ends with."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system takes them away when they end
    os.environ.update(numpy_settings.SETTINGS)  # threads of a library would not be there after the fork
    _load()
    gc.freeze()
    while True:
        request, streams, _, _ = socket.recv_fds(served, 1 << 20, _STREAMS)
        if not request:
            return 0
        if os.fork() == 0:
            served.close()
            return _be_parent(json.loads(request), streams)
        for stream in streams:
            os.close(stream)


def _load() -> None:
    for name in PACKAGES:
        package: Any = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in LAZY:
        importlib.import_module(name)


def _be_parent(request: dict[str, Any], streams: list[int]) -> int:
    """Fork the command and tell its process and its end, as the process that starts one learns them."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *standard, told = streams
    child = os.fork()
    if child == 0:
        os.close(told)
        return _be_command(request, standard)
    for stream in standard:
        os.close(stream)
    os.write(told, f"{child} ".encode())
    _, status = os.waitpid(child, 0)
    os.write(told, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _be_command(request: dict[str, Any], standard: list[int]) -> int:
    os.setsid()
    for number, stream in enumerate(standard):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    sys.path[:0] = [folder for folder in os.environ.get(PATH, "").split(os.pathsep) if folder]
    sys.argv[1:] = request["words"]
    return cli.main()


if __name__ == "__main__":
    from energyprof import cli
    from energyprof.launch import numpy_settings

    sys.path.pop(0)  # this folder, which no command has
    sys.exit(serve(socket.socket(fileno=int(sys.argv[1]))))
