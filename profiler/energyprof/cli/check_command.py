"""`energyprof check`: hold runs to a budget of energy, for continuous integration."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from energyprof.cli import terminal
from energyprof.cli.budget_file import Grams, read_budget
from energyprof.cli.check_page import Checked, as_json, as_markdown, as_text
from energyprof.cli.compare_command import refuse_twice
from energyprof.cli.diff_command import paths_of
from energyprof.cli.footprint_options import add_footprint_options, assumptions_of
from energyprof.cli.recorded_run import resolve_run
from energyprof.cli.report_command import columns, write_file
from energyprof.errors import InputError
from energyprof.model.amounts import JOULES_PER_KWH
from energyprof.model.footprint_text import assumed_text
from energyprof.model.range import Range
from energyprof.model.shell import in_shell

NAME = "check"
SUMMARY = "Hold runs to a budget of energy: exit status 0 within, 1 exceeded, 3 where the intervals cannot tell."
EXAMPLES = """\
examples:
  energyprof check RUN.eprof --budget budget.toml
  energyprof check RUN.eprof --budget budget.toml --allow-unsure            3 becomes 0; 1 stays 1
  energyprof check run-1.eprof run-2.eprof run-3.eprof --budget budget.toml  their mean, by their spread
  energyprof check NEW.eprof --budget budget.toml --baseline old-1.eprof old-2.eprof
  energyprof check NEW.eprof --budget budget.toml --format markdown >> "$GITHUB_STEP_SUMMARY"
  energyprof check RUN.eprof --budget budget.toml --format json

exit status:
  0    every limit is kept; with --allow-unsure also where that cannot be told
  1    a limit is exceeded, whatever else cannot be told
  3    no limit is exceeded, and of one or more it cannot be told
  2    the budget, a name in it or a recording is wrong; nothing was checked

budget.toml:
  carbon_g_per_kwh = 56            # of your grid, for budgets in g; else --region, ENERGYPROF_REGION or pyproject.toml
  [total]
  max = "500 J"                    # or uJ mJ kJ MJ mWh Wh kWh mg g kg; a number alone is joules
  per_sample = "2 mJ"              # of the training loop
  max_increase = "5 %"             # over the mean of the --baseline runs
  [stages."train/forward"]         # a stage's id, as in the JSON report; a / in a name is %2F there
  max = "20 J"
  per_call = "3 mWh"                # per_sample of a stage that is a model, per_token of prefill and decode
  [layers."Net.encoder.layer.3"]
  per_call = "4 mJ"
  [units.request]                  # counted with energyprof.units("request")
  max = "0.1 g"

A budget is exceeded, or kept, only where the whole 95 % interval says so, each limit by itself. Verdicts that rest on a
model's estimate are named as such. What a model or sensor gets wrong of all joules alike counts against a limit in
joules; over a baseline of the same machine it cancels, so that max_increase works without a sensor, too. Baseline runs
that ended with an error, were cut short or hardly read are left out, and named.
"""
EXCEEDED, UNSURE = 1, 3


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help="a .eprof file, several of one program, or a folder of them: their mean counts (default: the newest here)",
    )
    parser.add_argument("--budget", metavar="FILE", required=True, help="the limits, a TOML file as below")
    parser.add_argument(
        "--baseline",
        metavar="RUN",
        nargs="+",
        action="extend",
        default=[],
        help="runs that max_increase goes by; takes all words up to the next option, so name what is checked before it",
    )
    add_footprint_options(parser)
    parser.add_argument("--allow-unsure", action="store_true", help="exit status 0 where the intervals cannot tell")
    parser.add_argument("-f", "--format", choices=("text", "markdown", "json"), default="text", help="default: text")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of standard output")
    parser.add_argument("--width", type=columns, metavar="N", help="columns, 60 to 200 (default: the terminal's)")


def run(args: argparse.Namespace) -> int:
    """Print a line for each limit; 0, 1 or 3 as above, or an error's own status."""
    from energyprof.run import changes_of_program, check_budget, left_out_of_baseline, load

    limits, basis = read_budget(Path(args.budget), _grams(args))
    before = [one for word in args.baseline for one in paths_of(word)]
    if before and not args.runs:
        raise InputError(_swallowed(args))
    paths = [one for word in args.runs for one in paths_of(word)] or [resolve_run(None)]
    refuse_twice([*paths, *before])
    reports, baseline = ([load(one).report() for one in side] for side in (paths, before))
    rulings = check_budget(reports, limits, baseline)
    faults = [(path, left_out_of_baseline(report)) for path, report in zip(before, baseline, strict=True)]
    left_out = tuple((path, fault) for path, fault in faults if fault)
    changed = changes_of_program(baseline, reports) if baseline else ()
    verdicts = {ruling.verdict for ruling in rulings}
    status = EXCEEDED if "exceeded" in verdicts else 0
    if not status and "cannot tell" in verdicts and not args.allow_unsure:
        status = UNSURE
    content = _rendered(args, Checked(tuple(paths), tuple(before), rulings, status, basis, left_out, changed))
    if args.output is None:
        terminal.write(content, sys.stdout)
    else:
        write_file(Path(args.output), content)
    return status


def _grams(args: argparse.Namespace) -> Grams | None:
    """Return what a kilowatt-hour of the computers comes with, and who says so; None: nobody does."""
    assumed = assumptions_of(args)
    kwh_g = assumed.carbon_g(Range.exactly(JOULES_PER_KWH))
    is_asked_for = args.region is not None or args.carbon is not None
    return None if kwh_g is None else Grams(kwh_g.value, assumed_text(replace(assumed, price=None)), is_asked_for)


def _rendered(args: argparse.Namespace, checked: Checked) -> str:
    if args.format == "json":
        return as_json(checked)
    if args.format == "markdown":
        return as_markdown(checked)
    is_unicode = args.output is not None or terminal.unicode(sys.stdout)
    return as_text(checked, unicode=is_unicode, width=terminal.width(args.width))


def _swallowed(args: argparse.Namespace) -> str:
    """Return what is wrong with a baseline that was named before what is to be held to it."""
    words = " ".join(map(in_shell, args.baseline))
    checked, rest = in_shell(args.baseline[-1]), " ".join(map(in_shell, args.baseline[:-1])) or "OLD.eprof"
    return (
        f"no RUN to check: --baseline took all words behind it ({words}); name the run first: "
        f"energyprof check {checked} --budget {in_shell(args.budget)} --baseline {rest}"
    )
