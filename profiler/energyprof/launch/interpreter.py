"""The interpreter named with `--python`: which version it is, asked once and then remembered.

To run it for the answer delays the program by as long as a Python takes to start, 15 ms and more. What was learnt is
therefore kept, and holds as long as the file behind the name has neither changed in size nor in time.
"""

from __future__ import annotations

import os
from collections import namedtuple

from energyprof.errors import InputError
from energyprof.launch.executable import find_executable, why_not_executable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

OLDEST_PYTHON = (3, 10)
_KIND = "python"


# Importing typing for its NamedTuple would delay the program's start by 6 ms.
class Memory(namedtuple("Memory", "remembered remember")):  # noqa: PYI024
    """Where answers are kept between runs: `discover.remembered` and `discover.remember`."""

    remembered: Callable[[str, str, list[Any]], Any]
    remember: Callable[[str, str, list[Any], object], None]


NONE = Memory(lambda _kind, _subject, _key: None, lambda _kind, _subject, _key, _value: None)


def check_python(python: str, memory: Memory = NONE) -> str:
    """Return the path of the interpreter; raises InputError where it is none, or too old to record in."""
    path = find_executable(python)
    if path is None:
        raise InputError(f"no Python at {python}: {why_not_executable(python)}")
    file, key = os.path.realpath(path), _key(path)
    if key and _is_version(memory.remembered(_KIND, file, key)):
        return path
    version = _ask(path)
    if version is None:
        raise InputError(f"{python} is no Python interpreter; name one such as venv/bin/python")
    if version < OLDEST_PYTHON:
        raise InputError(
            f"{python} is Python {version[0]}.{version[1]}, recording needs {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or "
            f"newer; device totals of any program: energyprof run --exec -- {python} ..."
        )
    if key:
        memory.remember(_KIND, file, key, list(version))
    return path


def _key(path: str) -> list[Any]:
    """Return what the answer depends on; empty for a script, which may choose another Python each time (pyenv)."""
    file = os.path.realpath(path)
    try:
        with open(file, "rb") as stream:
            if stream.read(2) == b"#!":
                return []
            about = os.fstat(stream.fileno())
    except OSError:
        return []
    return [file, about.st_mtime_ns, about.st_size]


def _is_version(value: object) -> bool:
    """Return whether a kept answer is one that recording can use; only such are kept, but a file may be damaged."""
    if not isinstance(value, list) or len(value) != 2 or not all(type(part) is int for part in value):
        return False
    return tuple(value) >= OLDEST_PYTHON


def _ask(path: str) -> tuple[int, int] | None:
    import subprocess

    try:
        said = subprocess.run(
            [path, "-ESsc", "import sys; sys.stdout.write('python %d %d' % sys.version_info[:2])"],  # 2.7 knows no -I
            capture_output=True,
            timeout=10,
            stdin=subprocess.DEVNULL,
            check=False,
        ).stdout.split()
    except (OSError, subprocess.TimeoutExpired):
        return None
    if len(said) != 3 or said[0] != b"python":
        return None
    return int(said[1]), int(said[2])
