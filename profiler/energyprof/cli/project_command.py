"""`energyprof project`: when serving a model has taken more energy than training it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from energyprof.cli import terminal
from energyprof.cli.footprint_options import HELP, add_footprint_options, assumptions_of
from energyprof.cli.given_numbers import bounds
from energyprof.cli.report_command import columns, write_file
from energyprof.errors import InputError
from energyprof.model.range import Range
from energyprof.model.report import Report
from energyprof.model.shell import in_shell

if TYPE_CHECKING:
    from energyprof.footprint.common_error import CommonError
    from energyprof.report.figure import Figure

NAME = "project"
SUMMARY = "Project when serving a model takes more energy than training it did: curves, bounds, what matters most."
EXAMPLES = f"""\
examples:
  energyprof project train.eprof serve.eprof --requests-in-run 200 --clients 5000 --requests-per-client-day 8 --days 365
  energyprof project train.eprof serve.eprof --request-stage answer --clients 5000 --requests-per-client-day 8 --days 99
  energyprof project 1200kWh 3.2J --clients 1M --requests-per-client-day 2..5 --days 365 --trainings 40 --region FR
  energyprof project 1200kWh 3.2J --clients 1M --requests-per-client-day 3 --days 365 -o curves.svg

A program that counts its requests, energyprof.units("request", 1), needs neither of the two options for them.
Numbers stand for runs (1200kWh, 40..60MJ; 3.2J is a request's), and bounds (2..5) for any figure. All trainings come
before the first day of serving, and everything stays as it is: a projection, not a forecast.

{HELP}"""


class Energy(NamedTuple):
    """An energy and where it is from."""

    joules: Range
    provenance: str
    basis: str
    report: Report | None = None
    """None: it was given as a number."""
    apart: Range | None = None
    """Without what its sensor or model gets wrong of all energies alike; None: nothing tells the two apart."""
    mix_j: Mapping[str, float] = {}
    """By domain."""


def part(words: list[str]) -> list[str]:
    """Return the words as they are; raises InputError for an energy below 0, which argparse takes for an option."""
    for word in words:
        if word[:1] == "-" and word[1:2].isdigit():
            raise InputError(f"{word} is less than nothing; energies and figures are 0 or more")
    return list(words)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("training", metavar="TRAIN", help="the recording of a training, or its energy: 1200kWh")
    parser.add_argument("serving", metavar="SERVE", help="the recording of serving, or the energy of a request: 3.2J")
    what = parser.add_argument_group("the load")
    what.add_argument("--clients", type=bounds, required=True, metavar="N", help="how many ask")
    what.add_argument("--requests-per-client-day", type=bounds, required=True, metavar="R", help="how often each asks")
    what.add_argument("--days", type=bounds, required=True, metavar="D", help="for how long it is served")
    what.add_argument(
        "--trainings",
        type=bounds,
        default=Range.exactly(1.0),
        metavar="T",
        help="how often it was trained (default: 1)",
    )
    requests = parser.add_argument_group("requests of a recording").add_mutually_exclusive_group()
    requests.add_argument("--requests-in-run", type=bounds, metavar="K", help="that SERVE answered: its energy by K")
    requests.add_argument("--request-stage", metavar="STAGE", help="of SERVE, each call of which answers one")
    add_footprint_options(parser)
    parser.add_argument("-f", "--format", choices=("table", "json", "svg"), help="default: table, or what FILE ends in")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of standard output")
    parser.add_argument("--width", type=columns, metavar="N", help="columns, 60 to 200 (default: the terminal's)")


def run(args: argparse.Namespace) -> int:
    """Print the projection; 0, or an error's own status."""
    from energyprof.cli import project_page
    from energyprof.footprint import projection_chart
    from energyprof.footprint.projection import Assumed, project

    assumptions = assumptions_of(args)
    training, request = _training(args.training), _request(args)
    for name, figure in (("--days", args.days), ("--trainings", args.trainings)):
        if figure.low <= 0:
            raise InputError(f"{name} is {figure.low:g} at least; it must be more than 0")
    found = project(
        Assumed(
            training_j=training.joules,
            trainings=args.trainings,
            request_j=request.joules,
            clients=args.clients,
            requests_per_client_day=args.requests_per_client_day,
            days=args.days,
        ),
        _common(training, request),
    )
    kind = args.format or {".svg": "svg", ".json": "json"}.get(Path(args.output or "").suffix.lower(), "table")
    told = project_page.Told(found, training, request, assumptions)
    if kind == "svg":
        content = projection_chart.svg(found)
    elif kind == "json":
        content = project_page.document(told)
    else:
        content = project_page.page(told, terminal.width(args.width))
    if args.output is not None:
        write_file(Path(args.output), content)
    else:
        terminal.write(content if terminal.unicode(sys.stdout) else content.replace("\u00b5", "u"), sys.stdout)
    return 0


def _training(text: str) -> Energy:
    given = _given(text)
    if given is not None:
        return given
    return _whole(_report(text), text, Range.exactly(1.0), f"all of {text}")


def _request(args: argparse.Namespace) -> Energy:
    text: str = args.serving
    given = _given(text)
    if given is not None:
        if args.requests_in_run is not None or args.request_stage is not None:
            raise InputError(f"{text} is the energy of a request; leave out --requests-in-run and --request-stage")
        return given
    report = _report(text)
    if args.request_stage is not None:
        return _of_stage(report, text, args.request_stage)
    if args.requests_in_run is None:
        return _counted(report, text)
    if args.requests_in_run.low <= 0:
        raise InputError("--requests-in-run must be more than 0")
    return _whole(report, text, args.requests_in_run, f"all of {text} by {args.requests_in_run.value:g}")


def _whole(report: Report, text: str, requests: Range, basis: str) -> Energy:
    from energyprof.report.figure import Figures

    fault = f"{text}: no reading covers it, so that its energy is not known"
    joules, apart = _joules(Figures(report).measured(), fault)
    counted = {row.domain for row in report.domains if row.counts}
    mix_j = {str(row.domain): row.measured_j for row in report.ledger if row.domain in counted and row.measured_j}
    return Energy(joules.over(requests), report.measured.provenance, basis, report, apart.over(requests), mix_j)


def _counted(report: Report, text: str) -> Energy:
    """Return the energy of a request where the program counted them: its only unit of work, or that called request."""
    counted = [row for row in report.units if row.count > 0]
    rows = [row for row in counted if row.name == "request"] or counted
    if len(rows) != 1:
        raise InputError(
            f"{text} does not say how many requests it answered; add --requests-in-run K, or --request-stage STAGE "
            f'({_stages(report)}), or count them in the program: energyprof.units("request", 1)'
        )
    basis = f"all of {text} by {rows[0].count:g} {rows[0].name}"
    return _whole(report, text, Range.exactly(rows[0].count), basis)


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


def _report(text: str) -> Report:
    from energyprof.run import load

    if not Path(text).is_file():
        raise InputError(f"{text} is neither a recording here nor an energy; write TRAIN.eprof, 1200kWh or 3.2J")
    return load(text).report()


def _joules(figure: Figure, fault: str) -> tuple[Range, Range]:
    """Return an energy with all that it may be off by, and without what its sensor or model gets wrong of all alike."""
    if figure.value is None:
        raise InputError(fault)
    least, most = figure.whole()
    return _range(figure.value, least, most), _range(figure.value, figure.low, figure.high)


def _range(value: float, low: float | None, high: float | None) -> Range:
    return Range(value, value if low is None else min(low, value), value if high is None else max(high, value))


def _common(training: Energy, request: Energy) -> CommonError | None:
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


def _stages(report: Report) -> str:
    names = [in_shell(row.stage) for row in report.stages if row.parent is None][:6]
    return ", ".join(names) or "none was recorded"
