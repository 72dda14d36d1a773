"""Energy counters: E(update j+1) - E(update j) for the window between updates, faults undone or gaps (counter_faults).

A failed read only makes a window longer. A poll that came late shows the value of the sensor's last slot before it; so
does the first poll of a run, or after a break.
"""

from __future__ import annotations

import numpy as np

from energyprof.attribute.counter_faults import unwrapped
from energyprof.attribute.windows import Polls, Windows, every_poll_is_fresh, poll_error_ns
from energyprof.model.domain import Domain
from energyprof.model.grid import Grid, fit_grid
from energyprof.model.span import Flags, Floats, Ints

NEAR, NEAR_NS = 0.05, 1e6
"""By so much updates may stray from their slots: a part of a period, and no more than a few times the jitter seen."""


def counter_windows(domain: Domain, polls: Polls) -> Windows:
    """Return the windows between the updates of an energy counter."""
    sound = unwrapped(domain, polls)
    polls, value, piece, notes = sound.polls, sound.value, sound.piece, []
    frozen = not np.diff(value).any()
    if every_poll_is_fresh(domain, polls):
        if frozen and not sound.faults and domain.provenance == "sensor":
            notes.append("the counter never moved: no energy, or a sensor that stands still")
        at = np.arange(len(value))
        if not frozen and domain.provenance == "sensor" and not polls.are_dated():
            # What a counter of a device in use has not shown yet is no zero: it is part of its next step.
            at = np.flatnonzero(np.append(True, (np.diff(value) != 0) | (np.diff(piece) != 0)))
        instant = polls.middle_ns()[at]
        error, period = poll_error_ns(domain, polls), domain.period_ns
    else:
        if frozen and not sound.faults:
            notes.append("the counter never moved during the run: it measured nothing")
        at = 1 + np.flatnonzero(np.diff(value) != 0)
        low, high = polls.before_ns[at - 1], polls.after_ns[at]
        # Energy always flows, so that each update shows: where the period stated does not fit, their distances do.
        grid = fit_grid(low, high, domain.period_ns) or fit_grid(low, high, None)
        if grid is None:
            instant, error, period = _bracketed(low, high, domain.period_ns)
        else:
            sure = ~_doubtful(grid, low, high)
            at, low, high = at[sure], low[sure], high[sure]
            instant, error, period = _nearest(grid, low, high), grid.error_ns, round(grid.period_ns)
            first = _dated(grid, polls, np.append(0, 1 + np.flatnonzero(np.diff(piece))))
            instant = np.append(instant, grid.last_slot(polls.before_ns[first]))
            at = np.append(at, first)
            order = np.argsort(at, kind="stable")
            instant, at = instant[order], at[order]
    last = (instant[1:] > instant[:-1]) | (np.diff(piece[at]) != 0)  # of those at one instant, within a piece
    kept = np.append(last, True) if len(at) else np.zeros(0, np.bool_)
    instant, value, piece = np.maximum.accumulate(instant)[kept], value[at][kept], piece[at][kept]
    whole = np.flatnonzero((piece[1:] == piece[:-1]) & (instant[1:] > instant[:-1]))
    energy = np.diff(value)[whole] * domain.scale
    return Windows(instant[whole], instant[whole + 1], energy, error, period, len(instant), tuple(notes), sound.faults)


def _nearest(grid: Grid, low: Floats, high: Floats) -> Floats:
    """Return for each bracket the last slot in it; where there is none, the end to which a slot is nearer."""
    slot = grid.last_slot(high)
    early = (slot < low) & (slot + grid.period_ns - high < low - slot)  # it came before its slot, and was seen at once
    return np.where(early, high, np.clip(slot, low, high))


def _doubtful(grid: Grid, low: Floats, high: Floats) -> Flags:
    """Return the brackets of a late poll that hold several slots, and of whose last nobody knows if it was seen."""
    near = min(NEAR * grid.period_ns, NEAR_NS)
    slot = grid.last_slot(high + near)
    return (np.abs(high - slot) < near) & (slot - grid.period_ns > low - near)


def _dated(grid: Grid, polls: Polls, rows: Ints) -> Ints:
    """Return those of the polls that lie between two slots for certain, whose value is that of the slot before."""
    before, after = polls.before_ns[rows], polls.after_ns[rows]
    slot = grid.last_slot(before)
    return rows[(before - slot > grid.error_ns) & (slot + grid.period_ns - after > grid.error_ns)]


def _bracketed(low: Floats, high: Floats, nominal_ns: int | None) -> tuple[Floats, float, int | None]:
    """Return the instants of updates in (low, high] that follow no grid, their uncertainty and the usual period."""
    steps = np.diff(high)
    period = nominal_ns if nominal_ns is not None or not len(steps) else round(float(np.median(steps)))
    return (low + high) / 2, float(np.median(high - low)) / 2 if len(low) else 0.0, period
