"""What children have read of their own CPU times, as rows beside those of the collector's clocks."""

from __future__ import annotations

import numpy as np

from energyprof.collect.convert_process import Process
from energyprof.model.ids import OWN_READING
from energyprof.model.power import ThreadCpu
from energyprof.model.span import Ints

KEPT = 1 << 16
"""Threads and processes that are remembered: an id is given out again after as many others, at least."""


class OwnReadings:
    """Turns CPU frames into rows; a reused id goes on from where its predecessor stood."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[str, int, int]] = {}
        """By the row's ids: spool, base and last value."""

    def rows(self, process: Process, payload: bytes, *, only_ends: bool = False) -> ThreadCpu:
        """Return the rows of a CPU frame, ordered; `only_ends`: the first and the last ones of each thread."""
        table = np.frombuffer(payload, "<i8", count=len(payload) // 32 * 4).reshape(-1, 4)
        if not len(table):
            return _columns([])
        order = np.argsort(table[:, 0], kind="stable")
        t_ns, tid, thread_ns, process_ns = table[order].T
        t_ns = t_ns + process.monotonic_ns(0)
        parts = [
            self._part((process.pid, OWN_READING + one), process.spool, t_ns[tid == one], thread_ns[tid == one])
            for one in np.unique(tid).tolist()
        ]
        whole = np.maximum.accumulate(process_ns)
        parts.append(self._part((process.made_by, OWN_READING - process.pid), process.spool, t_ns, whole))
        return _columns([part[[0, -1]] if only_ends else part for part in parts])

    def _part(self, key: tuple[int, int], spool: str, t_ns: Ints, cpu_ns: Ints) -> Ints:
        known_spool, base_ns, last_ns = self._known.pop(key, (spool, 0, 0))
        # One that was turned into another program by `exec` goes on by itself.
        if known_spool != spool and base_ns + int(cpu_ns[0]) < last_ns:
            base_ns = last_ns
        part = np.empty((len(t_ns), 4), np.int64)
        part[:, 0], part[:, 1], part[:, 2], part[:, 3] = *key, t_ns, np.maximum(cpu_ns + base_ns, last_ns)
        self._known[key] = spool, base_ns, int(part[-1, 3])
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return part


def _columns(parts: list[Ints]) -> ThreadCpu:
    table = np.concatenate([np.zeros((0, 4), np.int64), *parts])
    pid, tid = table[:, 0].astype(np.int32), table[:, 1].astype(np.int32)
    return ThreadCpu(pid, tid, table[:, 2].copy(), table[:, 3].copy())
