"""What was counted instead of stored, once a recording nears its bound: time, calls and order of spans, as sums.

While only bursts are stored whole, the time between them is cut into *stretches*. What a thread did in a stretch is
kept as the time it had for each stage; each span that ended since counting began is kept as a call, and what came
before it as an order, wherever it ended. Sums of several tallies add up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from energyprof.model.ids import DomainId
from energyprof.model.span import Flags, Index, Ints

SELVES: Final = 1
"""Columns lane, stage, self_ns, under_ns of one stretch: see `Counted`."""
CALLS: Final = 2
"""Columns lane, enclosing, stage, calls, resumes, wall_ns: spans that ended, generators that went on counted apart."""
ORDER: Final = 3
"""Columns lane, source, target, count: spans of `target` that came next after one of `source` in the same span."""
WORK: Final = 4
"""Columns lane, stage, unit (index into `WORK_UNITS`), count: what was handed over, in every recording."""
FLOWS: Final = 5
"""Columns source lane, source, target lane, target, count, bytes: objects that `source` gave and `target` received."""
GIVEN: Final = 6
"""Columns lane, stage, given, used, again: objects that a stage gave, those of them that any stage received, and those
that it received itself for the second time or more.
"""
WIDTH: Final = {SELVES: 4, CALLS: 6, ORDER: 4, WORK: 4, FLOWS: 6, GIVEN: 5}


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Sums of one kind; stages are lane-relative, -1: none."""

    kind: int
    start_ns: int
    """Of its stretch; 0 where the kind belongs to none."""
    end_ns: int
    columns: tuple[Ints, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PowerSums:
    """What a power sensor's readings between bursts amount to, equal-length columns in order of time."""

    start_ns: Ints
    end_ns: Ints
    raw_us: Ints
    """The integral of the raw integers over time, in microseconds."""

    def __len__(self) -> int:
        return len(self.start_ns)

    @staticmethod
    def none() -> PowerSums:
        """Return no rows."""
        return PowerSums(*(np.zeros(0, np.int64),) * 3)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What a trace knows of the time between bursts; stages and lanes are those of the trace."""

    start_ns: Ints
    end_ns: Ints
    """The stretches in which not every span was stored, ascending and disjoint."""
    stretch: Ints
    """Of the rows of `lane`, `stage`, `self_ns`, `under_ns`: ascending."""
    lane: Index
    stage: Index
    """-1: a task or work item ran outside any stage of its own."""
    self_ns: Ints
    """How long the thread of that lane had this stage innermost on the lane that it ran."""
    under_ns: Ints
    """How long it was innermost on a thread's own lane while a task or a work item ran there."""
    call_lane: Index
    call_source: Index
    """The stage around; -1: none on its lane."""
    call_stage: Index
    calls: Ints
    resumes: Ints
    """How often a call of a generator went on, which is no call."""
    wall_ns: Ints
    """0 for calls within a call of the same stage."""
    order_source: Index
    order_target: Index
    order_count: Ints
    is_counted: Flags
    """Per span of the trace: it is among the calls."""
    power: dict[DomainId, PowerSums] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.start_ns)
