"""What a collector finds in the folder of a run that was begun without a foreground, and how it leaves the folder."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import Any

from energyprof.launch.control import CONFIG_NAME
from energyprof.launch.run_folder import remove_run_folder

_GLANCE_S = 0.08


def read_configuration(run_dir: str) -> dict[str, Any]:
    """Return what a program that profiles itself has written down for its collector."""
    with open(os.path.join(run_dir, CONFIG_NAME), encoding="ascii") as stream:
        config: dict[str, Any] = json.load(stream)
    return config


def await_removal(run_dir: str, patience_s: float) -> None:
    """Let the program read the last word in the run folder, which it then removes; do that for it if it does not."""
    deadline_s = time.monotonic() + patience_s
    while os.path.exists(run_dir) and time.monotonic() < deadline_s:
        time.sleep(_GLANCE_S)
    remove_run_folder(run_dir)


def leave_nothing(output: str, run_dir: str) -> None:
    """Remove what a run that never began would leave behind, if whoever wanted it could not."""
    with suppress(OSError):
        if not os.path.getsize(output):
            os.unlink(output)
    remove_run_folder(run_dir)
