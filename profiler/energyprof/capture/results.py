"""The results of analysis, stored in the capture they were worked out from, so that reports need not do it again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from energyprof.capture.open_file import opened
from energyprof.capture.schema import named_crc
from energyprof.capture.value_codec import pack_value, unpack_value
from energyprof.errors import CaptureError
from energyprof.model.attribution import ATTRIBUTION_VERSION, Attribution

_NAME: Final = "attribution"
_SAID: Final = {_NAME: "analysis", "recalled": "list of what it repeats"}


def store_attribution(path: str | Path, attribution: Attribution, wait_s: float = 2.0) -> None:
    """Store the fit in the capture, replacing an earlier one, as `store_result` does."""
    store_result(Path(path), _NAME, attribution.version, pack_value(attribution), wait_s)


def read_attribution(path: str | Path) -> Attribution | None:
    """Return the stored fit; None where there is none or another version made it.

    Raises CaptureError if the file cannot be read or the stored fit is damaged.
    """
    content = read_result(Path(path), _NAME, ATTRIBUTION_VERSION)
    if content is None:
        return None
    try:
        value = unpack_value(content)
    except (KeyError, TypeError):  # a development version stored other fields under this version's number
        return None
    return value if isinstance(value, Attribution) else None


def awaits_fit(path: str | Path) -> bool:
    """Return whether a finished run has no fit of this version yet; raises CaptureError if the file cannot be read.

    Whether a stored fit is sound is seen where it is read.
    """
    with opened(Path(path)) as db:
        is_finished = db.execute("SELECT 1 FROM fact WHERE name = 'finished'").fetchone() is not None
        row = db.execute("SELECT version FROM result WHERE name = ?", (_NAME,)).fetchone()
    return is_finished and row != (ATTRIBUTION_VERSION,)


def store_result(path: Path, name: str, version: int, content: bytes, wait_s: float = 2.0) -> None:
    """Store what was found under a name, replacing an earlier one: wholly or not at all.

    Waits at most `wait_s` for another writer. Raises CaptureError where the file or its folder cannot be written; the
    caller may go on without.
    """
    with opened(path):
        pass  # refuses what is no sound capture before it is touched
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=wait_s)) as db:
            with db:
                row = (name, version, named_crc(name, version, content), content)
                db.execute("INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?)", row)
            db.execute("PRAGMA journal_mode = DELETE")  # also mends what a stopped collector left in WAL
    except sqlite3.Error as error:
        raise CaptureError(
            f"the {_SAID[name]} cannot be stored in {path} ({error}); make file and folder writable to keep it"
        ) from error


def read_result(path: Path, name: str, version: int) -> bytes | None:
    """Return what is stored under a name; None where there is nothing, or of another version.

    Raises CaptureError if the file cannot be read or what is stored is damaged.
    """
    with opened(path) as db:
        row = db.execute("SELECT version, crc, content FROM result WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        stored, crc, content = row
        if not isinstance(stored, int) or not isinstance(content, bytes) or named_crc(name, stored, content) != crc:
            raise CaptureError(f"the stored {_SAID[name]} does not match its checksum")
        return content if stored == version else None
