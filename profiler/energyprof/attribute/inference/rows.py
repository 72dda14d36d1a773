"""Rows: every reading as a stretch of time with a measured energy, before the sensor's lag is undone.

    counter     row = what it rose by from one update to the next; two rows that share an update share its error
    power       row = reading x averaging window, over the window that ends at the update

A row's time is only known to the instant at which the sensor updated: those of a grid stray around its slots (the
spread is fitted), those seen at every poll lie anywhere in the period before (uniform: middle and period / sqrt 12).
An update so near a poll that either of two values may have been seen has no row of its own: a counter's two rows
become one, a power reading is left out. A reading nobody came in time for is missing, never a 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from energyprof.attribute.windows import Polls, Windows, every_poll_is_fresh
from energyprof.model.domain import Domain
from energyprof.model.grid import Grid, fit_grid
from energyprof.model.span import Flags, Floats, Ints

LEAST_JITTER_NS = 2e4
GRID_JITTER_NS = 3e5
"""Where the search for the spread of updates around their grid begins: counters of GPUs stray by some 0.2 ms."""
TOUCHING = 0.34
"""Parts of a period by which power readings may be apart and still count as one stretch."""
NEAR = 4.0
"""A poll nearer to a slot than so many times the jitter expected may have seen either value."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Equal-length columns in order of time; times in ns since the start of the run, as the sensor shows them."""

    start_ns: Floats
    end_ns: Floats
    energy_j: Floats
    joined: Flags
    """The row begins at the update at which the one before ended, and shares its error; of power readings, none."""
    is_power: bool
    jitter_ns: float
    """Standard deviation expected of an update's instant; the fit finds its own near it."""
    jitter_bounds_ns: tuple[float, float]
    quantum_j: float
    """One raw unit: what an update (of power: a reading) is rounded to."""
    shift_ns: float = 0.0
    """How far all instants together may lie off: polls in step with the sensor do not tell when it moves."""

    def __len__(self) -> int:
        return len(self.energy_j)

    def at(self, rows: Ints) -> Rows:
        """Return some of the rows, ascending; one whose neighbour is left out shares no update any more."""
        joined = self.joined[rows] & np.append(False, np.diff(rows) == 1)
        return replace(
            self,
            start_ns=self.start_ns[rows],
            end_ns=self.end_ns[rows],
            energy_j=self.energy_j[rows],
            joined=joined,
        )

    def capped(self, most: int) -> Rows:
        """Return no more than about `most` rows, neighbours put together; never over a gap.

        Readings that leave out part of the time cannot be put together: some of them are left out instead, evenly.
        """
        size = -(-len(self) // most)
        if size <= 1:
            return self
        usual = float(np.median(np.diff(self.end_ns)))
        touching = np.append(False, np.abs(self.start_ns[1:] - self.end_ns[:-1]) < TOUCHING * usual)
        if self.is_power and not touching[1:].mean() > 0.5:
            return self.at(np.arange(0, len(self), size))
        together = touching if self.is_power else self.joined
        since = np.arange(len(self)) - np.maximum.accumulate(np.where(together, 0, np.arange(len(self))))
        first = np.flatnonzero(since % size == 0)
        last = np.append(first[1:], len(self)) - 1
        energy = np.add.reduceat(self.energy_j, first)
        if self.is_power:  # a mean over all of the time, from readings that may be a little apart
            energy *= (self.end_ns[last] - self.start_ns[first]) / np.add.reduceat(self.end_ns - self.start_ns, first)
        return replace(
            self,
            start_ns=self.start_ns[first],
            end_ns=self.end_ns[last],
            energy_j=energy,
            joined=self.joined[first],
        )

    def averaging(self, window_ns: float) -> Rows:
        """Return the same power readings taken to be the means of another window, which ends when theirs do."""
        part = window_ns / (self.end_ns - self.start_ns)
        usual = float(np.median(self.end_ns - self.start_ns))
        return replace(
            self,
            start_ns=self.end_ns - window_ns,
            energy_j=self.energy_j * part,
            quantum_j=self.quantum_j * window_ns / usual,
        )

    def skewed(self, by_ns: float) -> Rows:
        """Return the rows with times that the sensor's clock was ahead by -by_ns at the first to by_ns at the last."""
        return replace(
            self,
            start_ns=self.start_ns - by_ns * self.along(self.start_ns),
            end_ns=self.end_ns - by_ns * self.along(self.end_ns),
        )

    def along(self, at_ns: Floats) -> Floats:
        """Return where in these rows instants lie, -1 at the first to 1 at the last."""
        first, last = float(self.end_ns[0]), float(self.end_ns[-1])
        return (at_ns - (first + last) / 2) / max((last - first) / 2, 1.0)

    def outside_of(self, start_ns: float, end_ns: float) -> Rows:
        """Return the rows that have nothing in common with [start, end]."""
        return self.at(np.flatnonzero((self.end_ns <= start_ns) | (self.start_ns >= end_ns)))


def counter_rows(domain: Domain, polls: Polls, windows: Windows) -> Rows:
    """Return the rows of a counter whose windows are known."""
    start, end, energy, shift_ns = windows.start_ns, windows.end_ns, windows.energy_j, 0.0
    period = float(domain.period_ns or windows.period_ns or 0)
    if not every_poll_is_fresh(domain, polls):
        shift_ns = windows.edge_ns
        jitter, bounds = _of_grid(windows.edge_ns)
    elif polls.are_dated():
        jitter, bounds = _of_stamps(domain)
    else:
        start, end, shift_ns = start - period / 2, end - period / 2, period / 2
        jitter, bounds = _of_age(polls, period)
    joined = np.append(False, np.abs(start[1:] - end[:-1]) < 1.0) if len(start) else np.zeros(0, np.bool_)
    return Rows(start, end, energy, joined, False, jitter, bounds, domain.scale, shift_ns)


def power_rows(domain: Domain, polls: Polls) -> Rows:
    """Return the rows of power readings: one for each update that a poll saw for certain."""
    instant: Floats = polls.middle_ns()
    watts: Floats = polls.raw.astype(np.float64) * domain.scale
    (jitter, bounds), shift_ns = _of_stamps(domain), 0.0
    period = float(domain.period_ns or 0)
    if not every_poll_is_fresh(domain, polls):
        changed = 1 + np.flatnonzero(np.diff(polls.raw) != 0)
        grid = fit_grid(polls.before_ns[changed - 1], polls.after_ns[changed], domain.period_ns, may_repeat=True)
        if grid is None:
            instant, watts = instant[changed], watts[changed]
            jitter, bounds = _of_grid(polls.interval_ns() / 12**0.5)
            instant = instant - polls.interval_ns() / 2
        else:
            period, shift_ns = grid.period_ns, grid.error_ns
            jitter, bounds = _of_grid(grid.error_ns)
            instant, watts = _certain(grid, polls, watts, NEAR * jitter)
    elif not polls.are_dated():
        instant, shift_ns = instant - period / 2, period / 2
        jitter, bounds = _of_age(polls, period)
    window = float(domain.window_ns) if domain.window_ns is not None else period
    if window <= 0:
        window = float(np.median(np.diff(instant))) if len(instant) > 1 else 1.0
    energy = watts * window * 1e-9
    none, quantum = np.zeros(len(instant), np.bool_), domain.scale * window * 1e-9
    return Rows(instant - window, instant.copy(), energy, none, True, jitter, bounds, quantum, shift_ns)


def _of_stamps(domain: Domain) -> tuple[float, tuple[float, float]]:
    """Return the spread of updates that the sensor itself dates, by how fine its clock is."""
    jitter = max(domain.tick_ns / 12**0.5, LEAST_JITTER_NS)
    return jitter, (max(0.5 * jitter, LEAST_JITTER_NS), max(2 * jitter, 10 * LEAST_JITTER_NS))


def _of_age(polls: Polls, period: float) -> tuple[float, tuple[float, float]]:
    """Return the spread of updates seen at every poll: up to a period old, and some time within the read."""
    took = float(np.median(polls.after_ns - polls.before_ns))
    jitter = max(np.hypot(period, took) / 12**0.5, LEAST_JITTER_NS)
    return jitter, (max(0.25 * jitter, LEAST_JITTER_NS), 2 * jitter)


def _of_grid(error_ns: float) -> tuple[float, tuple[float, float]]:
    return max(min(GRID_JITTER_NS, error_ns), 2e5, 0.3 * error_ns), (LEAST_JITTER_NS, max(6e5, 1.5 * error_ns))


def _certain(grid: Grid, polls: Polls, watts: Floats, near_ns: float) -> tuple[Floats, Floats]:
    """Return the slots, and the reading of each by the first poll that lies between it and the next for certain."""
    near = min(near_ns, 0.2 * grid.period_ns)
    slot = grid.slots(polls.before_ns[0] - grid.period_ns, polls.after_ns[-1])
    poll = np.searchsorted(polls.before_ns, slot + near)
    seen = poll < len(polls.raw)
    seen[seen] = polls.after_ns[poll[seen]] < slot[seen] + grid.period_ns - near
    return slot[seen], watts[poll[seen]]
