"""What a stage may have spent in windows that it was not in: their edges may lie where it was.

A window's edges are known to `edge_ns`. If the true edge lies earlier than it stands, the window holds some of what
came before. A stage that was in the margin for m of the t that it had of the neighbour (energies above the baseline: E
of the window, F of the neighbour) spent at most E + F in those t, and so in the window at most

    min(E, m / t * (E + F))

which holds for steady power within t. Where edges are more uncertain than windows are long, windows some places away
may hold nothing but its energy, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.attribute.sums import sum_by
from energyprof.model.span import Flags, Floats, Index, Ints

_NOT_YET = 0.25
"""Parts of a window by which edges may be more uncertain than half a window (three quarters: whole numbers of them)."""


@dataclass(frozen=True, slots=True, eq=False)
class There:
    """Who was in which window or margin, and for how long; ascending by place, then who."""

    who: Ints | Index
    place: Ints
    time_ns: Floats


def reach(edge_ns: float, duration_ns: Floats) -> int:
    """Return over how many whole windows an edge may lie away, beside its own margins of half a window."""
    usual = float(np.median(duration_ns)) if len(duration_ns) else 0.0
    return int(edge_ns / usual + _NOT_YET) if usual > 0 else 0


def spilled_j(  # noqa: PLR0913, PLR0917 - windows, their edges, and who was there
    dynamic_j: Floats, left: Ints, right: Ints, windows: There, margins: There, count: int, away: int
) -> Floats:
    """Return by who (0 .. count-1) the most that windows without them may hold of theirs."""
    key = windows.place * count + windows.who
    if away:
        return _of_neighbours(dynamic_j, windows, key, count, away)
    edges = int(max(left.max(initial=0), right.max(initial=0))) + 1
    begun_by, ended_by = np.full(edges, -1), np.full(edges, -1)
    begun_by[left], ended_by[right] = np.arange(len(left)), np.arange(len(right))
    most = np.zeros(count)
    for window, beside in ((begun_by, ended_by), (ended_by, begun_by)):
        at = window[margins.place]
        rows = np.flatnonzero(at >= 0)
        rows = rows[~_found(key, at[rows] * count + margins.who[rows])[1]]
        who, at, other = margins.who[rows], at[rows], beside[margins.place[rows]]
        row, was_there = _found(key, other * count + who)
        was_there &= other >= 0
        # Of a gap nothing is known: who was there may have spent all of it.
        time = np.where(was_there, windows.time_ns[row] if len(key) else 0.0, 0.0)
        both = dynamic_j[at] + np.where(was_there, dynamic_j[other], 0.0)
        part = np.where(time > 0, margins.time_ns[rows] / np.where(time > 0, time, 1.0), np.inf)
        reached = np.where(time > 0, np.where(time > 0, part, 0.0) * both, np.inf)
        most += sum_by(who, np.minimum(dynamic_j[at], reached), count)
    return most


def _of_neighbours(dynamic_j: Floats, windows: There, key: Ints, count: int, away: int) -> Floats:
    beyond = [shift for step in range(1, away + 2) for shift in (-step, step)]
    place = np.concatenate([windows.place + shift for shift in beyond])
    who = np.tile(windows.who, len(beyond))
    inside = (place >= 0) & (place < len(dynamic_j))
    new = np.unique(place[inside] * count + who[inside])
    new = new[~_found(key, new)[1]]
    return sum_by(new % count, dynamic_j[new // count], count)


def _found(key: Ints, wanted: Ints) -> tuple[Ints, Flags]:
    """Return the rows of ascending keys at which the wanted ones stand, and whether they do."""
    if not len(key):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    row = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    return row, key[row] == wanted
