"""Find a program as a shell would, or say why it is none."""

from __future__ import annotations

import os


def find_executable(name: str) -> str | None:
    """Return where the program is: the path itself if it holds a `/`, else the first match on PATH."""
    if os.sep in name:
        return name if _is_executable(name) else None
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder, name)
        if _is_executable(path):
            return path
    return None


def _is_executable(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def why_not_executable(name: str) -> str:
    """Return the fact and the remedy, for the end of a sentence about `name`."""
    if os.sep not in name:
        return "it is not on PATH; name its path"
    if not os.path.exists(name):
        return "there is no such file; check the path"
    if os.path.isdir(name):
        return "that is a folder; name a file in it"
    return f"it is not executable; try: chmod +x {name}"
