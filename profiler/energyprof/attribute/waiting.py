"""Which stages of the host kept a device waiting: its idle energy by the stage that was open meanwhile."""

from __future__ import annotations

import numpy as np

from energyprof.attribute.device_lanes import HOST, of_device
from energyprof.attribute.ledger import MICRO
from energyprof.attribute.segments import Segments
from energyprof.model.span import Floats
from energyprof.model.trace import Trace


def kept_waiting(
    trace: Trace, segments: Segments, idle: tuple[Floats, Floats], measured: tuple[float, float], idle_uj: int
) -> Floats | None:
    """Return a device's idle energy by the stage open on the host; None: it is not known, or not all was stored."""
    if not idle_uj or trace.counted is not None:
        return None
    host = segments.of(of_device(trace.lanes, HOST)[segments.lane])
    return waiting_j(idle, host, measured, idle_uj / MICRO, len(trace.stages))


def waiting_j(
    idle: tuple[Floats, Floats], host: Segments, measured: tuple[float, float], idle_j: float, stages: int
) -> Floats:
    """Return the part of a device's idle energy in which each stage was the innermost one open on the host.

    Idle power is the same all the time, so that energy goes by time. Where several threads had stages open, all of
    them have a part; what is left is that in which none was. Whole microjoules, as all energies.
    """
    start, end = (np.clip(edge, *measured) for edge in idle)
    at = np.column_stack((start, end)).ravel()
    before = np.append(0.0, np.cumsum(np.column_stack((end - start, np.zeros(len(start)))).ravel()[:-1]))
    spent = np.interp(host.end_ns, at, before) - np.interp(host.start_ns, at, before)
    by_stage = np.bincount(host.stage, spent, stages)
    whole = max(float(before[-1]), float(by_stage.sum()))
    energy: Floats = np.floor(by_stage / whole * idle_j * MICRO) / MICRO if whole > 0 else np.zeros(stages)
    return energy
