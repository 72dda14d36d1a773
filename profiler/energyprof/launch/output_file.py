"""Where the recording goes: a file of its own, never over another one, made before the program starts."""

from __future__ import annotations

import os
import time
from collections import namedtuple

from energyprof.errors import InputError
from energyprof.launch.run_folder import temporary_places

SUFFIX = ".eprof"


# Importing typing for its NamedTuple would delay the program's start by 6 ms.
class Output(namedtuple("Output", "path remark")):  # noqa: PYI024
    """The file, created empty, and what to tell the user about its place (empty: it is where it should be)."""

    path: str
    remark: str


def claim_named(name: str) -> Output:
    """Create the file asked for; raises InputError if it exists or cannot be made."""
    path = os.path.abspath(name)
    try:
        _create(path)
    except FileExistsError:
        raise InputError(f"{name} exists already and is never overwritten; choose another name or remove it") from None
    except OSError as error:
        raise InputError(f"cannot write {name}: {error.strerror}; choose another place with -o") from error
    return Output(path, "")


def claim_default(stem: str, folder: str | None = None, now_s: float | None = None) -> Output:
    """Create `STEM-YYYYMMDD-HHMMSS-PID.eprof` in the current folder, else in the temporary one; raises InputError."""
    when = time.strftime("%Y%m%d-%H%M%S", time.localtime(now_s))
    name = f"{stem}-{when}-{os.getpid()}"
    reason = ""
    for place in (_current_folder() if folder is None else folder, *temporary_places()):
        try:
            path = _create_free(os.path.join(place, name))
        except OSError as error:
            reason = reason or f"{place or 'this folder'} cannot be written ({error.strerror})"
            continue
        return Output(path, f"{reason}: the run is kept in {os.path.dirname(path)}" if reason else "")
    raise InputError(f"{reason}, nor can any temporary folder; choose a place with -o FILE")


def _current_folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""  # it has been deleted: creating a file there fails with the reason


def _create_free(base: str) -> str:
    """Create `base.eprof`, or `base-2.eprof` and so on where a process with our pid was here in the same second."""
    for number in range(1, 1000):
        path = base + ("" if number == 1 else f"-{number}") + SUFFIX
        try:
            _create(path)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(0, "too many files of that name")


def _create(path: str) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666))
