"""Gather what processes tell of their work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        at = {name: told for name, *told in content.get("units_at", ())}  # not in spools of versions before
        self._parts[process.spool] = Told(
            tuple(
                Metric(name, float(value), process.monotonic_ns(t_ns), times)
                for name, value, t_ns, times in content["metrics"]
            ),
            tuple(_unit(process, name, float(count), at.get(name)) for name, count in content["units"]),
        )

    def told(self) -> Told:
        """Return all of it."""
        return joined(self._parts.values())


def _unit(process: Process, name: str, count: float, at: Sequence[Any] | None) -> UnitCount:
    if at is None:
        return UnitCount(name, count)
    first_count, first_ns, last_ns = at
    return UnitCount(name, count, process.monotonic_ns(first_ns), float(first_count), process.monotonic_ns(last_ns))
