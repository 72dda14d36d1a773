"""The program that a run follows, as its clocks see it: whose CPU time counts, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from energyprof.collect.cpu_before import CpuBefore
from energyprof.collect.cpu_clock import CpuClock
from energyprof.collect.cpus_allowed import cpus_allowed
from energyprof.collect.horizon import Horizon
from energyprof.collect.process_tree import process_tree
from energyprof.model.run_queue import RunQueue


class FollowedProgram:
    """A process with its descendants, and the clocks that go by it."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Follow the process `root_pid`, which was started at `start_ns` (CLOCK_MONOTONIC); both stand in `config`."""
        self.start_ns = int(config["start_ns"])
        self.root_pid = int(config["root_pid"])
        before = CpuBefore(self.root_pid, dict(config.get("cpu_before", ())), self.start_ns)
        self.clock = CpuClock(process_tree(self.root_pid), start_ns=self.start_ns, before=before)
        self.clock.poll()  # a model's first reading must know what has been used so far, or the second one has it all
        self.horizon = Horizon(self.clock, self.root_pid)
        self._cpus = cpus_allowed(self.root_pid)

    def run_queue(self) -> RunQueue | None:
        """Return how long its threads have waited for processors so far; None: the system does not tell."""
        self._cpus = cpus_allowed(self.root_pid) or self._cpus  # of one that has ended it was known before
        periods = self.clock.queue_periods()
        return RunQueue(self._cpus, periods) if self._cpus and periods else None
