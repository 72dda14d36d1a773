"""`energyprof project`: when serving a model has taken more energy than training it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from energyprof.cli import terminal
from energyprof.cli.file_endings import TABLES, format_asked
from energyprof.cli.footprint_options import HELP, add_footprint_options, assumptions_of
from energyprof.cli.given_numbers import bounds
from energyprof.cli.report_command import columns, write_file
from energyprof.errors import InputError
from energyprof.model.range import Range

NAME = "project"
SUMMARY = "Project when serving a model takes more energy than training it did: curves, bounds, what matters most."
EXAMPLES = f"""\
examples:
  energyprof project train.eprof serve.eprof --requests-in-run 200 --clients 5000 --requests-per-client-day 8 --days 365
  energyprof project train.eprof serve.eprof --request-stage answer --clients 5000 --requests-per-client-day 8 --days 99
  energyprof project t1.eprof,t2.eprof,t3.eprof s1.eprof,s2.eprof --clients 50 --requests-per-client-day 8 --days 99
  energyprof project 1200kWh 3.2J --clients 1M --requests-per-client-day 2..5 --days 365 --trainings 40 --region FR
  energyprof project 1200kWh 3.2J --clients 1M --requests-per-client-day 3 --days 365 -o curves.svg

A program that counts its requests as it answers them, energyprof.units("request", 1), needs neither of the two options
for them, and what it takes up to the first answer, its start and loading a model, is told apart. Several runs of one
side, A.eprof,B.eprof, a folder or a pattern, tell how much runs differ; of a single one 10 % are assumed, as in diff.
Numbers stand for runs (1200kWh, 40..60MJ; 3.2J is a request's), and bounds (2..5) for any figure. All trainings come
before the first day of serving, and everything stays as it is: a projection, not a forecast.

{HELP}"""


def part(words: list[str]) -> list[str]:
    """Return the words as they are; raises InputError for an energy below 0, which argparse takes for an option."""
    for word in words:
        if word[:1] == "-" and word[1:2].isdigit():
            raise InputError(f"{word} is less than nothing; energies and figures are 0 or more")
    return list(words)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "training",
        metavar="TRAIN",
        help="the recording of a training, or its energy: 1200kWh; several of it with commas between",
    )
    parser.add_argument(
        "serving", metavar="SERVE", help="the recording of serving, or the energy of a request: 3.2J; several too"
    )
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
    parser.add_argument(
        "--without-start",
        action="store_true",
        help="of TRAIN only what it took from its first stage to the end of its last, without imports",
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
    from energyprof.cli.projected_energy import common_error, notes
    from energyprof.cli.projected_request import request_energy
    from energyprof.cli.projected_training import training_energy
    from energyprof.footprint import projection_chart
    from energyprof.footprint.projection import Assumed, project

    kind = format_asked(args.format, args.output, {**TABLES, ".svg": "svg"})
    assumptions = assumptions_of(args)
    training = training_energy(args.training, is_without_start=args.without_start)
    request = request_energy(args)
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
        common_error(training, request),
    )
    told = project_page.Told(found, training, request, assumptions, notes(training, request))
    if kind == "svg":
        content = projection_chart.svg(found)
    elif kind == "json":
        content = project_page.document(told)
    else:
        content = project_page.page(told, terminal.width(args.width))
    if args.output is not None:
        write_file(Path(args.output), content)
        print(args.output)
    else:
        terminal.write(content if terminal.unicode(sys.stdout) else content.replace("\u00b5", "u"), sys.stdout)
    return 0
