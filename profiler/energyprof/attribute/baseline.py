"""The baseline: the power that flows although nothing runs.

A model states it. Otherwise the windows before the program's start tell (`--lead-in`): their mean power. Where there is
none, the windows tell that lie wholly in gaps between stages, in which the program used next to
no CPU time (imports are a gap too, but not an idle one): their median power, clipped to [0, 5th percentile of the
power of all windows]. Without such a window it is unknown: then idle is 0 J and stages include it, which is said.
"""

from __future__ import annotations

import numpy as np

from energyprof.attribute.windows import Windows
from energyprof.model.domain import Domain
from energyprof.model.span import Floats

AT_REST = 0.02
"""CPU time of the program per time, up to which a gap counts as idle."""


def baseline_w(
    domain: Domain, windows: Windows, outside_ns: Floats, cpu_ns: Floats | None, before: Windows | None = None
) -> tuple[float | None, tuple[str, ...]]:
    """Return the idle power, None if unknown, and notes; `cpu_ns`: CPU time of the tree per window where known."""
    if domain.baseline_w is not None:
        return domain.baseline_w, ()
    if not len(windows):
        return None, ()
    power = windows.power_w()
    ceiling = max(float(np.percentile(power, 5)), 0.0)
    if before is not None and len(before):
        idle_w = float(before.energy_j.sum()) / before.covered_ns() * 1e9
        return float(np.clip(idle_w, 0.0, ceiling)), ()
    duration = windows.duration_ns()
    gap = outside_ns >= duration - 0.5
    resting = gap if cpu_ns is None else gap & (cpu_ns <= AT_REST * duration)
    if not resting.any():
        why = "the gaps between stages were busy" if gap.any() else "no gap between stages showed it"
        return None, (f"idle power unknown: {why}; idle is 0 J and stages include it",)
    return float(np.clip(np.median(power[resting]), 0.0, ceiling)), ()
