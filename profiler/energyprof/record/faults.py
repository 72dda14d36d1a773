"""Where our own errors inside the program go: into the run folder, never into the program's output."""

from __future__ import annotations

import os

LOG = "recorder.log"
FAULT_LIMIT = 20

_faults = 0


def note(run_dir: str, doing: str) -> None:
    """Append the exception being handled to the run folder's log. Never raises; stops after FAULT_LIMIT of them."""
    global _faults  # noqa: PLW0603 - one count per process
    _faults += 1
    if _faults > FAULT_LIMIT:
        return
    from traceback import format_exc

    text = f"process {os.getpid()}, {doing}:\n{format_exc()}\n"
    try:
        log = os.open(os.path.join(run_dir, LOG), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return  # the run folder is gone, and with it everybody who could read this
    try:
        os.write(log, text.encode("utf-8", "backslashreplace"))
    except OSError:
        return  # a full disk: the losses are counted in the spool
    finally:
        os.close(log)


def reason(error: OSError) -> str:
    """Return what the system says, without our file names."""
    return error.strerror or str(error)
