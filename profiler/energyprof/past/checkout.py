"""From which commit the files of a program are: asked of git, which may take its time only for so long.

Nothing is asked outside a checkout. git takes no lock, writes nothing, and starts no watcher of file systems.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Sequence
from typing import Final

LONGEST_S: Final = 2.0
"""On a network's disk a status may take minutes; then nothing is known."""
_STATUS: Final = ("status", "--porcelain=v2", "--branch", "--ignored=matching", "--ignore-submodules=all")
_COMMIT: Final = "# branch.oid "
_NONE: Final = "(initial)"


def checkout_of(paths: Iterable[str], *, git: str = "git", longest_s: float = LONGEST_S) -> tuple[str, bool | None]:
    """Return the commit, and whether these files are as it has them; the first one says in which checkout.

    Empty and None: it lies in none, git is not there, refuses or takes too long.
    """
    files = [os.path.realpath(path) for path in paths]
    top = _top_of(os.path.dirname(files[0])) if files else ""
    if not top:
        return "", None
    inside = [path for path in files if path.startswith(top + os.sep)]
    words = [git, "-c", "core.fsmonitor=false", "-C", top, *_STATUS, "--", *(f":(literal){path}" for path in inside)]
    lines = _answer(words, longest_s).splitlines()
    commit = next((line.removeprefix(_COMMIT) for line in lines if line.startswith(_COMMIT)), "")
    if commit in {"", _NONE}:
        return "", None
    return commit, not any(line and not line.startswith("#") for line in lines)


def _answer(words: Sequence[str], longest_s: float) -> str:
    """Return what a command prints; nothing where it fails, or is not done by then, whatever it has started itself."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        process = subprocess.Popen(
            words,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return ""
    with process:
        try:
            said, _ = process.communicate(timeout=longest_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return ""
    return said.decode("utf-8", "replace") if process.returncode == 0 else ""


def _top_of(folder: str) -> str:
    """Return the folder at or above this one that is a checkout; empty: there is none."""
    while not os.path.exists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return ""
        folder = above
    return folder
