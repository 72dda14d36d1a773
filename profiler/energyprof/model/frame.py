"""The frames of a spool as they are written: layout, kinds and packing, cheap enough to import in every program.

What a spool is and how it is read: `energyprof.model.spool`. Neither `typing` (13 ms) nor `json` (10 ms) nor
`dataclasses` (24 ms) is imported here, for the profiled program imports this file at its start.
"""

from __future__ import annotations

import struct
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

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
"""JSON object with figures of the recorder itself: recorder_ns (CPU time of recording so far: flushing as measured,
events as calibrated), events (so far), warnings (list, each sent once)."""
END: Final = 6
"""Empty payload: the recorder closed in order; no frame follows in any segment of this spool."""

SPOOL_VERSION: Final = 1
SPOOL_SUFFIX: Final = ".spool"


def pack_frame(kind: int, lane: int, payload: bytes) -> bytes:
    """Return the frame as bytes; one `os.write` of them is what a kill can cut."""
    return FRAME.pack(MAGIC, kind, lane, len(payload), zlib.crc32(payload)) + payload
