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
monotonic_ns read together, and for a forked or launched child parent_spool, parent_lane (the lane number that the
parent's `SPAWN` event names; 0: the parent says so by pid in a LANES frame), between (pids of ancestors below the
parent, the nearest first: a shell, say) and asked_for (true: forked, but on behalf of another process, which says by
pid below which of its stages)."""
NAMES: Final = 1
"""JSON list of objects: code, name, kind, and where known file, line, after (list of names), module (true for a dotted
module name, which is one path component below the nearest enclosing stage that is no module)."""
EVENTS: Final = 2
"""int64 pairs (code, t_ns) of the thread whose own lane number is the frame's `lane`, in order of time."""
LANES: Final = 3
"""JSON list of objects: lane, tid (native thread id, 0 if none; of a device's stream the device's number), kind
(`thread` | `task` | `device` | `process`), name, for a device's stream base (a lane that a `SPAWN` event names: its
stages stand where that one's would), and for a process that was made by no fork pid, since_ns, until_ns
(perf_counter_ns around its making; pid 0: not known). Many tasks may stand in one object: kind `task`, lanes and names,
two lists of equal length."""
LOSS: Final = 4
"""JSON object: dropped (events lost since the previous LOSS frame), reason."""
FACTS: Final = 5
"""JSON object with figures of the recorder itself: recorder_ns (CPU time of recording so far: flushing as measured,
events as calibrated), events (so far), warnings (list, each sent once)."""
END: Final = 6
"""int64: the `perf_counter_ns` at which the recorder closed in order; no frame follows in any segment of this spool."""
CODES: Final = 7
"""JSON list of objects: code (number), name (qualified where the interpreter knows it), file, line (the first one), and
where there are any, asking: the lines on which it does nothing but ask (`record.asking_loops`).
They describe the functions that STACKS frames name."""
STACKS: Final = 8
"""int64: for each stack that is new its number, its depth and as many code numbers, innermost first."""
SAMPLES: Final = 9
"""int64 rows (t_ns, tid, stack, line): at t_ns (`perf_counter_ns`) this thread was in this stack, in this line of its
innermost function (0: unknown). Rows of one t_ns, one for each thread looked at, stand together. A row of stack 0
says that sampling began, anew too: what its process did before was not looked at."""
CPU: Final = 10
"""int64 rows (t_ns, tid, thread_ns, process_ns): at t_ns (`perf_counter_ns`) this thread had used so much CPU time, and
its process with all of its threads so much; of children only."""
CURES: Final = 11
"""JSON object of what was done so that stages can be told apart, each part where there is any: `dephase` (low_ns,
high_ns, and so far: delays, delay_ns on all threads, main_ns on the main one), `repeat` (visit_ns, rounds, seen: list
of [code, perf_counter_ns just before the call whose inputs were kept], skipped: list of [name, reason], is_cut),
`visits` (list of [code, start_ns, end_ns, calls], each sent once). Codes are those of NAMES."""

RANK: Final = 12
"""JSON object: rank, world_size and, where it is known, local_rank: which rank of a distributed program this is. A
later frame replaces an earlier one; a process that tells none is of its parent's rank."""

TOLD: Final = 13
"""JSON object of what the program told of its work so far, all of it each time: `metrics`, a list of [name, value,
perf_counter_ns of the last one, how often one was told], `units`, a list of [name, count]; values and counts are texts
of floats."""

SPOOL_VERSION: Final = 1
SPOOL_SUFFIX: Final = ".spool"
LOSS_SUFFIX: Final = ".lost"
"""Of an empty file `PID-STARTNS.EVENTS.ERRNO.lost` beside a spool that took no more: so many events are in no frame."""


def pack_frame(kind: int, lane: int, payload: bytes) -> bytes:
    """Return the frame as bytes; one `os.write` of them is what a kill can cut."""
    return FRAME.pack(MAGIC, kind, lane, len(payload), zlib.crc32(payload)) + payload
