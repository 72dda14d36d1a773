"""Open a `.eprof` file for reading, whatever state it is in, and say in one line what is wrong with one that is not."""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from energyprof.capture.schema import APPLICATION_ID, SCHEMA_VERSION, named_crc
from energyprof.errors import CaptureError
from energyprof.model.shell import in_shell

_HEADER = struct.Struct(">16sH6xII28xI4xI20xI")
"""The parts of SQLite's header used here (sqlite.org/fileformat2.html, section 1.3): magic, page size, change counter,
pages, user_version, application_id, the change counter for which the number of pages is valid."""

_MAGIC = b"SQLite format 3\0"

_SQLITE_FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""The second where even SQLite's own message quotes damaged text."""

_FOREIGN = "is no energyprof recording; `energyprof run SCRIPT` writes one"


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a capture for reading; raises CaptureError where it is none, damaged or of a newer schema."""
    _check_header(path)
    try:
        with _connection(path) as db:
            db.execute("BEGIN")  # one state of the file for all that is read, even while the run goes on
            yield db
    except _SQLITE_FAULTS as error:
        raise damaged(path, str(error)) from error
    except CaptureError as error:
        if str(path) in str(error):
            raise
        raise damaged(path, str(error)) from error


def is_recording(path: Path) -> bool:
    """Tell whether the file is a capture, finished or not, damaged or of a newer schema; an unreadable one is none."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(_HEADER.size)
    except OSError:
        return False
    if len(head) < _HEADER.size or not head.startswith(_MAGIC):
        return False
    application_id: int = _HEADER.unpack(head)[5]
    return application_id == APPLICATION_ID


def damaged(path: Path, fact: str) -> CaptureError:
    """Return the error of a file that was a capture once."""
    return CaptureError(f"{path} is damaged: {fact}; copy it again from where it was recorded, or record the run again")


def read_facts(db: sqlite3.Connection) -> dict[str, Any]:
    """Return the facts by name, checked; raises CaptureError where one does not check out."""
    facts = {}
    for name, crc, value in db.execute("SELECT name, crc, value FROM fact"):
        if not isinstance(name, str) or not isinstance(value, bytes) or named_crc(name, 0, value) != crc:
            raise CaptureError("a fact of the run does not match its checksum")
        facts[name] = json.loads(value)
    return facts


def has_sidecar(path: Path, suffix: str) -> bool:
    """Tell whether SQLite left something beside the file (`-wal`, `-journal`) that belongs to its content."""
    with suppress(OSError):
        return Path(f"{path}{suffix}").stat().st_size > 0
    return False


def _check_header(path: Path) -> None:
    if path.exists() and not path.is_file() and not path.is_dir():  # opening a pipe would wait for its other end
        raise CaptureError(f"{path} is a pipe, socket or device; name a .eprof file")
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER.size)
            size = file.seek(0, 2)
    except FileNotFoundError:
        raise CaptureError(f"{path} does not exist; `energyprof run SCRIPT` writes one") from None
    except OSError as error:
        raise CaptureError(f"{path} cannot be read ({error.strerror}); check the path and its permissions") from error
    if not head:
        raise CaptureError(
            f"{path} is empty: its run was cut off before anything was written; complete it with: "
            f"energyprof recover {in_shell(str(path))}, or record the run again"
        )
    if len(head) < _HEADER.size or not head.startswith(_MAGIC):
        raise CaptureError(f"{path} {_FOREIGN}")
    _, page_size, changes, pages, user_version, application_id, valid_for = _HEADER.unpack(head)
    if application_id != APPLICATION_ID:
        raise CaptureError(f"{path} {_FOREIGN}")
    if user_version > SCHEMA_VERSION:
        raise CaptureError(
            f"{path} was written by a newer energyprof (schema {user_version}, this one reads up to {SCHEMA_VERSION}); "
            "upgrade: pip install -U energyprof"
        )
    if user_version != SCHEMA_VERSION:
        raise damaged(path, f"its header says schema {user_version}, which never was")
    whole = pages * (page_size if page_size != 1 else 65536)
    if changes == valid_for and size < whole and not has_sidecar(path, "-wal"):
        raise damaged(path, f"it is truncated ({size:,} of {whole:,} bytes)")


@contextmanager
def _connection(path: Path) -> Iterator[sqlite3.Connection]:
    if has_sidecar(path, "-journal"):
        with _of_a_copy(path) as db:
            yield db
        return
    unfinished = has_sidecar(path, "-wal")
    try:
        db = _connect(path, "mode=ro" if unfinished else "immutable=1")
    except sqlite3.OperationalError:
        if not unfinished:
            raise
        with _of_a_copy(path) as copied:  # a WAL cannot be read in a folder that cannot be written
            yield copied
        return
    with closing(db):
        yield db


def _connect(path: Path, query: str) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?{query}", uri=True)
    try:
        db.execute("SELECT count(*) FROM fact").fetchone()
    except _SQLITE_FAULTS:
        db.close()
        raise
    return db


@contextmanager
def _of_a_copy(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy of the file and what lies beside it, on which SQLite may complete what was cut off."""
    with tempfile.TemporaryDirectory(prefix="energyprof-read-") as folder:
        copy = Path(folder) / "copy.eprof"
        shutil.copyfile(path, copy)
        for suffix in ("-wal", "-journal"):
            if has_sidecar(path, suffix):
                shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
        with closing(_connect(copy, "mode=rw")) as db:
            yield db
