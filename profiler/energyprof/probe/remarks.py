"""What the readings of any run say of its sensors, at no cost: one that is not as it was probed.

A counter that stands still is said by the attribution, which leaves that time out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings
from energyprof.probe.habits import Habits, habits

OFF = 0.1
"""Part of the period by which a sensor may differ from its probe: beyond it something has changed."""
_MOST_ROWS = 200_000
"""Of a long run the first so many rows tell as much as all."""


def remarks(domains: Sequence[Domain], readings: Mapping[DomainId, Readings]) -> Iterator[str]:
    """Yield one line for each thing that is wrong with a sensor: the fact, and what to do."""
    for domain in domains:
        if domain.provenance == "sensor" and domain.id in readings:
            yield from _remarks_of(domain, habits(domain, _first(readings[domain.id])))


def _remarks_of(domain: Domain, found: Habits) -> Iterator[str]:
    probed_ns = domain.period_ns if "probe of" in domain.timing and domain.timing.startswith("period") else None
    if probed_ns is None or found.period_ns is None or not found.is_regular:
        return
    if abs(found.period_ns - probed_ns) > OFF * probed_ns:
        yield (
            f"{domain.id}: the sensor updated every {found.period_ns * 1e-6:.3g} ms, by its probe it was "
            f"{probed_ns * 1e-6:.3g} ms; probe it again with: energyprof doctor --probe"
        )


def _first(readings: Readings) -> Readings:
    if len(readings) <= _MOST_ROWS:
        return readings
    rows = np.arange(_MOST_ROWS)
    return Readings(readings.t_before_ns[rows], readings.t_after_ns[rows], readings.raw[rows], readings.status[rows])
