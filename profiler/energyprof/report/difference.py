"""What changed between two groups of runs: per stage and layer, in joules, joules a call and time, with intervals.

One run tells how uncertain its figures are, not how much runs differ: its side reaches as far as its own interval.
Several tell both by their spread. Where both sides have several, the change of the means is Student's t with the
degrees of freedom of Welch and Satterthwaite (Welch 1947, Biometrika 34, 28-35); else a change reaches the root of the
sum of squares to either side. What a sensor gets wrong of all runs alike is in no spread, and does not turn the sign of
a change: groups that were not read alike are not tested. Each of m rows is tested at 5 % / m (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, mean, stdev

from energyprof.model.difference import Difference, DifferenceRow, Shift, Verdict
from energyprof.model.report import LayerRow, Report, StageRow, SumRow
from energyprof.report.comparable import disturbances_in, obstacles_between
from energyprof.report.sums import weakest

TAIL = 0.025


@dataclass(frozen=True, slots=True)
class _Figure:
    """One figure of one run; None: not known."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is compared of one stage or layer in one run."""

    name: str
    path: tuple[str, ...]
    kind: str
    own: SumRow
    total: SumRow
    calls: int
    wall_s: float


def difference(before: Sequence[Report], after: Sequence[Report]) -> Difference:
    """Return what changed; both groups have at least one run."""
    reports = (*before, *after)
    old_stages, new_stages = ([_stages(report) for report in side] for side in (before, after))
    old_layers, new_layers = ([_layers(report) for report in side] for side in (before, after))
    obstacles = (*obstacles_between(reports), *_without_a_stage_in_common(old_stages, new_stages))
    is_tested = not obstacles
    rows = (_rows(old_stages, new_stages, is_tested), _rows(old_layers, new_layers, is_tested))
    old_j, new_j = ([_energy(report.measured) for report in side] for side in (before, after))
    old_s, new_s = ([_Figure(report.run.wall_s) for report in side] for side in (before, after))
    return Difference(
        before=tuple(report.run for report in before),
        after=tuple(report.run for report in after),
        measured_j=_shift(old_j, new_j, TAIL, is_tested),
        wall_s=_shift(old_s, new_s, TAIL, is_tested),
        stages=rows[0],
        layers=rows[1],
        provenance=weakest([report.measured.provenance for report in reports]),
        tested=max(map(_tested, rows)),
        obstacles=obstacles,
        cautions=(*disturbances_in(reports), *_other_work(before, after, rows[0]), *_single(before, after)),
    )


def _stages(report: Report) -> dict[str, _Facts]:
    return {row.stage: _of_stage(row) for row in report.stages}


def _of_stage(row: StageRow) -> _Facts:
    return _Facts(row.stage, row.path, row.kind, row.self_sum, row.total_sum, row.calls, row.wall_s)


def _layers(report: Report) -> dict[str, _Facts]:
    return {row.layer: _of_layer(row) for row in report.layers if row.phase == "total"}


def _of_layer(row: LayerRow) -> _Facts:
    return _Facts(row.layer, (row.layer,), row.module_class, row.self_sum, row.total_sum, row.calls, row.wall_s)


def _rows(
    before: Sequence[dict[str, _Facts]], after: Sequence[dict[str, _Facts]], is_tested: bool
) -> tuple[DifferenceRow, ...]:
    names = list(dict.fromkeys(name for run in (*after, *before) for name in run))
    both = [name for name in names if all(name in run for run in (*before, *after))]
    tail = TAIL / max(len(both), 1)
    return tuple(_row(name, before, after, tail, is_tested) for name in names)


def _row(
    name: str, before: Sequence[dict[str, _Facts]], after: Sequence[dict[str, _Facts]], tail: float, is_tested: bool
) -> DifferenceRow:
    sides = [[run[name] for run in side if name in run] for side in (before, after)]
    found = [*sides[1], *sides[0]]
    gone: Verdict | None = "new" if not sides[0] else "gone" if not sides[1] else None

    def shift(of: Callable[[_Facts], _Figure]) -> Shift:
        old, new = ([of(facts) for facts in side] for side in sides)
        whole = len(sides[0]) == len(before) and len(sides[1]) == len(after)
        return _shift(old, new, tail, is_tested and whole, gone)

    calls = [sum(facts.calls for facts in side) / len(runs) for side, runs in zip(sides, (before, after), strict=True)]
    return DifferenceRow(
        name=name,
        path=found[0].path,
        kind=found[0].kind,
        own_j=shift(lambda facts: _energy(facts.own)),
        total_j=shift(lambda facts: _energy(facts.total)),
        per_call_j=shift(lambda facts: _energy(facts.total, facts.calls)),
        wall_s=shift(lambda facts: _Figure(facts.wall_s)),
        calls_before=calls[0],
        calls_after=calls[1],
        provenance=weakest([facts.total.provenance for facts in found]),
    )


def _energy(row: SumRow, calls: int = 1) -> _Figure:
    if row.energy_j is None or calls <= 0:
        return _Figure(None)
    low_j, high_j = (None if bound is None else bound / calls for bound in (row.low_j, row.high_j))
    return _Figure(row.energy_j / calls, low_j, high_j)


def _shift(
    before: Sequence[_Figure], after: Sequence[_Figure], tail: float, is_tested: bool, gone: Verdict | None = None
) -> Shift:
    means = [_mean(side) for side in (before, after)]
    if gone is not None:
        return Shift(means[0], means[1], None, None, None, gone)
    if means[0] is None or means[1] is None:
        return Shift(means[0], means[1], None, None, None, "not known")
    change = means[1] - means[0]
    reach = _joint_reach(before, after, tail) if is_tested else None
    if reach is None:
        return Shift(means[0], means[1], change, None, None, "not tested")
    low, high = change - reach[0], change + reach[1]
    return Shift(means[0], means[1], change, low, high, "more" if low > 0 else "less" if high < 0 else "chance")


def _mean(figures: Sequence[_Figure]) -> float | None:
    known = _known(figures)
    return mean(known) if known and len(known) == len(figures) else None


def _joint_reach(before: Sequence[_Figure], after: Sequence[_Figure], tail: float) -> tuple[float, float] | None:
    """Return how far the change may lie below and above; None: a side is one run, without an interval of its own."""
    if min(len(before), len(after)) > 1:
        variances = [stdev(_known(side)) ** 2 / len(side) for side in (before, after)]
        spare = sum(part**2 / (len(side) - 1) for part, side in zip(variances, (before, after), strict=True))
        half = _t(sum(variances) ** 2 / spare, tail) * math.sqrt(sum(variances)) if spare > 0 else 0.0
        return half, half
    old, new = _reach(before, tail), _reach(after, tail)
    return None if old is None or new is None else (math.hypot(new[0], old[1]), math.hypot(new[1], old[0]))


def _reach(figures: Sequence[_Figure], tail: float) -> tuple[float, float] | None:
    """Return how far below and above its mean a side may lie; None: one run, without an interval of its own."""
    if len(figures) > 1:
        half = _t(len(figures) - 1, tail) * stdev(_known(figures)) / math.sqrt(len(figures))
        return half, half
    one = figures[0]
    if one.value is None or one.low is None or one.high is None:
        return None
    normal = NormalDist()
    wider = normal.inv_cdf(1 - tail) / normal.inv_cdf(1 - TAIL)
    return wider * max(one.value - one.low, 0.0), wider * max(one.high - one.value, 0.0)


def _known(figures: Sequence[_Figure]) -> list[float]:
    return [figure.value for figure in figures if figure.value is not None]


def _t(degrees: float, tail: float) -> float:
    from scipy.special import stdtrit  # here: a report waits for no scipy

    return float(stdtrit(degrees, 1 - tail))


def _tested(rows: Sequence[DifferenceRow]) -> int:
    return sum(row.total_j.low is not None for row in rows)


def _without_a_stage_in_common(
    before: Sequence[dict[str, _Facts]], after: Sequence[dict[str, _Facts]]
) -> tuple[str, ...]:
    old, new = ({name for run in side for name in run} for side in (before, after))
    if old and new and not old & new:
        return ("the runs have no stage in common: they did other work; compare runs of one program",)
    return ()


def _other_work(before: Sequence[Report], after: Sequence[Report], rows: Sequence[DifferenceRow]) -> tuple[str, ...]:
    lines = []
    commands = [{report.run.command for report in side} for side in (before, after)]
    if commands[0] != commands[1]:
        lines.append("the commands differ: what they were told may be the difference")
    changed = [row for row in rows if row.calls_before and row.calls_after and row.calls_before != row.calls_after]
    if changed:
        row = max(changed, key=lambda row: abs(row.total_j.change or 0.0))
        calls = f"{row.calls_before:g} and {row.calls_after:g} times"
        count = f"{len(changed)} stages were" if len(changed) > 1 else "a stage was"
        lines.append(f"{count} not called as often ({row.name}: {calls}): go by joules a call")
    return tuple(lines)


def _single(before: Sequence[Report], after: Sequence[Report]) -> tuple[str, ...]:
    if min(len(before), len(after)) > 1:
        return ()
    return ("one run tells nothing of how much runs differ; give several of each: energyprof diff A1 A2 --to B1 B2",)
