"""The clock of stack sampling: a signal to every process that has its gate open, each 10 ms.

A gate is a file called like the process's spool; `record.stacks` opens, touches and shuts it. A process whose gate has
not been touched for UNANSWERED signals (a long call into C, a stopped process, a handler put in ours' place) gets no
more until it is. Linux: the signal goes to the main thread, which alone has the handler run; to the process elsewhere.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from energyprof.collect.wakeup import ask_prompt_wakeups

PERIOD_S = 0.01
UNANSWERED = 25
TGKILL = {"x86_64": 234, "aarch64": 131}
"""System call numbers: Linux, arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h."""


@dataclass(slots=True)
class _Target:
    gate: Path
    pid: int
    program: tuple[int, int] | None
    """What the process executes, as device and inode; None: not to be seen."""
    touched_ns: int
    """When the gate was touched last, by the clock of files."""
    unanswered: int = 0


class StackSignals:
    """Signals from `start` to `stop`, in a thread of its own; `folder` must be there before the program starts."""

    def __init__(
        self,
        folder: Path,
        send: Callable[[int], None] | None = None,
        program: Callable[[int], tuple[int, int] | None] | None = None,
    ) -> None:
        """Send by `send(pid)`, which raises OSError for a process that is gone."""
        self._folder = folder
        self._send = send or sender()
        self._program = program or _program
        self._targets: dict[str, _Target] = {}
        self._seen_ns = -1
        self._began_ns: dict[str, int] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stack signals", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and tell so by taking the gates away; a second call does nothing."""
        self._stopping.set()
        with suppress(OSError):
            for name in os.listdir(self._folder):
                os.unlink(self._folder / name)
            os.rmdir(self._folder)  # who starts later finds that nobody would signal

    def began_ns(self, spool: str) -> int | None:
        """Return CLOCK_MONOTONIC before the first signal to the process of this spool; None: there was none."""
        return self._began_ns.get(spool)

    def _run(self) -> None:
        ask_prompt_wakeups()
        due_s = time.monotonic()
        while not self._stopping.is_set():
            self.tick()
            due_s = max(due_s + PERIOD_S, time.monotonic())
            time.sleep(max(0.0, due_s - time.monotonic()))

    def tick(self) -> None:
        """Send one round of signals."""
        try:
            changed_ns = os.stat(self._folder).st_mtime_ns
            if changed_ns != self._seen_ns:
                self._look()
                # The clock of files is coarse: what came within its tick shows the next time.
                self._seen_ns = changed_ns if time.time_ns() - changed_ns > 50_000_000 else -1
        except OSError:  # the run folder is being removed
            self._targets.clear()
        if not self._targets:
            return
        with suppress(OSError), _lock(self._folder):  # OSError: somebody shuts a gate just now, or the folder has gone
            for name, target in list(self._targets.items()):
                if not self._signal(target):
                    del self._targets[name]

    def _look(self) -> None:
        names = set(os.listdir(self._folder))
        for name in self._targets.keys() - names:
            del self._targets[name]
        for name in sorted(names - self._targets.keys()):
            pid = name.partition("-")[0]
            if not pid.isdecimal():
                continue
            with suppress(OSError):
                gate = self._folder / name
                target = _Target(gate, int(pid), self._program(int(pid)), gate.stat().st_mtime_ns)
                self._close_others(target.pid)
                self._targets[name] = target
                self._began_ns[name] = time.monotonic_ns()

    def _close_others(self, pid: int) -> None:
        """Forget gates that this process opened before it executed what it is now."""
        for name in [name for name, target in self._targets.items() if target.pid == pid]:
            with suppress(OSError):
                os.unlink(self._targets.pop(name).gate)

    def _signal(self, target: _Target) -> bool:
        """Signal once; False: the process is gone, has shut its gate, or executes another program now."""
        try:
            touched_ns = os.stat(target.gate).st_mtime_ns
            if touched_ns != target.touched_ns:
                target.touched_ns, target.unanswered = touched_ns, 0
            if target.unanswered >= UNANSWERED:
                return True
            if self._program(target.pid) != target.program:
                raise ProcessLookupError
            target.unanswered += 1
            self._send(target.pid)
        except OSError:
            with suppress(OSError):
                os.unlink(target.gate)
            return False
        return True


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Have those wait that have shut their gates while a round goes on: see `record.last_signal`."""
    opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if isinstance(error, BlockingIOError):
                raise
        yield  # on a file system without locks, too
    finally:
        os.close(opened)


def sender() -> Callable[[int], None]:
    """Return what sends SIGURG to the main thread of a process, or where that is not possible to the process."""
    number = TGKILL.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return lambda pid: os.kill(pid, signal.SIGURG)
    system_call = ctypes.CDLL(None, use_errno=True).syscall

    def send(pid: int) -> None:
        if system_call(number, pid, pid, int(signal.SIGURG)):
            raise OSError(ctypes.get_errno(), f"process {pid} cannot be signalled")

    return send


def _program(pid: int) -> tuple[int, int] | None:
    try:
        found = os.stat(f"/proc/{pid}/exe")
    except PermissionError:
        return None
    except FileNotFoundError:
        if sys.platform != "linux":
            return None
        raise
    return found.st_dev, found.st_ino
