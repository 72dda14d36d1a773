"""Programs launched from here stand below the stage that launched them: this process notes which one it made where.

Nothing is handed down, so that arguments, environment and descriptors of a child stay what the program made them: the
lane is announced as at a fork, and the child's pid told along with it once it is known.
"""

from __future__ import annotations

import os
import sys
from time import perf_counter_ns

from energyprof.record import fork
from energyprof.record.faults import note
from energyprof.record.patch import resemble, take_us_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    Wrapping: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]

ANCESTORS_LIMIT = 16


class _Launches:
    """Functions that start other programs, wrapped in the modules that hold them."""

    def __init__(self) -> None:
        self._wrapped: list[tuple[object, str, object, object]] = []

    def remove(self) -> None:
        """Put the originals back where nobody has wrapped ours since; ours do nothing without a recorder."""
        while self._wrapped:
            module, name, original, wrapped = self._wrapped.pop()
            if getattr(module, name) is wrapped:
                setattr(module, name, original)

    def _wrap(self, module: object, name: str, wrapping: Wrapping) -> object:
        """Wrap a function, and return it wrapped; None: the module has none of this name."""
        original = getattr(module, name, None)
        if original is None:
            return None
        wrapped = resemble(wrapping(original), original)
        self._put(module, name, original, wrapped)
        return wrapped

    def _put(self, module: object, name: str, original: object, wrapped: object) -> None:
        self._wrapped.append((module, name, original, wrapped))
        setattr(module, name, wrapped)


class OsLaunches(_Launches):
    """What `os` has for it; all of `os.exec*` comes down to two functions, `os.spawn*` to one of them after a fork."""

    def install(self) -> None:
        """Wrap the functions."""
        for name, wrapping in (
            ("posix_spawn", _launching),
            ("posix_spawnp", _launching),
            ("execv", _replacing),
            ("execve", _replacing),
            ("system", _calling),
            ("_exit", _exiting),
        ):
            original, wrapped = getattr(os, name, None), self._wrap(os, name, wrapping)
            home = sys.modules.get(getattr(original, "__module__", ""))  # a function must be where it says it is from
            if wrapped is not None and getattr(home, name, None) is original:
                self._put(home, name, original, wrapped)


class ForkExec(_Launches):
    """The one function behind `subprocess` and multiprocessing's spawn and forkserver; it runs no hooks of a fork."""

    def install(self) -> None:
        """Wrap it, which `subprocess` goes on to take from here."""
        self._wrap(sys.modules["_posixsubprocess"], "fork_exec", _launching)
        self._wrap(sys.modules.get("subprocess"), "_fork_exec", _launching)  # a start-up hook was faster than ours


def _launching(original: Callable[..., int]) -> Callable[..., int]:
    def launch(*arguments: Any, **named: Any) -> int:
        recorder = fork.followed()
        if recorder is None:
            return original(*arguments, **named)
        lane, since_ns = recorder.launching(), perf_counter_ns()
        try:
            pid = original(*arguments, **named)
        except BaseException as error:
            take_us_out(error)
            raise
        recorder.launched(lane, pid, since_ns)
        return pid

    return launch


def _replacing(original: Callable[..., None]) -> Callable[..., None]:
    def replace(*arguments: Any, **named: Any) -> None:
        recorder = fork.followed()
        if recorder is not None:
            recorder.launched(recorder.launching(), os.getpid(), perf_counter_ns())
            recorder.replacing()
        try:
            original(*arguments, **named)
        except BaseException as error:
            take_us_out(error)
            raise

    return replace


def _calling(original: Callable[..., int]) -> Callable[..., int]:
    def call(*arguments: Any, **named: Any) -> int:
        recorder = fork.followed()
        if recorder is None:
            return original(*arguments, **named)
        lane, since_ns = recorder.launching(), perf_counter_ns()
        try:
            status = original(*arguments, **named)
        except BaseException as error:
            take_us_out(error)
            raise
        recorder.launched(lane, 0, since_ns)  # the C library keeps its shell's pid to itself
        return status

    return call


def _exiting(original: Callable[..., None]) -> Callable[..., None]:
    """What a forked child often ends by, and every worker of multiprocessing: no `atexit` runs."""

    def _exit(*arguments: Any, **named: Any) -> None:
        recorder = fork.followed()
        status = named.get("status") if named else arguments[0] if arguments else None
        if recorder is not None and isinstance(status, int):  # else it raises, and the program goes on
            try:
                recorder.exiting()
            except BaseException:  # a signal's handler raised, or no thread is left: the program ends all the same
                note(recorder.run_dir, "before an exit")
        try:
            original(*arguments, **named)
        except BaseException as error:
            take_us_out(error)
            raise

    return _exit


def ancestors_below(pid: int) -> tuple[int, ...]:
    """Return the processes between this one and its ancestor `pid`, the nearest first; as many as can be seen."""
    found: list[int] = []
    at = os.getppid()
    while at > 1 and at != pid and len(found) < ANCESTORS_LIMIT:
        found.append(at)
        try:
            with open(f"/proc/{at}/stat", "rb") as file:
                text = file.read()
        except OSError:  # it has just ended, or this is no Linux
            break
        at = int(text[text.rindex(b")") + 2 :].split(None, 2)[1])
    return tuple(found)
