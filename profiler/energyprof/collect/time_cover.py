"""How much of a run's time something went on, whoever did it; in bounded memory, however long the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from energyprof.model.span import Ints

CELLS: Final = 4096
"""The time of the run is kept in so many cells; where it outgrows them, each becomes twice as wide."""
CELL_NS: Final = 10_000_000
"""Their first width: the period of samples."""


class TimeCover:
    """Sums up stretches of time. What goes on at once counts once, or as often as it fits into a cell."""

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._width_ns = CELL_NS
        self._covered_ns = np.zeros(CELLS)
        self.open_since_ns: Callable[[], int | None] = lambda: None
        """Knows when what has been going on for longest began; None: nothing goes on."""

    def add(self, start_ns: Ints, end_ns: Ints) -> None:
        """Take stretches that are over."""
        if not len(start_ns):
            return
        order = np.argsort(start_ns, kind="stable")
        start = np.maximum(start_ns[order] - self._start_ns, 0)
        end = np.maximum.accumulate(np.maximum(end_ns[order] - self._start_ns, start))
        while end[-1] > self._width_ns * CELLS:
            self._widen()
        start = np.maximum(start, np.append(0, end[:-1]))
        held = np.flatnonzero(end > start)
        if not len(held):
            return
        start, end = start[held], end[held]
        first, last = int(start[0]) // self._width_ns, int(end[-1] - 1) // self._width_ns
        edge_ns = np.arange(first, last + 2) * self._width_ns
        points = np.stack((start, end), axis=1).ravel()
        sums = np.stack((np.append(0, np.cumsum(end - start)[:-1]), np.cumsum(end - start)), axis=1).ravel()
        cells = self._covered_ns[first : last + 1]
        cells += np.diff(np.interp(edge_ns, points, sums))
        np.minimum(cells, self._width_ns, out=cells)

    def _widen(self) -> None:
        self._covered_ns = np.append(self._covered_ns.reshape(-1, 2).sum(axis=1), np.zeros(CELLS // 2))
        self._width_ns *= 2

    def until_ns(self, now_ns: int) -> float:
        """Return how long it went on, up to now."""
        whole_ns, since_ns = float(max(0, now_ns - self._start_ns)), self.open_since_ns()
        if since_ns is None:
            return min(whole_ns, float(self._covered_ns.sum()))
        before_ns = min(max(0, since_ns - self._start_ns), whole_ns)
        covered_ns = float(self._covered_ns[: int(before_ns) // self._width_ns].sum())
        return min(whole_ns, covered_ns + whole_ns - before_ns)
