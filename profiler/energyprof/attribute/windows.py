"""Windows of measured energy, and the polls they are recovered from; times in ns since the start of the run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from energyprof.model.domain import Domain
from energyprof.model.span import Flags, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Stretches of time with measured energy: ascending, disjoint; times in ns since the start of the run."""

    start_ns: Floats
    end_ns: Floats
    energy_j: Floats
    edge_ns: float
    """How far an edge may really lie from where it stands, to either side."""
    period_ns: int | None
    updates: int
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    """What was wrong with the readings, each a gap: facts for the reader of the figures."""
    sd_j: Floats | None = None
    """Standard deviation of each energy where the sensor sees part of the time only; None: it sees all of it."""
    cut_off_j: Floats | None = None
    """What each window lost where it reached beyond the run; None: no window did."""
    common_j: Floats | None = None
    """By how much each energy is higher where a factor common to all of them is by one standard deviation; where that
    makes others lower, it is negative. None: there is no such factor."""

    def __len__(self) -> int:
        return len(self.energy_j)

    def duration_ns(self) -> Floats:
        """Return the length of each window."""
        return self.end_ns - self.start_ns

    def power_w(self) -> Floats:
        """Return the mean power of each window."""
        return self.energy_j / self.duration_ns() * 1e9

    def outside_of(self, start_ns: float, end_ns: float) -> Windows:
        """Return the windows that have nothing in common with [start, end]."""
        return self.kept((self.end_ns <= start_ns) | (self.start_ns >= end_ns))

    def kept(self, rows: Flags) -> Windows:
        """Return some of the windows."""
        sd_j = None if self.sd_j is None else self.sd_j[rows]
        common_j = None if self.common_j is None else self.common_j[rows]
        start, end, energy = self.start_ns[rows], self.end_ns[rows], self.energy_j[rows]
        return replace(self, start_ns=start, end_ns=end, energy_j=energy, sd_j=sd_j, common_j=common_j)

    def covered_ns(self) -> float:
        """Return the time of known energy."""
        return float(self.duration_ns().sum())

    def gaps(self) -> int:
        """Return how many stretches between windows are unknown."""
        return int(np.count_nonzero(self.start_ns[1:] - self.end_ns[:-1] > 1.0))

    def during(self, run_ns: float) -> Windows:
        """Return the parts within [0, run_ns], each with its part of the window's energy in proportion."""
        start, end = np.maximum(self.start_ns, 0.0), np.minimum(self.end_ns, run_ns)
        if np.array_equal(start, self.start_ns) and np.array_equal(end, self.end_ns):
            return self
        kept = end > start
        start, end, energy = start[kept], end[kept], self.energy_j[kept]
        part = (end - start) / self.duration_ns()[kept]
        sd = None if self.sd_j is None else self.sd_j[kept] * part
        common = None if self.common_j is None else self.common_j[kept] * part
        return replace(
            self,
            start_ns=start,
            end_ns=end,
            energy_j=energy * part,
            sd_j=sd,
            cut_off_j=energy * (1 - part),
            common_j=common,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Polls:
    """The reads that gave a value."""

    before_ns: Floats
    after_ns: Floats
    raw: Ints
    broken: Flags
    """Between this poll and the next, reads failed."""
    reset: Flags
    """Between this poll and the next, the sensor started anew."""
    doubted: Flags | None = None
    """Between this poll and the next, values were left out for standing out; None: nowhere."""

    def doubted_between(self) -> Flags:
        """Return where values were left out for standing out."""
        return np.zeros(max(len(self.raw) - 1, 0), np.bool_) if self.doubted is None else self.doubted

    def without(self, doubted: Flags) -> Polls:
        """Return the polls without those, and a break where they were."""
        rows = np.flatnonzero(~doubted)
        between = np.diff(rows) > 1

        def any_between(flags: Flags) -> Flags:
            count = np.append(0, np.cumsum(flags))[rows]
            return np.diff(count) > 0

        return Polls(
            self.before_ns[rows],
            self.after_ns[rows],
            self.raw[rows],
            any_between(self.broken) | between,
            any_between(self.reset),
            any_between(self.doubted_between()) | between,
        )

    def are_dated(self) -> bool:
        """Return whether the sensor itself said when each value was taken."""
        return bool(np.all(self.before_ns == self.after_ns))

    def middle_ns(self) -> Floats:
        """Return the middle of each poll."""
        return (self.before_ns + self.after_ns) / 2

    def interval_ns(self) -> float:
        """Return the usual time from one poll to the next."""
        return float(np.median(np.diff(self.middle_ns()))) if len(self.raw) > 1 else 0.0


def every_poll_is_fresh(domain: Domain, polls: Polls) -> bool:
    """Return whether each poll brings a value of its own: a model, or a sensor at least as fast as the polls."""
    if domain.provenance == "model":
        return True
    if domain.period_ns is not None:
        return domain.period_ns < 1.5 * polls.interval_ns()
    return float(np.mean(np.diff(polls.raw) != 0)) >= 0.7


def poll_error_ns(domain: Domain, polls: Polls) -> float:
    """Return how old a value may be when read: up to one update, unless the sensor itself said when it was taken."""
    if domain.provenance == "model":
        return 0.0
    if polls.are_dated():
        return domain.tick_ns / 2
    return float(np.median(polls.after_ns - polls.before_ns)) / 2 + (domain.period_ns or 0)
