"""The timeline: how many lanes have a stage open at each instant.

With n(t) lanes busy, each of them carries 1/n(t) of what is shared equally, so that the parts of all lanes add up to
the time in which anything was open, never to more. Where n(t) = 0 nothing was open: the time *outside* any stage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.attribute.measure import Measure
from energyprof.attribute.segments import Segments
from energyprof.model.span import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """The sharing of time among lanes, and the time that nobody had."""

    sharing: Measure | None
    """Integral of 1/n(t); None: never more than one lane busy, so that wall time serves."""
    idle: tuple[Floats, Floats]
    """Starts and ends of the stretches in which no stage was open, the first and last without bound."""


def timeline(busy: Segments) -> Timeline:
    """Return the timeline of lanes busy in `busy` (disjoint within a lane)."""
    forever = 2.0**62
    if not len(busy):
        return Timeline(None, (np.array([-forever]), np.array([forever])))
    at = np.concatenate((busy.start_ns, busy.end_ns))
    step = np.repeat(np.array([1, -1], np.int64), len(busy))
    order = np.argsort(at, kind="stable")
    at, count = at[order], np.cumsum(step[order])
    last = np.append(at[1:] != at[:-1], True)  # several changes at one instant: only what follows them counts
    at, count = at[last], count[last]

    free = np.flatnonzero(count == 0)
    idle = (np.append(-forever, at[free]), np.append(at[0], np.append(at[free[:-1] + 1], forever)))
    if count.max() <= 1:
        return Timeline(None, idle)
    part = np.where(count[:-1] > 0, 1.0 / np.maximum(count[:-1], 1), 0.0)
    return Timeline(Measure(at, np.append(0.0, np.cumsum(part * np.diff(at)))), idle)
