"""What a sensor's own readings tell of it, load or no load: update period, quantum, what a call costs, if it moves.

Nothing is taken from what the source says of itself. Reads one right after the other (a burst) show sensors that are
faster than any regular polling.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.grid import Grid, fit_grid
from energyprof.model.power import Readings
from energyprof.model.span import Flags, Floats, Ints

STILL_PERIODS = 20
"""A counter that does not move for so many of its periods stands still; power is drawn by whatever answers."""
STILL_LEAST_NS = 2_000_000_000
_UNSEEN_NS = 500_000_000
_UNSEEN_STEPS = 10
"""Where reads lie further apart than this and so many usual steps, or one took so long, nobody saw what it did."""
_FEW_READS = 20
_BURST_GAP = 0.1
"""Reads are of a burst where the pause before them is less than this part of the usual one."""
_FEW_CHANGES = 30
_IN_STEP = 0.9
_GUESSES = (50.0, 25.0, 10.0, 2.0)
"""Percentiles of the time between changes tried as the period: a steady reading changes at few of its updates."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What reading one domain has shown; times in nanoseconds."""

    reads: int
    failures: int
    period_ns: float | None
    """Time between two updates; None: too few updates, or as many as reads."""
    period_error_ns: float
    """Of `period_ns`, to either side; where updates follow no regular grid, half of their middle scatter."""
    is_regular: bool
    """Updates lie on a regular grid."""
    is_faster: bool
    """It brings a new value at nearly every read: it updates at least so often."""
    quantum: float | None
    """Smallest step seen, in joules or watts; None: it never moved."""
    call_p50_ns: float
    call_p99_ns: float
    still_ns: int
    """Longest time during which read after read succeeded and gave the same value."""
    has_moved: bool

    def is_stuck(self, domain: Domain) -> bool:
        """Return whether a counter stands still longer than a sensor that is alive can; power may well be constant."""
        if domain.quantity != "energy" or self.reads < _FEW_READS:
            return False
        return self.still_ns > max(STILL_PERIODS * (self.period_ns or 0.0), STILL_LEAST_NS)


def habits(domain: Domain, readings: Readings) -> Habits:
    """Return what the readings tell, of whichever kind; failed reads only count."""
    good = np.flatnonzero(readings.status == ReadStatus.OK)
    before, after, raw = readings.t_before_ns[good], readings.t_after_ns[good], readings.raw[good]
    took = (after - before).astype(np.float64)
    changed = 1 + np.flatnonzero(np.diff(raw) != 0)
    found = Habits(
        reads=len(good),
        failures=len(readings) - len(good),
        period_ns=None,
        period_error_ns=0.0,
        is_regular=False,
        is_faster=len(good) >= _FEW_READS and len(changed) >= 0.7 * (len(good) - 1),
        quantum=_quantum(domain, raw),
        call_p50_ns=float(np.percentile(took, 50)) if len(took) else 0.0,
        call_p99_ns=float(np.percentile(took, 99)) if len(took) else 0.0,
        still_ns=_still_ns(after, raw, np.diff(good) == 1),
        has_moved=bool(len(changed)),
    )
    for part in (_burst(after), np.arange(len(good))):
        grid, times = update_grid(before[part], after[part], raw[part])
        is_fresh = len(times) >= 0.7 * max(len(part) - 1, 1)
        if grid is not None and not is_fresh:
            # A regular grid is known far better than its phase: that over all of its slots.
            error = grid.error_ns / max(float(np.ptp(times)) / grid.period_ns, 1.0)
            return replace(found, period_ns=grid.period_ns, period_error_ns=error, is_regular=True, is_faster=False)
        if len(times) >= 8 and not is_fresh and len(part) == len(good) and not found.is_faster:
            low, middle, high = np.percentile(np.diff(times), (25, 50, 75)).tolist()
            return replace(found, period_ns=middle, period_error_ns=(high - low) / 2)
    return found


def _still_ns(after_ns: Ints, raw: Ints, is_next: Flags) -> int:
    """Return the longest time without a change; `is_next`: no failed read lies between a value and the one after it."""
    step_ns = np.diff(after_ns)
    if not len(step_ns):
        return 0
    is_seen = step_ns <= max(_UNSEEN_NS, _UNSEEN_STEPS * float(np.median(step_ns)))
    is_still = is_next & is_seen & (np.diff(raw) == 0)
    still_ns = np.append(0, np.cumsum(np.where(is_still, step_ns, 0)))
    ends = np.concatenate(([0], 1 + np.flatnonzero(~is_still), [len(step_ns)]))
    return int(np.diff(still_ns[ends]).max(initial=0))


def update_grid(before_ns: Ints, after_ns: Ints, raw: Ints) -> tuple[Grid | None, Floats]:
    """Return the grid on which the value changes, None where there is none, and the middles of the changes.

    Times are nanoseconds since the first read.
    """
    changed = 1 + np.flatnonzero(np.diff(raw) != 0)
    if len(changed) < 2:
        return None, np.zeros(len(changed))
    origin = before_ns[0]
    low = (before_ns[changed - 1] - origin).astype(np.float64)
    high = (after_ns[changed] - origin).astype(np.float64)
    middle = (low + high) / 2
    for percentile in _GUESSES:
        grid = fit_grid(low, high, float(np.percentile(np.diff(middle), percentile)))
        if grid is not None:
            return grid, middle
    return _grid_of_few(low, high), middle


def _grid_of_few(low: Floats, high: Floats) -> Grid | None:
    """Return the grid of changes that may all lie many slots apart: the longest period in step with them.

    In step: the mean of exp(2 pi i t / T) over all changes is nearly 1; by chance it would be 1 / sqrt(changes).
    """
    middle, width = (low + high) / 2, float(np.median(high - low))
    if len(middle) < _FEW_CHANGES:
        return None
    span, longest = float(np.ptp(middle)), float(np.median(np.diff(middle)))
    shortest = max(8 * width, longest / 40)
    if shortest >= longest:
        return None
    # From one candidate to the next the phase at the far end moves by a twelfth of a turn.
    turns = np.arange(span / longest, span / shortest, 1 / 12)
    for some in np.array_split(turns, max(1, len(turns) * len(middle) // 1_000_000)):
        wave = np.exp(2j * np.pi * np.outer(some / span, middle - middle[0])).mean(axis=1)
        inside = np.flatnonzero(np.abs(wave) > _IN_STEP)
        if len(inside):
            near = inside[(inside < inside[0] + 12)]
            best = int(near[np.argmax(np.abs(wave[near]))])
            period = span / float(some[best])
            offset = float(middle[0]) + float(np.angle(wave[best])) / (2 * np.pi) * period
            return Grid(offset, period, width / 2)
    return None


def _burst(after_ns: Ints) -> Ints:
    """Return the rows of the reads that followed each other at once; none where all were paced alike."""
    pause = np.diff(after_ns)
    if not len(pause):
        return np.zeros(0, np.int64)
    quick = pause < _BURST_GAP * np.percentile(pause, 90)
    ends = np.flatnonzero(np.diff(np.concatenate(([0], quick.astype(np.int8), [0]))))
    if not len(ends):
        return np.zeros(0, np.int64)
    longest = int(np.argmax(ends[1::2] - ends[::2]))
    first, last = int(ends[2 * longest]), int(ends[2 * longest + 1])
    return np.arange(first, last + 1) if last - first >= _FEW_READS else np.zeros(0, np.int64)


def _quantum(domain: Domain, raw: Ints) -> float | None:
    """Return the unit in which values move: the greatest common divisor of the steps seen."""
    step = np.abs(np.diff(raw))
    step = step[step > 0]
    return float(np.gcd.reduce(step)) * domain.scale if len(step) else None
