"""Pythons that no recorder can enter: with -E they take no PYTHONPATH, with -S they load no `site`, -I means both."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

LOOKS = 4
"""A process is looked at so often, once each time all are: one just forked has still to become what it will be."""
_PYTHON = re.compile(r"(python|pypy)[\d.]*")
_TAKES_A_VALUE = "WX"
_LONG_TAKES_A_VALUE = ("--check-hash-based-pycs",)
_SHOWN_LENGTH = 60


def flag_that_shuts_out(argv: Sequence[str]) -> str | None:
    """Return the option by which this command starts a Python without a recorder; None: it is none, or has none."""
    if not argv or not _PYTHON.fullmatch(argv[0].rpartition("/")[2]):
        return None
    words = iter(argv[1:])
    for word in words:
        if word in _LONG_TAKES_A_VALUE:
            next(words, None)
        elif not word.startswith("-") or word in {"-", "--"}:
            return None
        for letter in "" if word.startswith("--") else word[1:]:
            if letter in "EIS":
                return f"-{letter}"
            if letter in "cm":
                return None
            if letter in _TAKES_A_VALUE:
                if word.endswith(letter):
                    next(words, None)
                break
    return None


class Unrecorded:
    """Looks for such processes among those of the program; on systems without /proc it finds none."""

    def __init__(self, pids: Callable[[], Iterable[int]], proc: str = "/proc") -> None:
        self._pids = pids
        self._proc = Path(proc)
        self._looks: dict[int, int] = {}
        self._found: tuple[str, ...] = ()
        """The first such command."""

    def look(self) -> None:
        """Look at the processes there are, at each a few times, until one is found."""
        alive = () if self._found else tuple(self._pids())
        self._looks = {pid: self._looks[pid] for pid in alive if pid in self._looks}
        for pid in alive:
            looks = self._looks.get(pid, 0)
            if looks < LOOKS:
                self._looks[pid] = looks + 1
                argv = self._argv(pid)
                if flag_that_shuts_out(argv):
                    self._found = argv

    def warning(self, command: Sequence[str], has_recorded: bool) -> str | None:
        """Return what the report must say of a run started by `command`; `has_recorded`: some recorder has started."""
        if not has_recorded:
            flag = flag_that_shuts_out(command)
            why = (
                f"{flag} of `{_shown(command)}` keeps it out; leave it away"
                if flag
                else "the program is no Python (nor is a frozen executable), or it is one started with -E, -I or -S"
            )
            return f"no recorder started, so there are device totals and no stages: {why}"
        if self._found:
            return (
                f"-E, -I or -S kept the recorder out of Python processes, of `{_shown(self._found)}` among them; "
                "what they used is credited to the stages open meanwhile"
            )
        return None

    def _argv(self, pid: int) -> tuple[str, ...]:
        try:
            words = (self._proc / str(pid) / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return ()
        return tuple(word.decode("utf-8", "backslashreplace") for word in words[:-1])


def _shown(argv: Sequence[str]) -> str:
    text = shlex.join([argv[0].rpartition("/")[2], *argv[1:]])
    return text if len(text) <= _SHOWN_LENGTH else f"{text[: _SHOWN_LENGTH - 3]}..."
