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
    first_ns: int | None = None
    """CLOCK_MONOTONIC at which some were first told; None: not known."""
    first_count: float = 0.0
    """How many were told then."""
    last_ns: int | None = None
    """When some were told last."""

    @property
    def later_count(self) -> float:
        """How many were told after the first, up to the last: what was done between the two."""
        return self.count - self.first_count


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
    units: dict[str, UnitCount] = {}
    for part in parts:
        for metric in part.metrics:
            times[metric.name] = times.get(metric.name, 0) + metric.times
            last[metric.name] = max(last.get(metric.name, metric), metric, key=lambda one: one.t_ns)
        for unit in part.units:
            units[unit.name] = _added(units[unit.name], unit) if unit.name in units else unit
    return Told(
        tuple(replace(last[name], times=times[name]) for name in sorted(last)),
        tuple(units[name] for name in sorted(units)),
    )


def _added(one: UnitCount, other: UnitCount) -> UnitCount:
    count = one.count + other.count
    if one.first_ns is None or one.last_ns is None or other.first_ns is None or other.last_ns is None:
        return UnitCount(one.name, count)
    first = one if one.first_ns <= other.first_ns else other
    return UnitCount(one.name, count, first.first_ns, first.first_count, max(one.last_ns, other.last_ns))
