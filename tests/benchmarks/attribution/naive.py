"""What other tools do to give stages their energy, as baselines in the same run.

* begin_end: read the sensor when a call begins and when it ends; a counter is differenced, a power is multiplied with
  the time (Zeus windows, pyJoules, a decorator around each function).
* time_share: the energy of all readings, divided by the time that stages took (CPU- or time-proportional tools).
* hold: take each reading to hold until the next poll, and integrate over the calls (most samplers).
* interpolated: take power to be even between two changes of the reading, and integrate over the calls.
* nnls: non-negative least squares of the energy between changes on the time that each stage had in between.

They know the spans and what was polled, and neither lag nor jitter. Energies of a stage are sums over its calls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls
from sensors import Sensor
from truth import Floats, Ints, Truth

from energyprof.model.power import Readings

METHODS = ("begin_end", "time_share", "hold", "interpolated", "nnls")


@dataclass(frozen=True, slots=True, eq=False)
class Polled:
    """The readings as a script would keep them: when (s since the start of the run), and joules or watts."""

    t_s: Floats
    value: Floats
    is_counter: bool
    window_s: float

    @staticmethod
    def of(sensor: Sensor, readings: Readings, origin_ns: int) -> Polled:
        """Return them, counters unwrapped."""
        t_s = ((readings.t_before_ns + readings.t_after_ns) / 2 - origin_ns) * 1e-9
        raw, wrap = readings.raw, sensor.domain().wrap
        is_counter = sensor.quantity == "energy"
        if is_counter:
            step = np.diff(raw)
            step = np.where(step < 0, step + (wrap or 0), step)
            raw = np.append(0, np.cumsum(step))
        window_ns = sensor.window_ns or sensor.period_ns
        return Polled(t_s, raw * sensor.scale, is_counter, window_ns * 1e-9)

    def until_j(self) -> Floats:
        """Return the energy until each poll, each power holding until the next one."""
        if self.is_counter:
            return self.value - self.value[0]
        return np.append(0.0, np.cumsum(self.value[:-1] * np.diff(self.t_s)))

    def changes(self) -> tuple[Floats, Floats]:
        """Return when a new value came, and which: in the middle between two polls, or at the poll if all bring one."""
        changed = np.flatnonzero(np.diff(self.value)) + 1
        is_fresh = len(changed) > 0.8 * len(self.value)
        since_s = self.t_s[changed] if is_fresh else self.t_s[changed - 1]
        return (since_s + self.t_s[changed]) / 2, self.value[changed]


def energies_j(truth: Truth, polled: Polled) -> dict[str, Floats]:
    """Return the energy of each leaf stage by each method."""
    calls, count = truth.calls, len(truth.paths)
    start_s, end_s = calls.start_ns * 1e-9, calls.end_ns * 1e-9
    time_s = np.bincount(calls.stage, end_s - start_s, count)
    in_run = (polled.t_s >= 0) & (polled.t_s <= truth.run_ns * 1e-9)
    until_j = polled.until_j()
    total_j = float(np.ptp(until_j[in_run]))

    def over_calls(t_s: Floats, until: Floats) -> Floats:
        return _by_stage(calls.stage, np.interp(end_s, t_s, until) - np.interp(start_s, t_s, until), count)

    def last(t_s: Floats) -> Floats:
        return polled.value[np.searchsorted(polled.t_s, t_s, "right") - 1]

    read_j = last(end_s) - last(start_s) if polled.is_counter else last(end_s) * (end_s - start_s)
    change_s, value = polled.changes()
    changes_j = value - value[0] if polled.is_counter else _trapezoid(change_s, value)
    return {
        "begin_end": _by_stage(calls.stage, read_j, count),
        "time_share": total_j * time_s / time_s.sum(),
        "hold": over_calls(polled.t_s, until_j),
        "interpolated": over_calls(change_s, changes_j),
        "nnls": _nnls(truth, polled, time_s),
    }


def _by_stage(stage: Ints, energy_j: Floats, count: int) -> Floats:
    return np.bincount(stage, energy_j, count)


def _trapezoid(t_s: Floats, power_w: Floats) -> Floats:
    return np.append(0.0, np.cumsum((power_w[1:] + power_w[:-1]) / 2 * np.diff(t_s)))


def _nnls(truth: Truth, polled: Polled, time_s: Floats) -> Floats:
    change_s, value = polled.changes()
    if polled.is_counter:
        start_s, end_s, energy_j = change_s[:-1], change_s[1:], np.diff(value)
    else:
        start_s, end_s, energy_j = change_s - polled.window_s, change_s, value * polled.window_s
    kept = (start_s >= 0) & (end_s <= truth.run_ns * 1e-9)
    start_s, end_s, energy_j = start_s[kept], end_s[kept], energy_j[kept]
    columns = [end_s - start_s]
    columns += [
        truth.occupied_s(stage, end_s * 1e9) - truth.occupied_s(stage, start_s * 1e9) for stage in range(len(time_s))
    ]
    power_w, _ = nnls(np.stack(columns, axis=1), energy_j, maxiter=100 * len(columns))
    return power_w[1:] * time_s + power_w[0] * truth.shared_s()
