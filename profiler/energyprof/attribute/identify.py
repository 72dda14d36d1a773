"""Which figures the data allow: measured, inferred, or refused with the smallest group that can be told apart.

By the part of its energy that the data decide (`data_share`) a stage is *measured* from 0.95 on, *inferred* from 0.5,
else *refused*. Refused stages are collected from the leaves of the stage tree upwards: at the first ancestor where
those collected so far have together a data share of 0.5, they become one unsplit row; what is left at the end is the
last row. A modelled domain has no inference: every row is `estimated (model)` with the model's stated error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.attribute.ledger import MICRO
from energyprof.attribute.split import Bounds, Split
from energyprof.model.attribution import PROVENANCES, EnergyColumns, Unsplit
from energyprof.model.domain import Domain
from energyprof.model.span import Flags, Floats, Ints, Stage

MEASURED_FROM = 0.95
INFERRED_FROM = 0.5
NOT_COVERED = "not covered by any reading"
NOT_COVERED_BY_MODEL = "not covered by the model's readings"
HOST_CLOCK = "host clock"

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

    def of_groups(self, groups: tuple[Ints, ...]) -> Ran:
        """Return the same for groups of stages."""
        own, covered = ([float(column[group].sum()) for group in groups] for column in (self.own_ns, self.covered_ns))
        return Ran(np.array(own), np.array(covered))

    def uncovered(self) -> Flags:
        """Return True for those that ran, but never while anything was read."""
        return (self.own_ns > 0) & (self.covered_ns <= 0)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What the verdict on a domain's figures rests on, beside the split."""

    domain: Domain
    period_ns: int | None
    host_clock: bool
    """A device's energy divided by spans of the host."""
    stages: tuple[Stage, ...]
    tree: tuple[Ints, ...]
    """For each stage itself and all stages below it, ascending."""
    calls: Ints
    ran: Ran


def subtrees(stages: tuple[Stage, ...]) -> tuple[Ints, ...]:
    """Return for each stage itself and all stages below it, ascending."""
    below: list[list[int]] = [[index] for index in range(len(stages))]
    for index in range(len(stages) - 1, -1, -1):
        parent = stages[index].parent
        if parent is not None:
            below[parent].extend(below[index])
    return tuple(np.sort(np.array(members, np.int64)) for members in below)


def self_columns(case: Case, found: Split, energy_uj: Ints) -> EnergyColumns:
    """Return the figures of the stages themselves, children excluded."""
    return _columns(case, found.stages, energy_uj, case.ran)


def total_columns(case: Case, found: Split, energy_uj: Ints) -> EnergyColumns:
    """Return the figures of stages with all below them: bounds of the group, energies as sums of the rounded parts."""
    columns = ("energy_j", "low_j", "high_j", "undecided_j")
    values = np.array([[getattr(found.stages, name) for name in columns]]).reshape(len(columns), -1)
    for index, members in enumerate(case.tree):
        if len(members) > 1:
            group = found.group(members)
            values[:, index] = [getattr(group, name)[0] for name in columns]
    total_uj = np.array([energy_uj[members].sum() for members in case.tree], np.int64)
    return _columns(case, Bounds(*values), total_uj, case.ran.of_groups(case.tree))


def unsplit_rows(case: Case, found: Split, columns: EnergyColumns, energy_uj: Ints) -> tuple[Unsplit, ...]:
    """Return the groups of refused stages; stages that no reading covers have nothing to share and stand in none."""
    if case.domain.provenance == "model":
        return ()
    rest = len(case.stages)
    pending: list[list[int]] = [[] for _ in range(rest + 1)]
    rows = []
    for index in range(rest - 1, -1, -1):
        if columns.refused[index] and case.ran.covered_ns[index] > 0:
            pending[index].append(index)
        members = np.sort(np.array(pending[index], np.int64))
        if len(members) > 1 and found.group(members).data_share()[0] >= INFERRED_FROM:
            rows.append(_unsplit(case, found, members, energy_uj))
            continue
        parent = case.stages[index].parent
        pending[rest if parent is None else parent].extend(pending[index])
    if pending[rest]:
        rows.append(_unsplit(case, found, np.sort(np.array(pending[rest], np.int64)), energy_uj))
    return tuple(rows)


def _unsplit(case: Case, found: Split, members: Ints, energy_uj: Ints) -> Unsplit:
    bounds = found.group(members)
    energy = int(energy_uj[members].sum())
    low, high = _whole(bounds.low_j, bounds.high_j, np.array([energy]))
    calls = int(case.calls[members].sum())
    mean = float(case.ran.own_ns[members].sum()) / calls if calls else None
    return Unsplit(
        domain=case.domain.id,
        members=tuple(members.tolist()),
        energy_j=energy / MICRO,
        low_j=float(low[0]),
        high_j=float(high[0]),
        reason=why_refused(case.period_ns, mean),
    )


def why_refused(period_ns: int | None, mean_ns: float | None) -> str:
    """Return why a stage cannot be told apart, and what would help; `mean_ns`: how long it lasts."""
    if mean_ns is None or period_ns is None:
        return "too few readings of its own; longer stages or more iterations help"
    if mean_ns >= 3 * period_ns:
        return "runs together with other stages, and no reading tells them apart; give it time of its own"
    return (
        f"the sensor updates every {duration_text(period_ns)}, the stage lasts {duration_text(mean_ns)}; "
        "longer stages or more iterations help"
    )


def duration_text(t_ns: float) -> str:
    """Return a duration with a fitting unit and three digits."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if t_ns >= size:
            return f"{t_ns / size:.3g} {unit}"
    return f"{t_ns:.0f} ns"


def _columns(case: Case, bounds: Bounds, energy_uj: Ints, ran: Ran) -> EnergyColumns:
    energy = energy_uj / MICRO
    uncovered = ran.uncovered()
    if case.domain.provenance == "model":
        below, above = case.domain.gain_error
        low, high = _whole(energy * (1 - below), energy * (1 + above), energy_uj)
        share = np.ones(len(energy))
        provenance = np.full(len(energy), _MODEL, np.uint8)
        refused = uncovered
        reason = [NOT_COVERED_BY_MODEL if bare else "" for bare in uncovered]
    else:
        low, high = _whole(bounds.low_j, bounds.high_j, energy_uj)
        share = bounds.data_share()
        refused = (share < INFERRED_FROM) | uncovered
        measured = (share >= MEASURED_FROM) & ~refused & (not case.host_clock)
        provenance = np.where(measured, _MEASURED, _INFERRED).astype(np.uint8)
        reason = []
        for index in range(len(energy)):
            calls = int(case.calls[index])
            own_ns = float(ran.own_ns[index])
            mean = own_ns / calls if calls else None
            part = float(ran.covered_ns[index]) / own_ns if own_ns > 0 else 1.0
            reason.append(_reason(case, float(share[index]), bool(refused[index]), mean, part))
    return EnergyColumns(energy, low, high, refused, share, provenance, tuple(reason))


def _reason(case: Case, share: float, refused: bool, mean_ns: float | None, covered: float) -> str:
    if covered <= 0:
        return NOT_COVERED
    words = []
    if refused:
        words.append(why_refused(case.period_ns, mean_ns))
    elif share < MEASURED_FROM:
        words.append(f"{share:.0%} of it lies in readings of its own")
    if case.host_clock:
        words.append(HOST_CLOCK)
    if covered < MEASURED_FROM:
        words.append(f"readings cover {covered:.0%} of its time")
    return "; ".join(words)


def _whole(low_j: Floats, high_j: Floats, energy_uj: Ints) -> tuple[Floats, Floats]:
    """Return the bounds in whole microjoules, never on the wrong side of the rounded figure."""
    low = np.minimum(np.floor(low_j * MICRO + _ROUNDING), energy_uj)
    high = np.maximum(np.ceil(high_j * MICRO - _ROUNDING), energy_uj)
    return low / MICRO, high / MICRO
