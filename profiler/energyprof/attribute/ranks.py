"""The ranks of a distributed program: how each stage's energy is divided among them, and how long each waited.

A stage's energy is divided in the proportion in which a plain split of the windows (split.py) divides it among the
lanes of the ranks: dynamic energy by CPU time or by the time on their devices, idle power as among stages. So a rank
that waits for the others is billed at most its part of what the machine draws at rest, and the ranks together have what
the stages have. What belongs to no rank (a launcher) is nobody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from energyprof.attribute.cpu_shares import CpuShares
from energyprof.attribute.cpu_time import CpuTimes
from energyprof.attribute.ledger import MICRO, whole_microjoules
from energyprof.attribute.measure import Measure
from energyprof.attribute.segments import Segments
from energyprof.attribute.split import Problem, split
from energyprof.attribute.sums import sum_by
from energyprof.model.attribution import PROVENANCES, RankEnergy, RankTimes
from energyprof.model.domain import Domain
from energyprof.model.ranks import RankProcess
from energyprof.model.span import Floats, Ints, Lanes
from energyprof.model.trace import Trace


def is_distributed(processes: Sequence[RankProcess]) -> bool:
    """Return whether there is more than one rank to compare."""
    return len({process.rank for process in processes}) > 1


@dataclass(frozen=True, slots=True, eq=False)
class Ranks:
    """Which lane belongs to which rank."""

    numbers: tuple[int, ...]
    """The ranks, ascending; one that is not in there is nobody's."""
    of_lane: Ints
    """Per lane the position of its rank in `numbers`; after the last: of no rank."""
    pids: tuple[tuple[int, ...], ...]
    """Per rank the processes."""

    @staticmethod
    def of(processes: Sequence[RankProcess], lanes: Lanes) -> Ranks:
        """Return the ranks that these processes are."""
        numbers = tuple(sorted({process.rank for process in processes}))
        at = {process.pid: numbers.index(process.rank) for process in processes}
        of_lane = np.array([at.get(pid, len(numbers)) for pid in lanes.pid.tolist()], np.int64)
        pids = tuple(tuple(sorted(pid for pid, rank in at.items() if rank == row)) for row in range(len(numbers)))
        return Ranks(numbers, of_lane, pids)

    @property
    def columns(self) -> int:
        """How many columns a table by rank has, the last one for what is of no rank."""
        return len(self.numbers) + 1

    def apart(self, segments: Segments) -> Segments:
        """Return segments whose `stage` tells stage and rank: stage * columns + rank."""
        stage = segments.stage.astype(np.int64) * self.columns + self.of_lane[segments.lane]
        return Segments(stage.astype(np.int32), segments.lane, segments.start_ns, segments.end_ns)


def rank_energies(ranks: Ranks, domain: Domain, problem: Problem, energy_uj: Ints) -> tuple[RankEnergy, ...]:
    """Return what each rank had of the stages' energies; `problem` is of stages and ranks apart."""
    found = split(problem)
    columns, stages = ranks.columns, len(energy_uj)
    plain = found.stages.energy_j.reshape(stages, columns)
    total_uj = int(energy_uj.sum())
    whole = plain.sum(axis=1, keepdims=True)
    part = np.where(whole > 0, plain / np.where(whole > 0, whole, 1.0), 0.0)
    energy_j = (part * (energy_uj / MICRO)[:, None]).sum(axis=0)
    shown_uj = whole_microjoules(energy_j, total_uj)  # what has no lane at all is of no rank, like the launcher's
    below, above = domain.gain_error
    result = []
    for row, rank in enumerate(ranks.numbers):
        own_j = int(shown_uj[row]) / MICRO
        low_j = high_j = own_j
        if domain.provenance != "model":
            group = found.group(np.arange(stages) * columns + row)
            low_j, high_j = min(own_j, float(group.low_j[0])), max(own_j, float(group.high_j[0]))
        weakest = "estimated (model)" if domain.provenance == "model" else "inferred"
        result.append(RankEnergy(rank, own_j, low_j * (1 - below), high_j * (1 + above), PROVENANCES.index(weakest)))
    return tuple(result)


def rank_times(ranks: Ranks, trace: Trace, shares: CpuShares, cpu: CpuTimes, host: str) -> tuple[RankTimes, ...]:
    """Return how long each rank had a stage open, waited in communication, and was on a processor."""
    is_wait = np.array([stage.kind == "communication" for stage in trace.stages], np.bool_)
    waiting_ns = np.zeros(ranks.columns)
    open_: list[list[tuple[Floats, Floats]]] = [[] for _ in range(ranks.columns)]
    for _, measure, segments in shares.threads:
        rank = ranks.of_lane[segments.lane]
        for row in np.unique(rank).tolist():
            open_[row].append((segments.start_ns[rank == row], segments.end_ns[rank == row]))
        waits = np.flatnonzero(is_wait[segments.stage])
        wall = segments.end_ns[waits] - segments.start_ns[waits]
        used = np.zeros(len(waits)) if measure is None else _used(measure, segments, waits)
        waiting_ns += sum_by(rank[waits], np.maximum(wall - used, 0.0), ranks.columns)
    whole = np.array([0.0]), np.array([float(trace.run.end_ns - trace.run.start_ns)])
    return tuple(
        RankTimes(
            rank=number,
            host=host,
            processes=len(ranks.pids[row]),
            wall_ns=round(_union_ns(open_[row])),
            waiting_ns=round(float(waiting_ns[row])),
            cpu_ns=round(sum(float(cpu.of_process(pid, *whole)[0]) for pid in ranks.pids[row])),
        )
        for row, number in enumerate(ranks.numbers)
    )


def _used(measure: Measure, segments: Segments, rows: Ints) -> Floats:
    return measure.at(segments.end_ns[rows]) - measure.at(segments.start_ns[rows])


def _union_ns(segments: list[tuple[Floats, Floats]]) -> float:
    """Return how long any of these segments goes on."""
    if not segments:
        return 0.0
    start_ns, end_ns = (np.concatenate(column) for column in zip(*segments, strict=True))
    if not len(start_ns):
        return 0.0
    order = np.argsort(start_ns, kind="stable")
    start_ns, reach_ns = start_ns[order], np.maximum.accumulate(end_ns[order])
    before_ns = np.append(start_ns[0], reach_ns[:-1])
    return float(np.maximum(reach_ns - np.maximum(start_ns, before_ns), 0.0).sum())
