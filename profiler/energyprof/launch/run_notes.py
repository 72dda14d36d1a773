"""What a run folder says of its run, for whoever finishes it after the collector was killed, and who has it now."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from energyprof.launch.control import CONFIG_NAME

ENDING_NAME = "ending.json"
PROGRAM_NAME = "program.json"
LOCK_NAME = "lock"
KEPT_NAME = "kept.eprof"
"""The recording itself, where the place that it was meant for takes no more."""


def note_config(run_dir: str, config: Mapping[str, Any]) -> None:
    """Write down how the run was started; a folder that cannot be written goes without."""
    _write(os.path.join(run_dir, CONFIG_NAME), config)


def note_ending(run_dir: str, ending: Mapping[str, Any]) -> None:
    """Write down how the program ended (t_ns, exit_code, cpu_ns) where the collector was not told, or did not hear."""
    _write(os.path.join(run_dir, ENDING_NAME), ending)


def note_program(run_dir: str, program: Mapping[str, Any]) -> None:
    """Write down which version of the program runs, and with which frameworks."""
    _write(os.path.join(run_dir, PROGRAM_NAME), program)


def program_of(run_dir: str) -> dict[str, Any] | None:
    """Return which version of the program ran; None: nobody has written it down."""
    return _read(os.path.join(run_dir, PROGRAM_NAME))


def config_of(run_dir: str) -> dict[str, Any] | None:
    """Return how the run was started; None: the folder says nothing, it is no run folder."""
    return _read(os.path.join(run_dir, CONFIG_NAME))


def ending_of(run_dir: str) -> dict[str, Any] | None:
    """Return how the program ended; None: nobody was there to see it."""
    return _read(os.path.join(run_dir, ENDING_NAME))


def hold(run_dir: str) -> bool:
    """Take the folder for as long as this process lives; False: another process has it."""
    try:
        import fcntl

        lock = os.open(os.path.join(run_dir, LOCK_NAME), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (ImportError, OSError):
        return True  # no locks here, or a folder that cannot be written: nobody else can hold it either
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # let go of by the system when the process ends
    except OSError:
        os.close(lock)
        return False
    return True


def _write(path: str, content: Mapping[str, Any]) -> None:
    try:
        with open(path, "w", encoding="ascii") as stream:
            json.dump(dict(content), stream)
    except OSError:
        return  # a full disk, a deleted folder: the run goes on


def _read(path: str) -> dict[str, Any] | None:
    try:
        with open(path, encoding="ascii") as stream:
            content = json.load(stream)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
