"""What the readings of a run say of its power over time, before any of it is divided over stages."""

from __future__ import annotations

import numpy as np

from energyprof.attribute.hosts import by_host
from energyprof.attribute.updates import recover
from energyprof.model.power_series import PowerSeries
from energyprof.model.trace import Trace


def power_series(trace: Trace) -> tuple[PowerSeries, ...]:
    """Return the power of every domain that was read, in the order of the domains."""
    parts = by_host(trace)
    found = []
    for domain in trace.domains:
        readings = trace.readings.get(domain.id)
        if readings is None:
            continue
        run = parts.get(domain.host, trace).run
        windows = recover(domain, readings, run.start_ns, run.end_ns, run.sleeps).run
        later_ns = run.start_ns - trace.run.start_ns
        start_ns, end_ns = (np.rint(edge).astype(np.int64) + later_ns for edge in (windows.start_ns, windows.end_ns))
        rows = end_ns > start_ns
        if rows.any():
            found.append(PowerSeries(domain, start_ns[rows], end_ns[rows], windows.energy_j[rows]))
    return tuple(found)
