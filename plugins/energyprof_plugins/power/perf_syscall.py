"""`perf_event_open(2)` for one counter of one CPU; no library offers it to Python."""

from __future__ import annotations

import os
import platform
import struct

# <asm/unistd.h> of each architecture; RAPL counters exist on x86 only, the others serve the test of this file.
NUMBERS = {"x86_64": 298, "i686": 336, "i386": 336, "aarch64": 241}
# struct perf_event_attr up to PERF_ATTR_SIZE_VER0, <linux/perf_event.h>: type, size, config, sample_period,
# sample_type, read_format, flags, wakeup_events, bp_type, config1.
ATTRIBUTES = struct.Struct("=IIQQQQQIIQ")
EVERY_PROCESS, NO_GROUP = -1, -1
CLOSE_ON_EXEC = 8
VALUE = struct.Struct("=Q")


def open_counter(kind: int, config: int, cpu: int) -> int:
    """Have event `config` of the PMU `kind` counted on `cpu` from now on and return a descriptor; raises OSError."""
    number = NUMBERS.get(platform.machine())
    if number is None:
        raise OSError(0, f"the number of perf_event_open is not known on {platform.machine()}")
    import ctypes  # 10 ms, for a run that uses these counters only

    attributes = ATTRIBUTES.pack(kind, ATTRIBUTES.size, config, 0, 0, 0, 0, 0, 0, 0)
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    descriptor: int = syscall(
        ctypes.c_long(number),
        ctypes.create_string_buffer(attributes, ATTRIBUTES.size),
        ctypes.c_int(EVERY_PROCESS),
        ctypes.c_int(cpu),
        ctypes.c_int(NO_GROUP),
        ctypes.c_ulong(CLOSE_ON_EXEC),
    )
    if descriptor < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return descriptor


def read_counter(descriptor: int) -> int | None:
    """Return the count; None where the counter gave no whole value. Raises OSError."""
    value = os.read(descriptor, VALUE.size)
    return int(VALUE.unpack(value)[0]) if len(value) == VALUE.size else None
