"""The SQLite file below a capture being written: made, opened again after a crash, its faults said in one line."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from energyprof.capture.refusal import refusal
from energyprof.capture.schema import APPLICATION_ID, SCHEMA_VERSION, TABLES
from energyprof.errors import CaptureError

PAGE_BYTES = 1024
"""A chunk of readings takes a few kilobytes: 10.2 bytes a reading with pages of 4096, 8.5 with these."""
CHECKPOINT_BYTES = 4 << 20


def create(path: Path) -> sqlite3.Connection:
    """Create the file, its tables written before WAL begins: a cut-off capture can always be told for what it is.

    Raises CaptureError if it exists already or its folder cannot be written.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except FileExistsError:
        raise CaptureError(f"{path} exists already and is never overwritten; choose another name with -o") from None
    except OSError as error:
        raise CaptureError(f"{path} cannot be written ({error.strerror}); choose another place with -o") from error
    with answered(path):
        db = sqlite3.connect(path)
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        # One transaction: whoever finds the file after a kill finds an empty one or a capture.
        header = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
        db.executescript(f"BEGIN; {header} {TABLES} COMMIT;")
        _write_ahead(db)
    return db


def reopen(path: Path) -> sqlite3.Connection:
    """Open a sound, unfinished capture for more; SQLite completes what a kill or a power loss has cut off.

    What analysis found in it until now is removed.
    """
    with answered(path):
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
        _write_ahead(db)
        with db:
            db.execute("DELETE FROM result")
    return db


def continued(db: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """Return a new file, open for more, with all that `db` holds; raises CaptureError where none can be made."""
    with answered(path):
        copy = sqlite3.connect(path)
        try:
            db.backup(copy)
            _write_ahead(copy)
        except sqlite3.Error:
            copy.close()
            path.unlink(missing_ok=True)
            raise
    return copy


def roll_back(path: Path) -> None:
    """Have SQLite undo what a kill has left half done in the file itself, which happens only while it is made."""
    with answered(path), closing(sqlite3.connect(path)) as db:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _write_ahead(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_BYTES // PAGE_BYTES}")


@contextmanager
def answered(path: Path) -> Iterator[None]:
    """Turn what SQLite says about a disk into one line with the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        fact, remedy = refusal(path)
        raise CaptureError(f"{path} cannot be written ({fact or error}); {remedy}") from error
