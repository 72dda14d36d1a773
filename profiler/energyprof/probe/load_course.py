"""The course of a probe's load: how much of the device it kept busy at each instant, planned and as it really went.

A square wave whose half-periods change all the time: some that beat with the sensor's update period, for averaging
windows shorter than it show only in readings that hold an edge (Yang et al., SC'24, arXiv 2312.02741, find the window
by such aliasing, at 1/2, 2/3, 3/4, 4/5, 6/5, 5/4 and 4/3 of the period), and some so long that a window of a second
is filled and emptied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from energyprof.model.span import Floats

BEATS = (1 / 2, 2 / 3, 3 / 4, 4 / 5, 6 / 5, 5 / 4, 4 / 3)
"""Periods of the square wave, as parts of the sensor's."""
SLOW_NS = (130_000_000, 310_000_000, 730_000_000, 1_270_000_000)
"""Half-periods for windows longer than the sensor's period."""
SHORTEST_NS = 8_000_000
"""Of a half-period: a process is put to sleep and woken within a tenth of it."""
USUAL_PERIOD_NS = 100_000_000


def planned(period_ns: float | None, duration_ns: int) -> tuple[tuple[int, int], ...]:
    """Return when the load is on, as (start, end) in ns since the probe's start, for a sensor of this period."""
    period = USUAL_PERIOD_NS if period_ns is None else period_ns
    halves = [max(SHORTEST_NS, round(period * beat / 2)) for beat in BEATS]
    stretches: list[tuple[int, int]] = []
    at, turn = SHORTEST_NS, 0
    while at < duration_ns:
        # A slow turn, then quick ones for about as long; each time from another beat on.
        slow = SLOW_NS[turn % len(SLOW_NS)]
        quick: list[int] = []
        while sum(quick) < slow:
            quick.append(halves[(turn + len(quick)) % len(halves)])
        quick += quick[: len(quick) % 2]  # as many pauses as loads
        for on, off in zip((slow, *quick[::2]), (slow, *quick[1::2]), strict=True):
            if at + on > duration_ns:
                return tuple(stretches)
            stretches.append((at, at + on))
            at += on + off
        turn += 1
    return tuple(stretches)


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """The part of the device kept busy, 0..1, as a step function; 0 before the first instant, `level[-1]` after."""

    t_ns: Floats
    level: Floats

    @staticmethod
    def of(workers: Sequence[Sequence[tuple[int, int]]], origin_ns: int) -> Course:
        """Return the course that these workers' stretches of work (start, end) make together, since `origin_ns`."""
        edges = [
            (t_ns - origin_ns, sign)
            for work in workers
            for pair in work
            for t_ns, sign in ((pair[0], 1), (pair[1], -1))
        ]
        if not edges:
            return Course(np.zeros(1), np.zeros(1))
        table = np.array(sorted(edges), np.float64)
        return Course(table[:, 0], np.cumsum(table[:, 1]) / max(1, len(workers)))

    def until(self, t_ns: Floats) -> Floats:
        """Return the integral of the level up to each instant, in ns."""
        done = np.append(0.0, np.cumsum(self.level[:-1] * np.diff(self.t_ns)))
        at = np.searchsorted(self.t_ns, t_ns, "right") - 1
        inside = np.maximum(at, 0)
        return np.where(at >= 0, done[inside] + self.level[inside] * (t_ns - self.t_ns[inside]), 0.0)

    def decayed(self, t_ns: Floats, constant_ns: float) -> Floats:
        """Return the level as a sensor shows it that follows with a time constant (first-order low-pass)."""
        kept = np.exp(-np.diff(self.t_ns) / constant_ns).tolist()
        reached = [0.0]
        for part, level in zip(kept, self.level[:-1].tolist(), strict=True):
            reached.append(reached[-1] * part + level * (1 - part))
        state = np.array(reached)
        at = np.searchsorted(self.t_ns, t_ns, "right") - 1
        inside = np.maximum(at, 0)
        kept_now = np.exp(-np.maximum(t_ns - self.t_ns[inside], 0.0) / constant_ns)
        return np.where(at >= 0, state[inside] * kept_now + self.level[inside] * (1 - kept_now), 0.0)
