"""Which figures the data allow: measured, inferred, or refused with the smallest group that can be told apart.

By the part of its energy that the data decide (`data_share`: what readings of its own decide of the energy read, times
the part of its time that any reading covers) a stage is *measured* from 0.95 on if its time is covered whole,
*inferred* from 0.5, else *refused*. A stage refused only for want of coverage is an unsplit row by itself. Those that
cannot be told apart are collected from the leaves of the stage tree upwards: at the first ancestor where those
collected so far have together a data share of 0.5, they become one unsplit row; what is left at the end is the last
row. A modelled domain has no inference: every row is `estimated (model)` with the model's stated error.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from energyprof.attribute.ledger import MICRO
from energyprof.attribute.reasons import (
    COVERED_FROM,
    IMPORTED_CURE,
    INFERRED_FROM,
    MEASURED_FROM,
    FitGround,
    Ground,
    reason_of,
    reason_of_modelled,
    with_bursts,
)
from energyprof.attribute.split import Bounds, Divided
from energyprof.model.attribution import PROVENANCES, EnergyColumns, Unsplit
from energyprof.model.domain import Domain
from energyprof.model.span import Floats, Ints, Stage

_ROUNDING = 1e-3
"""Microjoules by which sums of floats may stray from the whole numbers they mean."""
_MEASURED = PROVENANCES.index("measured")
_INFERRED = PROVENANCES.index("inferred")
_MODEL = PROVENANCES.index("estimated (model)")


@dataclass(frozen=True, slots=True, eq=False)
class Ran:
    """How long each stage (or group) ran on the lanes that count for the domain, all lanes added up."""

    own_ns: Floats
    covered_ns: Floats
    """The part of it in windows of known energy."""
    is_read: bool = True
    """False: the domain has no window of known energy at all."""
    high_w: float = 0.0
    """The power that nearly all windows of the domain stay below."""

    def of_groups(self, groups: tuple[Ints, ...]) -> Ran:
        """Return the same for groups of stages."""
        own, covered = ([float(column[group].sum()) for group in groups] for column in (self.own_ns, self.covered_ns))
        return Ran(np.array(own), np.array(covered), self.is_read, self.high_w)

    def of_subtrees(self, tree: Subtrees) -> Ran:
        """Return the same for each stage with all below it, in whole nanoseconds."""
        own, covered = (
            tree.sums(np.rint(column).astype(np.int64)).astype(np.float64) for column in (self.own_ns, self.covered_ns)
        )
        return Ran(own, covered, self.is_read, self.high_w)

    def coverage(self) -> Floats:
        """Return the part of each one's time in windows of known energy, 0..1; 1 for those that never ran.

        Where no reading covers any of the run, 0 for all: what the idle power of those was is not known either.
        """
        if not self.is_read:
            return np.zeros(len(self.own_ns))
        ran = self.own_ns > 0
        return np.where(ran, self.covered_ns / np.where(ran, self.own_ns, 1.0), 1.0).clip(0.0, 1.0)

    def unread_j(self, energy_j: Floats) -> Floats:
        """Return what each one may have used while no reading covered it, beyond `energy_j` read."""
        read = self.covered_ns > 0
        mean_w = np.where(read, energy_j / np.where(read, self.covered_ns, 1.0) * 1e9, 0.0)
        left_out_ns = np.maximum(self.own_ns - self.covered_ns, 0.0)
        return np.where(read, left_out_ns * 1e-9 * np.maximum(mean_w, self.high_w), 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What the verdict on a domain's figures rests on, beside the split."""

    domain: Domain
    period_ns: int | None
    host_clock: bool
    """A device's energy divided by spans of the host."""
    stages: tuple[Stage, ...]
    tree: Subtrees
    pieces: Ints
    """How often each stage ran in one piece: once for a call, and each time a generator was gone on with."""
    ran: Ran
    refusal: str | None = None
    """Why the statistical fit names no stage at all; empty: it does; None: there was no such fit."""
    is_imported: bool = False
    """Nothing of the run can be run again."""
    most_j: float = np.inf
    """What the stages cannot exceed together; infinite: nothing is known of that."""


@dataclass(frozen=True, slots=True, eq=False)
class Subtrees:
    """For each stage itself and all stages below it, in memory that grows with the stages, not with their depth."""

    preorder: Ints
    """The stages, each followed by all that stand below it."""
    first: Ints
    """Per stage its own place there."""
    size: Ints
    """How many stages each subtree has."""

    @staticmethod
    def of(stages: tuple[Stage, ...]) -> Subtrees:
        """Lay the tree out; a parent stands before its children in `stages`."""
        parents = [-1 if stage.parent is None else stage.parent for stage in stages]
        size = [1] * len(stages)
        for index in range(len(stages) - 1, -1, -1):
            if parents[index] >= 0:
                size[parents[index]] += size[index]
        first, room = [0] * len(stages), [0] * (len(stages) + 1)  # room: where the next child goes; last: of no parent
        for index, parent in enumerate(parents):
            first[index] = room[parent]
            room[parent] += size[index]
            room[index] = first[index] + 1
        places = np.array(first, np.int64)
        return Subtrees(np.argsort(places), places, np.array(size, np.int64))

    def members(self, index: int) -> Ints:
        """Return one subtree, ascending."""
        start = int(self.first[index])
        return np.sort(self.preorder[start : start + int(self.size[index])])

    def sums(self, column: Ints) -> Ints:
        """Return per stage the sum of a column over its subtree."""
        until = np.append(0, np.cumsum(column[self.preorder]))
        total: Ints = until[self.first + self.size] - until[self.first]
        return total


def self_columns(case: Case, found: Divided, energy_uj: Ints) -> EnergyColumns:
    """Return the figures of the stages themselves, children excluded."""
    return _columns(case, found.stages, energy_uj, case.ran)


def total_columns(case: Case, found: Divided, energy_uj: Ints) -> EnergyColumns:
    """Return the figures of stages with all below them: bounds of the group, energies as sums of the rounded parts."""
    columns = tuple(column.name for column in fields(Bounds))
    values = np.array([[getattr(found.stages, name) for name in columns]]).reshape(len(columns), -1)
    if case.domain.provenance != "model":  # a model's bounds follow from the energy alone
        for index in np.flatnonzero(case.tree.size > 1).tolist():
            group = found.group(case.tree.members(index))
            values[:, index] = [getattr(group, name)[0] for name in columns]
    return _columns(case, Bounds(*values), case.tree.sums(energy_uj), case.ran.of_subtrees(case.tree))


def unsplit_rows(case: Case, found: Divided, columns: EnergyColumns, energy_uj: Ints) -> tuple[Unsplit, ...]:
    """Return the groups of refused stages; stages that no reading covers have nothing to share and stand in none."""
    if case.domain.provenance == "model":
        return ()
    rest = len(case.stages)
    pending: list[list[int]] = [[] for _ in range(rest + 1)]
    rows = []
    distinct = (found.stages.data_share() >= INFERRED_FROM) & (found.stages.unclear == 0)
    for index in range(rest - 1, -1, -1):
        if columns.refused[index] and case.ran.covered_ns[index] > 0:
            if distinct[index]:
                rows.append(_unsplit(case, found, np.array([index]), energy_uj))
            else:
                pending[index].append(index)
        members = np.sort(np.array(pending[index], np.int64))
        if len(members) > 1 and _is_separable(case, found, members):
            rows.append(_unsplit(case, found, members, energy_uj))
            continue
        parent = case.stages[index].parent
        pending[rest if parent is None else parent].extend(pending[index])
    if pending[rest]:
        rows.append(_unsplit(case, found, np.sort(np.array(pending[rest], np.int64)), energy_uj))
    return tuple(rows)


def _is_separable(case: Case, found: Divided, members: Ints) -> bool:
    bounds, coverage = found.group(members), case.ran.of_groups((members,)).coverage()
    return bool(bounds.data_share()[0] * coverage[0] >= INFERRED_FROM and bounds.unclear[0] == 0)


def _unsplit(case: Case, found: Divided, members: Ints, energy_uj: Ints) -> Unsplit:
    bounds = found.group(members)
    energy = int(energy_uj[members].sum())
    apart = case.ran.of_groups((members,))
    unread_j = apart.unread_j(np.array([energy / MICRO]))
    low, high = _whole(bounds.low_j, np.minimum(bounds.high_j, case.most_j) + unread_j, np.array([energy]))
    ran = int(case.pieces[members].sum()), float(case.ran.own_ns[members].sum())
    coverage = float(apart.coverage()[0])
    worst = int(members[np.argmin(found.stages.data_share()[members])])
    return Unsplit(
        domain=case.domain.id,
        members=tuple(members.tolist()),
        energy_j=energy / MICRO,
        low_j=float(low[0]),
        high_j=float(high[0]),
        reason=reason_of(_ground(case, found.stages, worst, (coverage, True, ran))),
    )


def _columns(case: Case, bounds: Bounds, energy_uj: Ints, ran: Ran) -> EnergyColumns:
    energy = energy_uj / MICRO
    coverage, unread_j = ran.coverage(), ran.unread_j(energy)
    if case.domain.provenance == "model":
        below, above = case.domain.gain_error
        least, most = np.maximum(energy - bounds.sampling_j, 0.0), energy + bounds.sampling_j + unread_j
        low, high = _whole(least * (1 - below), most * (1 + above), energy_uj)
        provenance = np.full(len(energy), _MODEL, np.uint8)
        parts = zip(coverage.tolist(), bounds.inferred_part().tolist(), strict=True)
        texts = tuple(with_bursts(reason_of_modelled(part), inferred) for part, inferred in parts)
        unread = coverage <= 0
        return EnergyColumns(energy, low, high, unread, coverage, provenance, texts, unread)
    low, high = _whole(bounds.low_j, bounds.high_j + unread_j, energy_uj)
    decided = bounds.data_share()
    share = decided * coverage
    unread = coverage <= 0
    refused = (share < INFERRED_FROM) | unread | (bounds.unclear > 0)
    inferred = bounds.inferred_part()
    measured = (
        (bounds.own_part() * coverage >= MEASURED_FROM) & ~refused & (coverage >= COVERED_FROM) & (not case.host_clock)
    )
    measured &= inferred <= 1 - MEASURED_FROM
    measured &= ran.own_ns > 0  # what never ran by itself was not measured
    provenance = np.where(measured, _MEASURED, _INFERRED).astype(np.uint8)
    reason = tuple(
        with_bursts(
            reason_of(_ground(case, bounds, row, (float(coverage[row]), bool(refused[row]), ran_of))),
            float(inferred[row]),
        )
        for row, ran_of in enumerate(zip(case.pieces.tolist(), ran.own_ns.tolist(), strict=True))
    )
    return EnergyColumns(energy, low, high, refused, share, provenance, reason, unread)


def _ground(case: Case, bounds: Bounds, row: int, verdict: tuple[float, bool, tuple[int, float]]) -> Ground:
    coverage, refused, (pieces, own_ns) = verdict
    fit = None
    if case.refusal is not None:
        energy, width = float(bounds.energy_j[row]), float(bounds.high_j[row] - bounds.low_j[row])
        half = width / 2 / energy if energy > 0 else np.inf
        fit = FitGround(half, float(bounds.more[row]), case.refusal)
        fit = replace(fit, cure=IMPORTED_CURE) if case.is_imported else fit
    return Ground(
        decided=float(bounds.data_share()[row]),
        coverage=coverage,
        refused=refused,
        period_ns=case.period_ns,
        mean_ns=own_ns / pieces if pieces else None,
        host_clock=case.host_clock,
        own=float(bounds.own_part()[row]),
        fit=fit,
    )


def _whole(low_j: Floats, high_j: Floats, energy_uj: Ints) -> tuple[Floats, Floats]:
    """Return the bounds in whole microjoules, never on the wrong side of the rounded figure."""
    low = np.minimum(np.floor(low_j * MICRO + _ROUNDING), energy_uj)
    high = np.maximum(np.ceil(high_j * MICRO - _ROUNDING), energy_uj)
    return low / MICRO, high / MICRO
