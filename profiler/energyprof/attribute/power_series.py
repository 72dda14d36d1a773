"""What the readings of a run say of its power over time, before any of it is divided over stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from energyprof.attribute.hosts import by_host
from energyprof.attribute.shape import read_shaped
from energyprof.attribute.windows import Windows
from energyprof.model.domain import Domain
from energyprof.model.power_series import PowerSeries
from energyprof.model.trace import Trace


def read_windows(trace: Trace) -> Iterator[tuple[Domain, Windows]]:
    """Yield each domain that was read, in the order of the domains, with its windows of known energy.

    They begin and end with the run of the host that has the domain; times are since the start of the whole run.
    """
    parts = by_host(trace)
    for domain in trace.domains:
        if domain.shape_of is not None or domain.id not in trace.readings:
            continue
        run = parts.get(domain.host, trace).run
        windows = read_shaped(trace, domain, run)[1].run
        later_ns = run.start_ns - trace.run.start_ns
        yield domain, replace(windows, start_ns=windows.start_ns + later_ns, end_ns=windows.end_ns + later_ns)


def power_series(trace: Trace) -> tuple[PowerSeries, ...]:
    """Return the power of every domain that was read, in the order of the domains."""
    found = []
    for domain, windows in read_windows(trace):
        start_ns, end_ns = (np.rint(edge).astype(np.int64) for edge in (windows.start_ns, windows.end_ns))
        rows = end_ns > start_ns
        if rows.any():
            found.append(PowerSeries(domain, start_ns[rows], end_ns[rows], windows.energy_j[rows]))
    return tuple(found)
