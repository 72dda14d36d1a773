"""The sampled stacks of all processes of a run: their frames become calls of one table and samples of lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from energyprof.collect.convert_hand_on import HandOn, RecordingSink
from energyprof.collect.convert_process import Process
from energyprof.collect.convert_stacks import NODE_LIMIT, ProcessStacks, StackTable
from energyprof.collect.time_cover import TimeCover
from energyprof.model.spool import CODES, SAMPLES, STACKS, Frame

NODE_BYTES = 128
"""Part of the bound of a recording for which one call of a sampled function is kept apart."""


class SampledStacks:
    """Takes the frames of kinds CODES, STACKS and SAMPLES."""

    KINDS = frozenset({CODES, STACKS, SAMPLES})

    def __init__(
        self, sink: RecordingSink, out: HandOn, signalled_ns: Callable[[str], int | None], limit_bytes: int | None
    ) -> None:
        self._sink = sink
        self._out = out
        self._signalled_ns = signalled_ns
        nodes = NODE_LIMIT if limit_bytes is None else min(NODE_LIMIT, limit_bytes // NODE_BYTES)
        self._table = StackTable(nodes)
        self._by_spool: dict[str, ProcessStacks] = {}
        self.own: TimeCover | None = None
        """Who wants to know when a main thread was seen and did not import."""

    def take(self, process: Process, frame: Frame) -> None:
        """Work off one frame of a process."""
        stacks = self._of(process.spool)
        if frame.kind == CODES:
            stacks.take_codes(frame.json())
        elif frame.kind == STACKS:
            stacks.take_stacks(frame.payload)
        else:
            signalled_ns = self._signalled_ns(process.spool)
            samples = stacks.samples(frame.payload, process.pid, process.monotonic_ns, signalled_ns)
            self._table.hand_on(self._sink)
            if self.own is not None:
                rows = ~self._table.is_import(samples.node) & (samples.tid == samples.pid)
                self.own.add(samples.start_ns[rows], samples.end_ns[rows])
            self._out.samples(samples)

    def forget(self, spool: str) -> None:
        """Forget a process that has ended."""
        self._by_spool.pop(spool, None)

    def looked_ns(self, spool: str) -> int | None:
        """Return when a process was looked at last; None: never."""
        return None if spool not in self._by_spool else self._by_spool[spool].looked_ns

    def looked(self, spool: str, looked_ns: int | None) -> None:
        """Take up what `looked_ns` has told."""
        if looked_ns is not None:
            self._of(spool).looked_ns = looked_ns

    def state(self) -> Any:
        """Return how far the table has been handed on, as a JSON value, for `go_on`."""
        return self._table.handed_on

    def go_on(self, state: Any) -> None:
        """Take up what `state` has told."""
        self._table.go_on(state)

    def _of(self, spool: str) -> ProcessStacks:
        return self._by_spool.setdefault(spool, ProcessStacks(self._table))
