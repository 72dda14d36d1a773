"""What windows say by where they lie: the stretches that their edges may be in, the time of stages that they cover."""

from __future__ import annotations

import numpy as np

from energyprof.attribute.measure import within
from energyprof.attribute.segments import Segments
from energyprof.attribute.sums import sum_by
from energyprof.attribute.windows import Windows
from energyprof.model.span import Floats, Ints


def margins(windows: Windows) -> tuple[Floats, Floats, Ints, Ints]:
    """Return starts and ends of the stretches in which edges may lie, and those of each window's start and end."""
    edge = np.unique(np.concatenate((windows.start_ns, windows.end_ns)))
    half = np.diff(edge, prepend=-np.inf, append=np.inf) / 2  # no stretch reaches into the next one
    start = edge - np.minimum(windows.edge_ns, half[:-1])
    end = edge + np.minimum(windows.edge_ns, half[1:])
    return start, end, np.searchsorted(edge, windows.start_ns), np.searchsorted(edge, windows.end_ns)


def covered_ns(segments: Segments, windows: Windows, stages: int) -> Floats:
    """Return the time of each stage that lies in windows of known energy."""
    if not len(windows):
        return np.zeros(stages)
    gap = np.flatnonzero(windows.start_ns[1:] > windows.end_ns[:-1])
    measured = (windows.start_ns[np.append(0, gap + 1)], windows.end_ns[np.append(gap, len(windows) - 1)])
    return sum_by(segments.stage, within(None, measured, segments.start_ns, segments.end_ns), stages)


def high_w(windows: Windows) -> float:
    """Return the power that 95 % of the windows stay below; of so few windows that this is between two, the higher."""
    return max(float(np.percentile(windows.power_w(), 95, method="higher")), 0.0) if len(windows) else 0.0
