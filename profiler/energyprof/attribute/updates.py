"""Update recovery: from what was polled to windows of known energy, nothing beyond the first or last update or the run.

A sensor changes its value at instants of its own; polling sees each change late, inside a bracket (previous poll, this
poll]. The brackets are narrowed by the regular grid where there is one (model/grid.py). Models, and sensors that update
faster than they are polled, give a new value at every poll: each poll is an edge. Counters and power readings become
windows in counter.py and power.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from energyprof.attribute.counter import counter_windows
from energyprof.attribute.counter_faults import IMPOSSIBLE_W
from energyprof.attribute.inference.rows import Rows, counter_rows, power_rows
from energyprof.attribute.power import power_windows
from energyprof.attribute.windows import Polls, Windows
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.power import Readings
from energyprof.model.sampling import Sleep
from energyprof.model.span import Flags

_NEVER_NS = 2**63 - 1
SLOW_EXCESS = 4
SLOW_NS = 5e6
"""A poll that took this much more than so many times the usual one is left out."""
NEAR_ZERO_UNITS = 5
NEAR_ZERO_PART = 0.02
"""Readings of fewer raw units, or of a smaller part of the median, come near 0: one of 0 may then be true."""


def recover(domain: Domain, readings: Readings, start_ns: int, end_ns: int, sleeps: Sequence[Sleep] = ()) -> Recovered:
    """Return the windows that the readings measure; the run lasted from `start_ns` to `end_ns`.

    `sleeps`: when the computer slept. What a sensor says across is of that time too, which no clock of the run counted.
    """
    windows, rows = all_windows(domain, readings, start_ns, end_ns, sleeps)
    return Recovered(windows.kept(windows.end_ns <= 0), windows.during(float(end_ns - start_ns)), rows)


def all_windows(
    domain: Domain, readings: Readings, start_ns: int, end_ns: int, sleeps: Sequence[Sleep] = ()
) -> tuple[Windows, Rows | None]:
    """Return the windows of `recover` from before the run to after it, and the rows; no rows where there are none."""
    polls, faults = _polls(domain, readings, start_ns, end_ns)
    if len(polls.raw) < 2:
        nothing = np.zeros(0)
        return Windows(nothing, nothing, nothing, 0.0, domain.period_ns, len(polls.raw), faults=tuple(faults)), None
    windows = counter_windows(domain, polls) if domain.quantity == "energy" else power_windows(domain, polls)
    rows = None
    if domain.provenance == "sensor":
        windows, more = _awake(windows, domain, sleeps, start_ns)
        faults += more
        rows = counter_rows(domain, polls, windows) if domain.quantity == "energy" else power_rows(domain, polls)
        for sleep in sleeps:
            rows = rows.outside_of(sleep.start_ns - start_ns, sleep.end_ns - start_ns + domain.settled_ns())
    return replace(_shift_back(windows, domain), faults=(*faults, *windows.faults)), rows


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """The windows of one domain."""

    before: Windows
    """Wholly before the run: nothing of the program's, but the idle power."""
    run: Windows
    rows: Rows | None = None
    """What each reading says by itself, for the statistical fit; None: nothing, or a model's."""


def _awake(windows: Windows, domain: Domain, sleeps: Sequence[Sleep], origin_ns: int) -> tuple[Windows, list[str]]:
    before = len(windows)
    for sleep in sleeps:
        windows = windows.outside_of(sleep.start_ns - origin_ns, sleep.end_ns - origin_ns + domain.settled_ns())
    lost = before - len(windows)
    return windows, ["the computer slept: what its readings across say is left out"] if lost else []


def _polls(domain: Domain, readings: Readings, origin_ns: int, end_ns: int) -> tuple[Polls, list[str]]:
    usable = readings.status == ReadStatus.OK
    faults = []
    if domain.provenance == "model":
        # It reads once more at the very end, when all CPU time is known; what it said of later, it did not know yet.
        # Where that one is missing, the next covers the run up to its end, in proportion.
        usable &= readings.t_after_ns <= readings.t_after_ns[usable & (readings.t_after_ns >= end_ns)].min(
            initial=_NEVER_NS
        )
    else:
        slow, beyond = _slow(readings, usable), usable & (readings.raw > _highest(domain))
        if beyond.any():
            faults.append(f"{np.count_nonzero(beyond)} readings above what is possible; left out")
        usable &= ~slow & ~beyond
        failed, fault = _zeros(domain, readings, usable)
        usable &= ~failed
        faults += fault
    rows = np.flatnonzero(usable)
    began = (readings.status == ReadStatus.RESET) | (readings.status == ReadStatus.LOST)
    resets = np.append(0, np.cumsum(began))[rows]
    before = (readings.t_before_ns[rows] - origin_ns).astype(np.float64)
    after = (readings.t_after_ns[rows] - origin_ns).astype(np.float64)
    return Polls(before, after, readings.raw[rows], np.diff(rows) > 1, np.diff(resets) > 0), faults


def _slow(readings: Readings, usable: Flags) -> Flags:
    """Return the polls that took much longer than the others: when in between their value was taken is not known."""
    took = readings.t_after_ns - readings.t_before_ns
    usual = float(np.median(took[usable])) if usable.any() else 0.0
    return usable & (took > SLOW_EXCESS * usual + SLOW_NS)


def _zeros(domain: Domain, readings: Readings, usable: Flags) -> tuple[Flags, list[str]]:
    """Return the power readings of exactly 0 that mean a failed read, and what to say of them.

    A device that is on always draws power: where most readings are well above 0, one of 0 is none. Where most are 0,
    or some come near it, the sensor's domain may truly be off.
    """
    zero = usable & (readings.raw == 0)
    shown = readings.raw[usable & (readings.raw > 0)]
    count = int(np.count_nonzero(zero))
    if domain.quantity != "power" or not 0 < count < len(shown):
        return np.zeros(len(usable), np.bool_), []
    if shown.min() < max(NEAR_ZERO_UNITS, NEAR_ZERO_PART * float(np.median(shown))):
        return np.zeros(len(usable), np.bool_), []
    text = (
        f"{count} readings of 0 W left out, for a device that is on draws power: its others are "
        f"{shown.min() * domain.scale:.3g} W or more; the energy of that time is unknown, not 0"
    )
    return zero, [text]


def _highest(domain: Domain) -> float:
    """Return the highest raw value that means anything."""
    if domain.quantity == "power":
        return (IMPOSSIBLE_W if domain.max_power_w is None else domain.max_power_w) / domain.scale
    return float(domain.wrap - 1) if domain.wrap is not None else float(_NEVER_NS)


def _shift_back(windows: Windows, domain: Domain) -> Windows:
    """Undo the sensor's lag: the middle of its bounds moves the windows, half their distance widens the edges.

    A first-order response delays by its time constant on average; 95 % of what it shows is less than three of them old,
    so edges may lie two from where that puts them.
    """
    least, most = domain.lag_ns
    response = domain.response_ns or 0
    if most == 0 and not response:
        return windows
    back = (least + most) / 2 + response
    return replace(
        windows,
        start_ns=windows.start_ns - back,
        end_ns=windows.end_ns - back,
        edge_ns=windows.edge_ns + (most - least) / 2 + 2 * response,
    )
