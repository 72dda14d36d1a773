"""Which recorded run a command is about: the one named, else the newest in the current folder."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from energyprof.errors import InputError


def add_run_argument(parser: argparse.ArgumentParser) -> None:
    """Add the positional RUN."""
    parser.add_argument(
        "run",
        nargs="?",
        metavar="RUN",
        help="a .eprof file, or the folder of a run that was cut off (default: the newest file in this folder)",
    )


def resolve_run(name: str | None) -> Path:
    """Return the file; raises InputError if it is not there or there is none to choose."""
    if name is not None:
        path = Path(name)
        if path.is_dir():
            return _recovered(path)
        if not path.exists():
            raise InputError(f"no file {name}; energyprof run SCRIPT makes one")
        return path
    found = [
        (entry.stat().st_mtime_ns, entry.name)
        for entry in os.scandir(".")
        if entry.name.endswith(".eprof") and entry.is_file()
    ]
    if not found:
        raise InputError("no .eprof file in this folder; name one, or make one with: energyprof run SCRIPT")
    return Path(max(found)[1])


def _recovered(folder: Path) -> Path:
    from energyprof.recovery import is_run_folder, recover

    if not is_run_folder(folder):
        raise InputError(f"{folder} is a folder; name a .eprof file in it")
    return recover(folder).path
