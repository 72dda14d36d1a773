"""A measure of time: a cumulative, piecewise linear function F, so that an interval [a, b] weighs F(b) - F(a).

Wall time is F(t) = t; the CPU time of a thread is its counter between the collector's reads; a lane's part of the
time it shares with others is the integral of 1/n(t), n(t) lanes being busy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from energyprof.model.span import Floats


class Weighing(Protocol):
    """Whatever tells such an F."""

    def at(self, t_ns: Floats) -> Floats:
        """Return F at each of `t_ns`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """F at ascending points; constant before the first and after the last."""

    point_ns: Floats
    value: Floats

    def at(self, t_ns: Floats) -> Floats:
        """Return F at each of `t_ns`."""
        return np.interp(t_ns, self.point_ns, self.value)


def between(measure: Weighing | None, start_ns: Floats, end_ns: Floats) -> Floats:
    """Return F(end) - F(start) per interval; None is wall time."""
    if measure is None:
        return end_ns - start_ns
    return measure.at(end_ns) - measure.at(start_ns)


@dataclass(frozen=True, slots=True, eq=False)
class Inside:
    """What time weighs inside ascending disjoint stretches; None is wall time."""

    measure: Measure | None
    start_ns: Floats
    end_ns: Floats
    done: Floats
    """What the stretches before each weigh."""

    @staticmethod
    def of(measure: Measure | None, allowed: tuple[Floats, Floats]) -> Inside:
        """Add up the stretches, (starts, ends)."""
        starts, ends = allowed
        return Inside(measure, starts, ends, np.append(0.0, np.cumsum(between(measure, starts, ends))))

    def between(self, start_ns: Floats, end_ns: Floats) -> Floats:
        """Return what each interval [start, end] weighs inside the stretches."""
        if not len(self.start_ns):
            return np.zeros(len(start_ns))
        return np.maximum(self._until(end_ns) - self._until(start_ns), 0.0)

    def _until(self, t_ns: Floats) -> Floats:
        index = np.searchsorted(self.start_ns, t_ns, "right") - 1
        inside = np.maximum(index, 0)
        part = between(self.measure, self.start_ns[inside], np.minimum(t_ns, self.end_ns[inside]))
        return np.where(index >= 0, self.done[inside] + part, 0.0)


def within(measure: Measure | None, allowed: tuple[Floats, Floats], start_ns: Floats, end_ns: Floats) -> Floats:
    """Return what each interval [start, end] weighs inside `allowed`, which are ascending disjoint (starts, ends)."""
    return Inside.of(measure, allowed).between(start_ns, end_ns)
