"""Choose what is drawn: the outermost stages and the costliest below them; the rest of each becomes one remainder.

Nothing is dropped: what a box costs in total is its own energy, its drawn children, its remainder and what cannot be
told apart below it, to the microjoule (what cannot be told apart across two boxes stands beside both).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from energyprof.model.domain import Provenance
from energyprof.model.ids import StageId
from energyprof.model.recorded_names import FOLDED, PASSED_OVER
from energyprof.model.report import Report, StageRow
from energyprof_plugins.exporters.account import (
    Known,
    StageEnergies,
    add,
    counted_domains,
    family,
    is_sampled,
    is_stage,
    known,
    microjoules,
    stage_energies,
)
from energyprof_plugins.exporters.diagram.stacks import FEWEST, LEAST, Energies, Group, group
from energyprof_plugins.exporters.diagram.wishes import SMALLEST, Wishes

DEEPEST: Final = 9
"""Levels drawn; a picture wider than that cannot be read."""


LEAST_WAIT: Final = 0.01
"""Of all energy: a device that waits for less is not worth a note."""


@dataclass(slots=True)
class Joint:
    """Stages that cannot be told apart, with what they spent together."""

    members: tuple[StageId, ...]
    names: tuple[str, ...]
    reason: str
    energy_uj: int = 0
    low_uj: int = 0
    high_uj: int = 0
    families: tuple[str, ...] = ()


@dataclass(slots=True)
class Rest:
    """The folded part of one box (or of the run): how many stages, their joules, and the names of the costliest."""

    count: int = 0
    energy_uj: int = 0
    names: list[tuple[int, str]] = field(default_factory=list)
    """(-self in microjoules, name), the costliest first."""
    members: list[int] = field(default_factory=list)
    """Rows of the report, those that cannot be told apart left out."""
    functions: int = 0
    """How many of them are sampled functions."""
    unknown: int = 0
    """Of how many nothing is known, so that they have no part in the joules."""
    folded: int = 0
    """How many of those are counted to their parent: layers too short to be recorded."""
    ways: set[Provenance] = field(default_factory=set)
    """How its joules came about."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What devices spent idle while one box ran on the host."""

    place: int
    energy_uj: int
    families: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """One drawn group with everything its label and tooltip say."""

    group: Group
    rows: Sequence[StageRow]
    own: Known
    total: Known
    short_name: str
    """A module's without that of the module around it."""
    is_divided: bool = False
    """Its own energy is what samples of its functions do not stand for."""
    unrecorded: Sequence[str] = ()
    """Names of layers too short to be recorded, whose energy is counted here."""
    is_around: bool = False
    """It is shown for what stands in it; what it spent itself is left out."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What a diagram shows: places in `groups`, parents first; `rest` and `joints` by place, None: of the run."""

    report: Report
    totals: StageEnergies
    groups: Sequence[Group]
    shown: tuple[int, ...]
    rest: dict[int | None, Rest]
    joints: dict[int | None, list[Joint]]
    place_of: dict[int, int]
    """Row of the report -> group that stands for it."""
    stages_uj: int
    is_everything: bool
    """Nothing had to be folded for want of room."""
    unrecorded: dict[int, list[str]]
    """By place: layers without a box, whose energy is counted to it."""
    wait: Wait | None = None
    """None: no device was kept waiting for long enough to be worth a note."""

    def box(self, place: int) -> Box:
        """Return one drawn group; what is known of each domain is worked out for these only."""
        one = self.groups[place]
        rows = [self.report.stages[member] for member in one.members]
        counted = counted_domains(self.report)
        own = add(known(row.self_energy, counted) for row in rows)
        around = self.report.view is not None and rows[0].stage in self.report.view.around
        return Box(
            one, rows, own, self.totals.sum(one.members), short_name(one, self.groups), self.is_divided(place),
            self.unrecorded.get(place, ()), around,
        )  # fmt: skip

    def drawn_stages(self) -> int:
        """Return how many stages the drawn boxes stand for."""
        drawn = (member for place in self.shown for member in self.groups[place].members)
        return sum(is_stage(self.report.stages[member]) for member in drawn)

    def is_divided(self, place: int) -> bool:
        """Return whether the own energy of a box is divided among sampled functions."""
        rows = self.report.stages
        return any(is_sampled(rows[self.groups[child].members[0]]) for child in self.groups[place].children)


def fold(report: Report, wishes: Wishes = Wishes()) -> Folded:  # noqa: B008 - frozen
    """Return what to draw in about so many boxes; outermost stages fold only if they alone are more than that."""
    joints_found = sorted(_joints(report), key=lambda joint: (-joint.energy_uj, joint.members))
    energies, holders = _energies(report, joints_found)
    stages_uj = microjoules(report.stages_sum.energy_j)
    groups = group(energies, _least_alike(report, wishes))
    place_of = {row: place for place, one in enumerate(groups) for row in one.members}
    hidden = _without_joules(report, energies, groups)
    shown = _choose(groups, wishes, stages_uj, _ranks(report, groups, wishes), hidden)
    shown = _with_functions(report, groups, shown)
    unrecorded: dict[int, list[str]] = {}
    rest: dict[int | None, Rest] = {}
    nearest: dict[int | None, int | None] = {None: None}
    for place, one in enumerate(groups):  # parents stand first
        nearest[place] = place if place in shown else nearest[one.parent]
        above = nearest[place]
        if place in hidden and above is not None:
            if FOLDED in report.stages[one.members[0]].facts:
                unrecorded.setdefault(above, []).append(_with_class(report, one, groups))
        elif place not in shown:
            part = _put(rest, nearest[place], len(one.members), one.own_uj, (-one.own_uj, short_name(one, groups)))
            part.members += one.members
            own = [report.stages[member].self_sum for member in one.members]
            part.ways.update(each.provenance for each in own if each.energy_j is not None)
            part.unknown += sum(
                energies.own.nothing[member] and energies.total.nothing[member] for member in one.members
            )
            part.folded += sum(FOLDED in report.stages[member].facts for member in one.members)
            part.functions += sum(is_sampled(report.stages[member]) for member in one.members)
    joints: dict[int | None, list[Joint]] = {}
    for rank, (joint, holder) in enumerate(zip(joints_found, holders, strict=True)):
        beside = nearest[None if holder is None else place_of[holder]]
        if rank < max(wishes.room // 4, 1) and joint.energy_uj >= SMALLEST * stages_uj:
            joints.setdefault(beside, []).append(joint)
        else:
            part = _put(rest, beside, len(joint.members), joint.energy_uj, (-joint.energy_uj, ", ".join(joint.names)))
            part.ways.add("inferred")
    for part in rest.values():
        part.names.sort()
    return Folded(
        report, energies.total, groups, tuple(sorted(shown)), rest, joints, place_of, stages_uj,
        is_everything=len(groups) <= wishes.room, unrecorded=unrecorded, wait=_wait(report, nearest, place_of),
    )  # fmt: skip


def _wait(report: Report, nearest: dict[int | None, int | None], place_of: dict[int, int]) -> Wait | None:
    """Return the box that keeps devices waiting most, folded stages within it counted; None: it is hardly a wait."""
    counted = counted_domains(report)
    row_of = {row.stage: number for number, row in enumerate(report.stages)}
    found: dict[int, Wait] = {}
    for row in report.waits:
        place = nearest[place_of[row_of[row.stage]]]
        if place is not None and row.domain in counted:
            before = found.get(place, Wait(place, 0, ()))
            families = tuple(dict.fromkeys((*before.families, family(row.domain))))
            found[place] = Wait(place, before.energy_uj + microjoules(row.energy_j), families)
    most = max(found.values(), key=lambda wait: (wait.energy_uj, -wait.place), default=None)
    least_uj = LEAST_WAIT * microjoules(report.measured.energy_j)
    return None if most is None or most.energy_uj < least_uj else most


def short_name(one: Group, groups: Sequence[Group]) -> str:
    """Return a module's name without what it repeats of the module around it, but for what only has a number."""
    above = "" if one.parent is None else groups[one.parent].name
    around, parts = above.split("."), one.name.split(".")
    pairs = list(zip(around, parts, strict=False))
    if not above or len(parts) <= len(around) or any(outer not in {"*", inner} for outer, inner in pairs):
        return one.name
    apart = next((at for at, (outer, inner) in enumerate(pairs) if outer != inner), None)
    if apart is not None:  # one of many that are drawn as one around it: its number says which
        return ".".join(parts[max(apart - 1, 0) :])
    own = ".".join(parts[len(around) :])
    return f"{around[-1]}.{own}" if own == "*" or own.isdigit() else own


def module_class(rows: Sequence[StageRow]) -> str:
    """Return the class of which all rows are modules; empty: there is none."""
    found = {str(row.facts.get("module_class", "")) for row in rows}
    return found.pop() if len(found) == 1 else ""


def _with_class(report: Report, one: Group, groups: Sequence[Group]) -> str:
    """Return the last part of a layer's name, and what it is."""
    own = short_name(one, groups).rpartition(".")[2]
    count = f" \u00d7{len(one.members)}" if len(one.members) > 1 else ""
    return f"{own} {module_class([report.stages[row] for row in one.members])}".strip() + count


def _without_joules(report: Report, energies: Energies, groups: Sequence[Group]) -> frozenset[int]:
    """Return the groups of layers that were not recorded: of their joules nothing is theirs."""
    return frozenset(
        place
        for place, one in enumerate(groups)
        if one.parent is not None
        and all(
            {FOLDED, PASSED_OVER} & report.stages[row].facts.keys()
            and energies.own.nothing[row]
            and energies.total.nothing[row]
            for row in one.members
        )
    )


def _least_alike(report: Report, wishes: Wishes) -> int | None:
    if wishes.grouped:
        return FEWEST
    return LEAST if len(report.stages) > wishes.room else None


def _energies(report: Report, joints: Sequence[Joint]) -> tuple[Energies, list[int | None]]:
    """Return what is known per row without the refused leaves, and the row below which each joint belongs."""
    counted = counted_domains(report)
    own = stage_energies([row.self_energy for row in report.stages], counted)
    # What a sampled function's callees spent is theirs: as a part of its stage it has its own energy alone.
    totals = [row.self_energy if is_sampled(row) else row.total_energy for row in report.stages]
    total = stage_energies(totals, counted)
    row_of = {row.stage: number for number, row in enumerate(report.stages)}
    parent = [None if row.parent is None else row_of[row.parent] for row in report.stages]
    parents = frozenset(parent)
    told_together = frozenset(row_of[member] for joint in joints for member in joint.members)
    hidden = frozenset(
        row for row in told_together if parent[row] is not None and row not in parents and own.nothing[row]
    )
    children: list[list[int]] = [[] for _ in report.stages]
    for row, above in enumerate(parent):
        if above is not None and row not in hidden:
            children[above].append(row)
    holders = [_holder([row_of[member] for member in joint.members], parent, hidden) for joint in joints]
    joint_uj = [0] * len(parent)
    for joint, holder in zip(joints, holders, strict=True):
        if holder is not None:
            joint_uj[holder] += joint.energy_uj
    roots = [row for row, above in enumerate(parent) if above is None]
    _fill_gaps(total, own, children, joint_uj)
    return Energies(report.stages, own, total, children, parent, roots), holders


def _fill_gaps(
    total: StageEnergies, own: StageEnergies, children: Sequence[Sequence[int]], joint_uj: Sequence[int]
) -> None:
    """Where a total is refused everywhere, put there what is known of the stage and of those below it."""
    for row in range(len(total.nothing) - 1, -1, -1):  # parents stand first
        if total.nothing[row]:
            below = total.sum(children[row])
            total.energy_uj[row] = own.energy_uj[row] + below.energy_uj + joint_uj[row]
            total.low_uj[row] = own.low_uj[row] + below.low_uj + joint_uj[row]
            total.high_uj[row] = own.high_uj[row] + below.high_uj + joint_uj[row]
            total.nothing[row] = own.nothing[row] and below.nothing and not joint_uj[row]


def _holder(members: Sequence[int], parent: Sequence[int | None], hidden: frozenset[int]) -> int | None:
    """Return the nearest row whose total holds all `members`; None where only the run does."""
    common: list[int] | None = None
    for member in members:
        path: list[int] = []
        step: int | None = member
        while step is not None:
            if step not in hidden:  # a refused leaf has no box of its own
                path.append(step)
            step = parent[step]
        path.reverse()
        same = 0
        while common is not None and same < min(len(common), len(path)) and common[same] == path[same]:
            same += 1
        common = path if common is None else common[:same]
    return common[-1] if common else None


def _ranks(report: Report, groups: Sequence[Group], wishes: Wishes) -> list[int]:
    """Return by which number groups are chosen, the largest first."""
    if wishes.metric == "time":
        return [sum(round(report.stages[row].wall_s * 1e9) for row in one.members) for one in groups]
    if wishes.metric == "per-call":
        calls = [max(sum(report.stages[row].calls for row in one.members), 1) for one in groups]
        return [one.rank_uj // count for one, count in zip(groups, calls, strict=True)]
    return [one.rank_uj for one in groups]


def _choose(
    groups: Sequence[Group], wishes: Wishes, stages_uj: int, ranks: Sequence[int], hidden: frozenset[int]
) -> set[int]:
    nodes = wishes.room
    roots = [place for place, one in enumerate(groups) if one.parent is None]
    costliest = sorted(roots, key=lambda place: (-ranks[place], place))
    shown = set(costliest[: max(nodes, 1)])
    least_uj = _least_uj(groups, wishes, stages_uj)
    if wishes.node_fraction is not None:  # asked for: then outermost stages are folded, too
        shown = {place for place in shown if groups[place].rank_uj >= least_uj}
    waiting = [(-ranks[child], child, 2) for root in shown for child in groups[root].children]
    heapq.heapify(waiting)
    while waiting and len(shown) < nodes:
        _, place, level = heapq.heappop(waiting)
        if groups[place].rank_uj < least_uj or place in hidden:
            continue
        shown.add(place)
        if level < DEEPEST:
            for child in groups[place].children:
                heapq.heappush(waiting, (-ranks[child], child, level + 1))
    return shown


def _with_functions(report: Report, groups: Sequence[Group], shown: set[int]) -> set[int]:
    """Return what is shown with the functions that are chosen for a picture in place of any others."""
    calls = None if report.view is None else report.view.calls
    if calls is None:
        return shown
    rows = [report.stages[one.members[0]] for one in groups]
    chosen = {place for place, row in enumerate(rows) if row.stage in calls.columns and groups[place].parent in shown}
    return {place for place in shown if not is_sampled(rows[place])} | chosen


def _least_uj(groups: Sequence[Group], wishes: Wishes, stages_uj: int) -> float:
    """Return what a box must cost to be drawn."""
    if not wishes.trim:
        return float("-inf")
    if wishes.node_fraction is not None:
        return wishes.node_fraction * stages_uj
    return float("-inf") if len(groups) <= wishes.room else SMALLEST * stages_uj


def _put(rest: dict[int | None, Rest], place: int | None, count: int, energy_uj: int, name: tuple[int, str]) -> Rest:
    part = rest.setdefault(place, Rest())
    part.count += count
    part.energy_uj += energy_uj
    part.names.append(name)
    return part


def _joints(report: Report) -> list[Joint]:
    """Return the groups that cannot be told apart; the same stages in several domains are one."""
    counted, names = counted_domains(report), {row.stage: row.name for row in report.stages}
    found: dict[tuple[StageId, ...], Joint] = {}
    for row in report.unsplit:
        if row.domain in counted:
            members = tuple(names[member] for member in row.members)
            joint = found.setdefault(row.members, Joint(row.members, members, row.reason))
            joint.energy_uj += microjoules(row.energy_j)
            joint.low_uj += microjoules(row.low_j)
            joint.high_uj += microjoules(row.high_j)
            joint.families = (*joint.families, family(row.domain))
    return list(found.values())
