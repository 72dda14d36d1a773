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

from dataclasses import dataclass

import numpy as np

from energyprof.attribute.cpu_time import CpuTimes
from energyprof.attribute.measure import Measure, within
from energyprof.attribute.occupancy import Bins, occupancy
from energyprof.attribute.segments import Segments
from energyprof.attribute.threads import thread_of_lanes
from energyprof.attribute.timeline import Timeline
from energyprof.attribute.weights import Cells
from energyprof.model.span import Floats, Lanes


@dataclass(frozen=True, slots=True, eq=False)
class CpuShares:
    """What dividing by CPU time needs to know of a run, whatever the domain."""

    threads: tuple[tuple[int, Measure | None, Segments], ...]
    """pid, CPU time and segments of each thread with spans.

    Threads that were never read stand together, their CPU time None: running counts as on CPU.
    """
    times: CpuTimes
    line: Timeline

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
                known.append((pid, measure))
            group[lane] = number[which]
        on = group[segments.lane]
        order = np.argsort(on, kind="stable")
        bounds = np.searchsorted(on[order], np.arange(len(known) + 1)).tolist()
        threads = [
            (pid, measure, segments.at(order[bounds[k] : bounds[k + 1]]))
            for k, (pid, measure) in enumerate(known)
            if bounds[k + 1] > bounds[k]
        ]
        return CpuShares(tuple(threads), times, line)

    def weights(self, cells: Cells, start_ns: Floats, end_ns: Floats) -> Floats:
        """Return the CPU time each cell of the windows [start, end] stands for; a window may have none at all."""
        bins = Bins.of(start_ns, end_ns)
        weight = np.zeros(len(cells.window))
        outside, others = np.zeros(cells.windows), np.zeros(cells.windows)
        for pid in sorted({*self.times.processes, *(pid for pid, _, _ in self.threads)}):
            own = self._own(pid, cells, bins)
            claimed = cells.per_window(own)
            idle = np.zeros(cells.windows)
            for measure in self.times.processes.get(pid, ()):
                idle += within(measure, self.line.idle, start_ns, end_ns)
            rest = np.maximum(self.times.of_process(pid, start_ns, end_ns) - claimed - idle, 0.0)
            weight += own * (1 + _ratio(rest, claimed))[cells.window]
            rest[claimed > 0] = 0.0
            others += self._waiting(pid, cells, bins, rest, weight)
            outside += idle
        for pid, measure in self.times.children.items():
            unstaged = within(measure, self.line.idle, start_ns, end_ns)
            staged = np.maximum(measure.at(end_ns) - measure.at(start_ns) - unstaged, 0.0)
            others += self._waited_for(pid, cells, bins, staged, weight)
            outside += unstaged
        claimed = cells.per_window(weight)
        weight *= (1 + _ratio(others, claimed))[cells.window]
        others[claimed > 0] = 0.0
        is_stage = cells.stage < cells.stages
        weight += _spread(cells, others, np.where(is_stage, cells.time_ns, 0.0))
        return np.where(is_stage, weight, outside[cells.window])

    def _own(self, pid: int, cells: Cells, bins: Bins) -> Floats:
        own = np.zeros(len(cells.window))
        for of_pid, measure, run in self.threads:
            if of_pid == pid:
                cells.add(own, occupancy(run, bins, cells.stages + 1, measure))
        return own

    def _waiting(self, pid: int, cells: Cells, bins: Bins, rest: Floats, weight: Floats) -> Floats:
        """Credit `rest` to the process's open stages by time, adding to `weight`; return what finds none open."""
        if not rest.any():
            return rest
        time = self._open(pid, cells, bins)
        weight += _spread(cells, rest, time)
        return np.where(cells.per_window(time) > 0, 0.0, rest)

    def _waited_for(self, pid: int, cells: Cells, bins: Bins, used: Floats, weight: Floats) -> Floats:
        """Credit `used` by children to the stages of `pid` that did not run; return what finds none open."""
        if not used.any():
            return used
        time = self._open(pid, cells, bins)
        still = np.maximum(time - self._own(pid, cells, bins), 0.0)
        still = np.where(cells.per_window(still)[cells.window] > 0, still, time)
        weight += _spread(cells, used, still)
        return np.where(cells.per_window(time) > 0, 0.0, used)

    def _open(self, pid: int, cells: Cells, bins: Bins) -> Floats:
        """Return how long the process's threads had each cell's stage open, each thread by itself."""
        time = np.zeros(len(cells.window))
        for of_pid, _, run in self.threads:
            if of_pid == pid:
                cells.add(time, occupancy(run, bins, cells.stages + 1))
        return time


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0)


def _spread(cells: Cells, amount: Floats, by: Floats) -> Floats:
    """Return `amount` of each window divided over its cells in proportion to `by`; nothing where `by` is all 0."""
    return by * _ratio(amount, cells.per_window(by))[cells.window]
