"""What sampled functions are called where people read of them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import PurePosixPath
from typing import Final

MODULE: Final = "<module>"
"""How Python calls what runs when a file is imported or started."""
IMPORT: Final = "_find_and_load"
"""How it calls what finds, loads and runs a module."""
INSTALLED: Final = ("site-packages", "dist-packages")


def shown_name(name: str, file: str) -> str:
    """Return a function's name; what a file runs outside any function goes by the file.

    What imports modules is named so, for its own name tells nobody.
    """
    if name == IMPORT and file.startswith("<frozen importlib"):
        return f"imports ({name})"
    if not name.startswith(MODULE) or not file:
        return name
    return _file(_path(file))


def shown_place(file: str) -> str:
    """Return where a function is, from the package on that it belongs to, or the name of its file."""
    path = _path(file)
    for folder in INSTALLED:
        if folder in path.parts:
            return "/".join(path.parts[path.parts.index(folder) + 1 :])
    return _file(path)


def is_installed(file: str) -> bool:
    """Return whether a function came with Python or with a package, and was not written for the program."""
    parts = _path(file).parts
    of_python = any(one in {"lib", "lib64"} and other.startswith("python") for one, other in pairwise(parts))
    return file.startswith("<") or of_python or not {*INSTALLED}.isdisjoint(parts)


def _file(path: PurePosixPath) -> str:
    return "/".join(path.parts[-2:]) if path.name == "__init__.py" else path.name


def _path(file: str) -> PurePosixPath:
    return PurePosixPath(file.replace("\\", "/"))
