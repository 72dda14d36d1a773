"""What it takes to go on with a capture whose collector was killed, stored beside what it had converted until then."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from energyprof.capture.codec import pack_columns, unpack_columns
from energyprof.capture.content import Content
from energyprof.capture.open_file import opened
from energyprof.capture.schema import ChunkKind, named_crc
from energyprof.capture.table_codec import pack_json, unpack_json, unpack_lanes
from energyprof.errors import CaptureError
from energyprof.model.recording import Announced, LaneRow, LocalStage, Progress
from energyprof.model.trace import RunFacts

_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class Stored:
    """What a capture holds of a run that may not be finished."""

    finished: bool
    run: RunFacts
    warnings: tuple[str, ...]
    last_reading_ns: int
    """CLOCK_MONOTONIC of the last reading of any sensor; 0: there is none."""
    stages: tuple[LocalStage, ...]
    lanes: tuple[LaneRow, ...]
    """Without their names."""
    progress: Progress


def read_stored(path: str | Path) -> Stored:
    """Return what has been stored so far; raises CaptureError if the file cannot be read or does not check out."""
    with opened(Path(path)) as db:
        content = Content(db)
        return Stored(
            finished=content.finished,
            run=content.run,
            warnings=content.warnings,
            last_reading_ns=max((int(r.t_after_ns.max(initial=0)) for r in content.readings().values()), default=0),
            stages=tuple(content.stages()),
            lanes=_lanes(content),
            progress=_read_progress(db),
        )


def _lanes(content: Content) -> tuple[LaneRow, ...]:
    lanes = {}
    for packed in content.take(ChunkKind.LANES):
        columns = (column.tolist() for column in unpack_lanes(packed))
        for index, pid, number, tid, kind, host in zip(*columns, strict=True):
            lanes[index] = LaneRow(index, pid, number, tid, kind, "", host)
    return tuple(lanes[index] for index in sorted(lanes))


def store_progress(db: sqlite3.Connection, state: Mapping[str, Any], announced: Iterable[Announced]) -> None:
    """Add to what is stored already, within the caller's transaction."""
    packed = [(name, pack_json(value)) for name, value in state.items()]
    db.executemany(
        "INSERT OR REPLACE INTO progress VALUES (?, ?, ?)",
        [(name, named_crc(name, 0, content), content) for name, content in packed],
    )
    told = [(one.spool, _pack_announced(one)) for one in announced]
    db.executemany(
        "INSERT INTO announced (name, crc, content) VALUES (?, ?, ?)",
        [(name, named_crc(name, 0, content), content) for name, content in told],
    )


def drop_progress(db: sqlite3.Connection, names: Iterable[str]) -> None:
    """Remove what is not needed any more to go on, within the caller's transaction."""
    gone = [(name,) for name in names]
    db.executemany("DELETE FROM progress WHERE name = ?", gone)
    db.executemany("DELETE FROM announced WHERE name = ?", gone)


def forget_progress(db: sqlite3.Connection) -> None:
    """Remove all of it: the run is finished."""
    db.execute("DELETE FROM progress")
    db.execute("DELETE FROM announced")


def _read_progress(db: sqlite3.Connection) -> Progress:
    state = dict(_checked(db.execute("SELECT name, crc, content FROM progress")))
    told = _checked(db.execute("SELECT name, crc, content FROM announced ORDER BY id"))
    return Progress(
        {name: unpack_json(content) for name, content in state.items()},
        tuple(_unpack_announced(name, content) for name, content in told),
    )


def _checked(rows: Iterable[tuple[Any, Any, Any]]) -> list[tuple[str, bytes]]:
    found = []
    for name, crc, content in rows:
        if not isinstance(name, str) or not isinstance(content, bytes) or named_crc(name, 0, content) != crc:
            raise CaptureError("what it takes to go on with the run does not match its checksum")
        found.append((name, content))
    return found


def _pack_announced(announced: Announced) -> bytes:
    number, index = np.array(announced.lanes, np.int64).reshape(-1, 2).T
    lanes = pack_columns((number, index), (1, 1))
    return len(lanes).to_bytes(_LENGTH_BYTES, "little") + lanes + zlib.compress(announced.frames, 1)


def _unpack_announced(spool: str, content: bytes) -> Announced:
    end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    number, index = unpack_columns(content[_LENGTH_BYTES:end], 2)
    try:
        frames = zlib.decompress(content[end:])
    except zlib.error as error:
        raise CaptureError(f"a block cannot be unpacked ({error})") from error
    return Announced(spool, tuple(zip(number.tolist(), index.tolist(), strict=True)), frames)
