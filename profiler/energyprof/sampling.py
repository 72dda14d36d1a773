"""The power sources of one run, opened and being read, perhaps before there is a program to follow."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from energyprof import discover
from energyprof.collect.beginning import Beginning
from energyprof.collect.choose import sensor_root
from energyprof.collect.followed_program import FollowedProgram
from energyprof.collect.open_sources import Opened, Opening
from energyprof.collect.sampler import Sampler
from energyprof.interfaces import PowerSource, SourceContext
from energyprof.model.domain import Domain

OPEN_PATIENCE_S = 0.2
"""How long the first reading of all sources waits for one whose driver takes its time."""


class SensorSampling:
    """What is opened and read on behalf of one run; called from the collector's main thread."""

    def __init__(
        self,
        config: Mapping[str, Any],
        program: FollowedProgram | None,
        beginning: Beginning,
        known: Callable[[str, Domain], Domain],
    ) -> None:
        """Open the sources named in `config` and read them; `program` None: it is not there yet, see `follow`.

        `beginning` knows when a run begins that begins later; `known` gives a domain what probes have found of it.
        """
        self._program = program
        begin_ns = time.monotonic_ns() if program is None else program.start_ns
        self.opening = Opening(
            [(name, argument) for name, argument in config["sources"]],
            [spec.name for spec in discover.plugins(discover.POWER_SOURCES)],
            _load,
            SourceContext("", begin_ns, self._now_ns, self._cpu_time_ns, sensor_root(), discover.cache_folder()),
            begun_ns=beginning.wait_ns if program is None or config.get("in_process") else None,
            known=known,
        )
        self.opened: Opened = self.opening.wait(OPEN_PATIENCE_S)
        clock = None if program is None else program.clock
        self.sampler = Sampler(self.opened, start_ns=begin_ns, max_hz=float(config["max_hz"]), cpu_clock=clock)
        self.sampler.start()

    def follow(self, program: FollowedProgram) -> None:
        """Take up the program that has been started after a lead-in."""
        self._program = program
        self.sampler.follow(program.clock)

    def add(self, opened: Opened) -> None:
        """Read sources that were late to open, too."""
        self.sampler.add(opened)
        self.opened += opened

    def _now_ns(self) -> int:
        return time.monotonic_ns() if self._program is None else self._program.horizon.now_ns()

    def _cpu_time_ns(self) -> int:
        return 0 if self._program is None else self._program.horizon.cpu_time_ns()


def _load(name: str) -> PowerSource:
    source: PowerSource = discover.find(discover.POWER_SOURCES, name).load()()
    return source
