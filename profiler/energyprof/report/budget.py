"""Hold a run to a budget: exceeded or within only where the whole 95 % interval says so, else it cannot be told."""

from __future__ import annotations

from collections.abc import Sequence

from energyprof.errors import InputError
from energyprof.model.budget import BudgetVerdict, Limit, Ruling
from energyprof.model.difference import Difference, Shift
from energyprof.model.domain import Provenance
from energyprof.model.report import LayerRow, Report, StageRow, SumRow
from energyprof.report.difference import difference

LEAST_COVERED = 0.95
"""Part of the run that has to be read for a figure to be called within a budget: the rest is not in it."""
TOO_WIDE = "the budget lies in the interval; repeat the run, or stages in it, to narrow that"


def judge(report: Report, limits: Sequence[Limit], baseline: Sequence[Report]) -> tuple[Ruling, ...]:
    """Return a ruling on each limit, in order; raises InputError for a name that the run has not."""
    change = difference(baseline, [report]) if baseline else None
    return tuple(_ruling(report, limit, change) for limit in limits)


def _ruling(report: Report, limit: Limit, change: Difference | None) -> Ruling:
    if limit.max_increase is not None:
        return _against_baseline(report, limit, limit.max_increase, change)
    value, low, high, provenance, unknown = _figure(report, limit)
    verdict, reason = _verdict(low, high, limit.limit_j or 0.0, unknown)
    return _doubted(report, Ruling(limit, value, low, high, verdict, provenance, reason))


def _verdict(low: float | None, high: float | None, most: float, unknown: str) -> tuple[BudgetVerdict, str]:
    if low is None or high is None:
        return "cannot tell", unknown
    if low > most:
        return "exceeded", ""
    return ("within", "") if high <= most else ("cannot tell", TOO_WIDE)


_Found = tuple[float | None, float | None, float | None, Provenance, str]


def _figure(report: Report, limit: Limit) -> _Found:
    """Return value and bounds in joules for what the limit counts by, how they are known, and why if they are not."""
    if limit.scope == "unit":
        unit = next((row for row in report.units if row.name == limit.name), None)
        if unit is None:
            raise _no(limit, [row.name for row in report.units])
        one = unit.per_unit
        nothing = (None, None, None, unit.provenance, "none of it was done, or nothing was read")
        return nothing if one is None else (one.energy_j, one.low_j, one.high_j, unit.provenance, "")
    if limit.scope == "total":
        if limit.per == "sample":
            return _per_sample(report)
        return _divided(report.measured, 1, "no reading covers the run")
    row = stage_of(report, limit) if limit.scope == "stage" else _layer(report, limit)
    if limit.per == "run":
        return _divided(row.total_sum, 1, "no reading covers it")
    count = row.calls if limit.per == "call" else row.samples if isinstance(row, LayerRow) else None
    return _divided(row.total_sum, count, f"how many {limit.per}s it had is not known")


def _divided(row: SumRow, count: int | None, unknown: str) -> _Found:
    if not count:
        return None, None, None, row.provenance, unknown
    value, low, high = (None if figure is None else figure / count for figure in (row.energy_j, row.low_j, row.high_j))
    return value, low, high, row.provenance, unknown


def _per_sample(report: Report) -> _Found:
    steps = report.steps
    if steps is None or steps.per_sample is None:
        unknown = "the run has no loop whose samples are known; count its work: energyprof.units(...)"
        return None, None, None, report.measured.provenance, unknown
    one = steps.per_sample
    return one.energy_j, one.low_j, one.high_j, steps.provenance, ""


def stage_of(report: Report, limit: Limit) -> StageRow:
    """Return the stage a limit is for; raises InputError if the run has none of that id."""
    for row in report.stages:
        if row.stage == limit.name:
            return row
    raise _no(limit, [row.stage for row in report.stages])


def _layer(report: Report, limit: Limit) -> LayerRow:
    for row in report.layers:
        if row.layer == limit.name and row.phase == "total":
            return row
    raise _no(limit, list(dict.fromkeys(row.layer for row in report.layers)))


def _no(limit: Limit, names: list[str]) -> InputError:
    from difflib import get_close_matches

    near = get_close_matches(limit.name, names, n=3) or names[:3]
    has = f"it has {', '.join(map(repr, near))}" if near else "it has none"
    return InputError(f"the run has no {limit.scope} {limit.name!r} ({has}); correct the name in the budget")


def _against_baseline(report: Report, limit: Limit, most: float, change: Difference | None) -> Ruling:
    if change is None:
        raise InputError("the budget has a max_increase, and nothing to compare with; add --baseline RUN...")
    provenance = report.measured.provenance
    if limit.scope == "total":
        shift: Shift | None = change.measured_j
    else:
        if limit.scope == "stage":
            stage_of(report, limit)
        else:
            _layer(report, limit)
        rows = change.stages if limit.scope == "stage" else change.layers
        row = next((row for row in rows if row.name == limit.name), None)
        shift, provenance = (
            (None, provenance) if row is None else (_shift_of(row.total_j, row.per_call_j, limit), row.provenance)
        )
    if shift is None or shift.ratio is None or not shift.before:
        return Ruling(limit, None, None, None, "cannot tell", provenance, "it is not known in all of the runs")
    if shift.low is None or shift.high is None:
        reason = "; ".join(change.obstacles) or "it is not in all runs"
        return Ruling(limit, shift.ratio, None, None, "cannot tell", provenance, reason)
    low, high = shift.low / shift.before, shift.high / shift.before
    verdict, reason = _verdict(low, high, most, "")
    return _doubted(report, Ruling(limit, shift.ratio, low, high, verdict, provenance, reason))


def _shift_of(total: Shift, per_call: Shift, limit: Limit) -> Shift:
    return per_call if limit.per == "call" else total


def _doubted(report: Report, ruling: Ruling) -> Ruling:
    """Return the ruling, less sure where the run did not do all its work or was not read to the end."""
    if ruling.verdict != "within":
        return ruling
    counted = {row.domain for row in report.domains if row.counts}
    shares = [row.covered_share for row in report.ledger if row.domain in counted and row.covered_share is not None]
    if min(shares, default=1.0) < LEAST_COVERED:
        reason = f"readings cover {min(shares):.0%} of the run only; what was spent in the rest is not in the figure"
    elif report.run.exit_code not in {0, None}:
        reason = f"the program ended with status {report.run.exit_code} and may not have done all of its work"
    else:
        return ruling
    return Ruling(ruling.limit, ruling.value, ruling.low, ruling.high, "cannot tell", ruling.provenance, reason)
