"""The `.eprof` file: one SQLite database, schema 1, which nothing but this package knows.

Header: `application_id` is APPLICATION_ID, `user_version` the schema's number. A reader refuses newer schemas.

* `fact(name, crc, value)`: `value` is ASCII JSON, so that any name survives. `run` and `recorder` (the fields of
  `model.trace.RunFacts` and `RecorderFacts`), `sampling` (by domain those of `model.sampling.DomainFacts`), `domains`
  (list of the fields of `model.domain.Domain`; its order gives the numbers that readings refer to), `warnings` (list of
  strings), `ranks` (those of `model.ranks.RankProcess`), `hosts` (of a merged run those of `model.hosts.Host`), and,
  written last, `finished` (`{"chunks": how many}`). Without `finished` the collector was stopped before its end; what
  is there is still valid.
* `chunk(id, kind, part, rows, crc, content)`: bulk data in the order in which it was stored, ids without a gap from 1.
  `content` is packed columns (`codec`, `span_codec`, `table_codec`):
  STAGES lane-relative stages, a later row of an index replaces the earlier; LANES likewise; ORIGINS where lanes were
  created, the first of a lane counts; SPANS; LANE_RUNS; READINGS of the domain with number `part`: raw integers with
  both poll times; CPU per thread; USE of the host's processors (part 0), of the domain with number `part - 1`, or in a
  merged run of the processors of the host with number `-1 - part`, by the program and by others; FUNCTIONS and
  STACK_NODES from the row `part` on, and SAMPLES of stacks (`stack_store`).
* `result(name, version, crc, content)`: what analysis found (`value_codec`); `attribution` is replaced as a whole.
* `tally(id, kind, start_ns, end_ns, crc, content)`: data flow (ids below 0), and what was counted between bursts
  (`tallies`), replaced as it grows;
  SPANS of part 1 are among its calls. POWER_SUMS of the domain `part` stand for readings that were left out there.
* `progress(name, crc, content)` and `announced(id, name, crc, content)`: what it takes to go on after the collector was
  killed (`progress`), stored in the same transaction as what was converted until then; empty in a finished file.

`crc` covers the row's other columns, so a flipped bit is an error, never a wrong number. While a run goes the file is
in journal_mode WAL; a finished one is in journal_mode DELETE and is opened immutable, which a read-only folder allows.
Stages are put together to full paths on reading, because a lane's origin may arrive after its spans.
"""

from __future__ import annotations

import struct
import zlib
from enum import IntEnum
from typing import Final

APPLICATION_ID: Final = 0x45505246  # "EPRF"
SCHEMA_VERSION: Final = 1

TABLES: Final = """
CREATE TABLE fact (name TEXT PRIMARY KEY, crc INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, part INTEGER NOT NULL, rows INTEGER NOT NULL,
    crc INTEGER NOT NULL, content BLOB NOT NULL
);
CREATE TABLE result (name TEXT PRIMARY KEY, version INTEGER NOT NULL, crc INTEGER NOT NULL, content BLOB NOT NULL);
CREATE TABLE tally (
    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,
    crc INTEGER NOT NULL, content BLOB NOT NULL
);
CREATE TABLE progress (name TEXT PRIMARY KEY, crc INTEGER NOT NULL, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE announced (id INTEGER PRIMARY KEY, name TEXT NOT NULL, crc INTEGER NOT NULL, content BLOB NOT NULL);
"""


class ChunkKind(IntEnum):
    """What a chunk holds."""

    STAGES = 1
    LANES = 2
    ORIGINS = 3
    SPANS = 4
    LANE_RUNS = 5
    READINGS = 6
    CPU = 7
    FUNCTIONS = 9
    STACK_NODES = 10
    SAMPLES = 11
    USE = 12
    POWER_SUMS = 13


def chunk_crc(number: int, kind: int, part: int, rows: int, content: bytes) -> int:
    """Return the checksum of a chunk's row; `number` is its id."""
    return zlib.crc32(content, zlib.crc32(struct.pack("<4q", number, kind, part, rows)))


def named_crc(name: str, version: int, content: bytes) -> int:
    """Return the checksum of a fact's row (version 0) or a result's."""
    return zlib.crc32(content, zlib.crc32(name.encode() + struct.pack("<q", version)))
