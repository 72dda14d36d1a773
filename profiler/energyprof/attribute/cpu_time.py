"""CPU time of threads and processes as measures of time, from the collector's reads of their counters.

Between two reads the time is spread evenly. A counter that did not change has no row, so that a row after a long
silence stands for CPU time used since the poll just before it, not since the last row. Beyond the last poll a thread
goes on as it was last seen to: who slept sleeps on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from energyprof.attribute.measure import Measure
from energyprof.attribute.own_cpu import is_own, own_measures, united, without
from energyprof.model.ids import UNSEEN_CHILDREN
from energyprof.model.power import ThreadCpu
from energyprof.model.span import Flags, Floats, Lanes

_FAR_NS = 1e15


@dataclass(frozen=True, slots=True, eq=False)
class CpuTimes:
    """Measures by (pid, tid) of threads and by pid of whole processes."""

    threads: Mapping[tuple[int, int], Measure]
    processes: Mapping[int, tuple[Measure, ...]]
    """The process's own counter, or where there is none those of its threads, to be added up."""
    children: Mapping[int, Measure]
    """By pid of the process that waited for them, children that ended before they were seen."""

    def of_process(self, pid: int, start_ns: Floats, end_ns: Floats) -> Floats:
        """Return the CPU time that the whole process used in each interval."""
        used = np.zeros(len(start_ns))
        for measure in self.processes.get(pid, ()):
            used += measure.at(end_ns) - measure.at(start_ns)
        return used

    def of_all(self, start_ns: Floats, end_ns: Floats) -> Floats:
        """Return the CPU time that the whole program used in each interval."""
        used = np.zeros(len(start_ns))
        for pid in self.processes:
            used += self.of_process(pid, start_ns, end_ns)
        for measure in self.children.values():
            used += measure.at(end_ns) - measure.at(start_ns)
        return used

    def unread(self, pid: int) -> Measure | None:
        """Return what any thread of a process that was never read used at most; None: nobody knows."""
        whole = self.processes.get(pid, ())
        parts = [measure for (of_pid, _), measure in self.threads.items() if of_pid == pid]
        if len(whole) != 1 or any(whole[0] is part for part in parts):
            return None
        return _left(whole[0], parts)


def cpu_times(cpu: ThreadCpu, origin_ns: int, lanes: Lanes | None = None) -> CpuTimes:
    """Return the CPU times of all threads and processes read; times in ns since the start of the run.

    `lanes` tell who made whom, for children that read themselves.
    """
    own = is_own(cpu)
    if not own.any():
        return _read_outside(cpu, origin_ns)
    read = _read_outside(_picked(cpu, ~own), origin_ns)
    threads, whole = own_measures(_picked(cpu, own), origin_ns)
    met = {pid for pid, measures in read.processes.items() if len(measures) == 1}
    unmet = {pid: found for pid, found in whole.items() if pid not in met}
    return CpuTimes(
        {**read.threads, **{key: united(read.threads.get(key), measure) for key, measure in threads.items()}},
        {
            **read.processes,
            **{pid: (united(read.processes[pid][0] if pid in met else None, one),) for pid, (_, one) in whole.items()},
        },
        without(read.children, unmet, lanes),
    )


def _picked(cpu: ThreadCpu, rows: Flags) -> ThreadCpu:
    return ThreadCpu(cpu.pid[rows], cpu.tid[rows], cpu.t_ns[rows], cpu.cpu_ns[rows])


def _read_outside(cpu: ThreadCpu, origin_ns: int) -> CpuTimes:
    """Return what the collector read."""
    if not len(cpu):
        return CpuTimes({}, {}, {})
    first = np.flatnonzero(np.append(True, (np.diff(cpu.pid) != 0) | (np.diff(cpu.tid) != 0)))
    bounds = np.append(first, len(cpu))
    t, used = (cpu.t_ns - origin_ns).astype(np.float64), cpu.cpu_ns.astype(np.float64)
    longest = int(np.argmax(np.diff(bounds)))
    poll = np.diff(t[bounds[longest] : bounds[longest + 1]])
    poll_ns = float(np.median(poll)) if len(poll) else 0.0
    end_ns = float(t.max())
    polls = np.unique(t)
    threads: dict[tuple[int, int], Measure] = {}
    whole: dict[int, tuple[Measure, ...]] = {}
    parts: dict[int, tuple[Measure, ...]] = {}
    children: dict[int, Measure] = {}
    for low, high in pairwise(bounds.tolist()):
        pid, tid = int(cpu.pid[low]), int(cpu.tid[low])
        # What children had used by then goes on with nobody beyond the last poll.
        goes_on_ns = np.inf if tid == UNSEEN_CHILDREN else end_ns
        measure = _measure(t[low:high], used[low:high], poll_ns, goes_on_ns, polls)
        if tid == UNSEEN_CHILDREN:
            children[pid] = measure
        elif tid:
            threads[pid, tid] = measure
            parts[pid] = (*parts.get(pid, ()), measure)
        else:
            whole[pid] = (measure,)
    return CpuTimes(threads, {**parts, **whole}, children)


def _measure(t: Floats, used: Floats, poll_ns: float, end_ns: float, polls: Floats) -> Measure:
    """Return the curve through reads; `polls`: when anything was read, ascending."""
    step = np.diff(used, prepend=0.0)
    previous = np.append(-_FAR_NS, t[:-1])
    # A poll may come late, as the first one does: of the time before it nothing more is known.
    before = np.append(-_FAR_NS, polls)[np.searchsorted(polls, t - poll_ns / 2, "right")]
    before[before < polls[0]] = t[before < polls[0]]
    at_most = np.minimum(t - np.maximum(poll_ns, step), before)  # nobody uses more than the time there was
    since = np.maximum(at_most, previous)
    silent = t - previous > 1.5 * max(poll_ns, 1.0)
    point = np.concatenate((t, since[silent]))
    value = np.concatenate((used, (used - step)[silent]))
    order = np.argsort(point, kind="stable")
    point, value = point[order], value[order]
    if end_ns - t[-1] > 1.5 * poll_ns:
        return Measure(point, value)
    rate = 1.0 if len(t) < 2 else min(step[-1] / (t[-1] - since[-1]), 1.0)  # of one never seen to do anything: it runs
    return Measure(np.append(point, t[-1] + _FAR_NS), np.append(value, used[-1] + rate * _FAR_NS))


def _left(whole: Measure, parts: Sequence[Measure]) -> Measure:
    """Return what of `whole` the parts do not explain; reads that are apart in time make it wait, never go back."""
    point = np.concatenate([whole.point_ns, *(part.point_ns for part in parts)])
    turn = np.concatenate([_turns(whole), *(-_turns(part) for part in parts)])
    order = np.argsort(point, kind="stable")
    point, slope = point[order], np.cumsum(turn[order])
    step = np.diff(point)
    value = np.maximum.accumulate(np.append(0.0, np.cumsum(slope[:-1] * step)))
    return Measure(point, np.append(0.0, np.cumsum(np.minimum(np.diff(value), step))))


def _turns(measure: Measure) -> Floats:
    """Return by how much the slope changes at each point."""
    step = np.diff(measure.point_ns)
    slope = np.where(step > 0, np.diff(measure.value) / np.where(step > 0, step, 1.0), 0.0)
    return np.diff(slope, prepend=0.0, append=0.0)
