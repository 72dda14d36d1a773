"""Who used the processors of this host: the program, its profiler, or others, added up about twice a second.

Busy is what /proc/stat counts as user, nice, system, irq and softirq (proc(5)). Idle, iowait and steal are no work of
this host. Guest time is contained in user already, and is not added again: what a virtual machine running here uses, it
uses of this host. Inside a container /proc/stat is the host's, so that others are found although none can be seen. What
neither the program nor we used is others'. We are the collector and the foreground: our cost is stated as overhead,
stays in the figures, and is nobody else's.

The program's own time is that of its process tree. A child that came and went unseen is missing there, but not in the
program's control group: where that holds nothing but the program and us, it says how much was used.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from energyprof.collect.control_group import ControlGroup

if TYPE_CHECKING:
    from energyprof.model.power import Use

EVERY_NS = 500_000_000
"""/proc/stat counts in ticks of 10 ms."""
SHARE = 0.001
"""Part of a core that looking may take: on a host of hundreds of processors /proc/stat takes a millisecond."""


class HostUse:
    """Look again and again, one row each time. Not thread-safe; without /proc/stat it finds nothing."""

    def __init__(
        self,
        program_ns: Callable[[], int],
        profiler_ns: Callable[[], int],
        group: ControlGroup | None = None,
        stat: str = "/proc/stat",
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Take the CPU time so far of the program and of its profiler; the first look is the origin."""
        self._program_ns = program_ns
        self._profiler_ns = profiler_ns
        self._group = group
        self._stat = stat
        self._now_ns = now_ns
        self._tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
        self._first: tuple[int, int] | None = None
        self._program = 0
        self._last_program_ns = 0
        self._last_group_ns: int | None = None
        self._last_profiler_ns = 0
        self._others = 0
        self._due_ns = 0
        self._rows: list[int] = []
        self._seen: tuple[int, int] | None = None
        """When the processors were looked at last, and what they had worked by then."""
        self.busy_cpus: float | None = None
        """How many processors of the host worked between the last two looks, on average; None: not known yet."""

    def look(self, is_last: bool = False) -> None:
        """Add a row if one is due, or if it is the last."""
        began_ns = self._now_ns()
        if began_ns < self._due_ns and not is_last:
            return
        busy = self._busy_ns()
        if busy is None:
            self._due_ns = began_ns + 60 * EVERY_NS
            return
        if self._seen is not None and began_ns > self._seen[0]:
            self.busy_cpus = (busy - self._seen[1]) / (began_ns - self._seen[0])
        self._seen = began_ns, busy
        program, profiler = self._program_ns(), self._profiler_ns()
        group = None if self._group is None else self._group.used_ns()
        if self._first is None:
            self._first = (busy, profiler)
        else:
            self._program += self._gained(program, profiler, group)
        self._last_program_ns, self._last_profiler_ns, self._last_group_ns = program, profiler, group
        ours = profiler - self._first[1]
        # Ticks and clocks do not agree to the last: what others used never becomes less.
        self._others = max(self._others, busy - self._first[0] - self._program - ours)
        self._rows.extend((began_ns, self._program, self._others, ours))
        self._due_ns = began_ns + max(EVERY_NS, round((self._now_ns() - began_ns) / SHARE))

    def drain(self) -> Use:
        """Return the rows since the last time."""
        rows, self._rows = self._rows, []
        return use_of(rows)

    def _gained(self, program: int, profiler: int, group: int | None) -> int:
        """Return what the program has used since the last look."""
        by_tree = program - self._last_program_ns
        if group is None or self._last_group_ns is None:
            return max(0, by_tree)
        return max(0, by_tree, group - self._last_group_ns - (profiler - self._last_profiler_ns))

    def _busy_ns(self) -> int | None:
        """Return the CPU time that was used on this host since it was started; None: it cannot be known."""
        try:
            with open(self._stat, "rb", buffering=0) as stream:
                line = stream.readline()
            name, user, nice, system, _idle, _iowait, irq, softirq, *_ = line.split()
            if name != b"cpu":
                return None
            return (int(user) + int(nice) + int(system) + int(irq) + int(softirq)) * self._tick_ns
        except (OSError, ValueError):
            return None


def use_of(rows: Sequence[int]) -> Use:
    """Return flat rows of (t_ns, own, others, profiler) as columns."""
    # Not at the top: sensors are being read before numpy is loaded, which takes 100 ms and more.
    import numpy as np

    from energyprof.model.power import Use

    table = np.array(rows, np.int64).reshape(-1, 4)
    columns = [np.ascontiguousarray(table[:, at]) for at in range(4)]
    for column in columns:
        column.flags.writeable = False
    return Use(*columns)
