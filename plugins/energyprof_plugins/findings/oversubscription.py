"""More threads want a processor than the program may use: each waits its turn, and those that wait for it spin.

The operating system counts how long each thread stood in the run queue. What threads worked and waited, by the time
that went by, is how many wanted a processor at once, whoever else was there.
Threads of one pool wait for each other at the end of each piece of work, most of them spinning (OpenMP, OpenBLAS), so
that CPU time is spent on waiting for a thread that is not let in. What that costs depends on the library: of torch
2.13 on two processors (EPYC, products of 256 x 256 matrices and elementwise chains), one thread for each process
instead of eight in each of four saved 49 and 54 % of the CPU time, and more where two pools of two threads got in each
other's way. Processes of one thread each hardly lose anything but their caches: of them it is a hint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof.model.ids import StageId
from energyprof.model.report import StageRow
from energyprof.model.run_queue import QueuePeriod, RunQueue
from energyprof.model.span import Floats
from energyprof.model.trace import Trace
from energyprof_plugins.findings.spending import counted, provenance_of, together_j

LEAST_WANTED: Final = 2.25
"""Threads that want each processor: as many loader workers as processors beside a main program with a pool of as many
threads, the usual setting, make two."""
LEAST_USED: Final = 0.5
"""Of the processors allowed: a program that gets less of them is kept waiting by others."""
LEAST_S: Final = 1.0
"""And a tenth of the CPU time; less is a start or an end. The start of a program takes long where others are busy."""
LEAST_OF_RUN: Final = 0.1
LEAST_POOLED: Final = 0.5
"""Of the wait, in processes of several threads, from which on a saving is expected."""
MOST_SAVED: Final = 0.95
LEAST_OF_STAGE: Final = 0.1
"""Of a stage's time, in which too many threads want a processor, for it to be an offender."""


class Oversubscription:
    """Find runs in which more threads want to run than there are processors for them."""

    name = "oversubscription"
    summary = "more threads at work than processors allowed, so that they wait for each other (needs Linux)"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield one finding; the stages in which it is so most of the time are the offenders."""
        queue = run.run_queue
        crowded = [] if queue is None else [period for period in queue.periods if _is_crowded(period, queue.cpus)]
        crowded_s = _long_s(crowded)
        if queue is None or crowded_s < LEAST_S or _worked_s(crowded) < LEAST_OF_RUN * _worked_s(queue.periods):
            return
        wanted = [period for period in queue.periods if _is_wanted(period, queue.cpus)]
        rows, parts = _offenders(run, wanted)
        sums = [row.total_sum for row in rows] or [run.report.measured]
        now_j = together_j(sums)
        at_most = sum(
            (one.energy_j or 0.0) * part
            for one, part in zip(
                sums, parts or [min(_long_s(wanted) / max(run.report.run.wall_s, 1e-9), 1.0)], strict=True
            )
        )
        is_pooled = sum(one.pooled_ns for one in crowded) >= LEAST_POOLED * sum(one.waited_ns for one in crowded)
        yield Finding(
            rule=self.name,
            offenders=tuple(row.stage for row in rows),
            fault="more threads want to run than there are processors",
            evidence=_evidence(queue, crowded, crowded_s),
            remedy=_remedy(queue.cpus, max(crowded, key=lambda one: one.threads), is_pooled=is_pooled),
            now_j=now_j,
            provenance=provenance_of(sums),
            saving_j=(0.0, max(MOST_SAVED * at_most, 0.0)) if is_pooled and now_j is not None else None,
        )


def _worked_s(periods: Sequence[QueuePeriod]) -> float:
    return sum(period.worked_ns for period in periods) / 1e9


def _is_crowded(period: QueuePeriod, cpus: float) -> bool:
    used = period.worked_ns / max(period.end_ns - period.start_ns, 1)
    return _is_wanted(period, cpus) and used >= LEAST_USED * cpus


def _is_wanted(period: QueuePeriod, cpus: float) -> bool:
    """Return whether too many want a processor, whoever else does: where it is crowded at times, it costs then, too."""
    return period.wanted() >= LEAST_WANTED * cpus


def _long_s(periods: Sequence[QueuePeriod]) -> float:
    return sum(period.end_ns - period.start_ns for period in periods) / 1e9


def _evidence(queue: RunQueue, crowded: list[QueuePeriod], crowded_s: float) -> str:
    most = max(crowded, key=lambda one: one.threads)
    worked_s, waited_s = (
        sum(column) / 1e9 for column in zip(*((o.worked_ns, o.waited_ns) for o in crowded), strict=True)
    )
    processes = "one process" if most.processes == 1 else f"{most.processes} processes"
    return (
        f"for {crowded_s:.3g} s threads waited {waited_s / worked_s:.2g} s for each second they worked: up to "
        f"{counted(most.threads, 'thread')} of {processes} wanted {queue.cpus:g} "
        f"{'processor' if queue.cpus == 1 else 'processors'}"
    )


def _remedy(cpus: float, most: QueuePeriod, *, is_pooled: bool) -> str:
    if not is_pooled:
        return f"run at most {max(int(cpus), 1)} of these processes or threads at once: more are not done any sooner"
    each = max(int(cpus / max(most.processes, 1)), 1)
    where = "" if most.processes == 1 else " in every process (a DataLoader's worker_init_fn, a pool's initializer)"
    return f"torch.set_num_threads({each}){where}, or OMP_NUM_THREADS={each} in the environment for all libraries"


def _offenders(run: FinishedRun, crowded: list[QueuePeriod]) -> tuple[list[StageRow], list[float]]:
    """Return stages, none inside another, and which part of their time was crowded; none: no stage stands out."""
    trace = run.trace()
    if trace.counted is not None or not len(trace.spans):  # not all spans were stored
        return [], []
    by_id = {row.stage: row for row in run.report.stages}
    part = _crowded_part(trace, crowded)
    share_of = {stage.id: float(part[index]) for index, stage in enumerate(trace.stages)}
    all_j = sum(_spent_j(row) for row in run.report.stages if row.parent is None)
    tops = [row for row in by_id.values() if row.parent is None and _stands_out(row, share_of, all_j)]
    found = [_innermost(row, list(by_id.values()), share_of) for row in sorted(tops, key=lambda row: -_spent_j(row))]
    return found, [share_of[row.stage] for row in found]


def _spent_j(row: StageRow) -> float:
    """Return the energy of a stage, which threads of pools count to; its CPU time is that of its own thread."""
    return row.total_sum.energy_j or 0.0


def _stands_out(row: StageRow, share_of: dict[StageId, float], all_j: float) -> bool:
    return share_of.get(row.stage, 0.0) >= LEAST_OF_STAGE and _spent_j(row) >= LEAST_OF_RUN * all_j


def _innermost(row: StageRow, rows: list[StageRow], share_of: dict[StageId, float]) -> StageRow:
    """Return the stage below that is nearly all of it, if there is one: `main` says less than what it calls."""
    below = [one for one in rows if one.parent == row.stage and one.kind in {"stage", "function"}]
    best = max(below, key=_spent_j, default=None)
    if best is None or _spent_j(best) < 0.9 * _spent_j(row) or share_of.get(best.stage, 0.0) < share_of[row.stage]:
        return row
    return _innermost(best, rows, share_of)


def _crowded_part(trace: Trace, crowded: list[QueuePeriod]) -> Floats:
    """Return by stage which part of the time of its spans lies in these periods."""
    spans, count = trace.spans, len(trace.stages)
    edges = np.array([edge for period in crowded for edge in (period.start_ns, period.end_ns)], np.float64)
    until = np.repeat(np.cumsum([0, *(period.end_ns - period.start_ns for period in crowded)]), 2)[1:-1].astype(
        np.float64
    )
    inside = np.interp(spans.end_ns, edges, until) - np.interp(spans.start_ns, edges, until)
    length = (spans.end_ns - spans.start_ns).astype(np.float64)
    inside_ns, whole_ns = np.bincount(spans.stage, inside, count), np.bincount(spans.stage, length, count)
    found: Floats = inside_ns / np.maximum(whole_ns, 1.0)
    return found
