"""What changed between two groups of runs: per stage and layer, in joules, joules a call and time, with intervals.

`spread` says how far a change may lie off. What a sensor or model gets wrong of all joules alike is left out where both
groups were read on one machine: it turns the sign of no change and cancels in the ratio. Between machines of one kind
it is kept, and groups that were not read alike are not tested at all. Each of m rows is tested at 5 % / m (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from energyprof.model.comparison import ASSUMED_PART_SD, ASSUMED_SD
from energyprof.model.difference import Difference, DifferenceRow, Shift, Verdict
from energyprof.model.domain import Provenance
from energyprof.model.report import Report
from energyprof.report.changed_program import changed_program
from energyprof.report.command_words import other_arguments, program_and_arguments
from energyprof.report.comparable import (
    disturbances_in,
    is_one_machine,
    obstacles_to_a_difference,
    of_other_machines,
    other_versions_of,
)
from energyprof.report.figure import MODELLED, Figure, Figures
from energyprof.report.spread import TAIL, Assumed, Reach, change_reach, mean_of
from energyprof.report.sums import weakest


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is compared of one stage or layer in one run."""

    name: str
    path: tuple[str, ...]
    kind: str
    own: Figure
    total: Figure
    calls: int
    wall_s: float
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class _Rules:
    """How changes are tested."""

    is_tested: bool
    assumed: Assumed


def difference(before: Sequence[Report], after: Sequence[Report]) -> Difference:
    """Return what changed; both groups have at least one run."""
    reports = (*before, *after)
    figures = [[Figures(report) for report in side] for side in (before, after)]
    old_stages, new_stages = ([_stages(one) for one in side] for side in figures)
    old_layers, new_layers = ([_layers(one) for one in side] for side in figures)
    obstacles = obstacles_to_a_difference(before, after)
    rules = _Rules(not obstacles, Assumed(is_one_machine(reports), ASSUMED_SD))
    of_parts = replace(rules, assumed=replace(rules.assumed, single_sd=ASSUMED_PART_SD))
    rows = (_rows(old_stages, new_stages, of_parts), _rows(old_layers, new_layers, of_parts))
    old_j, new_j = ([one.measured() for one in side] for side in figures)
    old_s, new_s = ([Figure(report.run.wall_s) for report in side] for side in (before, after))
    provenance = weakest([report.measured.provenance for report in reports])
    return Difference(
        before=tuple(report.run for report in before),
        after=tuple(report.run for report in after),
        measured_j=_shift(old_j, new_j, TAIL, rules),
        wall_s=_shift(old_s, new_s, TAIL, rules),
        stages=rows[0],
        layers=rows[1],
        provenance=provenance,
        tested=max(map(_tested, rows)),
        obstacles=obstacles,
        cautions=(
            *of_other_machines(reports),
            *other_versions_of(reports),
            *disturbances_in(reports),
            *_other_work(before, after, rows[0]),
            *_single(before, after),
        ),
        basis=() if obstacles else _basis([*old_j, *new_j], provenance, rules.assumed.is_common),
        changed=changed_program(before, after),
        told_otherwise=other_arguments(before, after),
    )


def _stages(of_run: Figures) -> dict[str, _Facts]:
    return {
        row.stage: _Facts(
            row.stage,
            row.path,
            row.kind,
            of_run.stage(row, is_own=True),
            of_run.stage(row),
            row.calls,
            row.wall_s,
            row.total_sum.provenance,
        )
        for row in of_run.report.stages
    }


def _layers(of_run: Figures) -> dict[str, _Facts]:
    return {
        row.layer: _Facts(
            row.layer,
            (row.layer,),
            row.module_class,
            of_run.layer(row, is_own=True),
            of_run.layer(row),
            row.calls,
            row.wall_s,
            row.total_sum.provenance,
        )
        for row in of_run.report.layers
        if row.phase == "total"
    }


def _rows(
    before: Sequence[dict[str, _Facts]], after: Sequence[dict[str, _Facts]], rules: _Rules
) -> tuple[DifferenceRow, ...]:
    names = list(dict.fromkeys(name for run in (*after, *before) for name in run))
    both = [name for name in names if all(name in run for run in (*before, *after))]
    tail = TAIL / max(len(both), 1)
    return tuple(_row(name, before, after, tail, rules) for name in names)


def _row(
    name: str, before: Sequence[dict[str, _Facts]], after: Sequence[dict[str, _Facts]], tail: float, rules: _Rules
) -> DifferenceRow:
    sides = [[run[name] for run in side if name in run] for side in (before, after)]
    found = [*sides[1], *sides[0]]
    gone: Verdict | None = "new" if not sides[0] else "gone" if not sides[1] else None
    whole = len(sides[0]) == len(before) and len(sides[1]) == len(after)
    own_rules = replace(rules, is_tested=rules.is_tested and whole)

    def shift(of: Callable[[_Facts], Figure]) -> Shift:
        old, new = ([of(facts) for facts in side] for side in sides)
        return _shift(old, new, tail, own_rules) if gone is None else _all_of_it(old, new, gone)

    per_call_j = shift(lambda facts: facts.total.each(facts.calls))
    calls = [sum(facts.calls for facts in side) / len(runs) for side, runs in zip(sides, (before, after), strict=True)]
    return DifferenceRow(
        name=name,
        path=found[0].path,
        kind=found[0].kind,
        own_j=shift(lambda facts: facts.own),
        total_j=shift(lambda facts: facts.total),
        per_call_j=replace(per_call_j, change=None) if gone else per_call_j,  # no call became cheaper or dearer
        wall_s=shift(lambda facts: Figure(facts.wall_s)),
        calls_before=calls[0],
        calls_after=calls[1],
        provenance=weakest([facts.provenance for facts in found]),
    )


def _all_of_it(before: Sequence[Figure], after: Sequence[Figure], verdict: Verdict) -> Shift:
    """Return the shift of what is on one side only: what it took there has come or gone."""
    old, new = mean_of(before), mean_of(after)
    return Shift(old, new, new if old is None else -old, None, None, verdict)


def _shift(before: Sequence[Figure], after: Sequence[Figure], tail: float, rules: _Rules) -> Shift:
    old, new = mean_of(before), mean_of(after)
    if old is None or new is None:
        return Shift(old, new, None, None, None, "not known")
    change = new - old

    def reaching(weight: float) -> Reach | None:
        return change_reach(before, after, tail, weight, rules.assumed)

    reach = reaching(1.0) if rules.is_tested else None
    if reach is None:
        return Shift(old, new, change, None, None, "not tested")
    low, high = change - reach[0], change + reach[1]
    verdict: Verdict = "more" if low > 0 else "less" if high < 0 else "chance"
    ratio = reaching(new / old) if old > 0 else None
    if ratio is None:
        return Shift(old, new, change, low, high, verdict)
    return Shift(old, new, change, low, high, verdict, max((change - ratio[0]) / old, -1.0), (change + ratio[1]) / old)


def _tested(rows: Sequence[DifferenceRow]) -> int:
    return sum(row.total_j.low is not None for row in rows)


def _basis(figures: Sequence[Figure], provenance: Provenance, is_common: bool) -> tuple[str, ...]:
    below, above = (max(side) for side in zip(*((one.below, one.above) for one in figures), strict=True))
    if not below and not above:
        return ()
    error = f"what is wrong of all joules alike (\N{MINUS SIGN}{below:.0%} to +{above:.0%})".replace("%", " %")
    if not is_common:
        return (f"{error} is each machine's own, and kept in the intervals",)
    lines = [f"{error} is the same in all of these runs: it is in no interval of a change, and cancels in its ratio"]
    if provenance == MODELLED:
        lines.append("the model sees CPU time and not what instructions do with it: such a change is not seen here")
    return tuple(lines)


def _other_work(before: Sequence[Report], after: Sequence[Report], rows: Sequence[DifferenceRow]) -> tuple[str, ...]:
    lines = []
    commands = [{program_and_arguments(report.run.command) for report in side} for side in (before, after)]
    if commands[0] != commands[1] and not other_arguments(before, after):
        lines.append("the commands differ: what they were told may be the difference")
    lines += _other_amounts(before, after)
    changed = [row for row in rows if row.calls_before and row.calls_after and row.calls_before != row.calls_after]
    if changed:
        row = max(changed, key=lambda row: abs(row.total_j.change or 0.0))
        calls = f"{row.calls_before:g} and {row.calls_after:g} times"
        count = f"{len(changed)} stages were" if len(changed) > 1 else "a stage was"
        lines.append(f"{count} not called as often ({row.name}: {calls}): go by joules a call")
    return tuple(lines)


def _other_amounts(before: Sequence[Report], after: Sequence[Report]) -> Iterator[str]:
    """Yield a line for work that was not done as often on both sides, and one for what only one side counts."""
    old, new = (_amounts(side) for side in (before, after))
    others = [name for name in old if name in new and old[name] != new[name]]
    if others:
        told = ", ".join(f"{name}: {old[name]:g} and {new[name]:g} a run" for name in others)
        yield f"they did other amounts of work ({told}): go by joules of one: energyprof compare --unit {others[0]}"
    alone = [f"{name} {side}" for side, one, other in (("before", old, new), ("after", new, old)) for name in one
             if name not in other]  # fmt: skip
    if alone:
        yield f"they counted other work ({', '.join(alone)} only): it may not be the same task"


def _amounts(reports: Sequence[Report]) -> dict[str, float]:
    """Return how much of each unit of work a run did on average, of those that all tell."""
    counts = [{row.name: row.count for row in report.units} for report in reports]
    return {
        name: sum(one[name] for one in counts) / len(counts) for name in counts[0] if all(name in one for one in counts)
    }


def _single(before: Sequence[Report], after: Sequence[Report]) -> tuple[str, ...]:
    if max(len(before), len(after)) > 1:
        return ()
    assumed = f"a standard deviation of {100 * ASSUMED_SD:g} % is assumed, {100 * ASSUMED_PART_SD:g} % of a part"
    return (f"one run tells nothing of how much runs differ: {assumed}; give several of each",)
