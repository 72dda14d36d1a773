"""The ranks of a distributed program as rows, and how evenly the work is divided among them."""

from __future__ import annotations

from collections.abc import Sequence

from energyprof.model.attribution import PROVENANCES, Attribution, RankTimes
from energyprof.model.domain import Domain
from energyprof.model.rank_rows import Imbalance, RankRow
from energyprof.model.report import SumRow
from energyprof.report.sums import exact_sum, weakest


def rank_rows(attribution: Attribution, counted: Sequence[Domain], stages_j: float) -> tuple[RankRow, ...]:
    """Return one row per rank; its energy is unknown where nothing was read on its host."""
    return tuple(
        RankRow(
            rank=times.rank,
            host=times.host,
            processes=times.processes,
            energy_sum=_sum_of(attribution, times, counted, stages_j),
            wall_s=times.wall_ns / 1e9,
            waiting_s=times.waiting_ns / 1e9,
            work_s=_work_ns(times) / 1e9,
            cpu_s=times.cpu_ns / 1e9,
        )
        for times in attribution.ranks
    )


def imbalance(rows: tuple[RankRow, ...]) -> Imbalance | None:
    """Return how unevenly work is divided; None: there is none."""
    if not rows or len({row.rank for row in rows}) < len(rows):  # ranks of different programs work apart
        return None
    mean_s = sum(row.work_s for row in rows) / len(rows)
    if mean_s <= 0:
        return None
    slowest = max(rows, key=lambda row: (row.work_s, -row.rank))
    waiting_s = sum(row.waiting_s for row in rows)
    return Imbalance(slowest.rank, slowest.work_s, mean_s, slowest.work_s / mean_s - 1, waiting_s)


def _work_ns(times: RankTimes) -> int:
    return max(times.wall_ns - times.waiting_ns, 0)


def _sum_of(attribution: Attribution, times: RankTimes, counted: Sequence[Domain], stages_j: float) -> SumRow:
    here = {domain.id for domain in counted if not domain.host or domain.host == times.host}
    of_rank = [part for found in attribution.domains if found.domain in here for part in found.ranks]
    parts = [part for part in of_rank if part.rank == times.rank]
    if not parts:
        return SumRow(None, None, None, "inferred", None)
    energy_j = exact_sum([part.energy_j for part in parts])
    return SumRow(
        energy_j=energy_j,
        low_j=exact_sum([part.low_j for part in parts]),
        high_j=exact_sum([part.high_j for part in parts]),
        provenance=weakest([PROVENANCES[part.provenance] for part in parts]),
        share=energy_j / stages_j if stages_j > 0 else None,
    )
