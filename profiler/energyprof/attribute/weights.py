"""Cells: who was there in which window, and in what proportion they divide its dynamic energy.

A device's energy is divided by time, lanes that are busy together sharing it; a CPU's by CPU time (cpu_shares.py).
The shares of a window add up to 1; the time in which no stage was open anywhere has its share like a stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from energyprof.attribute.intervals import ranges
from energyprof.attribute.measure import Weighing
from energyprof.attribute.occupancy import Bins, Overlaps, occupancy
from energyprof.attribute.segments import Segments
from energyprof.attribute.sums import sum_by, sum_by_sorting
from energyprof.model.span import Floats, Index, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Who was there in which window: one row per (window, stage), ordered so; stage `stages` is the time outside."""

    window: Index
    stage: Index
    time_ns: Floats
    """Of the window, lanes busy at the same time sharing it (awake.py): a window's cells add up to its duration."""
    windows: int
    stages: int

    @staticmethod
    def of(key: Ints, time_ns: Floats, windows: int, stages: int) -> Cells:
        """Return the cells with these keys, window * (stages + 1) + stage, ascending."""
        # A run of an hour has millions of cells, which are held while it is fitted: 32 bits do for either number.
        window = (key // (stages + 1)).astype(np.int32)
        return Cells(window, (key % (stages + 1)).astype(np.int32), time_ns, windows, stages)

    def key(self) -> Ints:
        """Return window * (stages + 1) + stage of each cell, ascending."""
        key = self.window.astype(np.int64)
        key *= self.stages + 1
        key += self.stage
        return key

    def per_window(self, amount: Floats) -> Floats:
        """Return the sum of a column over the cells of each window."""
        return sum_by(self.window, amount, self.windows)

    def add(self, column: Floats, overlaps: Overlaps) -> None:
        """Add the amounts of `overlaps` to a column of these cells, in place; what has no cell is left out."""
        key = self.key()
        if len(key) == len(overlaps.key) and bool(np.all(key == overlaps.key)):
            column += overlaps.amount
        elif len(key):
            row = np.minimum(np.searchsorted(key, overlaps.key), len(key) - 1)
            known = key[row] == overlaps.key
            column[row[known]] += overlaps.amount[known]


@dataclass(frozen=True, slots=True, eq=False)
class CellsByStage:
    """The rows of cells stage by stage, to look up some stages without reading all of them."""

    order: Index
    first: Ints

    @staticmethod
    def of(cells: Cells) -> CellsByStage:
        """Sort the cells by stage, windows ascending within each."""
        short = cells.stages < np.iinfo(np.int16).max  # numbers of 16 bits are sorted by counting
        order = np.argsort(cells.stage.astype(np.int16) if short else cells.stage, kind="stable")
        first = np.append(0, np.cumsum(np.bincount(cells.stage, minlength=cells.stages + 1)))
        return CellsByStage(order.astype(np.int32), first)

    def rows(self, stages: Ints) -> Index:
        """Return the rows of these stages."""
        first = self.first[stages]
        return self.order[ranges(first, self.first[stages + 1] - first)]


Parts: TypeAlias = tuple[tuple[Segments, Weighing | None], ...]
"""Segments, and what of their time counts as theirs; in all no more than the time in which any lane is busy."""


def presence(parts: Parts, start_ns: Floats, end_ns: Floats, stages: int) -> Cells:
    """Return the cells of windows [start, end]: the time of each stage, and what is left, outside."""
    bins = Bins.of(start_ns, end_ns)
    several = [occupancy(segments, bins, stages + 1, measure) for segments, measure in parts]
    found = several[0] if len(several) == 1 else _united(several)
    left = end_ns - start_ns - sum_by(found.key // (stages + 1), found.amount, len(start_ns))
    outside = np.flatnonzero(left > 0.5)  # below the clock's nanosecond there is only rounding
    last = outside * (stages + 1) + stages
    at = np.searchsorted(found.key, last)
    time_ns = np.insert(found.amount, at, left[outside])
    return Cells.of(np.insert(found.key, at, last), time_ns, len(start_ns), stages)


def _united(several: Sequence[Overlaps]) -> Overlaps:
    nothing = Overlaps(np.zeros(0, np.int64), np.zeros(0))
    key = np.concatenate([part.key for part in (nothing, *several)])
    return Overlaps(*sum_by_sorting(key, np.concatenate([part.amount for part in (nothing, *several)])))


def as_shares(cells: Cells, weight: Floats) -> Floats:
    """Return the weights as shares that add up to 1 in every window; where all are 0, time decides."""
    total = cells.per_window(weight)[cells.window]
    whole = cells.per_window(cells.time_ns)[cells.window]
    return np.where(total > 0, weight / np.where(total > 0, total, 1.0), cells.time_ns / whole)
