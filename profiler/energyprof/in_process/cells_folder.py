"""The folder for recordings of cells that nobody named: it goes with its session, or with the next one that begins.

A kernel that is killed removes nothing. Its folder says whose it is: process id, start time and id space; another
session removes it once that process is gone. One of another id space, as of another container, is nobody's to judge.
"""

from __future__ import annotations

import atexit
import os
import tempfile
from contextlib import suppress
from shutil import rmtree
from typing import Final

PREFIX: Final = "energyprof-cells-"


def make_cells_folder() -> str:
    """Return a new private folder for this process, having removed those whose processes are gone."""
    place = tempfile.gettempdir()
    remove_orphans(place)
    folder = tempfile.mkdtemp(prefix=f"{PREFIX}{_owner(os.getpid())}-", dir=place)
    atexit.register(rmtree, folder, ignore_errors=True)
    return folder


def remove_orphans(place: str) -> None:
    """Remove the folders in `place` of processes that have ended."""
    with suppress(OSError):
        for name in os.listdir(place):
            if name.startswith(PREFIX) and _is_orphan(name.removeprefix(PREFIX)):
                rmtree(os.path.join(place, name), ignore_errors=True)


def _is_orphan(words: str) -> bool:
    pid, *owner = words.split("-")[:3]
    if not pid.isdigit() or len(owner) < 2 or not all(word.isdigit() for word in owner):
        return False  # of an owner that was not to be told
    now = _owner(int(pid)).split("-")
    return owner[1] == now[2] and now[1] not in {owner[0], "unknown"}


def _owner(pid: int) -> str:
    """Return process id, start time in ticks since boot and id space (proc(5)); a process that is gone has no time."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            text = stream.read()
    except FileNotFoundError:
        return f"{pid}-gone-{_id_space()}"
    except OSError:  # not ours to look at, and so not to judge
        return f"{pid}-unknown-{_id_space()}"
    return f"{pid}-{text[text.rindex(b')') + 2 :].split()[19].decode()}-{_id_space()}"


def _id_space() -> str:
    try:
        return os.readlink("/proc/self/ns/pid").removeprefix("pid:[").removesuffix("]")
    except OSError:
        return "unknown"
