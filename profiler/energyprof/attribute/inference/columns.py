"""Which stages have a column of their own in the fit: all of them, up to a thousand.

Beyond that, those that ran longest keep theirs, and the short ones below one parent share one; if these are still too
many, all share one. What a shared column gets is divided by time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.model.span import Floats, Ints, Stage

MOST = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The column of each stage."""

    of_stage: Ints
    """-1: it did not run while anything was measured."""
    part: Floats
    """What of its column's energy is the stage's: 1, or its part of the time."""
    count: int

    @staticmethod
    def of(stages: tuple[Stage, ...], time: Floats, most: int = MOST) -> Columns:
        """Give columns by the time that each stage had."""
        ran = np.flatnonzero(time > 0)
        group = np.arange(len(stages), dtype=np.int64)
        if len(ran) > most:
            parent = np.array([-1 if stage.parent is None else stage.parent for stage in stages], np.int64)
            short = ran[np.argsort(-time[ran], kind="stable")][most - most // 10 :]
            group[short] = len(stages) + 1 + parent[short]
            if len(np.unique(group[ran])) > most:
                group[short] = len(stages)
        of_stage = np.full(len(stages), -1, np.int64)
        known, of_stage[ran] = np.unique(group[ran], return_inverse=True)
        total = np.bincount(of_stage[ran], time[ran], len(known))
        part = np.zeros(len(stages))
        part[ran] = time[ran] / total[of_stage[ran]]
        return Columns(of_stage, part, len(known))
