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


def store_attribution(path: str | Path, attribution: Attribution, wait_s: float = 2.0) -> None:
    """Store the fit in the capture, replacing an earlier one: wholly or not at all.

    Waits at most `wait_s` for another writer. Raises CaptureError where the file or its folder cannot be written; the
    caller may go on without.
    """
    path = Path(path)
    content = pack_value(attribution)
    version = attribution.version
    with opened(path):
        pass  # refuses what is no sound capture before it is touched
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=wait_s)) as db:
            with db:
                row = (_NAME, version, named_crc(_NAME, version, content), content)
                db.execute("INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?)", row)
            db.execute("PRAGMA journal_mode = DELETE")  # also mends what a stopped collector left in WAL
    except sqlite3.Error as error:
        raise CaptureError(
            f"the analysis cannot be stored in {path} ({error}); make file and folder writable to keep it"
        ) from error


def read_attribution(path: str | Path) -> Attribution | None:
    """Return the stored fit; None where there is none or another version made it.

    Raises CaptureError if the file cannot be read or the stored fit is damaged.
    """
    with opened(Path(path)) as db:
        row = db.execute("SELECT version, crc, content FROM result WHERE name = ?", (_NAME,)).fetchone()
        if row is None:
            return None
        version, crc, content = row
        if not isinstance(version, int) or not isinstance(content, bytes) or named_crc(_NAME, version, content) != crc:
            raise CaptureError("the stored analysis does not match its checksum")
        if version != ATTRIBUTION_VERSION:
            return None
        try:
            value = unpack_value(content)
        except (KeyError, TypeError):  # a development version stored other fields under this version's number
            return None
    return value if isinstance(value, Attribution) else None
