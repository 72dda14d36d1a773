"""Cells: who was there in which window, and in what proportion they divide its dynamic energy.

A device's energy is divided by time, lanes that are busy together sharing it; a CPU's by CPU time (cpu_shares.py).
The shares of a window add up to 1; the time in which no stage was open anywhere has its share like a stage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.attribute.intervals import ranges
from energyprof.attribute.occupancy import Bins, Overlaps, occupancy
from energyprof.attribute.segments import Segments
from energyprof.attribute.sums import sum_by
from energyprof.attribute.timeline import Timeline
from energyprof.model.span import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Who was there in which window: one row per (window, stage), ordered so; stage `stages` is the time outside."""

    key: Ints
    """window * (stages + 1) + stage, ascending."""
    window: Ints
    stage: Ints
    time_ns: Floats
    """Of the window, lanes busy at the same time sharing it: a window's cells add up to its duration."""
    windows: int
    stages: int

    def per_window(self, amount: Floats) -> Floats:
        """Return the sum of a column over the cells of each window."""
        return sum_by(self.window, amount, self.windows)

    def add(self, column: Floats, overlaps: Overlaps) -> None:
        """Add the amounts of `overlaps` to a column of these cells, in place; what has no cell is left out."""
        if len(self.key) == len(overlaps.key) and bool(np.all(self.key == overlaps.key)):
            column += overlaps.amount
        elif len(self.key):
            row = np.minimum(np.searchsorted(self.key, overlaps.key), len(self.key) - 1)
            known = self.key[row] == overlaps.key
            column[row[known]] += overlaps.amount[known]


@dataclass(frozen=True, slots=True, eq=False)
class CellsByStage:
    """The rows of cells stage by stage, to look up some stages without reading all of them."""

    order: Ints
    first: Ints

    @staticmethod
    def of(cells: Cells) -> CellsByStage:
        """Sort the cells by stage, windows ascending within each."""
        order = np.argsort(cells.stage, kind="stable")
        return CellsByStage(order, np.searchsorted(cells.stage[order], np.arange(cells.stages + 2)))

    def rows(self, stages: Ints) -> Ints:
        """Return the rows of these stages."""
        first = self.first[stages]
        return self.order[ranges(first, self.first[stages + 1] - first)]


def presence(segments: Segments, line: Timeline, start_ns: Floats, end_ns: Floats, stages: int) -> Cells:
    """Return the cells of windows [start, end]: the time of each stage, and what is left, outside."""
    bins = Bins.of(start_ns, end_ns)
    found = occupancy(segments, bins, stages + 1, line.sharing)
    window = found.key // (stages + 1)
    left = end_ns - start_ns - sum_by(window, found.amount, len(start_ns))
    outside = np.flatnonzero(left > 0.5)  # below the clock's nanosecond there is only rounding
    key = np.concatenate((found.key, outside * (stages + 1) + stages))
    order = np.argsort(key, kind="stable")
    key, time = key[order], np.concatenate((found.amount, left[outside]))[order]
    return Cells(key, key // (stages + 1), key % (stages + 1), time, len(start_ns), stages)


def as_shares(cells: Cells, weight: Floats) -> Floats:
    """Return the weights as shares that add up to 1 in every window; where all are 0, time decides."""
    total = cells.per_window(weight)[cells.window]
    whole = cells.per_window(cells.time_ns)[cells.window]
    return np.where(total > 0, weight / np.where(total > 0, total, 1.0), cells.time_ns / whole)
