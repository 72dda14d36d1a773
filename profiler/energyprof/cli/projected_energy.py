"""The energy that a projection starts from, of a training or of a request: where it is from and how far it may lie off.

Runs of one program differ. Several tell by how much; of a single one that is assumed, as everywhere where runs are set
beside each other (`ASSUMED_SD`, of a stage `ASSUMED_PART_SD`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Final

from energyprof.cli.diff_command import paths_of
from energyprof.errors import InputError
from energyprof.model import amounts
from energyprof.model.comparison import ASSUMED_PART_SD, ASSUMED_SD
from energyprof.model.range import Range
from energyprof.model.report import Report

if TYPE_CHECKING:
    from energyprof.footprint.common_error import CommonError
    from energyprof.model.report import LedgerRow
    from energyprof.run import Run

SURE_ENOUGH: Final = 0.5
"""Least part of the energy between two moments whose readings do not reach beyond them."""
WORTH_A_WORD: Final = 0.005
"""Part of an energy from which it is told apart."""


@dataclass(frozen=True, slots=True)
class Energy:
    """An energy and where it is from."""

    joules: Range
    """With all that it may be off by."""
    provenance: str
    basis: str
    reports: tuple[Report, ...] = ()
    """Empty: it was given as a number."""
    apart: Range | None = None
    """Without what its sensor or model gets wrong of all energies alike; None: nothing tells the two apart."""
    mix_j: Mapping[str, float] = field(default_factory=dict)
    """By domain."""
    cautions: tuple[str, ...] = ()
    """What to bear in mind of it."""
    start_j: float | None = None
    """What of it the start of the program and its end took; 0.0: they are left out, None: they are not told apart."""
    around_j: float | None = None
    """Of a request: what its run took before the first answer and after the last, in no request; None: not told."""
    is_of_whole_runs: bool = False
    """Of a request: whether it has its part of the start of its program, which nothing tells apart."""
    assumed_sd: float | None = None
    """By how much runs are taken to differ, relative; None: several tell it, or it was given."""


def given_energy(text: str) -> Energy | None:
    """Return the energy that a text states; None: it names recordings. Raises InputError for one that cannot be."""
    from energyprof.footprint.given_energy import parse

    joules = None if os.path.exists(text) else parse(text)
    return None if joules is None else Energy(joules, "as given", "as given")


def recorded_energy(text: str, energy_of: Callable[[Run, str], Energy], *, is_stage: bool = False) -> Energy:
    """Return the energy of the recordings that a text names, the mean where it names several; raises InputError."""
    from energyprof.cli.several_recordings import disturbances, refuse_other_ways, unlike_runs
    from energyprof.footprint.error_factors import of_deviation, widened
    from energyprof.run import load

    has_several = "," in text or any(letter in text for letter in "*?[") or Path(text).is_dir()
    if not has_several and not Path(text).is_file():
        raise InputError(f"{text} is neither a recording here nor an energy; write TRAIN.eprof, 1200kWh or 3.2J")
    paths = paths_of(text) if has_several else [Path(text)]
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError(f"{text} names a run twice; its spread would look smaller than it is")
    refuse_other_ways(text, paths)
    found = [energy_of(load(path), str(path)) for path in paths]
    disturbed = disturbances(
        [(str(path), report) for path, one in zip(paths, found, strict=True) for report in one.reports]
    )
    if len(found) > 1:
        whole = _mean_energy(found)
        return replace(whole, cautions=(*whole.cautions, *unlike_runs(text, whole.reports), *disturbed))
    sd = ASSUMED_PART_SD if is_stage else ASSUMED_SD
    (one,), spread = found, of_deviation(sd)
    apart = None if one.apart is None else widened(one.apart, spread)
    cautions = (*one.cautions, *disturbed)
    return replace(one, joules=widened(one.joules, spread), apart=apart, assumed_sd=sd, cautions=cautions)


def _mean_energy(found: Sequence[Energy]) -> Energy:
    """Return the mean of several runs, with the interval that their spread gives it."""
    from energyprof.footprint.error_factors import widened
    from energyprof.report.spread import TAIL, t
    from energyprof.report.sums import weakest

    each_j = [one.joules.value for one in found]
    middle_j = mean(each_j)
    half = t(len(found) - 1, TAIL) * stdev(each_j) / len(found) ** 0.5 / middle_j if middle_j > 0 else 0.0
    spread = min(half, 1.0), half
    aparts = [one.apart for one in found if one.apart is not None]
    reports = tuple(report for one in found for report in one.reports)
    starts_j = [one.start_j for one in found if one.start_j is not None]
    around_j = [one.around_j for one in found if one.around_j is not None]
    return Energy(
        joules=widened(_mean_range([one.joules for one in found]), spread),
        provenance=weakest([report.measured.provenance for report in reports]),
        basis=f"mean of {len(found)} runs; the first: {found[0].basis}",
        reports=reports,
        apart=widened(_mean_range(aparts), spread) if len(aparts) == len(found) else None,
        mix_j=_mean_mix([one.mix_j for one in found]),
        cautions=tuple(dict.fromkeys(line for one in found for line in one.cautions)),
        start_j=mean(starts_j) if len(starts_j) == len(found) else None,
        around_j=mean(around_j) if len(around_j) == len(found) else None,
        is_of_whole_runs=any(one.is_of_whole_runs for one in found),
    )


def _mean_range(figures: Sequence[Range]) -> Range:
    value, low, high = (
        mean(column) for column in zip(*((one.value, one.low, one.high) for one in figures), strict=True)
    )
    return Range(value, min(low, value), max(high, value))


def _mean_mix(mixes: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for mix in mixes for name in mix)
    return {name: sum(mix.get(name, 0.0) for mix in mixes) / len(mixes) for name in names}


def whole_energy(report: Report, text: str, by: Range, basis: str, cautions: tuple[str, ...] = ()) -> Energy:
    """Return the energy of a whole run for each of so many; raises InputError where no reading covers it."""
    from energyprof.report.figure import Figures

    figure = Figures(report).measured()
    if figure.value is None:
        raise InputError(f"{text}: no reading covers it, so that its energy is not known")
    least, most = figure.whole()
    mix_j = {str(row.domain): row.measured_j for row in counted_ledger(report) if row.measured_j}
    return Energy(
        joules=range_of(figure.value, least, most).over(by),
        provenance=report.measured.provenance,
        basis=basis,
        reports=(report,),
        apart=range_of(figure.value, figure.low, figure.high).over(by),
        mix_j=mix_j,
        cautions=cautions,
    )


def energy_between(run: Run, start_ns: int, end_ns: int, basis: str) -> Energy | None:
    """Return the energy between two moments of CLOCK_MONOTONIC; None: it cannot be told from the rest of the run."""
    from energyprof.footprint.steady_serving import by_domain

    report, begin_ns = run.report(), run.trace.run.start_ns
    errors = {str(row.domain): row.gain_error for row in report.domains if row.counts}
    power = [series for series in run.power if str(series.domain.id) in errors]
    parts = by_domain(power, start_ns - begin_ns, end_ns - begin_ns)
    if parts is None or len(parts) != len(errors):
        return None
    apart = joules = Range.exactly(0.0)
    for domain, energy_j in parts.items():
        below, above = errors[domain]
        apart = apart.plus(energy_j)
        whole = Range(energy_j.value, energy_j.low * (1 - min(below, 1.0)), energy_j.high * (1 + above))
        joules = joules.plus(whole)
    if apart.value <= 0 or apart.low < SURE_ENOUGH * apart.value:
        return None
    return Energy(
        joules=joules,
        provenance="inferred" if report.measured.provenance == "measured" else report.measured.provenance,
        basis=basis,
        reports=(report,),
        apart=apart,
        mix_j={domain: energy_j.value for domain, energy_j in parts.items()},
        start_j=0.0,
    )


def common_error(training: Energy, request: Energy) -> CommonError | None:
    """Return what is left where one sensor or model of one machine has read both; None: two have, or nothing tells."""
    from energyprof.footprint.common_error import Known
    from energyprof.footprint.common_error import common_error as left_of
    from energyprof.report.comparable import is_one_machine
    from energyprof.report.figure import MODELLED

    reports = (*training.reports, *request.reports)
    if not training.reports or not request.reports or training.apart is None or request.apart is None:
        return None
    if not is_one_machine(reports):
        return None
    rows = [row for report in reports for row in report.domains]
    errors = {str(row.domain): row.gain_error for row in rows}
    if any(errors[str(row.domain)] != row.gain_error for row in rows):
        return None
    modelled = {str(row.domain) for row in rows if row.provenance == MODELLED}
    try:
        return left_of(Known(training.apart, training.mix_j), Known(request.apart, request.mix_j), errors, modelled)
    except ValueError:
        return None


def notes(training: Energy, request: Energy) -> tuple[str, ...]:
    """Return what is to be said of both together."""
    return (*_unlike(training, request), *_single(training, request), *_unlike_starts(training, request))


def _unlike(training: Energy, request: Energy) -> Iterator[str]:
    from energyprof.report.comparable import obstacles_between

    if training.reports and request.reports:
        yield from obstacles_between((*training.reports, *request.reports))


def _single(training: Energy, request: Energy) -> Iterator[str]:
    named = (("training", training), ("serving", request))
    single = [(name, one.assumed_sd) for name, one in named if one.assumed_sd is not None]
    if single:
        assumed = " and ".join(dict.fromkeys(f"{100 * sd:g} %" for _, sd in single))
        of_each = "of each" if len(single) > 1 else f"of {single[0][0]}"
        yield (
            f"one run {of_each} tells nothing of how much runs differ: a standard deviation of {assumed} is assumed; "
            "give several: RUN1.eprof,RUN2.eprof"
        )


def _unlike_starts(training: Energy, request: Energy) -> Iterator[str]:
    if training.start_j and request.start_j == 0.0 and training.start_j >= WORTH_A_WORD * training.joules.value:
        start = amounts.small_energy(Range.exactly(training.start_j))
        yield (
            f"start and end of the training ({start} before its first stage and after its last: imports, for instance) "
            "count as training, those of the server in no request, since it goes on; --without-start leaves out both"
        )


def range_of(value: float, low: float | None, high: float | None) -> Range:
    """Return a figure with its bounds; those that are not known are the figure."""
    return Range(value, value if low is None else min(low, value), value if high is None else max(high, value))


def counted_ledger(report: Report) -> list[LedgerRow]:
    """Return the accounts of the domains that are added."""
    counted = {row.domain for row in report.domains if row.counts}
    return [row for row in report.ledger if row.domain in counted and row.measured_j]
