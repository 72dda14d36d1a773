"""The attribution of a view: figures of stages added up to those of the groups that the view shows.

A group's energy is the sum of its members' and of what members spent that cannot be told apart, where none of those
stands outside; else it is refused as they are. Its interval is that of the whole subtree where it is one. Else bounds
are added, which is never too narrow, and cut to what the covariance of a statistical fit allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from energyprof.attribute.identify import Subtrees
from energyprof.attribute.ledger import MICRO
from energyprof.attribute.regroup_functions import FunctionsShown
from energyprof.attribute.regroup_joints import Joints
from energyprof.model.attribution import (
    PROVENANCES,
    Attribution,
    DomainAttribution,
    EnergyColumns,
    SensorFit,
    StageTimes,
    StepEnergy,
)
from energyprof.model.ids import DomainId
from energyprof.model.span import Flags, Floats, Ints, Stage
from energyprof.model.trace import Flows, Outputs
from energyprof.model.view import Grouping

LEFT_OUT = "left out of this view"
_SPREAD = 1.96


def regroup(
    stages: tuple[Stage, ...], attribution: Attribution, grouping: Grouping, domains: frozenset[DomainId]
) -> Attribution:
    """Return the attribution of the stages that `grouping` shows, in these domains only; what is whole stays as it is.

    The ledger remains that of the whole run. Rankings and repeated calls are those of single stages and left out;
    steps stay where the stage is shown that ends them.
    """
    kept = tuple(found for found in attribution.domains if found.domain in domains)
    if grouping.is_everything():
        return replace(attribution, domains=kept)
    groups = _Groups.of(stages, grouping)
    functions = FunctionsShown.of(attribution.functions, grouping)
    return replace(
        attribution,
        ranks=(),  # their energies are those of all stages
        domains=tuple(_domain(found, groups, functions) for found in kept),
        times=_times(attribution.times, grouping),
        follows=_flows(attribution.follows, grouping),
        calls=_flows(attribution.calls, grouping),
        functions=functions.table,
        repeats=None,
        steps=_steps(attribution.steps, grouping),
    )


def regroup_flows(flows: Flows, grouping: Grouping) -> Flows:
    """Return edges between stages of the run as those between stages of the view."""
    return flows if grouping.is_everything() else _flows(flows, grouping)


def regroup_outputs(outputs: Outputs, grouping: Grouping) -> Outputs:
    """Return what became of the outputs of stages that the view shows one by one.

    What the stages of a group hand to one another is no output of the group: nothing is said of those.
    """
    size = np.bincount(grouping.place[grouping.place >= 0], minlength=len(grouping.stages))
    place = grouping.place[outputs.stage]
    alone = np.flatnonzero((place >= 0) & (size[place] == 1)) if len(size) else np.zeros(0, np.int64)
    return Outputs(place[alone], outputs.given[alone], outputs.used[alone], outputs.again[alone])


def _steps(steps: StepEnergy | None, grouping: Grouping) -> StepEnergy | None:
    """Return the steps under the stage of the view that ends them; None where it is a part of another or left out."""
    place = -1 if steps is None else int(grouping.place[steps.stage])
    if steps is None or place < 0 or grouping.origin[place] != steps.stage or not grouping.is_own[steps.stage]:
        return None
    return replace(steps, stage=place)


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """The members of each stage of a view, and what of it is a whole subtree of the run."""

    run_stages: tuple[Stage, ...]
    grouping: Grouping
    members: Sequence[Ints]
    """Stages of the run whose own energy is that of the stage of the view."""
    below: Sequence[Ints]
    """The same with all that the view shows below it."""
    self_subtree: Flags
    """Its members are the whole subtree of the stage that it is."""
    total_subtree: Flags

    @staticmethod
    def of(stages: tuple[Stage, ...], grouping: Grouping) -> _Groups:
        count = len(grouping.stages)
        own = np.flatnonzero((grouping.place >= 0) & grouping.is_own)
        by_place = own[np.argsort(grouping.place[own], kind="stable")]
        until = np.cumsum(np.bincount(grouping.place[own], minlength=count))
        members = np.split(by_place, until[:-1]) if count else []
        size = Subtrees.of(stages).size[grouping.origin]
        laid = Subtrees.of(grouping.stages)
        counts = np.array([len(one) for one in members], np.int64)
        below = [np.concatenate([members[k] for k in laid.members(index).tolist()]) for index in range(count)]
        alone = np.bincount(grouping.place[(grouping.place >= 0) & grouping.is_equal], minlength=count) == 1
        return _Groups(stages, grouping, members, below, (counts == size) & alone, laid.sums(counts) == size)


def _domain(found: DomainAttribution, groups: _Groups, shown: FunctionsShown) -> DomainAttribution:
    joints = Joints.of(found, groups.run_stages)
    fit = found.fit if found.fit is not None and not found.fit.refusal else None
    own = _columns(found, groups, fit, joints, is_total=False)
    total = _columns(found, groups, fit, joints, is_total=True)
    unsplit = joints.of_groups(found.self_energy, groups.grouping, groups.members, own.refused)
    functions = None if found.functions is None else shown.energy(found.functions)
    return replace(
        found, self_energy=own, total_energy=total, unsplit=unsplit, functions=functions, fit=None, ranks=(),
        waiting_j=None if found.waiting_j is None else _waiting_j(found.waiting_j, groups.grouping),
    )  # fmt: skip


def _waiting_j(waiting_j: Floats, grouping: Grouping) -> Floats:
    own = np.flatnonzero((grouping.place >= 0) & grouping.is_own)
    added = np.bincount(grouping.place[own], np.round(waiting_j[own] * MICRO), len(grouping.stages))
    energy: Floats = added / MICRO
    return energy


def _columns(
    found: DomainAttribution, groups: _Groups, fit: SensorFit | None, joints: Joints, *, is_total: bool
) -> EnergyColumns:
    """Return the figures of all stages of the view; those of single stages and of whole subtrees are known already."""
    rows = []
    whole = groups.total_subtree if is_total else groups.self_subtree
    for place, origin in enumerate(groups.grouping.origin.tolist()):
        members = groups.below[place] if is_total else groups.members[place]
        is_single = len(members) == 1 and members[0] == origin
        # Its total may be known where a part of it is in a row with others: what is its own is then in that row.
        is_known = is_total or not (is_single or joints.are_cut(found.self_energy, members))
        if whole[place] and is_known:
            rows.append(_row(found.total_energy, origin))
        else:
            rows.append(_row(found.self_energy, origin) if is_single else _added(found, fit, members, joints))
    fields = list(zip(*rows, strict=True)) if rows else [()] * 8
    energy, low, high = (np.array(column, np.float64) for column in fields[:3])
    return EnergyColumns(
        energy_j=energy,
        low_j=low,
        high_j=high,
        refused=np.array(fields[3], np.bool_),
        data_share=np.array(fields[4], np.float64),
        provenance=np.array(fields[5], np.uint8),
        reason=tuple(fields[6]),
        unread=np.array(fields[7], np.bool_),
    )


_Row = tuple[float, float, float, bool, float, int, str, bool]


def _row(columns: EnergyColumns, at: int) -> _Row:
    return (
        float(columns.energy_j[at]), float(columns.low_j[at]), float(columns.high_j[at]), bool(columns.refused[at]),
        float(columns.data_share[at]), int(columns.provenance[at]), columns.reason[at], bool(columns.unread[at]),
    )  # fmt: skip


def _added(found: DomainAttribution, fit: SensorFit | None, members: Ints, joints: Joints) -> _Row:
    columns = found.self_energy
    if not len(members):
        return 0.0, 0.0, 0.0, True, 0.0, PROVENANCES.index("measured"), LEFT_OUT, True
    told = joints.told(columns, members)
    energy_uj, low_uj, high_uj = told.energy_uj, told.low_uj, told.high_uj
    if len(told.cut):
        low_uj += int(np.rint(columns.low_j[told.cut] * MICRO).sum())
        high_uj += int(np.rint(columns.high_j[told.cut] * MICRO).sum())
    elif fit is not None:
        half_uj = _SPREAD * fit.sd_of_sum(members) * MICRO
        low_uj, high_uj = max(low_uj, round(energy_uj - half_uj)), min(high_uj, round(energy_uj + half_uj))
        low_uj, high_uj = min(low_uj, energy_uj), max(high_uj, energy_uj)
    weight = np.maximum(columns.energy_j[members], 0.0)
    share = float(weight @ columns.data_share[members] / weight.sum()) if weight.sum() > 0 else 1.0
    reasons = dict.fromkeys(columns.reason[at] for at in told.cut.tolist() if columns.reason[at])
    return (
        energy_uj / MICRO, low_uj / MICRO, high_uj / MICRO, len(told.cut) > 0, share,
        int(columns.provenance[members].max()), next(iter(reasons), ""), bool(columns.unread[members].all()),
    )  # fmt: skip


def _times(times: StageTimes, grouping: Grouping) -> StageTimes:
    """Return calls and inclusive times of the stages that the groups are, and own times of all members."""
    count = len(grouping.stages)
    equal = np.flatnonzero((grouping.place >= 0) & grouping.is_equal)
    calls, resumes, wall, cpu = (np.zeros(count, np.int64) for _ in range(4))
    for column, of_run in ((calls, times.calls), (resumes, times.resumes), (wall, times.wall_ns), (cpu, times.cpu_ns)):
        np.add.at(column, grouping.place[equal], of_run[equal])
    own = (grouping.place >= 0) & grouping.is_own
    self_wall = np.zeros(count, np.int64)
    np.add.at(self_wall, grouping.place[own], times.self_wall_ns[own])
    return StageTimes(calls, resumes, wall, self_wall, cpu)


def _flows(flows: Flows, grouping: Grouping) -> Flows:
    """Return edges between the groups; those within one group and to what is left out are none."""
    source, target = grouping.place[flows.source], grouping.place[flows.target]
    kept = np.flatnonzero((source >= 0) & (target >= 0) & ((source != target) | (flows.source == flows.target)))
    if not len(kept):
        return Flows.none()
    pairs, row = np.unique(np.stack((source[kept], target[kept]), 1), axis=0, return_inverse=True)
    count, nbytes = np.zeros(len(pairs), np.int64), np.zeros(len(pairs), np.int64)
    np.add.at(count, row.reshape(-1), flows.count[kept])
    np.add.at(nbytes, row.reshape(-1), flows.nbytes[kept])
    return Flows(pairs[:, 0].astype(np.int32), pairs[:, 1].astype(np.int32), count, nbytes)
