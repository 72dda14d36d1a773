"""Hold runs to a budget: exceeded or within only where the whole 95 % interval says so, else it cannot be told.

Against a limit in joules the interval is that of the run, or of the mean of several by their spread, and what its
sensor or model gets wrong of all joules counts. Over a baseline that cancels where one machine was read alike. Each
limit is tested by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from energyprof.errors import InputError
from energyprof.model.budget import BudgetVerdict, Limit, Ruling
from energyprof.model.comparison import ASSUMED_PART_SD, ASSUMED_SD
from energyprof.model.report import LayerRow, Report, StageRow
from energyprof.report.budget_names import unknown_name
from energyprof.report.comparable import (
    LEAST_COVERED,
    busy_in,
    covered_share,
    is_one_machine,
    obstacles_to_a_difference,
    of_other_machines,
    other_versions_of,
    strangers,
    why_no_baseline,
)
from energyprof.report.figure import MODELLED, Figure, Figures
from energyprof.report.spread import TAIL, Assumed, change_reach, mean_figure, mean_of
from energyprof.report.sums import weakest

TOO_WIDE = "the budget lies in the interval; more runs, or more work in each, narrow that"
TOO_WIDE_MODELLED = "the budget lies in the model's error, which no number of runs narrows; energyprof calibrate does"
TOO_FEW = "the budget lies in the interval of one run each; give several baselines, and several runs"

NO_SAMPLES = "the run has no loop whose samples are known; count its work: energyprof.units(...)"


def judge(reports: Sequence[Report], limits: Sequence[Limit], baseline: Sequence[Report]) -> tuple[Ruling, ...]:
    """Return a ruling on each limit, in order, for the mean of `reports`, of which there is one or more.

    Baselines that failed, were cut short or hardly read do not count: what they did not do, or nobody saw, would be
    taken for an increase. Raises InputError for a name that none of the runs has, and for runs without a common stage.
    """
    if (pair := strangers(reports)) is not None:
        one, other = (" ".join(report.run.command) or "a run" for report in pair)
        raise InputError(
            f"{one} and {other} have no stage in common, so that their mean is of nothing; check each alone"
        )
    runs, before = [Figures(report) for report in reports], [Figures(report) for report in baseline]
    return tuple(_doubted(reports, _ruling(runs, limit, before)) for limit in limits)


def _ruling(runs: Sequence[Figures], limit: Limit, before: Sequence[Figures]) -> Ruling:
    found = [_figure(run, limit) for run in runs]
    if all(figure is None for figure, _ in found):
        raise unknown_name(limit, [run.report for run in runs])
    figures = [figure for figure, _ in found if figure is not None]
    if limit.max_increase is not None:
        return _against_baseline((runs, figures), limit, limit.max_increase, before)
    if len(figures) < len(runs):
        provenance = weakest([figure.provenance for figure in figures])
        return Ruling(limit, None, None, None, "cannot tell", provenance, "it is not in all of the runs")
    whole = mean_figure(figures)
    low, high = whole.whole()
    unknown = next((why for figure, why in found if figure is None or figure.low is None), "")
    is_by_model = whole.provenance == MODELLED and _is_wider_by_model(whole, limit.limit_j or 0.0)
    verdict, reason = _verdict(low, high, limit.limit_j or 0.0, unknown, TOO_WIDE_MODELLED if is_by_model else TOO_WIDE)
    return Ruling(limit, whole.value, low, high, verdict, whole.provenance, reason)


def _is_wider_by_model(figure: Figure, limit_j: float) -> bool:
    """Return whether the limit lies outside the interval but for the model's error."""
    return figure.low is not None and figure.high is not None and not figure.low <= limit_j < figure.high


def _verdict(
    low: float | None, high: float | None, most: float, unknown: str, too_wide: str
) -> tuple[BudgetVerdict, str]:
    if low is None or high is None:
        return "cannot tell", unknown
    if low > most:
        return "exceeded", ""
    return ("within", "") if high <= most else ("cannot tell", too_wide)


def _figure(run: Figures, limit: Limit) -> tuple[Figure | None, str]:
    """Return the figure for what the limit counts by, and why it would not be known; None: the run has no such name."""
    report = run.report
    if limit.scope == "unit":
        count = next((row.count for row in report.units if row.name == limit.name), None)
        return None if count is None else run.measured().each(count), "none of it was done, or nothing was read"
    if limit.scope == "total":
        if limit.per == "sample":
            return (
                run.per_sample(),
                NO_SAMPLES,
            )
        return run.measured(), "no reading covers the run"
    if limit.scope == "stage":
        stage = next((row for row in report.stages if row.stage == limit.name), None)
        return None if stage is None else _each(run.stage(stage), _of_stage(stage, limit), limit)[0], _unknown(limit)
    layer = next((row for row in report.layers if row.layer == limit.name and row.phase == "total"), None)
    return (None, "") if layer is None else _each(run.layer(layer), _count(layer, limit), limit)


def _of_stage(row: StageRow, limit: Limit) -> int | None:
    """Return how many calls, samples or tokens a stage had; what nobody counted is not known."""
    if limit.per in {"sample", "token"}:
        told = row.facts.get(f"{limit.per}s")
        return int(told) if told else None
    return row.calls


def _count(row: LayerRow, limit: Limit) -> int | None:
    return row.samples if limit.per == "sample" else row.calls


def _each(figure: Figure, count: int | None, limit: Limit) -> tuple[Figure, str]:
    return figure if limit.per == "run" else figure.each(count), _unknown(limit)


def _unknown(limit: Limit) -> str:
    return "no reading covers it" if limit.per == "run" else f"how many {limit.per}s it had is not known, or no reading"


def _against_baseline(
    now: tuple[Sequence[Figures], Sequence[Figure]], limit: Limit, most: float, baseline: Sequence[Figures]
) -> Ruling:
    if not baseline:
        raise InputError("the budget has a max_increase, and nothing to compare with; add --baseline RUN")
    runs, after = now
    faults = [why_no_baseline(run.report) for run in baseline]
    before = [run for run, fault in zip(baseline, faults, strict=True) if not fault]
    old = [figure for figure, _ in (_figure(run, limit) for run in before) if figure is not None]
    provenance = weakest([figure.provenance for figure in (*old, *after)])

    def cannot_tell(reason: str, value: float | None = None) -> Ruling:
        return Ruling(limit, value, None, None, "cannot tell", provenance, reason)

    if not before:
        which = "the baseline does not" if len(faults) == 1 else f"none of the {len(faults)} baselines does"
        return cannot_tell(f"{which} count: {'; '.join(dict.fromkeys(faults))}; record it again")
    old_j, new_j = mean_of(old), mean_of(after)
    if len(old) < len(before) or len(after) < len(runs):
        return cannot_tell("it is not in all of the runs")
    if not old_j or new_j is None:
        return cannot_tell("it is not known in all of the runs, or took nothing before")
    ratio = new_j / old_j - 1
    reports = [run.report for run in (*before, *runs)]
    obstacles = obstacles_to_a_difference([run.report for run in before], [run.report for run in runs])
    is_common = is_one_machine(reports)
    sd = ASSUMED_PART_SD if limit.scope in {"stage", "layer"} else ASSUMED_SD
    reach = None if obstacles else change_reach(old, after, TAIL, new_j / old_j, Assumed(is_common, sd))
    if reach is None:
        return cannot_tell("; ".join(obstacles) or "a run has no interval", ratio)
    low, high = max(ratio - reach[0] / old_j, -1.0), ratio + reach[1] / old_j
    is_single = len(old) == len(after) == 1
    verdict, reason = _verdict(low, high, most, "", TOO_FEW if is_single else TOO_WIDE)
    cautions = (*of_other_machines(reports), *other_versions_of(reports), *busy_in(reports))
    basis = "; ".join([*_basis([*old, *after], is_common), *_assumed(sd, is_single), *cautions])
    return Ruling(limit, ratio, low, high, verdict, provenance, reason, basis)


def _basis(figures: Sequence[Figure], is_common: bool) -> Iterator[str]:
    if any(figure.below or figure.above for figure in figures):
        who = "model" if all(figure.provenance == MODELLED for figure in figures) else "sensor or model"
        yield (
            f"what the {who} gets wrong of all joules of a machine cancels in an increase, and is not in its interval"
            if is_common
            else "the runs are of several machines, and what is wrong of each machine's joules is in the interval"
        )


def _assumed(sd: float, is_single: bool) -> Iterator[str]:
    if is_single:
        yield f"one run each: a standard deviation of {100 * sd:g} % between runs is assumed"


def _doubted(reports: Sequence[Report], ruling: Ruling) -> Ruling:
    """Return the ruling, less sure where a run did not do all its work or was not read to the end."""
    if ruling.verdict != "within":
        return ruling
    share = min(map(covered_share, reports))
    failed = next((why for report in reports if (why := why_no_baseline(report))), "")
    if share < LEAST_COVERED:
        reason = f"readings cover {share:.0%} of the run only; what was spent in the rest is not in the figure"
    elif failed:
        reason = f"{failed}, and the program may not have done all of its work"
    else:
        return ruling
    return Ruling(
        ruling.limit, ruling.value, ruling.low, ruling.high, "cannot tell", ruling.provenance, reason, ruling.basis
    )
