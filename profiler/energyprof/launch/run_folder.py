"""The folder of one run: where the program spools and the collector logs; gone when the run is over."""

from __future__ import annotations

import os
from contextlib import suppress

from energyprof.errors import InputError

PARTS = ("spool", "stacks")
"""What a run folder holds: spools, and the gates of sampled processes."""
_LAST_RESORTS = ("/tmp", "/var/tmp", "/usr/tmp")


def make_run_folder() -> str:
    """Create a private `energyprof-...` folder, holding `spool/`, where temporary files go; raises InputError.

    The rules are those of `tempfile`, which itself would cost 8 ms of the program's start.
    """
    reason = "none is set"
    for place in temporary_places():
        path = os.path.join(place, f"energyprof-{os.urandom(6).hex()}")
        try:
            os.mkdir(path, 0o700)
            for folder in PARTS:
                os.mkdir(os.path.join(path, folder), 0o700)
        except OSError as error:
            reason = f"{place}: {error.strerror}"
            continue
        return path
    raise InputError(f"no temporary folder can be written ({reason}); set TMPDIR to one that can")


def is_restored(path: str) -> bool:
    """Make the folder again if somebody, a cleaner of temporary files, has deleted it; tell whether that was so."""
    if os.path.isdir(os.path.join(path, "spool")):
        return False
    try:
        for folder in PARTS:
            os.makedirs(os.path.join(path, folder), 0o700, exist_ok=True)
    except OSError:
        return False  # nor can it be made again: what is recorded is lost, and counted
    return True


def temporary_places() -> list[str]:
    """Return the folders to try for temporary files, best first, absolute."""
    named = [os.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    places = [place for place in (*named, *_LAST_RESORTS) if place]
    try:
        return [os.path.abspath(place) for place in places]
    except OSError:  # the current folder has been deleted
        return [place for place in places if os.path.isabs(place)]


def remove_run_folder(path: str) -> None:
    """Delete the folder and all in it; what a surviving child of the program still writes there goes with it.

    Whoever was at it before may have been killed in the middle: what that one has left goes, too.
    """
    from shutil import rmtree

    gone = f"{path}.gone"
    with suppress(OSError):
        os.rename(path, gone)  # from here on nobody finds it, so that no file comes back while the others are deleted
    for left in (gone, path):
        rmtree(left, ignore_errors=True)
