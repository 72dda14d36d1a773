"""Why a file takes no more: SQLite keeps the system's own words to itself, so the system is asked again."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

_TRIAL_BYTES = 64 << 10
"""More than SQLite writes at once beside a file: its `-shm` has 32 KiB."""


def refusal(path: Path) -> tuple[str, str]:
    """Return what the system says to a few more bytes beside the file, "No space left on device", and the remedy.

    The fact is empty where it takes them.
    """
    remedy = "free some space or choose another place with -o"
    if _is_at_limit(path):
        return os.strerror(errno.EFBIG), "raise the limit on the size of files, ulimit -f"
    trial = path.with_name(f"{path.name}-{os.getpid()}-trial")
    try:
        descriptor = os.open(trial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        return error.strerror or str(error), remedy
    try:
        left = _TRIAL_BYTES
        while left:
            left -= os.write(descriptor, bytes(left))
    except OSError as error:
        return error.strerror or str(error), remedy
    finally:
        os.close(descriptor)
        with suppress(OSError):
            os.unlink(trial)
    return "", remedy


def _is_at_limit(path: Path) -> bool:
    """Tell whether the file, or what SQLite writes beside it, has no room below this process's RLIMIT_FSIZE."""
    try:
        import resource
    except ImportError:  # no such limits here
        return False
    limit_bytes = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if limit_bytes == resource.RLIM_INFINITY:
        return False
    sizes = [_TRIAL_BYTES]
    for suffix in ("", "-wal", "-journal"):
        with suppress(OSError):
            sizes.append(os.path.getsize(f"{path}{suffix}") + _TRIAL_BYTES)
    return max(sizes) > limit_bytes
