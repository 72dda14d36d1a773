"""Rankings: which of two stages spent more, and how sure that is.

With the energies E and their covariance V of the statistical fit, the difference of two stages (or subtrees, weights w
of 1 and -1) is normal with mean w'E and variance w'V w: errors that both have in common cancel. So

    P(A > B) = Phi((E_A - E_B) / sqrt(w'V w))

Only stages that have a figure of their own are ranked, each with the next.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

import numpy as np

from energyprof.model.attribution import Attribution, DomainAttribution, SensorFit
from energyprof.model.report import RankingRow
from energyprof.model.span import Ints, Stage


def ranking_rows(stages: tuple[Stage, ...], attribution: Attribution) -> tuple[RankingRow, ...]:
    """Return the stages of each domain in order, pair by pair; none where no statistical fit told them apart."""
    return tuple(row for found in attribution.domains for row in _of_domain(stages, found))


def _of_domain(stages: tuple[Stage, ...], found: DomainAttribution) -> Iterator[RankingRow]:
    fit = found.fit
    if fit is None or fit.refusal:
        return
    below = _subtrees(stages)
    outermost = [(k, below[k]) for k, stage in enumerate(stages) if stage.parent is None]
    yield from _pairs(stages, found, "total", [(k, all_) for k, all_ in outermost if not found.total_energy.refused[k]])
    own = [(k, np.array([k])) for k in range(len(stages)) if fit.column[k] >= 0 and not found.self_energy.refused[k]]
    yield from _pairs(stages, found, "self", own)


def _pairs(
    stages: tuple[Stage, ...], found: DomainAttribution, of: Literal["self", "total"], groups: list[tuple[int, Ints]]
) -> Iterator[RankingRow]:
    fit = found.fit
    if fit is None:
        return
    ordered = sorted(groups, key=lambda group: -float(fit.energy_j[group[1]].sum()))
    for (more, more_members), (less, less_members) in pairwise(ordered):
        in_both = np.intersect1d(fit.column[more_members], fit.column[less_members])
        if np.any(in_both >= 0):  # what they share of a column is divided by time only
            continue
        probability = probability_of_more(fit, more_members, less_members)
        yield RankingRow(found.domain, of, stages[more].id, stages[less].id, probability)


def probability_of_more(fit: SensorFit, more: Ints, less: Ints) -> float:
    """Return the probability that some stages spent more together than others did, 0..1."""
    difference_j = float(fit.energy_j[more].sum() - fit.energy_j[less].sum())
    sd_j = fit.sd_of_difference(more, less)
    if sd_j == 0:
        return 0.5 if difference_j == 0 else float(difference_j > 0)
    return 0.5 * math.erfc(-difference_j / sd_j / 2**0.5)


def _subtrees(stages: tuple[Stage, ...]) -> list[Ints]:
    root = list(range(len(stages)))
    members: list[list[int]] = [[] for _ in stages]
    for index, stage in enumerate(stages):  # a parent stands before its children
        root[index] = index if stage.parent is None else root[stage.parent]
        members[root[index]].append(index)
    return [np.array(group, np.int64) for group in members]
