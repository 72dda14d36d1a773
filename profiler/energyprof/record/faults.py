"""Where our own errors inside the program go: into the run folder, never into the program's output."""

from __future__ import annotations

import os
import sys

LOG = "recorder.log"
FAULT_LIMIT = 20

_faults = 0


def note(run_dir: str, doing: str) -> None:
    """Append the exception being handled to the run folder's log. Never raises; stops after FAULT_LIMIT of them."""
    global _faults  # noqa: PLW0603 - one count per process
    _faults += 1
    if _faults > FAULT_LIMIT:
        return
    try:
        _append(os.path.join(run_dir, LOG), f"process {os.getpid()}, {doing}:\n{_exception()}\n")
    except Exception:  # gone folder, full disk, rights that were dropped, an `os` that is not what it was: never mind
        return


def _append(path: str, text: str) -> None:
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(log, text.encode("utf-8", "backslashreplace"))
    finally:
        os.close(log)


def _exception() -> str:
    """Return the exception being handled with its traceback, or without where Python cannot read its own files now."""
    error = sys.exc_info()[1]
    try:
        from traceback import format_exc

        return format_exc()
    except Exception:  # neither must what happens here
        return f"{type(error).__name__}: {error}"


def reason(error: OSError) -> str:
    """Return what the system says, without our file names."""
    return error.strerror or str(error)
