"""What the program itself told of its work: how good it came out, and how much of it there was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of merit, `accuracy` say, in whatever unit the program uses."""

    name: str
    value: float
    """The one told last, of all processes."""
    t_ns: int
    """CLOCK_MONOTONIC at which that was."""
    times: int
    """How often one was told."""


@dataclass(frozen=True, slots=True)
class UnitCount:
    """How many units of work were done, `request` say, in all processes together."""

    name: str
    count: float


@dataclass(frozen=True, slots=True)
class Told:
    """Both, sorted by name."""

    metrics: tuple[Metric, ...] = ()
    units: tuple[UnitCount, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.metrics or self.units)


def joined(parts: Iterable[Told]) -> Told:
    """Return what several processes told as one: the last of their metrics, the sums of their units."""
    last: dict[str, Metric] = {}
    times: dict[str, int] = {}
    units: dict[str, float] = {}
    for part in parts:
        for metric in part.metrics:
            times[metric.name] = times.get(metric.name, 0) + metric.times
            last[metric.name] = max(last.get(metric.name, metric), metric, key=lambda one: one.t_ns)
        for unit in part.units:
            units[unit.name] = units.get(unit.name, 0.0) + unit.count
    return Told(
        tuple(replace(last[name], times=times[name]) for name in sorted(last)),
        tuple(UnitCount(name, units[name]) for name in sorted(units)),
    )
