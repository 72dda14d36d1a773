"""The energy of a request that a projection starts from, given or taken from recordings of serving."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from energyprof.cli.projected_energy import (
    WORTH_A_WORD,
    Energy,
    counted_ledger,
    energy_between,
    given_energy,
    range_of,
    recorded_energy,
    whole_energy,
)
from energyprof.errors import InputError
from energyprof.model import amounts
from energyprof.model.range import Range
from energyprof.model.shell import in_shell

if TYPE_CHECKING:
    from energyprof.model.report import Report
    from energyprof.model.told import UnitCount
    from energyprof.run import Run

REQUESTS: Final = ("request", "requests", "query", "queries")
"""Units of work that are what a client asks for; of others that is asked."""


def request_energy(args: argparse.Namespace) -> Energy:
    """Return the energy of a request as the options have it; raises InputError where nothing says how many."""
    text: str = args.serving
    stage: str | None = args.request_stage
    count: Range | None = args.requests_in_run
    given = given_energy(text)
    if given is not None:
        if count is not None or stage is not None:
            raise InputError(f"{text} is the energy of a request; leave out --requests-in-run and --request-stage")
        return given
    if stage is not None:
        return recorded_energy(text, lambda run, path: _of_stage(run.report(), path, stage), is_stage=True)
    if count is None:
        return _with_start(recorded_energy(text, _counted))
    if count.low <= 0:
        raise InputError("--requests-in-run must be more than 0")
    return _with_start(recorded_energy(text, lambda run, path: _of_so_many(run.report(), path, count)))


def _of_so_many(report: Report, text: str, count: Range) -> Energy:
    basis = f"all of {text} by {amounts.count(count)} requests"
    return replace(whole_energy(report, text, count, basis), is_of_whole_runs=True)


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
    whole = whole_energy(report, text, Range.exactly(unit.count), basis, cautions)
    return replace(whole, is_of_whole_runs=True)


def _steady(run: Run, text: str, unit: UnitCount, cautions: tuple[str, ...]) -> Energy | None:
    """Return the energy of a request between the first answer and the last; None: it cannot be told from the rest."""
    if unit.first_ns is None or unit.last_ns is None or unit.later_count <= 0:
        return None
    basis = f"{text} from the first answer to the last, by {_so_many(unit.name, unit.later_count)}"
    found = energy_between(run, unit.first_ns, unit.last_ns, basis)
    if found is None or found.apart is None:
        return None
    requests = Range.exactly(unit.later_count)
    return replace(
        found,
        joules=found.joules.over(requests),
        apart=found.apart.over(requests),
        cautions=cautions,
        around_j=max((run.report().measured.energy_j or 0.0) - found.apart.value, 0.0),
    )


def _with_start(energy: Energy) -> Energy:
    """Return the energy with what is to be said of the start of its programs, once for all of its runs."""
    if energy.is_of_whole_runs:
        return replace(energy, cautions=(_start_within(energy.reports), *energy.cautions))
    if not energy.around_j:
        return energy
    around = amounts.small_energy(Range.exactly(energy.around_j))
    each = " in each run, on average" if len(energy.reports) > 1 else ""
    said = f"not in a request: {around} before the first answer (the program's start) and after the last{each}"
    return replace(energy, cautions=(said, *energy.cautions))


def _start_within(reports: Sequence[Report]) -> str:
    """Return what a request has of what is not its own, where nothing tells when requests were answered."""
    rows = [row for report in reports for row in counted_ledger(report)]
    whole_j = sum(row.measured_j or 0.0 for row in rows)
    outside_j = sum((row.idle_j or 0.0) + (row.outside_j or 0.0) for row in rows)
    is_worth_it = outside_j >= WORTH_A_WORD * whole_j > 0
    part = f" ({outside_j / whole_j:.0%} was spent outside of stages)" if is_worth_it else ""
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
    figure = Figures(report).stage(row)
    if figure.value is None:
        raise InputError(f"{name} of {text} cannot be told apart from others; use --requests-in-run K")
    least, most = figure.whole()
    calls = Range.exactly(row.calls)
    counted = {one.domain for one in report.domains if one.counts}
    return Energy(
        joules=range_of(figure.value, least, most).over(calls),
        provenance=row.total_sum.provenance,
        basis=f"stage {name} of {text} by {row.calls} calls",
        reports=(report,),
        apart=range_of(figure.value, figure.low, figure.high).over(calls),
        mix_j={str(part.domain): part.energy_j or 0.0 for part in row.total_energy if part.domain in counted},
        start_j=0.0,
    )


def _stages(report: Report) -> str:
    names = [in_shell(row.stage) for row in report.stages if row.parent is None][:6]
    return ", ".join(names) or "none was recorded"
