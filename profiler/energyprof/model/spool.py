"""The spool: the raw append-only file that a recorded process writes and the collector reads, consumes and deletes.

A spool is a sequence of frames. A frame is a header of `FRAME.size` bytes, `(magic, kind, lane, payload length, crc32
of the payload)`, little-endian, followed by the payload. A kill can only cut the last frame short; a reader stops at
the first frame that does not check out and may try again once the file has grown. One process writes segments
`PID-STARTNS.000000.spool`, `...000001.spool`, ...; the first frame of each is a `HEAD`. Standard library only.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from energyprof.model.frame import (
    CODES,
    CPU,
    CURES,
    END,
    EVENTS,
    FACTS,
    FRAME,
    HEAD,
    LANES,
    LOSS,
    LOSS_SUFFIX,
    MAGIC,
    NAMES,
    RANK,
    SAMPLES,
    SPOOL_SUFFIX,
    SPOOL_VERSION,
    STACKS,
    TOLD,
    pack_frame,
)

__all__ = [
    "CODES",
    "CPU",
    "CURES",
    "END",
    "EVENTS",
    "FACTS",
    "FRAME",
    "HEAD",
    "LANES",
    "LOSS",
    "LOSS_SUFFIX",
    "MAGIC",
    "NAMES",
    "RANK",
    "SAMPLES",
    "SPOOL_SUFFIX",
    "SPOOL_VERSION",
    "STACKS",
    "TOLD",
    "Frame",
    "pack_frame",
    "pack_json",
    "read_frames",
]


@dataclass(frozen=True)
class Frame:
    """One checked frame; `payload` is raw bytes, `lane` the writing thread's own lane number (0 for JSON frames)."""

    kind: int
    lane: int
    payload: bytes

    def json(self) -> Any:  # JSON is whatever the kind's docstring says
        """Return the payload of a frame that holds JSON; `Any`, for its shape depends on the kind."""
        return json.loads(self.payload)


def pack_json(kind: int, value: object) -> bytes:
    """Return a frame whose payload is `value` as UTF-8 JSON; lone surrogates in names survive as escapes."""
    return pack_frame(kind, 0, json.dumps(value, separators=(",", ":")).encode("ascii"))


def read_frames(data: bytes, offset: int = 0) -> Iterator[tuple[Frame, int]]:
    """Yield `(frame, offset after it)` from `offset` on, ending before the first frame that is short or damaged."""
    while offset + FRAME.size <= len(data):
        magic, kind, lane, length, crc = FRAME.unpack_from(data, offset)
        end = offset + FRAME.size + length
        if magic != MAGIC or length < 0 or end > len(data):
            return
        payload = data[offset + FRAME.size : end]
        if zlib.crc32(payload) != crc:
            return
        yield Frame(kind, lane, payload), end
        offset = end
