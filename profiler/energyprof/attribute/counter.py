"""Energy counters: wraps, new starts and stalls undone, E(update j+1) - E(update j) for the window between updates.

A failed read only makes a window longer. A wrap adds the counter's range; a counter that falls without wrapping has
started anew, and what it had counted since the update before is unknown: a gap. A poll that came late shows the value
of the sensor's last slot before it; so does the first poll of a run, or after a new start.
"""

from __future__ import annotations

import numpy as np

from energyprof.attribute.windows import Polls, Windows, every_poll_is_fresh, poll_error_ns
from energyprof.model.domain import Domain
from energyprof.model.grid import Grid, fit_grid
from energyprof.model.span import Floats, Ints


def _unwrapped(domain: Domain, polls: Polls) -> tuple[Ints, Ints, list[str]]:
    """Return the energy in raw units as if the counter never wrapped, and the number of the unbroken piece."""
    step = np.diff(polls.raw)
    reset = polls.reset.copy()
    notes = []
    falls = step < 0
    if domain.wrap is None:
        reset |= falls
    else:
        step = np.where(falls, step + domain.wrap, step)
        reset |= falls & (step < 0)
    if reset.any():
        notes.append(f"the counter started anew {np.count_nonzero(reset)} times; what it had not yet shown is unknown")
    step = np.where(reset, 0, step)
    unwrapped = np.append(0, np.cumsum(step))
    if domain.wrap is not None:
        interval = np.diff(polls.middle_ns())
        rate = unwrapped[-1] / max(interval[~reset].sum(), 1.0)
        if rate * interval.max(initial=0.0) >= domain.wrap:
            notes.append(
                f"the counter wraps after {domain.wrap * domain.scale:.0f} J and was not read for "
                f"{interval.max() * 1e-9:.1f} s: whole wraps may be missing; poll more often"
            )
    return unwrapped, np.append(0, np.cumsum(reset)), notes


def counter_windows(domain: Domain, polls: Polls) -> Windows:
    """Return the windows between the updates of an energy counter."""
    value, piece, notes = _unwrapped(domain, polls)
    frozen = not np.diff(value).any()
    if every_poll_is_fresh(domain, polls):
        if frozen and domain.provenance == "sensor":
            notes.append("the counter never moved: no energy, or a sensor that stands still")
        instant, at = polls.middle_ns(), np.arange(len(value))
        error, period = poll_error_ns(domain, polls), domain.period_ns
    else:
        if frozen:
            notes.append("the counter never moved during the run: it measured nothing")
        at = 1 + np.flatnonzero(np.diff(value) != 0)
        low, high = polls.before_ns[at - 1], polls.after_ns[at]
        # Energy always flows, so that each update shows: where the period stated does not fit, their distances do.
        grid = fit_grid(low, high, domain.period_ns) or fit_grid(low, high, None)
        if grid is None:
            instant, error, period = _bracketed(low, high, domain.period_ns)
        else:
            instant, error, period = np.clip(grid.last_slot(high), low, high), grid.error_ns, round(grid.period_ns)
            first = _dated(grid, polls, np.append(0, 1 + np.flatnonzero(np.diff(piece))))
            instant = np.append(instant, grid.last_slot(polls.before_ns[first]))
            at = np.append(at, first)
            order = np.argsort(at, kind="stable")
            instant, at = instant[order], at[order]
    kept = np.append(instant[1:] > instant[:-1], True) if len(at) else np.zeros(0, np.bool_)
    instant, value, piece = np.maximum.accumulate(instant)[kept], value[at][kept], piece[at][kept]
    whole = np.flatnonzero((piece[1:] == piece[:-1]) & (instant[1:] > instant[:-1]))
    energy = np.diff(value)[whole] * domain.scale
    return Windows(instant[whole], instant[whole + 1], energy, error, period, len(instant), tuple(notes))


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
