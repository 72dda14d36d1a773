"""Gather what processes tell of their work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from energyprof.collect.convert_process import Process
from energyprof.model.told import Metric, Told, UnitCount, joined


class ToldLog:
    """What has been told so far; each frame of a process has all of it, so that the last one stands for the others."""

    def __init__(self) -> None:
        self._parts: dict[str, Told] = {}
        """By spool."""

    def take(self, process: Process, content: Mapping[str, Any]) -> None:
        """Take the content of a TOLD frame."""
        self._parts[process.spool] = Told(
            tuple(
                Metric(name, float(value), process.monotonic_ns(t_ns), times)
                for name, value, t_ns, times in content["metrics"]
            ),
            tuple(UnitCount(name, float(count)) for name, count in content["units"]),
        )

    def told(self) -> Told:
        """Return all of it."""
        return joined(self._parts.values())
