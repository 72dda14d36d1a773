"""The spool: the raw append-only file that a recorded process writes and the collector reads, consumes and deletes.

A spool is a sequence of frames. A frame is a header of `FRAME.size` bytes, `(magic, kind, lane, payload length, crc32
of the payload)`, little-endian, followed by the payload. A kill can only cut the last frame short; a reader stops at
the first frame that does not check out and may try again once the file has grown. One process writes segments
`PID-STARTNS.000000.spool`, `...000001.spool`, ...; the first frame of each is a `HEAD`. Standard library only.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

FRAME: Final = struct.Struct("<IIqqI")
MAGIC: Final = 0x31525045  # "EPR1"

HEAD: Final = 0
"""JSON object: version, pid, ppid, spool (id of the process's spool), segment, python, argv, perf_counter_ns and
monotonic_ns read together, and for a forked or launched child parent_spool and parent_lane (the lane number that the
parent's `SPAWN` event names; 0 when unknown)."""
NAMES: Final = 1
"""JSON list of objects: code, name, kind, and where known file, line, after (list of names), module (true for a dotted
module name, which is one path component below the nearest enclosing stage that is no module)."""
EVENTS: Final = 2
"""int64 pairs (code, t_ns) of the thread whose own lane number is the frame's `lane`, in order of time."""
LANES: Final = 3
"""JSON list of objects: lane, tid (native thread id, 0 if none), kind (`thread` | `task` | `process`), name."""
LOSS: Final = 4
"""JSON object: dropped (events lost since the previous LOSS frame), reason."""
FACTS: Final = 5
"""JSON object with figures of the recorder itself: recorder_ns (CPU time spent flushing), events, warnings (list)."""
END: Final = 6
"""Empty payload: the recorder closed in order; no frame follows in any segment of this spool."""

SPOOL_VERSION: Final = 1
SPOOL_SUFFIX: Final = ".spool"


@dataclass(frozen=True)
class Frame:
    """One checked frame; `payload` is raw bytes, `lane` the writing thread's own lane number (0 for JSON frames)."""

    kind: int
    lane: int
    payload: bytes

    def json(self) -> Any:  # JSON is whatever the kind's docstring says
        return json.loads(self.payload)


def pack_frame(kind: int, lane: int, payload: bytes) -> bytes:
    """Return the frame as bytes; one `os.write` of them is what a kill can cut."""
    return FRAME.pack(MAGIC, kind, lane, len(payload), zlib.crc32(payload)) + payload


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
