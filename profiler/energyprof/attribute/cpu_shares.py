"""Dividing by CPU time: what lanes used in their stages, what pools and other processes used for them.

In a window let c_k be the CPU time that the lanes of process p had in stage k, and r_p the rest of that process: its
own counter minus the sum of c and minus what it used while no stage was open anywhere. Threads without spans (a BLAS
pool) make up r_p and credit the stages open, in proportion: stage k weighs c_k * (1 + r_p / sum of c). Where the sum
of c is 0 (all lanes waited for the pool) the stages open share r_p by time. Processes of the tree without a stage
open spread their CPU time over all stages in the same way. Time outside weighs the CPU time of the whole tree in it.

Children of p that ended unseen credit the stages of p by the time for which they did not run: somebody waited for
those children, and who waits for a child does not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from energyprof.attribute.cpu_time import CpuTimes
from energyprof.attribute.measure import Inside, Measure
from energyprof.attribute.occupancy import Bins, occupancy
from energyprof.attribute.segments import Segments
from energyprof.attribute.threads import thread_of_lanes
from energyprof.attribute.timeline import Timeline
from energyprof.attribute.weights import Cells
from energyprof.model.span import Floats, Ints, Lanes


class Seen(Protocol):
    """What the lanes of a process (pid) had of each cell, in ns."""

    def own_ns(self, pid: int) -> Floats:
        """Return the CPU time they used."""
        ...

    def open_ns(self, pid: int) -> Floats:
        """Return how long they had the cell's stage open, each thread by itself."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class CpuShares:
    """What dividing by CPU time needs to know of a run, whatever the domain."""

    threads: tuple[tuple[int, Measure | None, Segments], ...]
    """pid, CPU time and segments of each thread with spans.

    Threads that were never read stand together; each used at most what those read leave of their process. Where even
    that is not known their CPU time is None: running counts as on CPU.
    """
    times: CpuTimes
    idle: Mapping[int, tuple[Inside, ...]]
    """By pid what the process used while no stage was open anywhere."""
    idle_of_children: Mapping[int, Inside]
    of_lane: Ints
    """Which of the threads each lane runs on; one more, for no lane (-1): -1."""

    @staticmethod
    def of(segments: Segments, lanes: Lanes, times: CpuTimes, line: Timeline) -> CpuShares:
        """Sort the segments by the thread they ran on."""
        group = np.zeros(len(lanes), np.int64)
        known: list[tuple[int, Measure | None]] = []
        number: dict[tuple[int, int], int] = {}
        for lane, host in enumerate(thread_of_lanes(lanes).tolist()):
            pid, tid = int(lanes.pid[host]), int(lanes.tid[host])
            measure = times.threads.get((pid, tid))
            which = (pid, tid if measure is not None else -1)
            if which not in number:
                number[which] = len(known)
                known.append((pid, times.unread(pid) if measure is None else measure))
            group[lane] = number[which]
        there = np.flatnonzero(np.bincount(group[segments.lane], minlength=1))
        of_group = np.full(len(known) + 1, -1, np.int64)
        of_group[there] = np.arange(len(there))
        of_lane = of_group[np.append(group, len(known))]
        threads = [(*known[k], segments) for k in there.tolist()]
        if len(there) > 1:
            on = of_lane[segments.lane].astype(np.int16 if len(there) < 1 << 15 else np.int64)  # short ones sort faster
            order = np.argsort(on, kind="stable")
            bounds = np.append(0, np.cumsum(np.bincount(on)))
            threads = [
                (pid, measure, segments.at(order[bounds[k] : bounds[k + 1]]))
                for k, (pid, measure, _) in enumerate(threads)
            ]
        return CpuShares(
            tuple(threads),
            times,
            {pid: tuple(Inside.of(one, line.idle) for one in many) for pid, many in times.processes.items()},
            {pid: Inside.of(one, line.idle) for pid, one in times.children.items()},
            of_lane,
        )

    def pids(self) -> tuple[int, ...]:
        """Return the processes whose lanes had segments; one is made up where there are none."""
        return tuple(dict.fromkeys(pid for pid, _, _ in self.threads)) or (0,)

    def weights(self, cells: Cells, start_ns: Floats, end_ns: Floats) -> Floats:
        """Return the CPU time each cell of the windows [start, end] stands for; a window may have none at all."""
        return self.credited(cells, start_ns, end_ns, _Swept(self, cells, Bins.of(start_ns, end_ns)))

    def credited(self, cells: Cells, start_ns: Floats, end_ns: Floats, seen: Seen) -> Floats:
        """Return the same from what lanes were seen to use."""
        weight = np.zeros(len(cells.window))
        outside, others = np.zeros(cells.windows), np.zeros(cells.windows)
        for pid in sorted({*self.times.processes, *(pid for pid, _, _ in self.threads)}):
            own = seen.own_ns(pid)
            claimed = cells.per_window(own)
            idle = np.zeros(cells.windows)
            for inside in self.idle.get(pid, ()):
                idle += inside.between(start_ns, end_ns)
            rest = np.maximum(self.times.of_process(pid, start_ns, end_ns) - claimed - idle, 0.0)
            weight += own * (1 + _ratio(rest, claimed))[cells.window]
            rest[claimed > 0] = 0.0
            if rest.any():
                others += _waiting(cells, rest, seen.open_ns(pid), weight)
            outside += idle
        for pid, measure in self.times.children.items():
            unstaged = self.idle_of_children[pid].between(start_ns, end_ns)
            staged = np.maximum(measure.at(end_ns) - measure.at(start_ns) - unstaged, 0.0)
            if staged.any():
                others += _waited_for(cells, staged, (seen.open_ns(pid), seen.own_ns(pid)), weight)
            outside += unstaged
        claimed = cells.per_window(weight)
        weight *= (1 + _ratio(others, claimed))[cells.window]
        others[claimed > 0] = 0.0
        is_stage = cells.stage < cells.stages
        weight += _spread(cells, others, np.where(is_stage, cells.time_ns, 0.0))
        return np.where(is_stage, weight, outside[cells.window])


@dataclass(frozen=True, slots=True, eq=False)
class _Swept:
    """What lanes used and had open in cells, swept over their segments."""

    shares: CpuShares
    cells: Cells
    bins: Bins

    def own_ns(self, pid: int) -> Floats:
        own = np.zeros(len(self.cells.window))
        for of_pid, measure, run in self.shares.threads:
            if of_pid == pid:
                self.cells.add(own, occupancy(run, self.bins, self.cells.stages + 1, measure))
        return own

    def open_ns(self, pid: int) -> Floats:
        time = np.zeros(len(self.cells.window))
        for of_pid, _, run in self.shares.threads:
            if of_pid == pid:
                self.cells.add(time, occupancy(run, self.bins, self.cells.stages + 1))
        return time


def _waiting(cells: Cells, rest: Floats, open_ns: Floats, weight: Floats) -> Floats:
    """Credit `rest` to a process's open stages by time, adding to `weight`; return what finds none open."""
    weight += _spread(cells, rest, open_ns)
    return np.where(cells.per_window(open_ns) > 0, 0.0, rest)


def _waited_for(cells: Cells, used: Floats, of_parent: tuple[Floats, Floats], weight: Floats) -> Floats:
    """Credit `used` by children to the stages of their parent that did not run; return what finds none open."""
    open_ns, own_ns = of_parent
    still = np.maximum(open_ns - own_ns, 0.0)
    still = np.where(cells.per_window(still)[cells.window] > 0, still, open_ns)
    weight += _spread(cells, used, still)
    return np.where(cells.per_window(open_ns) > 0, 0.0, used)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0)


def _spread(cells: Cells, amount: Floats, by: Floats) -> Floats:
    """Return `amount` of each window divided over its cells in proportion to `by`; nothing where `by` is all 0."""
    return by * _ratio(amount, cells.per_window(by))[cells.window]
