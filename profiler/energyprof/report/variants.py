"""Compare ways to do the same thing by joules for each unit of work, over repeated runs of each.

Between ways that were read alike the spread between runs is the error that counts: what a sensor gets wrong of all
joules cancels in their ratio. Between others it does not, and `read_errors` says how much is left. `means` says how
wide the intervals are, `lowest` how ways are set against the lowest. A run that ended with an error is no run of its
way: what it took is told apart, and a way that has one is set against no other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from statistics import mean

from energyprof.errors import InputError
from energyprof.model.footprint_rows import Assumptions
from energyprof.model.report import Report
from energyprof.model.variants import FailedRuns, VariantRow, Variants
from energyprof.report.batch_sizes import batch_advice
from energyprof.report.changed_program import other_versions
from energyprof.report.comparable import busy_in, cautions_between, has_failed, other_programs
from energyprof.report.front import Spread, standings
from energyprof.report.lowest import Ways, against_lowest
from energyprof.report.means import mean_of, mean_of_amounts
from energyprof.report.read_errors import ReadBy, as_relative, read_by
from energyprof.report.sums import weakest
from energyprof.report.way_footprints import way_footprints

SHOWN = 4
"""Ways named in a line of text."""


def compare_variants(
    runs: Mapping[str, Sequence[Report]],
    unit: str | None,
    metric: str | None,
    *,
    lower_is_better: bool = False,
    assumed: Mapping[str, Assumptions] = {},
) -> Variants:
    """Return the table of these ways by name; `unit` and `metric`: what to go by, None: what all of them have told.

    Of several metrics that all have told none is shown; one that only some have told is gone by where no other is; who
    lacks it has none. What failed runs told does not count. `assumed`: what turns the joules of a way into others, by
    its name. Raises InputError if the unit to go by is not one, or if no run tells what to go by.
    """
    reports = [report for of_one in runs.values() for report in of_one]
    ended = {name: [report for report in of_one if not has_failed(report)] for name, of_one in runs.items()}
    whole = {name: of_one for name, of_one in ended.items() if of_one} or runs
    told = [report for of_one in whole.values() for report in of_one]
    told_differently = (*_told_differently(unit, metric, whole), *_several_metrics(metric, told))
    unit = _chosen("unit", unit, [{row.name for row in report.units} for report in told])
    metric = _chosen("metric", metric, [{row.name for row in report.metrics} for report in told])
    merits = {name: _merit(of_one, metric) for name, of_one in ended.items()}
    costs = {name: [_cost_j(report, unit) for report in of_one] for name, of_one in ended.items()}
    known = {name: [one for one in cost if one is not None] for name, cost in costs.items()}
    known = {name: cost for name, cost in known.items() if cost and len(cost) == len(costs[name])}
    rows = [_row(name, of_one, (ended[name], known.get(name), merits[name]), unit) for name, of_one in runs.items()]
    ways = Ways(
        able=tuple(row.name for row in rows if row.name in known and row.failed is None),
        is_whole=all(row.name in known for row in rows if row.failed is None),
        size=len(rows),
        readers={name: read_by(name, of_one) for name, of_one in runs.items()},
    )
    rows = _set_against_each_other(rows, known, ways)
    footprints = way_footprints(known, ways, assumed)
    rows = [replace(row, footprint=footprints.get(row.name)) for row in rows]
    sign = -1.0 if lower_is_better else 1.0
    return Variants(
        rows=tuple(_with_front(rows, (known, merits, ways.readers), sign)) if metric else tuple(rows),
        unit=unit,
        metric=metric,
        lower_is_better=lower_is_better,
        provenance=weakest([report.measured.provenance for report in reports]),
        gain_error=_gain_error(reports),
        cautions=(
            *told_differently,
            *cautions_between(reports),
            *(other_programs(reports) or other_versions([report.run for report in reports])),
            *busy_in(reports),
        ),
        advice=batch_advice(rows, unit),
    )


def refuse_several_metrics(reports: Sequence[Report]) -> None:
    """Raise InputError where all runs that came to their end tell several metrics: a picture has room for one."""
    ended = [report for report in reports if not has_failed(report)] or reports
    common = _common_metrics(ended)
    if len(common) > 1:
        raise InputError(f"the runs tell several metrics ({', '.join(common)}); choose one with --metric")


def names_of(names: Sequence[str], reports: Sequence[Report]) -> dict[str, list[Report]]:
    """Return the runs by the way they are of, in the order in which ways come first."""
    order = list(dict.fromkeys(names))
    pairs = sorted(zip(names, reports, strict=True), key=lambda pair: order.index(pair[0]))
    return {name: [report for _, report in found] for name, found in groupby(pairs, key=lambda pair: pair[0])}


def _chosen(what: str, asked: str | None, told: Sequence[set[str]]) -> str:
    common = set.intersection(*told)
    some = set.union(*told)
    if what == "metric" and (asked in some or (asked is None and not common and len(some) == 1)):
        return asked or min(some)
    if asked is None:
        if len(common) > 1 and what == "metric":
            return ""
        if len(common) > 1:
            raise InputError(f"the runs tell several {what}s ({', '.join(sorted(common))}); choose one with --{what}")
        return next(iter(common), "")
    if asked and asked not in common:
        have = (
            f"told in every run: {', '.join(sorted(common))}" if common else f"told in some: {', '.join(sorted(some))}"
        )
        told_by = f'energyprof.{"units" if what == "unit" else "metric"}("{asked}", ...)'
        raise InputError(
            f"not every run tells the {what} {asked!r} ({have if some else 'none is told'}); see {told_by}"
        )
    return asked


def _units(report: Report, unit: str) -> float:
    return next(row.count for row in report.units if row.name == unit) if unit else 1.0


def _cost_j(report: Report, unit: str) -> float | None:
    count, energy_j = _units(report, unit), report.measured.energy_j
    return energy_j / count if energy_j is not None and count > 0 else None


def _merit(reports: Sequence[Report], metric: str) -> list[float]:
    """Return the metric of each run that told it."""
    return [row.value for report in reports for row in report.metrics if metric and row.name == metric]


def _told_differently(unit: str | None, metric: str | None, runs: Mapping[str, Sequence[Report]]) -> Iterator[str]:
    """Yield what the table leaves out because not every way has told it."""
    if unit is None:
        names = {way: {row.name for report in of_one for row in report.units} for way, of_one in runs.items()}
        reports = [report for of_one in runs.values() for report in of_one]
        if any(names.values()) and not set.intersection(*({row.name for row in one.units} for one in reports)):
            yield f"no unit is told in every run ({_who_told(names)}): joules are those of whole runs"
    if metric is None:
        names = {way: {row.name for report in of_one for row in report.metrics} for way, of_one in runs.items()}
        if len(set.union(*names.values())) > 1 and not set.intersection(*names.values()):
            yield f"no metric is told by all ({_who_told(names)}): none is shown; choose one with --metric"


def _common_metrics(reports: Sequence[Report]) -> list[str]:
    return sorted(set.intersection(*({row.name for row in report.metrics} for report in reports)))


def _several_metrics(metric: str | None, reports: Sequence[Report]) -> Iterator[str]:
    common = _common_metrics(reports)
    if metric is None and len(common) > 1:
        yield f"the runs tell several metrics ({', '.join(common)}): none is shown; choose one with --metric"


def _who_told(names: Mapping[str, set[str]]) -> str:
    shown = [f"{way}: {', '.join(sorted(told)) or 'none'}" for way, told in list(names.items())[:SHOWN]]
    return "; ".join((*shown, *([f"{len(names) - SHOWN} more"] if len(names) > SHOWN else [])))


def _row(
    name: str,
    runs: Sequence[Report],
    found: tuple[Sequence[Report], Sequence[float] | None, Sequence[float]],
    unit: str,
) -> VariantRow:
    """Return a way by itself; `found`: its runs that came to their end, their joules where known, their merits."""
    ended, costs_j, merit = found
    failed = [report for report in runs if has_failed(report)]
    has_metric = merit and len(merit) == len(ended) and all(map(math.isfinite, merit))
    return VariantRow(
        name=name,
        runs=len(ended),
        energy_j=mean_of_amounts(costs_j) if costs_j else None,
        units=mean(_units(report, unit) for report in ended) if ended else 0.0,
        wall_s=mean_of_amounts([report.run.wall_s for report in ended]) if ended else None,
        metric=mean_of(merit) if has_metric else None,
        ratio=None,
        verdict="failed" if failed else "cannot tell",
        is_best=None,
        metric_runs=len(merit),
        endless_runs=sum(not math.isfinite(value) for value in merit),
        failed=_failed(failed) if failed else None,
        provenance=weakest([report.measured.provenance for report in runs]),
        gain_error=_gain_error(runs),
    )


def _failed(reports: Sequence[Report]) -> FailedRuns:
    energies = [energy_j for report in reports if (energy_j := report.measured.energy_j) is not None]
    return FailedRuns(
        runs=len(reports),
        exit_codes=tuple(sorted({report.run.exit_code or 0 for report in reports})),
        energy_j=mean_of_amounts(energies) if len(energies) == len(reports) else None,
        wall_s=mean_of_amounts([report.run.wall_s for report in reports]),
    )


def _set_against_each_other(
    rows: Sequence[VariantRow], known: Mapping[str, Sequence[float]], ways: Ways
) -> list[VariantRow]:
    """Return the rows with their ratio to the one of the lowest mean, and what that means."""
    found = against_lowest(known, ways)
    return [
        row
        if (one := found.get(row.name)) is None
        else replace(row, ratio=one.ratio, verdict=one.verdict or row.verdict, ratio_error=as_relative(one.reach))
        for row in rows
    ]


def _with_front(
    rows: Sequence[VariantRow],
    told: tuple[Mapping[str, Sequence[float]], Mapping[str, Sequence[float]], Mapping[str, ReadBy]],
    sign: float,
) -> list[VariantRow]:
    """Return the rows with who is on the Pareto front; `told`: joules, merits, and who read them, by way.

    `sign`: -1 where lower is better.
    """
    known, merits, readers = told
    placed = {
        row.name: Spread(known[row.name], [sign * merit for merit in merits[row.name]], readers[row.name])
        for row in rows
        if row.energy_j is not None and row.metric is not None and row.failed is None
    }
    found = standings(placed)
    return [
        replace(
            row,
            is_best=found.get(row.name, "beaten") != "beaten",
            is_unsure=found.get(row.name) == "unsure",
        )
        for row in rows
    ]


def _gain_error(reports: Sequence[Report]) -> tuple[float, float]:
    """Return the error of the sums, as wide as in the run where it is widest."""
    below, above = [0.0], [0.0]
    for report in reports:
        sum_ = report.measured
        if sum_.energy_j and sum_.low_j is not None and sum_.high_j is not None:
            below.append(1 - sum_.low_j / sum_.energy_j)
            above.append(sum_.high_j / sum_.energy_j - 1)
    return max(below), max(above)
