"""Who carries the baseline of a CPU: lanes open at once do, each by the part of the time for which its thread ran.

With r_i(t) that part, as far as the collector's reads tell it, a lane carries r_i / (sum of r) of each instant: one
whose thread sleeps beside one that works carries next to nothing, as a suspended coroutine carries nothing. Where next
to nobody runs, all n carry 1/n. r is counted in whole numbers, so that its sum is exact whoever comes and goes, and is
at least 1: a stage that waits stays known as open, for what a pool or a child spends on its behalf.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.attribute.baseline import AT_REST
from energyprof.attribute.cpu_shares import CpuShares
from energyprof.attribute.intervals import ranges
from energyprof.attribute.measure import Measure
from energyprof.attribute.segments import Segments
from energyprof.model.span import Floats, Ints

RUNNING = 1 << 20
"""What a thread counts that runs all the time; one that sleeps counts 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """What time weighs for the lanes of one thread: F(t), as a Measure has it, the integral of what they carry."""

    rate: Rate
    running: Measure
    """Integral of 1 / (sum of r) over the time in which somebody ran."""
    asleep: Measure
    """Integral of 1/n over the time in which nobody did."""
    done: Floats
    """What the thread carried running by the begin of each rate; `begin`: `running` there."""
    begin: Floats

    @staticmethod
    def of(rate: Rate, running: Measure, asleep: Measure) -> Carried:
        """Add up the stretches of equal rate."""
        begin = running.at(np.append(running.point_ns[:1], rate.point_ns))
        done = np.append(0.0, np.cumsum(rate.runs[:-1] * np.diff(begin)))
        return Carried(rate, running, asleep, done, begin)

    def at(self, t_ns: Floats) -> Floats:
        """Return F at each of `t_ns`."""
        row = np.searchsorted(self.rate.point_ns, t_ns, "right")
        since = self.running.at(t_ns) - self.begin[row]
        return self.done[row] + self.rate.runs[row] * since + self.asleep.at(t_ns)


@dataclass(frozen=True, slots=True, eq=False)
class Rate:
    """How much a thread counts, 1 to RUNNING: `runs[k]` before point k, the last one beyond all of them."""

    point_ns: Floats
    runs: Ints

    @staticmethod
    def of(measure: Measure | None) -> Rate:
        """Return the rate of a thread; None: running counts as on CPU."""
        if measure is None:
            return Rate(np.zeros(0), np.array([RUNNING]))
        step = np.diff(measure.point_ns)
        part = np.where(step > 0, np.diff(measure.value) / np.where(step > 0, step, 1.0), 0.0)
        runs = np.clip(np.rint(part * RUNNING), 1, RUNNING).astype(np.int64)
        return Rate(measure.point_ns, np.concatenate(([1], runs, [1])))

    def steps(self, start_ns: Floats, end_ns: Floats) -> tuple[Floats, Ints, Ints]:
        """Return when r and the lanes busy change where the thread's are busy in these, and each by how much."""
        first = np.searchsorted(self.point_ns, start_ns, "right")
        count = np.maximum(np.searchsorted(self.point_ns, end_ns, "left") - first, 0)
        within = ranges(first, count)
        change = self.runs[within + 1] - self.runs[within]
        one = np.ones(len(start_ns), np.int64)
        return (
            np.concatenate((start_ns, self.point_ns[within], end_ns)),
            np.concatenate((self.runs[first], change, -self.runs[first + count])),
            np.concatenate((one, np.zeros(len(within), np.int64), -one)),
        )


def carried(busy: Segments, shares: CpuShares) -> tuple[Carried, ...]:
    """Return what time weighs for each thread of `shares`; lanes have a stage open in `busy`, disjoint on each."""
    rates = [Rate.of(measure) for _, measure, _ in shares.threads]
    thread = shares.of_lane[busy.lane]
    order = np.argsort(thread, kind="stable")
    bounds = np.searchsorted(thread[order], np.arange(len(rates) + 1))
    steps = []
    for number, rate in enumerate(rates):
        mine = order[bounds[number] : bounds[number + 1]]
        steps.append(rate.steps(busy.start_ns[mine], busy.end_ns[mine]))
    at, runs, lanes = (np.concatenate(column) for column in zip(*steps, strict=True))
    order = np.argsort(at, kind="stable")
    at, runs, lanes = at[order], np.cumsum(runs[order]), np.cumsum(lanes[order])
    last = np.flatnonzero(np.append(at[1:] != at[:-1], True))  # of several changes at one instant what follows counts
    at, runs, lanes = at[last], runs[last][:-1], lanes[last][:-1]
    step = np.diff(at)
    is_rest = runs - lanes <= AT_REST * RUNNING
    running = np.where(is_rest, 0.0, step / np.maximum(runs, 1))
    asleep = np.where(is_rest & (lanes > 0), step / np.maximum(lanes, 1), 0.0)
    whole = Measure(at, np.append(0.0, np.cumsum(running)))
    turns = np.append(asleep > 0, False) | np.append(True, asleep > 0)  # elsewhere it stays as it is
    rest = Measure(at[turns], np.append(0.0, np.cumsum(asleep))[turns])
    return tuple(Carried.of(rate, whole, rest) for rate in rates)
