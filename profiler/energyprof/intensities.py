"""Where the table of carbon intensities is looked for: the one that the user imported, else the shipped one."""

from __future__ import annotations

import os
from pathlib import Path

from energyprof.discover import cache_folder
from energyprof.errors import InputError
from energyprof.footprint import intensity
from energyprof.footprint.intensity import IntensityTable

FILE = "carbon_intensity.csv"


def place() -> Path | None:
    """Return where an imported table is kept; None: there is no folder for it."""
    folder = cache_folder()
    return Path(folder, FILE) if folder else None


def current_table() -> IntensityTable:
    """Return the imported table, or the shipped one where there is none; raises InputError for one that is broken."""
    path = place()
    if path is None or not path.exists():
        return intensity.shipped()
    try:
        return intensity.read_table(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the imported table {path} cannot be read ({error}); energyprof carbon forget") from None


def keep(table: IntensityTable) -> Path:
    """Replace the imported table in one step; raises InputError."""
    path = place()
    if path is None:
        raise InputError("there is no folder to keep the table in; set XDG_CACHE_HOME to one that can be written")
    scratch = path.with_name(f"{FILE}.{os.getpid()}")
    try:
        scratch.write_text(intensity.written(table), encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); make room, or set XDG_CACHE_HOME") from None
    return path


def forget() -> bool:
    """Remove the imported table; return whether there was one."""
    path = place()
    if path is None or not path.exists():
        return False
    try:
        path.unlink()
    except OSError as error:
        raise InputError(f"{path} cannot be removed ({error.strerror}); remove it by hand") from None
    return True
