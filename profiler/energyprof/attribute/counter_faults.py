"""What a counter's values say where it is sound, and where it is not: wraps undone, faults turned into breaks.

A value falls for one of these reasons. A *wrap*, where the counter has a range and the energy it would mean can have
flowed. A *spike*: some values before the fall stand out above those around them; or a *dip*: some after it stand out
below. Which of the two cannot be told where the fall is small, so both are left out. Else the counter *started anew*.
A step that means more energy than can have flowed is a *jump*. A counter that shows one value for many updates *stood
still*: its device uses power, so it is the counter that stopped, and what it adds when it moves again may be all of
that time's energy, or not.

Each of these breaks the counter: the energy across is unknown. Values on either side of a break are as good as ever.

What can have flowed: `max_power_w` where the source knows it. Else nothing below IMPOSSIBLE_W is refused, for a burst
after idling is many times what went before; only what a wrap would mean is held against the highest power elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.attribute.windows import Polls, every_poll_is_fresh
from energyprof.model.domain import Domain
from energyprof.model.grid import fit_grid
from energyprof.model.span import Flags, Floats, Ints

IMPOSSIBLE_W = 1e6
"""No domain uses so much: the largest servers take 15 kW, a rack 150 kW."""
WRAP_EXCESS = 4.0
"""A wrap may mean so many times the highest power seen elsewhere, where `max_power_w` is not known."""
DOUBTED = 10
"""A spike or dip has at most so many values; more is a new start."""
STILL_PERIODS = 10
STILL_NS = 1e9
"""A counter that shows the same value for longer than this and ten updates stands still."""
STALL_PERIODS = 2.5
STALL_NS = 0.25e9
"""A counter on a grid that misses more updates than chance or a late poll hides has stalled."""
AROUND = 5
"""So many updates on either side tell the power around a stall."""
SURE_UNITS = 8
"""A stall would have shown at least so many units; of less, a coarse counter may truly have nothing to show."""
CAUGHT_UP = 0.5
"""From this part of the least that the power around means, a step holds the energy of the stall."""
TWO_UPDATES = 1.5
"""A step of less than so many of the updates around may hold nothing but its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Unwrapped:
    """The values that are kept."""

    polls: Polls
    value: Ints
    """Raw units as if the counter never wrapped; it does not move over a break."""
    piece: Ints
    """The number of the unbroken piece that each value belongs to."""
    faults: tuple[str, ...]


def unwrapped(domain: Domain, polls: Polls) -> Unwrapped:
    """Return what can be trusted of a counter, and what cannot in words."""
    doubted, faults = _doubted(domain, polls)
    if doubted.any():
        polls = polls.without(doubted)
    rise = _rise(domain, polls)
    reset, falls, unclear = polls.reset, rise < 0, _may_hide_wraps(domain, polls, rise)
    jumps = ~falls & (rise * domain.scale > _most_j(domain, polls, _most_w(domain)))
    still = _still(domain, polls) | _stalled(domain, polls, rise)
    # What a counter says that stands still, or by how much it moves again, tells of nothing else that is wrong with it.
    jumps, unclear = jumps & ~still, unclear & ~still
    may_wrap = still & (domain.wrap is not None)
    anew = int(np.count_nonzero((falls & ~may_wrap & ~polls.doubted_between()) | reset))
    if anew:
        faults.append(f"the counter started anew {_times(anew)}; what it had not yet shown is unknown")
    if jumps.any():
        faults.append(
            f"the counter jumped {_times(int(np.count_nonzero(jumps)))} by more than can have flowed; left out"
        )
    if unclear.any():
        faults.append(
            f"the counter wraps after {domain.wrap_j():.0f} J and was not read for "
            f"{_since(polls)[unclear].max() * 1e-9:.1f} s: whole wraps may be missing, so that time is left out"
        )
    if still.any():
        since = _since(polls)[still].sum() * 1e-9
        faults.append(
            f"the counter stood still for {since:.3g} s; the energy of that time is unknown, not 0; "
            "see if it is always so with: energyprof doctor --probe"
        )
    broken = reset | falls | jumps | unclear | still | polls.doubted_between()
    value = np.append(0, np.cumsum(np.where(broken, 0, rise)))
    return Unwrapped(polls, value, np.append(0, np.cumsum(broken)), tuple(faults))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _since(polls: Polls) -> Floats:
    """Return the time from each value to the next."""
    return np.diff(polls.middle_ns())


def _most_w(domain: Domain) -> float:
    return IMPOSSIBLE_W if domain.max_power_w is None else domain.max_power_w


def _most_j(domain: Domain, polls: Polls, power_w: float) -> Floats:
    """Return what `power_w` can add between two polls: a counter that updates once a period adds a period at a time."""
    least, most = domain.lag_ns
    longest_ns = polls.after_ns[1:] - polls.before_ns[:-1] + (domain.period_ns or 0) + (most - least)
    return longest_ns * 1e-9 * power_w * (1 + 1e-6) + 2 * domain.scale


def _rise(domain: Domain, polls: Polls) -> Ints:
    """Return the steps from value to value, those over a wrap with the range added; the others that fall are < 0."""
    step = np.diff(polls.raw)
    if domain.wrap is None:
        return step
    around = step + domain.wrap
    possible = around * domain.scale <= _most_j(domain, polls, _bound_w(domain, polls, step))
    return np.where((step < 0) & possible & (around >= 0), around, step)


def _bound_w(domain: Domain, polls: Polls, step: Ints) -> float:
    """Return the power up to which a wrap is believed."""
    if domain.max_power_w is not None:
        return domain.max_power_w
    longest_s = (polls.after_ns[1:] - polls.before_ns[:-1] + (domain.period_ns or 0)) * 1e-9
    power_w = step * domain.scale / np.maximum(longest_s, 1e-9)
    seen = power_w[(step > 0) & (power_w <= IMPOSSIBLE_W)]
    return WRAP_EXCESS * float(seen.max()) if len(seen) else IMPOSSIBLE_W


def _may_hide_wraps(domain: Domain, polls: Polls, rise: Ints) -> Flags:
    """Return the steps between which the counter may have gone round once more than is seen."""
    if domain.wrap is None:
        return np.zeros(len(rise), np.bool_)
    bound_w = _bound_w(domain, polls, np.diff(polls.raw))
    return (rise >= 0) & ((rise + domain.wrap) * domain.scale <= _most_j(domain, polls, bound_w))


def _doubted(domain: Domain, polls: Polls) -> tuple[Flags, list[str]]:
    """Return the values that stand out above or below both their neighbours."""
    doubted = np.zeros(len(polls.raw), np.bool_)
    raw = polls.raw
    for fall in np.flatnonzero(_rise(domain, polls) < 0).tolist():
        before = raw[max(0, fall - DOUBTED) : fall + 1]
        after = raw[fall + 1 : fall + 2 + DOUBTED]
        lower = np.flatnonzero(before <= after[0])
        higher = np.flatnonzero(after >= before[-1])
        above = len(before) - 1 - int(lower[-1]) if len(lower) else DOUBTED + 1
        below = int(higher[0]) if len(higher) else DOUBTED + 1
        if above <= DOUBTED:
            doubted[fall + 1 - above : fall + 1] = True
        if below <= DOUBTED:
            doubted[fall + 1 : fall + 1 + below] = True
    count = int(np.count_nonzero(doubted))
    return doubted, [f"{count} values of the counter stood out from those around them; left out"] if count else []


def _still(domain: Domain, polls: Polls) -> Flags:
    """Return the steps during which the counter stood still, with the one by which it moved again."""
    still = np.zeros(max(len(polls.raw) - 1, 0), np.bool_)
    if domain.provenance == "model" or polls.are_dated():
        return still
    moved = np.flatnonzero(np.diff(polls.raw) != 0)
    first, last = np.append(0, moved + 1), np.append(moved, len(polls.raw) - 1)
    t_ns = polls.middle_ns()
    usual_ns = float(np.median(np.diff(t_ns[first]))) if len(first) > 3 else 0.0
    limit_ns = max(STILL_NS, STILL_PERIODS * max(usual_ns, float(domain.period_ns or 0)))
    for row in np.flatnonzero(t_ns[last] - t_ns[first] > limit_ns).tolist():
        still[first[row] : last[row] + 1] = True
    return still


def _stalled(domain: Domain, polls: Polls, rise: Ints) -> Flags:
    """Return the steps during which a counter on a grid missed updates and did not catch up, as for `_still`.

    The power around says what it would have counted. If the step by which it moves again holds that, it is one long
    window; if not, or if that may as well be a single update, the energy is unknown.
    """
    stalled = np.zeros(len(rise), np.bool_)
    moved = np.flatnonzero(rise != 0)
    if domain.provenance == "model" or polls.are_dated() or every_poll_is_fresh(domain, polls) or len(moved) < 2:
        return stalled
    low, high = polls.before_ns[moved], polls.after_ns[moved + 1]
    grid = fit_grid(low, high, domain.period_ns) or fit_grid(low, high, None)
    if grid is None:
        return stalled
    t_ns = polls.middle_ns()[moved + 1]
    value = np.cumsum(np.maximum(rise, 0))[moved]
    stood_ns = polls.middle_ns()[moved[1:]] - t_ns[:-1] + polls.interval_ns()
    for row in np.flatnonzero(stood_ns > max(STALL_PERIODS * grid.period_ns, STALL_NS)).tolist():
        first, last = max(row - AROUND, 0), min(row + 1 + AROUND, len(moved) - 1)
        sides = ((first, row), (row + 1, last))
        around = [(value[b] - value[a]) / (t_ns[b] - t_ns[a]) for a, b in sides if b > a]
        if not around or min(around) * stood_ns[row] < SURE_UNITS:
            continue
        caught_up = max(
            CAUGHT_UP * min(around) * (t_ns[row + 1] - t_ns[row]), TWO_UPDATES * max(around) * grid.period_ns
        )
        if rise[moved[row + 1]] < caught_up:
            stalled[moved[row] + 1 : moved[row + 1] + 1] = True
    return stalled
