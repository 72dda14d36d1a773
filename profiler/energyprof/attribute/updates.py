"""Update recovery: from what was polled to windows of known energy, nothing beyond the first or last update or the run.

A sensor changes its value at instants of its own; polling sees each change late, inside a bracket (previous poll, this
poll]. The brackets are narrowed by the regular grid where there is one (model/grid.py). Models, and sensors that update
faster than they are polled, give a new value at every poll: each poll is an edge. Counters and power readings become
windows in counter.py and power.py.
"""

from __future__ import annotations

import numpy as np

from energyprof.attribute.counter import counter_windows
from energyprof.attribute.power import power_windows
from energyprof.attribute.windows import Polls, Windows
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.power import Readings

_NEVER_NS = 2**63 - 1


def recover(domain: Domain, readings: Readings, start_ns: int, end_ns: int) -> Windows:
    """Return the windows that the readings measure within the run, which lasted from `start_ns` to `end_ns`."""
    polls = _polls(domain, readings, start_ns, end_ns)
    if len(polls.raw) < 2:
        return Windows(np.zeros(0), np.zeros(0), np.zeros(0), 0.0, domain.period_ns, len(polls.raw))
    windows = counter_windows(domain, polls) if domain.quantity == "energy" else power_windows(domain, polls)
    return _shift_back(windows, domain).during(float(end_ns - start_ns))


def _polls(domain: Domain, readings: Readings, origin_ns: int, end_ns: int) -> Polls:
    usable = readings.status == ReadStatus.OK
    if domain.provenance == "model":
        # It reads once more at the very end, when all CPU time is known; what it said of later, it did not know yet.
        # Where that one is missing, the next covers the run up to its end, in proportion.
        usable &= readings.t_after_ns <= readings.t_after_ns[usable & (readings.t_after_ns >= end_ns)].min(
            initial=_NEVER_NS
        )
    rows = np.flatnonzero(usable)
    resets = np.append(0, np.cumsum(readings.status == ReadStatus.RESET))[rows]
    before = (readings.t_before_ns[rows] - origin_ns).astype(np.float64)
    after = (readings.t_after_ns[rows] - origin_ns).astype(np.float64)
    return Polls(before, after, readings.raw[rows], np.diff(rows) > 1, np.diff(resets) > 0)


def _shift_back(windows: Windows, domain: Domain) -> Windows:
    """Undo the sensor's lag: the middle of its bounds moves the windows, half their distance widens the edges."""
    least, most = domain.lag_ns
    if most == 0:
        return windows
    back = (least + most) / 2
    return Windows(
        windows.start_ns - back,
        windows.end_ns - back,
        windows.energy_j,
        windows.edge_ns + (most - least) / 2,
        windows.period_ns,
        windows.updates,
        windows.notes,
    )
