"""Which version of a program is about to run, as plain values that can be written down: found by reading files.

Of a program that is started, the files that it imports are found in its sources. Of one that profiles a part of itself
those count that it has loaded, for it must not wait for us to understand its sources.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from energyprof.errors import InputError
from energyprof.model.program import DIGEST_DIGITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from energyprof.past.fingerprint import Asked
    from energyprof.past.sources import Sources

MOST_FILES: Final = 300
LARGEST_BYTES: Final = 2 << 20
"""Of sources, read while the program runs: half a second of a core for each MiB (Python 3.11, an EPYC, 2026-11-26)."""


def identity_of(asked: Asked, python_path: str) -> dict[str, Any]:
    """Return what it consists of, from which commit, and the versions it will run with; what is not known is left out.

    Files of a program that has too many are left out but for the script itself.
    """
    from energyprof.past.checkout import checkout_of
    from energyprof.past.versions import versions_of

    found: dict[str, Any] = {"versions": dict(versions_of(asked.path))} if asked.kind != "other" else {}
    sources, scope = _found_by_reading(asked, python_path)
    if sources is None:
        return found
    commit, is_committed = checkout_of(sources.paths())
    return {
        **found,
        "files": _files(sources.contents()),
        "scope": scope,
        "commit": commit,
        "is_committed": is_committed,
    }


def _found_by_reading(asked: Asked, python_path: str) -> tuple[Sources | None, str]:
    from energyprof.past.fingerprint import sources_of
    from energyprof.past.sources import LARGEST_BYTES as LARGEST_ALONE
    from energyprof.past.sources import Sources

    try:
        if asked.kind == "other":
            return sources_of(asked, python_path), "imports"
        return sources_of(asked, python_path, most_files=MOST_FILES, largest_bytes=LARGEST_BYTES), "imports"
    except InputError:
        script = asked.words[0]
        if asked.kind != "script" or not os.path.isfile(script):
            return None, ""
    alone = Sources([], largest_bytes=LARGEST_ALONE)
    try:
        alone.add_file(script, "")
    except InputError:
        return None, ""
    return alone, "script"


def identity_of_loaded(modules: Mapping[str, object]) -> dict[str, Any]:
    """Return what a program with these modules consists of; nothing of one that is installed, or has no file.

    The files are those beside its script, or below. Nobody is asked for a commit: a process of ours started here would
    be a child that the program does not know.
    """
    script = _file_of(modules.get("__main__"))
    if not script or _is_installed(script):
        return {}
    folder = os.path.dirname(os.path.realpath(script))
    below = (f"{os.path.dirname(os.path.abspath(script))}{os.sep}", f"{folder}{os.sep}")
    files = {os.path.realpath(script): ""}
    for module in list(modules.values()):
        named = _file_of(module)
        # To follow the links of thousands of installed files would take tens of milliseconds of the program's time.
        if named.endswith(".py") and named.startswith(below) and not _is_installed(named):
            path = os.path.realpath(named)
            files.setdefault(path, os.path.relpath(path, folder).replace(os.sep, "/"))
    try:
        sizes = [os.path.getsize(path) for path in files]
        if len(files) > MOST_FILES or sum(sizes) > LARGEST_BYTES:
            return {"files": _files([("", _content(script))]), "scope": "script"} if sizes[0] <= LARGEST_BYTES else {}
        return {"files": _files((name, _content(path)) for path, name in files.items()), "scope": "loaded"}
    except OSError:
        return {}  # deleted or closed to us since it was loaded


def _file_of(module: object) -> str:
    """Return the file of a module, without asking those that answer by importing."""
    named = getattr(module, "__dict__", {}).get("__file__")
    return named if isinstance(named, str) else ""


def _is_installed(path: str) -> bool:
    parts = path.split(os.sep)
    beside_python = path.startswith(os.path.join(os.path.realpath(sys.base_prefix), "lib", "python"))
    return beside_python or "site-packages" in parts or "dist-packages" in parts


def _content(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def _files(contents: Iterable[tuple[str, bytes]]) -> list[tuple[str, str]]:
    return sorted((name, sha256(content).hexdigest()[:DIGEST_DIGITS]) for name, content in contents)
