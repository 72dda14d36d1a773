"""Compare ways to do the same thing by joules for each unit of work, over repeated runs of each.

The spread between runs is the error that counts: what a sensor gets wrong of all alike is in every run, and cancels in
the ratio of two. A mean of n runs has the interval of Student's t with n - 1 degrees of freedom; the ratio of two means
is taken in logarithms, var(log r) = s1^2 / (n1 m1^2) + s2^2 / (n2 m2^2) (delta method), with the degrees of freedom of
Welch and Satterthwaite (Welch 1947, Biometrika 34, 28-35). With k ways, each is tested against the cheapest at
5 % / (k - 1) (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from statistics import mean, stdev

from energyprof.errors import InputError
from energyprof.model.report import Report
from energyprof.model.variants import Mean, VariantRow, Variants, Verdict
from energyprof.report.batch_sizes import batch_advice
from energyprof.report.comparable import cautions_between
from energyprof.report.front import Spread, standings
from energyprof.report.sums import weakest

CONFIDENCE = 0.95
SHOWN = 4
"""Ways named in a line of text."""


def compare_variants(
    runs: Mapping[str, Sequence[Report]], unit: str | None, metric: str | None, *, lower_is_better: bool = False
) -> Variants:
    """Return the table of these ways by name; `unit` and `metric`: what to go by, None: what all of them have told.

    A metric that only some have told is gone by where no other is; who lacks it has none. Raises InputError if what to
    go by is not one thing, or if no run tells it.
    """
    reports = [report for of_one in runs.values() for report in of_one]
    told_differently = _told_differently(unit, metric, runs)
    unit = _chosen("unit", unit, [{row.name for row in report.units} for report in reports])
    metrics = [{row.name for row in report.metrics} for report in reports]
    metric = _chosen("metric", metric, metrics)
    costs = {name: [_cost_j(report, unit) for report in of_one] for name, of_one in runs.items()}
    known = {name: [one for one in cost if one is not None] for name, cost in costs.items()}
    whole = [name for name, cost in known.items() if len(cost) == len(costs[name])]
    cheapest = min(whole, key=lambda name: mean(known[name]), default=None)
    merits = {name: _merit(of_one, metric) for name, of_one in runs.items()}
    rows = []
    for name, of_one in runs.items():
        is_known = name in whole
        merit = merits[name]
        ratio, verdict = _against(known, name, cheapest, len(whole) - 1) if is_known else (None, "cannot tell")
        rows.append(
            VariantRow(
                name=name,
                runs=len(of_one),
                energy_j=_mean(known[name]) if is_known else None,
                units=mean(_units(report, unit) for report in of_one),
                wall_s=_mean([report.run.wall_s for report in of_one]),
                metric=_mean(merit) if merit and len(merit) == len(of_one) and all(map(math.isfinite, merit)) else None,
                ratio=ratio,
                verdict=verdict,
                is_best=None,
                metric_runs=len(merit),
                endless_runs=sum(not math.isfinite(value) for value in merit),
            )
        )
    measured = [report.measured for report in reports]
    return Variants(
        rows=tuple(_with_front(rows, known, merits, -1.0 if lower_is_better else 1.0)) if metric else tuple(rows),
        unit=unit,
        metric=metric,
        lower_is_better=lower_is_better,
        provenance=weakest([row.provenance for row in measured]),
        gain_error=_gain_error(reports),
        cautions=(*told_differently, *cautions_between(reports)),
        advice=batch_advice(rows, unit),
    )


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


def _who_told(names: Mapping[str, set[str]]) -> str:
    shown = [f"{way}: {', '.join(sorted(told)) or 'none'}" for way, told in list(names.items())[:SHOWN]]
    return "; ".join((*shown, *([f"{len(names) - SHOWN} more"] if len(names) > SHOWN else [])))


def _mean(values: Sequence[float]) -> Mean:
    middle = mean(values)
    if len(values) < 2:
        return Mean(middle, None, None)
    half = _t(len(values) - 1, 1 - CONFIDENCE) * stdev(values) / math.sqrt(len(values))
    return Mean(middle, middle - half, middle + half)


def _against(
    costs: Mapping[str, Sequence[float]], name: str, cheapest: str | None, comparisons: int
) -> tuple[Mean | None, Verdict]:
    """Return the ratio to the cheapest and what it means."""
    if cheapest is None or mean(costs[cheapest]) <= 0:
        return None, "cannot tell"
    own, other = costs[name], costs[cheapest]
    ratio = mean(own) / mean(other)
    if name == cheapest:
        return Mean(1.0, None, None), "cheapest"
    if min(len(own), len(other)) < 2 or ratio <= 0:
        return Mean(ratio, None, None), "cannot tell"
    parts = [(stdev(one) / mean(one)) ** 2 / len(one) for one in (own, other)]
    variance = sum(parts)
    spare = sum(part**2 / (len(one) - 1) for part, one in zip(parts, (own, other), strict=True))
    degrees = variance**2 / spare if spare > 0 else math.inf
    half = _t(degrees, (1 - CONFIDENCE) / max(comparisons, 1)) * math.sqrt(variance) if variance > 0 else 0.0
    low, high = ratio * math.exp(-half), ratio * math.exp(half)
    return Mean(ratio, low, high), "dearer" if low > 1 else "unclear"


def _t(degrees: float, alpha: float) -> float:
    from scipy.special import ndtri, stdtrit  # here: a program that only marks stages waits for no scipy

    quantile: float = ndtri(1 - alpha / 2) if math.isinf(degrees) else stdtrit(degrees, 1 - alpha / 2)
    return float(quantile)


def _with_front(
    rows: Sequence[VariantRow], known: Mapping[str, Sequence[float]], merits: Mapping[str, Sequence[float]], sign: float
) -> list[VariantRow]:
    """Return the rows with who is on the Pareto front; `sign`: -1 where lower is better."""
    placed = {
        row.name: Spread(known[row.name], [sign * merit for merit in merits[row.name]])
        for row in rows
        if row.energy_j is not None and row.metric is not None
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
