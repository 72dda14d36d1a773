"""Steps whose layers were not recorded: their energy in one domain, divided over the layers as in the steps that were.

The energy U of the stage that stands for a model's layers (`PASSED_OVER`) is known like that of any other. Each stage s
of the model has a share of its time, as sampled (`step_shares`), and a mean power P_s in the steps recorded, and gets

    U share_s P_s / sum over all of share P

in whole microjoules, so that the ledger is the same before and after. Its interval holds that of U, that of P_s and
1.96 standard deviations of the sampled share. Where U itself cannot be told from other stages, neither can the layers:
they share one unsplit row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from energyprof.attribute.ledger import MICRO, whole_microjoules
from energyprof.attribute.step_shares import StepShares
from energyprof.model.attribution import PROVENANCES, DomainAttribution, EnergyColumns, Unsplit
from energyprof.model.recorded_names import PASSED_OVER
from energyprof.model.span import Flags, Floats, Stage

_INFERRED: Final = PROVENANCES.index("inferred")
_SPREAD: Final = 1.96
"""Standard deviations on either side of a 95 % interval."""


def divided(part: DomainAttribution, stages: tuple[Stage, ...], shares: StepShares) -> DomainAttribution:
    """Return one domain with the energy of the steps that were passed over divided over the layers."""
    own, passed = part.self_energy, shares.passed
    if own.unread[passed]:
        return part
    part = _joined(part, stages, shares) if own.refused[passed] else _with_parts(part, stages, shares)
    reason = str(stages[passed].facts[PASSED_OVER])
    return replace(
        part,
        self_energy=_without_stage(part.self_energy, passed, reason),
        total_energy=_total_without(part.total_energy, own, passed, reason),
    )


# --- a figure that is known ------------------------------------------------------------------------------------------


def _with_parts(part: DomainAttribution, stages: tuple[Stage, ...], shares: StepShares) -> DomainAttribution:
    own, passed = part.self_energy, shares.passed
    known_j = own.energy_j.copy()
    rows = []
    for row in part.unsplit:  # members of a row had their mean power together
        members = np.array(row.members)
        time = shares.rate[members]
        known_j[members] = row.energy_j * (time / time.sum() if time.sum() > 0 else 1 / len(members))
    power = np.where(shares.rate > 0, np.maximum(known_j, 0.0) / np.where(shares.rate > 0, shares.rate, 1.0), 0.0)
    weight = shares.share * power
    weight = weight / weight.sum() if weight.sum() > 0 else shares.share / shares.share.sum()
    whole_j = float(own.energy_j[passed])
    gets = np.flatnonzero(weight > 0)
    more_j = np.zeros(len(weight))
    more_j[gets] = whole_microjoules(whole_j * weight[gets], round(whole_j * MICRO)) / MICRO
    low_j, high_j = _bounds(own, known_j, weight, shares, more_j)
    for row in part.unsplit:
        members = np.array(row.members)
        rows.append(
            replace(
                row,
                energy_j=float(_uj(row.energy_j + more_j[members].sum())),
                low_j=float(_uj(row.low_j + low_j[members].sum())),
                high_j=float(_uj(row.high_j + high_j[members].sum())),
            )
        )
    more = _More(more_j, low_j, high_j, float(own.data_share[passed]), int(own.provenance[passed]))
    said = _reason(stages, shares)
    return replace(
        part,
        self_energy=_added(own, more, said),
        total_energy=_added(part.total_energy, more.below(stages, shares.model), said),
        unsplit=tuple(rows),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _More:
    """What is added to each stage, in joules, and how sure it is."""

    energy_j: Floats
    low_j: Floats
    high_j: Floats
    data_share: float
    provenance: int

    def below(self, stages: tuple[Stage, ...], model: int) -> _More:
        """Return what is added to the totals of all that stands below the model."""
        inside = _below(stages, model)
        energy_j, low_j, high_j = (_summed(one, stages) * inside for one in (self.energy_j, self.low_j, self.high_j))
        return replace(self, energy_j=energy_j, low_j=low_j, high_j=high_j)


def _bounds(
    own: EnergyColumns, known_j: Floats, weight: Floats, shares: StepShares, more_j: Floats
) -> tuple[Floats, Floats]:
    """Return the least and the most that each stage may have of the whole, in whole microjoules."""
    low_whole_j, high_whole_j = float(own.low_j[shares.passed]), float(own.high_j[shares.passed])
    divisor = np.where(known_j > 0, known_j, 1.0)
    least = np.where(known_j > 0, np.clip(own.low_j / divisor, 0.0, 1.0), 0.0)
    most = np.where(known_j > 0, np.maximum(own.high_j / divisor, 1.0), np.inf)
    spread = _SPREAD * shares.relative_sd
    with np.errstate(invalid="ignore"):
        low_j = low_whole_j * weight * least * np.maximum(1 - spread, 0.0)
        high_j = np.where(weight > 0, high_whole_j * weight * most * (1 + spread), 0.0)
    low_j = np.floor(np.minimum(low_j, more_j) * MICRO) / MICRO
    high_j = np.ceil(np.clip(high_j, more_j, max(high_whole_j, 0.0) + np.maximum(more_j, 0.0)) * MICRO) / MICRO
    return low_j, np.maximum(high_j, more_j)


def _added(columns: EnergyColumns, more: _More, said: str) -> EnergyColumns:
    """Return the columns with more energy; of refused stages only the bounds grow, their row has the figure."""
    touched = more.high_j > 0
    least = max(more.provenance, _INFERRED)
    return replace(
        columns,
        energy_j=_uj(np.where(columns.refused, columns.energy_j, columns.energy_j + more.energy_j)),
        low_j=_uj(columns.low_j + more.low_j),
        high_j=_uj(columns.high_j + more.high_j),
        data_share=np.where(touched, np.minimum(columns.data_share, more.data_share), columns.data_share),
        provenance=np.where(touched, np.maximum(columns.provenance, least), columns.provenance).astype(np.uint8),
        reason=tuple(
            reason or said if is_touched else reason
            for reason, is_touched in zip(columns.reason, touched.tolist(), strict=True)
        ),
    )


# --- a figure that is not -------------------------------------------------------------------------------------------


def _joined(part: DomainAttribution, stages: tuple[Stage, ...], shares: StepShares) -> DomainAttribution:
    """Have all that shares the time of a stage share the row that this stage is in."""
    own, passed = part.self_energy, shares.passed
    within = (shares.share > 0) | (np.arange(len(stages)) == passed)
    touched = [row for row in part.unsplit if within[list(row.members)].any()]
    if not any(passed in row.members for row in touched):
        return part
    alone = np.flatnonzero(within & ~own.refused)
    members = sorted({*alone.tolist(), *(one for row in touched for one in row.members)} - {passed})
    (of_passed,) = (row for row in touched if passed in row.members)
    row = Unsplit(
        domain=part.domain,
        members=tuple(members),
        energy_j=float(_uj(sum(one.energy_j for one in touched) + own.energy_j[alone].sum())),
        low_j=float(_uj(sum(one.low_j for one in touched) + own.low_j[alone].sum())),
        high_j=float(_uj(sum(one.high_j for one in touched) + own.high_j[alone].sum())),
        reason=of_passed.reason,
    )
    most_j = float(own.high_j[passed])
    below = np.zeros(len(stages), np.bool_)
    below[alone] = True
    total = _below(stages, shares.model) & (_summed(within.astype(np.float64), stages) > 0) & ~part.total_energy.refused
    total[passed] = False
    return replace(
        part,
        self_energy=_refused(own, below, most_j, of_passed.reason),
        total_energy=_refused(part.total_energy, total, most_j, of_passed.reason),
        unsplit=(*(one for one in part.unsplit if one not in touched), row),
    )


def _refused(columns: EnergyColumns, which: Flags, more_j: float, reason: str) -> EnergyColumns:
    return replace(
        columns,
        energy_j=np.where(which, 0.0, columns.energy_j),
        high_j=_uj(np.where(which, columns.high_j + more_j, columns.high_j)),
        refused=columns.refused | which,
        reason=tuple(reason if is_one else old for old, is_one in zip(columns.reason, which.tolist(), strict=True)),
    )


# --- what is left ----------------------------------------------------------------------------------------------------


def _without_stage(columns: EnergyColumns, stage: int, reason: str) -> EnergyColumns:
    """Return the columns without a figure for this stage."""
    which = np.arange(len(columns.energy_j)) == stage
    return replace(
        columns,
        energy_j=np.where(which, 0.0, columns.energy_j),
        low_j=np.where(which, 0.0, columns.low_j),
        high_j=np.where(which, 0.0, columns.high_j),
        data_share=np.where(which, 0.0, columns.data_share),
        refused=columns.refused | which,
        unread=columns.unread | which,
        reason=tuple(reason if at == stage else old for at, old in enumerate(columns.reason)),
    )


def _total_without(total: EnergyColumns, own: EnergyColumns, stage: int, reason: str) -> EnergyColumns:
    """Return totals less the stage's own energy; without a figure where nothing else stands below it."""
    rest_j = total.energy_j[stage] - own.energy_j[stage]
    if own.refused[stage] or total.refused[stage] or round(rest_j * MICRO) <= 0:
        return _without_stage(total, stage, reason)
    which = np.arange(len(total.energy_j)) == stage
    low_j = np.clip(total.low_j - own.low_j[stage], 0.0, rest_j)
    high_j = np.maximum(total.high_j - own.low_j[stage], rest_j)
    return replace(
        total,
        energy_j=_uj(np.where(which, rest_j, total.energy_j)),
        low_j=_uj(np.where(which, low_j, total.low_j)),
        high_j=_uj(np.where(which, high_j, total.high_j)),
    )


def _below(stages: tuple[Stage, ...], model: int) -> Flags:
    """Return which stages stand below another."""
    found = np.zeros(len(stages), np.bool_)
    for index, stage in enumerate(stages):  # parents stand first
        found[index] = stage.parent is not None and (stage.parent == model or found[stage.parent])
    return found


def _summed(column: Floats, stages: tuple[Stage, ...]) -> Floats:
    """Return for each stage the sum over it and all below it."""
    whole = column.copy()
    for index in range(len(stages) - 1, -1, -1):
        parent = stages[index].parent
        if parent is not None:
            whole[parent] += whole[index]
    return whole


def _uj(amount_j: Floats | float) -> Floats:
    return np.rint(np.asarray(amount_j, np.float64) * MICRO) / MICRO


def _reason(stages: tuple[Stage, ...], shares: StepShares) -> str:
    calls = shares.recorded_calls + shares.passed_calls
    name = stages[shares.model].name
    return f"inferred from the {shares.recorded_calls} of {calls} calls of {name} whose layers were recorded"
