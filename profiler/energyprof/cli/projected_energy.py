"""The two energies that a projection starts from: of a training and of a request, given or taken from recordings."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from energyprof.errors import InputError
from energyprof.model import amounts
from energyprof.model.range import Range
from energyprof.model.report import Report
from energyprof.model.shell import in_shell

if TYPE_CHECKING:
    from energyprof.footprint.common_error import CommonError
    from energyprof.model.told import UnitCount
    from energyprof.report.figure import Figure
    from energyprof.run import Run

REQUESTS: Final = ("request", "requests", "query", "queries")
"""Units of work that are what a client asks for; of others that is asked."""
SURE_ENOUGH: Final = 0.5
"""Least part of the energy between the first and the last answer whose readings do not reach beyond them."""


@dataclass(frozen=True, slots=True)
class Energy:
    """An energy and where it is from."""

    joules: Range
    provenance: str
    basis: str
    report: Report | None = None
    """None: it was given as a number."""
    apart: Range | None = None
    """Without what its sensor or model gets wrong of all energies alike; None: nothing tells the two apart."""
    mix_j: Mapping[str, float] = field(default_factory=dict)
    """By domain."""
    cautions: tuple[str, ...] = ()
    """What to bear in mind of it."""


def training_energy(text: str) -> Energy:
    """Return the energy of a training, a recording or a number; raises InputError."""
    given = _given(text)
    if given is not None:
        return given
    return _whole(_run(text).report(), text, Range.exactly(1.0), f"all of {text}")


def request_energy(args: argparse.Namespace) -> Energy:
    """Return the energy of a request as the options have it; raises InputError where nothing says how many."""
    text: str = args.serving
    given = _given(text)
    if given is not None:
        if args.requests_in_run is not None or args.request_stage is not None:
            raise InputError(f"{text} is the energy of a request; leave out --requests-in-run and --request-stage")
        return given
    run = _run(text)
    if args.request_stage is not None:
        return _of_stage(run.report(), text, args.request_stage)
    if args.requests_in_run is None:
        return _counted(run, text)
    if args.requests_in_run.low <= 0:
        raise InputError("--requests-in-run must be more than 0")
    basis = f"all of {text} by {amounts.count(args.requests_in_run)} requests"
    return _whole(run.report(), text, args.requests_in_run, basis, (_with_start(run.report()),))


def common_error(training: Energy, request: Energy) -> CommonError | None:
    """Return what is left where one sensor or model of one machine has read both; None: two have, or nothing tells."""
    from energyprof.footprint.common_error import CommonError, ratio_of_mixes
    from energyprof.report.comparable import is_one_machine

    if training.report is None or request.report is None or training.apart is None or request.apart is None:
        return None
    if not is_one_machine((training.report, request.report)):
        return None
    errors = {str(row.domain): row.gain_error for row in training.report.domains}
    if any(errors.get(str(row.domain), row.gain_error) != row.gain_error for row in request.report.domains):
        return None
    try:
        ratio = ratio_of_mixes(training.mix_j, request.mix_j, errors)
    except ValueError:
        return None
    return CommonError(training.apart, request.apart, ratio)


def _whole(report: Report, text: str, requests: Range, basis: str, cautions: tuple[str, ...] = ()) -> Energy:
    from energyprof.report.figure import Figures

    fault = f"{text}: no reading covers it, so that its energy is not known"
    joules, apart = _joules(Figures(report).measured(), fault)
    counted = {row.domain for row in report.domains if row.counts}
    mix_j = {str(row.domain): row.measured_j for row in report.ledger if row.domain in counted and row.measured_j}
    provenance = report.measured.provenance
    return Energy(joules.over(requests), provenance, basis, report, apart.over(requests), mix_j, cautions)


def _counted(run: Run, text: str) -> Energy:
    """Return the energy of a request where the program counted them: its only unit of work, or that called request."""
    report = run.report()
    counted = [row for row in report.units if row.count > 0]
    rows = [row for row in counted if row.name in REQUESTS] or counted
    if len(rows) != 1:
        raise InputError(
            f"{text} does not say how many requests it answered; add --requests-in-run K, or --request-stage STAGE "
            f'({_stages(report)}), or count them in the program: energyprof.units("request", 1)'
        )
    (unit,) = (one for one in run.trace.told.units if one.name == rows[0].name)
    cautions = tuple(_questions(unit))
    steady = _steady(run, text, unit, cautions)
    if steady is not None:
        return steady
    basis = f"all of {text} by {_so_many(unit.name, unit.count)}"
    return _whole(report, text, Range.exactly(unit.count), basis, (*cautions, _with_start(report)))


def _steady(run: Run, text: str, unit: UnitCount, cautions: tuple[str, ...]) -> Energy | None:
    """Return the energy of a request between the first answer and the last; None: it cannot be told from the rest."""
    from energyprof.footprint.steady_serving import by_domain

    if unit.first_ns is None or unit.last_ns is None or unit.later_count <= 0:
        return None
    report, start_ns = run.report(), run.trace.run.start_ns
    errors = {str(row.domain): row.gain_error for row in report.domains if row.counts}
    power = [series for series in run.power if str(series.domain.id) in errors]
    parts = by_domain(power, unit.first_ns - start_ns, unit.last_ns - start_ns)
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
    requests = Range.exactly(unit.later_count)
    provenance = "inferred" if report.measured.provenance == "measured" else report.measured.provenance
    basis = f"{text} from the first answer to the last, by {_so_many(unit.name, unit.later_count)}"
    return Energy(
        joules=joules.over(requests),
        provenance=provenance,
        basis=basis,
        report=report,
        apart=apart.over(requests),
        mix_j={domain: energy_j.value for domain, energy_j in parts.items()},
        cautions=(*cautions, *_start(report, apart.value)),
    )


def _start(report: Report, steady_j: float) -> tuple[str, ...]:
    """Return what the start of the program took, for whoever restarts it."""
    whole_j = report.measured.energy_j
    if whole_j is None or whole_j <= steady_j:
        return ()
    around = amounts.small_energy(Range.exactly(whole_j - steady_j))
    return (f"not in a request: {around} before the first answer (the program's start) and after the last",)


def _with_start(report: Report) -> str:
    """Return what a request has of what is not its own, where nothing tells when requests were answered."""
    counted = {row.domain for row in report.domains if row.counts}
    rows = [row for row in report.ledger if row.domain in counted and row.measured_j]
    whole_j = sum(row.measured_j or 0.0 for row in rows)
    outside_j = sum((row.idle_j or 0.0) + (row.outside_j or 0.0) for row in rows)
    part = f" ({outside_j / whole_j:.0%} was spent outside of stages)" if outside_j >= 0.005 * whole_j > 0 else ""
    return (
        f"a request has its part of the whole run in it, start of the program and loading included{part}; "
        'energyprof.units("request", 1) after each answer, or --request-stage, tells it apart'
    )


def _questions(unit: UnitCount) -> list[str]:
    """Return what is odd about a unit of work that is taken for a request."""
    found = []
    if unit.name not in REQUESTS:
        found.append(
            f"{unit.name!r} is taken for a request, being all that the program counted; if one is none: "
            "--requests-in-run K"
        )
    if unit.count != int(unit.count):
        found.append(f"{amounts.digits(unit.count)} is no whole number of requests: is each counted once?")
    return found


def _so_many(name: str, count: float) -> str:
    if name not in REQUESTS:
        return f"{amounts.count(Range.exactly(count))} of {name!r}"
    noun = "query" if name.startswith("quer") else "request"
    many = "queries" if noun == "query" else "requests"
    return f"{amounts.count(Range.exactly(count))} {noun if count == 1 else many}"


def _of_stage(report: Report, text: str, name: str) -> Energy:
    from energyprof.report.figure import Figures

    rows = [row for row in report.stages if row.stage == name] or [row for row in report.stages if row.name == name]
    if len(rows) != 1:
        which = "no stage" if not rows else "several stages"
        raise InputError(f"{text} has {which} {name!r}; there are {_stages(report)}")
    row = rows[0]
    if row.calls < 1:
        raise InputError(f"{name} of {text} was never called; choose another stage, or --requests-in-run K")
    fault = f"{name} of {text} cannot be told apart from others; use --requests-in-run K"
    figure, one = Figures(report).stage(row), 1 / row.calls
    joules, apart = _joules(figure, fault)
    counted = {one.domain for one in report.domains if one.counts}
    mix_j = {str(part.domain): part.energy_j or 0.0 for part in row.total_energy if part.domain in counted}
    basis = f"stage {name} of {text} by {row.calls} calls"
    return Energy(joules.times(one), row.total_sum.provenance, basis, report, apart.times(one), mix_j)


def _given(text: str) -> Energy | None:
    from energyprof.footprint.given_energy import parse

    joules = None if os.path.exists(text) else parse(text)
    return None if joules is None else Energy(joules, "as given", "as given")


def _run(text: str) -> Run:
    from energyprof.run import load

    if not Path(text).is_file():
        raise InputError(f"{text} is neither a recording here nor an energy; write TRAIN.eprof, 1200kWh or 3.2J")
    return load(text)


def _joules(figure: Figure, fault: str) -> tuple[Range, Range]:
    """Return an energy with all that it may be off by, and without what its sensor or model gets wrong of all alike."""
    if figure.value is None:
        raise InputError(fault)
    least, most = figure.whole()
    return _range(figure.value, least, most), _range(figure.value, figure.low, figure.high)


def _range(value: float, low: float | None, high: float | None) -> Range:
    return Range(value, value if low is None else min(low, value), value if high is None else max(high, value))


def _stages(report: Report) -> str:
    names = [in_shell(row.stage) for row in report.stages if row.parent is None][:6]
    return ", ".join(names) or "none was recorded"
