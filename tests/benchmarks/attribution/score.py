"""How right one attribution of a simulated run is: errors and intervals before refusal, and what was published."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from traced import Tree
from truth import Floats, Truth

from energyprof.model.attribution import DomainAttribution, EnergyColumns
from energyprof.report.rankings import probability_of_more

SPREAD = 1.96
"""Standard deviations to either side of a 95 % interval."""
CLAIMED = 0.1
"""A figure published with a half-width of at most this part of it is a claim to be right within as much."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of how many."""

    right: int
    of: int

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.right + other.right, self.of + other.of)

    def share(self) -> float:
        """Return the part that is right; of none, all are."""
        return self.right / self.of if self.of else 1.0


@dataclass(frozen=True, slots=True)
class Score:
    """The verdict on one run; tuples have an entry for each leaf stage. Errors are relative to the truth."""

    error: tuple[float, ...]
    sd: tuple[float, ...]
    """Standard deviation as stated, relative to the true energy."""
    share: tuple[float, ...]
    """Data share."""
    peers: dict[str, tuple[float, ...]]
    """Absolute relative errors by method."""
    claims: Counts
    """Leaves published with a half-width of at most 10 %; right: within 10 % of the truth."""
    published: Counts
    """Leaves with a figure of their own; right: the truth lies in the interval."""
    unsplit: Counts
    """Joint rows of refused leaves; right: their true sum lies in the interval."""
    lines: Counts
    """The nearest stage at or above each leaf whose published half-width is at most 10 %; right: within 10 %."""
    lines_covered: int
    total_error: float
    """Measured energy against the true one of the time covered."""
    stages_error: float
    """Sum over all stages before refusal against the true one."""
    ledger_uj: float
    """What the ledger does not close by."""
    has_fit: bool
    refusal: str
    condition: float
    lag_error_ms: float | None
    response_ms: float | None
    fit_s: float
    """CPU time of the whole attribution."""
    rankings: tuple[tuple[float, bool], ...] = ()
    """Of two leaves next in order, before refusal: how sure it is that the first spent more, and whether it did."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A run with its truth and what was found of it."""

    truth: Truth
    tree: Tree
    found: DomainAttribution
    covered_ns: tuple[Floats, Floats]
    """Starts and ends of the windows of known energy, which is what published figures are of; since the start."""
    late_ns: float
    """By how much those lie before the time that their energy is of, lags being known within bounds only."""
    lag_ns: float
    """The true one."""
    fit_s: float

    def published_j(self) -> Floats:
        """Return the true energy of each leaf in the time covered."""
        return self.truth.stages_within_j(*_stretches(*self.covered_ns))


def score(case: Case, peers_j: dict[str, Floats]) -> Score:
    """Compare with the truth: of the run before refusal, of the time covered where published."""
    found, true_j = case.found, case.truth.stage_j
    leaf = np.array(case.tree.leaf)
    energy_j, sd_j, share = _raw(found)
    published_j = case.published_j()
    lines, covered = _lines(case, published_j)
    ledger = found.ledger
    if ledger is None:
        raise ValueError(f"nothing of {found.domain} was read")
    start_ns, end_ns = (edge_ns + case.late_ns for edge_ns in case.covered_ns)
    known_j = float(np.sum(case.truth.until_j(end_ns) - case.truth.until_j(start_ns)))
    fit = found.fit
    return Score(
        error=tuple((energy_j[leaf] / true_j - 1).tolist()),
        sd=tuple((sd_j[leaf] / true_j).tolist()),
        share=tuple(share[leaf].tolist()),
        peers={name: tuple(np.abs(peer_j / true_j - 1).tolist()) for name, peer_j in peers_j.items()},
        claims=_claims(found.self_energy, leaf, published_j),
        published=_published(found.self_energy, leaf, published_j),
        unsplit=_unsplit(case, published_j),
        lines=lines,
        lines_covered=covered,
        total_error=ledger.measured_j / known_j - 1,
        stages_error=float(energy_j.sum() / true_j.sum() - 1),
        ledger_uj=ledger.difference_j() * 1e6,
        has_fit=fit is not None,
        refusal="" if fit is None else fit.refusal,
        condition=float("nan") if fit is None else fit.condition,
        lag_error_ms=None if fit is None else (fit.lag_ns - case.lag_ns) * 1e-6,
        response_ms=None if fit is None else fit.response_ns * 1e-6,
        fit_s=case.fit_s,
        rankings=_rankings(found, leaf, true_j),
    )


def _raw(found: DomainAttribution) -> tuple[Floats, Floats, Floats]:
    """Return energy, standard deviation and data share of every stage before refusal."""
    if found.fit is not None:
        return found.fit.energy_j, found.fit.sd_j, found.fit.data_share
    own = found.self_energy
    return own.energy_j, (own.high_j - own.low_j) / 2 / SPREAD, own.data_share


def _rankings(found: DomainAttribution, leaf: Floats, true_j: Floats) -> tuple[tuple[float, bool], ...]:
    """Return the probability that each leaf spent more than the next in order, and whether it did."""
    fit = found.fit
    if fit is None or fit.refusal:
        return ()
    ordered = sorted(range(len(leaf)), key=lambda k: -float(fit.energy_j[leaf[k]]))
    return tuple(
        (probability_of_more(fit, leaf[[more]], leaf[[less]]), bool(true_j[more] > true_j[less]))
        for more, less in pairwise(ordered)
    )


def _claims(own: EnergyColumns, leaf: Floats, true_j: Floats) -> Counts:
    energy_j = own.energy_j[leaf]
    claimed = ~own.refused[leaf] & (_half_j(own)[leaf] <= CLAIMED * energy_j) & (energy_j > 0)
    return _counts(np.abs(energy_j / true_j - 1) <= CLAIMED, claimed)


def _published(own: EnergyColumns, leaf: Floats, true_j: Floats) -> Counts:
    inside = (own.low_j[leaf] <= true_j) & (true_j <= own.high_j[leaf])
    return _counts(inside, ~own.refused[leaf])


def _unsplit(case: Case, leaves_j: Floats) -> Counts:
    right = 0
    for row in case.found.unsplit:
        true_j = sum(leaves_j[k] for k, stage in enumerate(case.tree.leaf) if stage in row.members)
        right += bool(row.low_j <= true_j <= row.high_j)
    return Counts(right, len(case.found.unsplit))


def _lines(case: Case, leaves_j: Floats) -> tuple[Counts, int]:
    """Climb from each leaf to the first stage that is told narrowly enough; the root counts in any case."""
    own, total = case.found.self_energy, case.found.total_energy
    chosen = set()
    for leaf in range(len(case.tree.leaf)):
        upwards = case.tree.upwards(leaf)
        chosen.add(next((stage for stage in upwards if _is_narrow(own if stage == upwards[0] else total, stage)), -1))
        if -1 in chosen:
            chosen = (chosen - {-1}) | {upwards[-1]}
    right = covered = 0
    for stage in chosen:
        true_j = float(leaves_j[case.tree.members(stage)].sum())
        rows = own if stage in case.tree.leaf else total
        right += bool(abs(rows.energy_j[stage] / true_j - 1) <= CLAIMED and not rows.refused[stage])
        covered += bool(rows.low_j[stage] <= true_j <= rows.high_j[stage])
    return Counts(right, len(chosen)), covered


def _stretches(start_ns: Floats, end_ns: Floats) -> tuple[Floats, Floats]:
    """Return windows that follow at once as one."""
    gap = np.flatnonzero(start_ns[1:] > end_ns[:-1])
    return start_ns[np.append(0, gap + 1)], end_ns[np.append(gap, len(end_ns) - 1)]


def _is_narrow(rows: EnergyColumns, stage: int) -> bool:
    return not rows.refused[stage] and bool(_half_j(rows)[stage] <= CLAIMED * rows.energy_j[stage])


def _half_j(rows: EnergyColumns) -> Floats:
    return (rows.high_j - rows.low_j) / 2


def _counts(right: Floats, counted: Floats) -> Counts:
    return Counts(int(np.count_nonzero(right & counted)), int(np.count_nonzero(counted)))
