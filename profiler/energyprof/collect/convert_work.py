"""What stages were handed to work off: samples and tokens, added up per lane and stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from energyprof.collect.convert_spans import Handed
from energyprof.model.events import WORK_LIMIT, WORK_UNITS
from energyprof.model.tally import WIDTH, WORK, Tally

if TYPE_CHECKING:
    from energyprof.model.events import WorkUnit


class WorkCount:
    """The sums of one recording, kept as one tally that grows; its number is negative, as no other tally's is."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, int, int], int] = {}
        self._number = -1
        self._is_changed = False

    def state(self) -> int:
        """Return what it takes to go on, all that was counted having been taken."""
        return self._number

    def go_on(self, state: int) -> None:
        """Go on in another tally beside the one taken until `state` was returned: sums of several add up."""
        self._number = state - 1

    def add(self, handed: Handed, stored: Callable[[int], int]) -> None:
        """Count what was handed to stages; `stored` gives the lane under which a lane is stored."""
        held = handed.stage >= 0
        columns = (handed.lane[held], handed.stage[held], handed.work[held])
        for lane, stage, work in zip(*(column.tolist() for column in columns), strict=True):
            unit, count = divmod(work, WORK_LIMIT)
            if unit < len(WORK_UNITS):
                self._count(stored(lane), stage, unit, count)

    def count(self, place: tuple[int, int], unit: WorkUnit, count: int) -> None:
        """Count more of a unit for the stage at a place, a lane as stored and a lane-relative stage; or less."""
        self._count(*place, WORK_UNITS.index(unit), count)

    def _count(self, lane: int, stage: int, unit: int, count: int) -> None:
        key = lane, stage, unit
        self._rows[key] = self._rows.get(key, 0) + count
        self._is_changed = True

    def take(self) -> dict[int, Tally]:
        """Return the tally by its number, if it has changed since the last time; it replaces the one taken before."""
        if not self._is_changed:
            return {}
        self._is_changed = False
        rows = [(*key, count) for key, count in self._rows.items() if count]
        columns = np.array(rows, np.int64).reshape(-1, WIDTH[WORK]).T
        return {self._number: Tally(WORK, 0, 0, tuple(np.ascontiguousarray(column) for column in columns))}
