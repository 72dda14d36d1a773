"""Power readings: each is the mean over the time before it, and holds for the time since the reading before.

Updates that polls were too late for are taken to be the mean of those around them, and widen the interval alike.
An unchanged reading is still a reading: where the sensor updates on a grid, every slot that a poll looked at counts. A
failed read, or a long silence, leaves a gap of unknown power. Readings that average over more than one update overlap;
of those only some that stand side by side are used, the last among them, so that no energy counts twice.

Where a reading sees only a part of its time, the rest is taken to be alike, and the difference of neighbouring readings
tells how far that may be wrong: half its square is the variance of power from one look to the next. That holds for what
comes and goes by chance; a program whose steps keep time with the sensor can hide from it.
"""

from __future__ import annotations

import numpy as np

from energyprof.attribute.windows import Polls, Windows, every_poll_is_fresh, poll_error_ns
from energyprof.model.domain import Domain
from energyprof.model.grid import Grid, fit_grid
from energyprof.model.span import Flags, Floats, Ints

PART_TIME = 0.67
"""A sensor whose window is a smaller part of its period leaves out time that matters."""


def power_windows(domain: Domain, polls: Polls) -> Windows:
    """Return the windows that power readings stand for."""
    instant, grid = polls.middle_ns(), None
    watts: Floats = polls.raw.astype(np.float64) * domain.scale
    broken = polls.broken
    if not every_poll_is_fresh(domain, polls):
        changed = 1 + np.flatnonzero(np.diff(polls.raw) != 0)
        grid = fit_grid(polls.before_ns[changed - 1], polls.after_ns[changed], domain.period_ns, may_repeat=True)
    if grid is not None:
        instant, watts, broken = _slot_readings(grid, polls, watts)
    if len(instant) < 2:
        return Windows(np.zeros(0), np.zeros(0), np.zeros(0), 0.0, domain.period_ns, len(instant))
    span = grid.period_ns if grid is not None else _usual_ns(domain, instant, broken)
    period = round(span) if grid is not None or domain.period_ns is None else domain.period_ns
    window = float(domain.window_ns) if domain.window_ns is not None else span
    notes = []
    is_average = window > 1.5 * span
    if is_average:
        span = window
        notes.append(f"each reading averages {window * 1e-6:.4g} ms: only every such stretch is used once")
    elif window < PART_TIME * span:
        notes.append(
            f"the sensor sees {window * 1e-6:.4g} of every {span * 1e-6:.4g} ms; the rest is taken to be alike"
        )
    if is_average:
        rows = len(instant) - 1 - _side_by_side(-instant[::-1], span)[::-1]
    elif span > 1.5 * float(np.median(np.diff(instant))):
        rows = _side_by_side(instant, span)
    else:
        rows = np.arange(len(instant))
    broken = np.maximum.reduceat(broken, rows[:-1]) if len(rows) > 1 else broken[:0]
    instant, watts = instant[rows], watts[rows]
    if is_average:
        # The first of them, too, tells of the whole window before it, part of which nobody had begun to look.
        instant, watts = np.append(instant[0] - span, instant), np.append(watts[0], watts)
        broken = np.append(False, broken)
    since = np.diff(instant)
    gap = (broken & (since > 1.5 * span)) | (since > 3 * span)
    start = np.where(gap, instant[1:] - span, instant[:-1])
    if gap.any():
        notes.append(f"power unknown for {(start - instant[:-1]).sum() * 1e-9:.3g} s in {np.count_nonzero(gap)} gaps")
    kept = since > 0
    start, end = start[kept], instant[1:][kept]
    error = grid.error_ns if grid is not None else poll_error_ns(domain, polls)
    watts, change = watts[1:][kept], np.diff(watts)[kept]
    # Of an update that no poll came in time for nothing is known but that it lies between its neighbours.
    missed = np.where(end - start > 1.5 * span, end - start - span, 0.0)
    energy = (watts * (end - start) - change / 2 * missed) * 1e-9
    unseen = missed + (end - start - missed) * (1 - window / span if window < PART_TIME * span else 0.0)
    sd = unseen * 1e-9 * np.abs(change) / 2**0.5 if unseen.any() else None
    return Windows(start, end, energy, error, period, len(instant), tuple(notes), sd_j=sd)


def _usual_ns(domain: Domain, instant: Floats, broken: Flags) -> float:
    """Return the time that one reading stands for where no grid was found."""
    since = np.diff(instant)
    whole = since[~broken] if not broken.all() else since
    return max(float(np.median(whole)), float(domain.period_ns or 0))


def _slot_readings(grid: Grid, polls: Polls, watts: Floats) -> tuple[Floats, Floats, Flags]:
    """Return the slots that a poll looked at before the next one came, what it saw, and where reads failed between."""
    t = polls.middle_ns()
    slot = grid.slots(t[0], t[-1])
    poll = np.searchsorted(t, slot + min(0.25 * polls.interval_ns(), 1e6))
    seen = poll < len(t)
    seen[seen] = t[poll[seen]] < slot[seen] + grid.period_ns
    failures = np.append(0, np.cumsum(polls.broken))[poll[seen]]
    return slot[seen], watts[poll[seen]], np.diff(failures) > 0


def _side_by_side(instant: Floats, window: float) -> Ints:
    rows = [0]
    while True:
        following = int(np.searchsorted(instant, instant[rows[-1]] + 0.99 * window))
        if following >= len(instant):
            return np.array(rows, np.int64)
        rows.append(following)
