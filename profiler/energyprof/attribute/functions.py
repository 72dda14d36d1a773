"""The energy of functions: what each stage spent itself, and what was spent outside, divided among their samples.

A sample stands for the time since its process was looked at before. Let e_wk be what stage k has of window w. The
samples in k that lie in w divide it by the CPU time of their threads there, the baseline within a thread by time, and
where next to nobody ran all of it by time (a device's energy always); what a sample gets goes to its innermost
function. Where k has energy in windows without a sample of its own, although its process was being looked at (k is
shorter than the period), that part is divided as the rest of k's. What was spent while nobody looked is left out:
functions add up to less then, never to more; so is what a thread spent in which nobody looked at it, though at others
(unseen.py): they do not divide it. CPU times are read every 20 to 40 ms: functions that take turns faster than that
share a window evenly.

The interval is that of a proportion (Wilson 1927, 95 %) with as many trials as the samples' weights are worth (Kish:
the square of their sum over the sum of their squares), times the relative interval of the stage, or the model's error.
Sampling at a fixed period does better than that, so it is on the safe side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.attribute.baseline import AT_REST
from energyprof.attribute.cpu_time import CpuTimes
from energyprof.attribute.intervals import ranges
from energyprof.attribute.ledger import MICRO
from energyprof.attribute.measure import Measure, within
from energyprof.attribute.sampled import Sampled
from energyprof.attribute.split import Problem
from energyprof.attribute.sums import sum_by
from energyprof.model.attribution import PROVENANCES, EnergyColumns, FunctionEnergy
from energyprof.model.domain import Domain
from energyprof.model.span import Floats, Ints

Z_95 = 1.96
BESIDE = 1e-6
"""Weight of a thread beside the main one where nobody used CPU time: it counts if the main thread is elsewhere."""
_MODEL = PROVENANCES.index("estimated (model)")
_INFERRED = PROVENANCES.index("inferred")


def function_energy(  # noqa: PLR0913, PLR0917 - samples, what they divide and by what
    seen: Sampled,
    domain: Domain,
    problem: Problem,
    stages: EnergyColumns,
    cpu: CpuTimes | None,
    scale: Floats,
    *,
    is_idle_known: bool,
) -> FunctionEnergy:
    """Return the energy of each row of the function table; `cpu`: CPU times where they divide this domain's energy.

    `scale`: by stage, last the time outside, its energy relative to what the problem's shares give it.
    """
    amount, idle = _per_sample(seen, problem, cpu)
    given = np.append(~stages.refused, True)  # a stage that cannot be told apart has nothing to be divided
    amount = np.where(given[seen.stage], amount * scale[seen.stage], 0.0)
    idle = np.minimum(idle, amount)
    count = seen.stages + 1
    whole = sum_by(seen.stage, amount, count)
    trials = _ratio(whole**2, sum_by(seen.stage, amount**2, count))
    entries = len(seen.table.functions)
    own, total = _with_called(seen, amount, entries)
    at = np.where(seen.table.stage < 0, seen.stages, seen.table.stage)
    below, above = _stage_error(domain, stages)
    case = _Case(whole[at], trials[at], below[at], above[at])
    energy, low, high = case.interval(own)
    total_energy, total_low, total_high = case.interval(total)
    provenance = _MODEL if domain.provenance == "model" else _INFERRED
    per_stack = np.floor(sum_by(seen.stack, amount, len(seen.table.stack_node)) * MICRO) / MICRO
    own_idle, total_idle = (
        np.floor(part * MICRO) / MICRO if is_idle_known else None for part in _with_called(seen, idle, entries)
    )
    return FunctionEnergy(
        energy, low, high, total_energy, total_low, total_high, provenance, per_stack, own_idle, total_idle
    )


def _with_called(seen: Sampled, amount: Floats, entries: int) -> tuple[Floats, Floats]:
    """Return what samples stand for by function: of itself, and with all it called."""
    total = np.zeros(entries)
    for row, entry in seen.above:
        total += sum_by(entry, amount[row], entries)
    return sum_by(seen.entry, amount, entries), total


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """Per row of the function table what its interval rests on, all of the row's stage."""

    whole_j: Floats
    trials: Floats
    below: Floats
    above: Floats
    """Factors from the energy to its bounds."""

    def interval(self, part_j: Floats) -> tuple[Floats, Floats, Floats]:
        """Return parts of the whole with their bounds, in whole microjoules."""
        share = np.clip(_ratio(part_j, self.whole_j), 0.0, 1.0)
        trials = np.maximum(self.trials, 1.0)
        scale = 1 + Z_95**2 / trials
        middle = (share + Z_95**2 / (2 * trials)) / scale
        half = Z_95 / scale * np.sqrt(share * (1 - share) / trials + Z_95**2 / (4 * trials**2))
        low = np.clip(middle - half, 0.0, share) * self.whole_j * self.below
        high = np.clip(middle + half, share, 1.0) * self.whole_j * self.above
        rounded = np.floor(part_j * MICRO)  # their sum is never more than the whole
        return (
            rounded / MICRO,
            np.minimum(np.floor(low * MICRO), rounded) / MICRO,
            np.maximum(np.ceil(high * MICRO), rounded) / MICRO,
        )


def _stage_error(domain: Domain, stages: EnergyColumns) -> tuple[Floats, Floats]:
    count = len(stages.energy_j) + 1
    if domain.provenance == "model":
        return np.full(count, 1 - domain.gain_error[0]), np.full(count, 1 + domain.gain_error[1])
    spent = stages.energy_j > 0
    safe = np.where(spent, stages.energy_j, 1.0)
    below, above = (np.where(spent, bound / safe, 1.0) for bound in (stages.low_j, stages.high_j))
    return np.append(below, 1.0), np.append(above, 1.0)


def _per_sample(seen: Sampled, problem: Problem, cpu: CpuTimes | None) -> tuple[Floats, Floats]:
    """Return the joules of each sample, and how many of them are idle power."""
    windows, cells = problem.windows, problem.cells
    if not len(windows) or not len(seen):
        return np.zeros(len(seen)), np.zeros(len(seen))
    watched = within(None, _stretches(seen), windows.start_ns, windows.end_ns) / windows.duration_ns()
    if problem.sample is not None:  # between bursts samples are left out, and bursts stand for what they would say
        watched = np.where(problem.sample.between, 1.0, watched)
    dynamic, base = (part * watched[cells.window] for part in _cell_energy(problem))
    there = _There.of(seen)
    looks = _looks(there, windows.start_ns, windows.end_ns)
    key = looks.window * (seen.stages + 1) + there.stage[looks.row]
    known = cells.key()
    cell = np.minimum(np.searchsorted(known, key), len(known) - 1)
    own = np.flatnonzero(known[cell] == key)
    looks, cell = looks.at(own), cell[own]
    by_cpu, by_time = _weights(there, looks, cell, cpu, cells.time_ns)
    idle = sum_by(looks.row, base[cell] * by_time, len(there.stage))
    amount = idle + sum_by(looks.row, dynamic[cell] * by_cpu, len(there.stage))
    missed = np.ones(len(known), np.bool_)
    missed[cell] = False
    lost = sum_by(cells.stage, np.where(missed, dynamic + base, 0.0), seen.stages + 1)
    got = sum_by(there.stage, amount, seen.stages + 1)
    more = (1 + _ratio(lost, got))[seen.stage]
    return amount[: len(seen)] * more, idle[: len(seen)] * more  # what threads spent unseen is no function's


@dataclass(frozen=True, slots=True, eq=False)
class _There:
    """What divides a cell: the samples, then what threads did unseen."""

    start_ns: Floats
    end_ns: Floats
    stage: Ints
    thread: Ints
    """pid << 32 | tid."""
    per_time: Floats
    """What its time weighs where nobody used CPU time."""

    @staticmethod
    def of(seen: Sampled) -> _There:
        """Put the samples and the rest one after another."""
        more = seen.unseen
        pid, tid = np.concatenate((seen.pid, more.pid)), np.concatenate((seen.tid, more.tid))
        beside = np.append(np.full(len(seen), BESIDE), np.zeros(len(more)))
        return _There(
            np.concatenate((seen.start_ns, more.start_ns)),
            np.concatenate((seen.end_ns, more.end_ns)),
            np.concatenate((seen.stage, more.stage)),
            (pid.astype(np.int64) << 32) | tid,
            np.where(pid == tid, 1.0, beside),
        )


def _stretches(seen: Sampled) -> tuple[Floats, Floats]:
    """Return starts and ends of the stretches in which any process was looked at."""
    order = np.argsort(seen.start_ns, kind="stable")
    start, until = seen.start_ns[order], np.maximum.accumulate(seen.end_ns[order])
    begins = np.flatnonzero(np.append(True, start[1:] > until[:-1]))
    return start[begins], until[np.append(begins[1:] - 1, len(until) - 1)]


def _cell_energy(problem: Problem) -> tuple[Floats, Floats]:
    """Return the dynamic energy and the baseline that each stage has of each window; idle is nobody's outside."""
    windows, cells = problem.windows, problem.cells
    dynamic = np.maximum(windows.energy_j - problem.baseline_w * windows.duration_ns() * 1e-9, 0.0)
    base = np.where(cells.stage < cells.stages, problem.baseline_w * cells.time_ns * 1e-9, 0.0)
    return problem.share * dynamic[cells.window], base


@dataclass(frozen=True, slots=True, eq=False)
class _Looks:
    """What samples have of windows: the stretch from start to end."""

    row: Ints
    """The sample."""
    window: Ints
    start_ns: Floats
    end_ns: Floats

    def at(self, rows: Ints) -> _Looks:
        """Return some of them."""
        return _Looks(self.row[rows], self.window[rows], self.start_ns[rows], self.end_ns[rows])


def _looks(seen: _There, start_ns: Floats, end_ns: Floats) -> _Looks:
    """Cut the samples' times at the windows [start, end]."""
    first = np.searchsorted(end_ns, seen.start_ns, "right")
    beyond = np.searchsorted(start_ns, seen.end_ns, "left")
    count = np.maximum(beyond - first, 0)
    row = np.repeat(np.arange(len(seen.stage)), count)
    window = ranges(first, count)
    start = np.maximum(seen.start_ns[row], start_ns[window])
    end = np.minimum(seen.end_ns[row], end_ns[window])
    return _Looks(row, window, start, end).at(np.flatnonzero(end > start))


def _weights(there: _There, looks: _Looks, cell: Ints, cpu: CpuTimes | None, time_ns: Floats) -> tuple[Floats, Floats]:
    """Return which part of its cell's dynamic energy and baseline each look stands for; a cell's add up to 1.

    `time_ns`: of each cell.
    """
    if not len(cell):
        return np.zeros(0), np.zeros(0)
    cells = int(cell.max()) + 1
    time = (looks.end_ns - looks.start_ns) * there.per_time[looks.row]
    by_time = _ratio(time, sum_by(cell, time, cells)[cell])
    if cpu is None:
        return by_time, by_time
    threads, thread = np.unique(there.thread[looks.row], return_inverse=True)
    used = _used(threads, thread, looks, cpu)
    in_thread = np.unique(thread.astype(np.int64) * cells + cell, return_inverse=True)[1]
    whole, its_time = (sum_by(in_thread, amount, int(in_thread.max()) + 1)[in_thread] for amount in (used, time))
    evenly = np.where(its_time > 0, whole * _ratio(time, its_time), used)
    total = sum_by(cell, used, cells)[cell]
    by_cpu = np.where(total > 0, _ratio(used, total), by_time)
    return by_cpu, np.where(total > AT_REST * time_ns[cell], _ratio(evenly, total), by_time)


def _used(threads: Ints, thread: Ints, looks: _Looks, cpu: CpuTimes) -> Floats:
    """Return the CPU time of each look; `thread` is a row of `threads`. Those never read have what the others leave."""
    order = np.argsort(thread, kind="stable")
    bounds = np.searchsorted(thread[order], np.arange(len(threads) + 1))
    unread: dict[int, Measure | None] = {}
    used = looks.end_ns - looks.start_ns
    for row, one in enumerate(threads.tolist()):
        mine, pid = order[bounds[row] : bounds[row + 1]], one >> 32
        measure = cpu.threads.get((pid, one & 0xFFFFFFFF))
        if measure is None:
            if pid not in unread:
                unread[pid] = cpu.unread(pid)
            measure = unread[pid]
        if measure is not None:
            used[mine] = measure.at(looks.end_ns[mine]) - measure.at(looks.start_ns[mine])
    return used


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0)
