"""`energyprof check`: hold a run to a budget of energy, for continuous integration."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from energyprof.cli import terminal
from energyprof.cli.budget_file import read_budget
from energyprof.cli.compare_command import refuse_twice
from energyprof.cli.diff_command import paths_of
from energyprof.cli.recorded_run import add_run_argument, resolve_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from energyprof.model.budget import Ruling

NAME = "check"
SUMMARY = "Hold a run to a budget of energy: exit status 0 within, 1 exceeded, 3 where the intervals cannot tell."
EXAMPLES = """\
examples:
  energyprof check RUN.eprof --budget budget.toml
  energyprof check RUN.eprof --budget budget.toml --allow-unsure            3 becomes 0; 1 stays 1
  energyprof check NEW.eprof --budget budget.toml --baseline old-1.eprof old-2.eprof
  energyprof check RUN.eprof --budget budget.toml --format json

budget.toml:
  carbon_g_per_kwh = 56            # of your grid; only budgets in g need it
  [total]
  max = "500 J"                    # or uJ mJ kJ MJ mWh Wh kWh mg g kg; a number alone is joules
  per_sample = "2 mJ"              # of the training loop
  max_increase = "5 %"             # over the mean of the --baseline runs
  [stages."train/forward"]         # a stage's id, as in the JSON report
  max = "20 J"
  per_call = "3 mWh"
  [layers."Net.encoder.layer.3"]
  per_call = "4 mJ"
  [units.request]                  # counted with energyprof.units("request")
  max = "0.1 g"

A budget is exceeded, or kept, only where the whole 95 % interval says so. Estimates of a model are named as such.
"""
EXCEEDED, UNSURE = 1, 3


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_run_argument(parser)
    parser.add_argument("--budget", metavar="FILE", required=True, help="the limits, a TOML file as below")
    parser.add_argument("--baseline", metavar="RUN", nargs="+", default=[], help="runs that max_increase goes by")
    parser.add_argument("--allow-unsure", action="store_true", help="pass where the intervals cannot tell")
    parser.add_argument("-f", "--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace) -> int:
    """Print a line for each limit; 0, 1 or 3 as above, or an error's own status."""
    from energyprof.run import check_budget, load

    limits = read_budget(Path(args.budget))
    path = resolve_run(args.run)
    before = [one for word in args.baseline for one in paths_of(word)]
    refuse_twice([path, *before])
    baseline = [load(one).report() for one in before]
    rulings = check_budget(load(path).report(), limits, baseline)
    lines = [json.dumps([asdict(one) for one in rulings], indent=1)] if args.format == "json" else _lines(rulings)
    terminal.write("".join(f"{line}\n" for line in lines), sys.stdout)
    verdicts = {ruling.verdict for ruling in rulings}
    if "exceeded" in verdicts:
        return EXCEEDED
    return UNSURE if "cannot tell" in verdicts and not args.allow_unsure else 0


def _lines(rulings: Sequence[Ruling]) -> list[str]:
    shown = [(ruling.verdict, _what(ruling), _figure(ruling), ruling) for ruling in rulings]
    widths = [max(map(len, column)) for column in list(zip(*shown, strict=True))[:3]]
    lines = []
    for verdict, what, figure, ruling in shown:
        budget = f"budget {_limit(ruling)}"
        lines.append(f"{verdict:{widths[0]}}  {what:{widths[1]}}  {figure:{widths[2]}}  {budget}  {ruling.provenance}")
        if ruling.reason:
            lines.append(f"{'':{widths[0]}}  {_printable(ruling.reason)}")
    estimated = sum(ruling.provenance == "estimated (model)" for ruling in rulings)
    if estimated:
        of = f"{estimated} of {len(rulings)} verdicts rest" if len(rulings) > 1 else "the verdict rests"
        lines.append(f"{of} on a model's estimate (partly or wholly), not on a measurement alone")
    return lines


def _what(ruling: Ruling) -> str:
    limit = ruling.limit
    name = limit.scope if limit.scope == "total" else f"{limit.scope} {_printable(limit.name)}"
    return name if limit.per in {"run", "unit"} else f"{name} per {limit.per}"


def _figure(ruling: Ruling) -> str:
    limit = ruling.limit
    if limit.max_increase is not None:
        sizes = [None if one is None else f"{one:+.1%}" for one in (ruling.value, ruling.low, ruling.high)]
    else:
        figures = (ruling.value, ruling.low, ruling.high)
        sizes = [None if one is None else f"{one / limit.unit_j:.4g} {limit.unit}" for one in figures]
    value, low, high = sizes
    between = "" if low is None or high is None else f" ({low} to {high})"
    return f"{'not known' if value is None else value}{between}"


def _limit(ruling: Ruling) -> str:
    limit = ruling.limit
    if limit.max_increase is not None:
        return f"{limit.max_increase:+.1%}"
    return f"{(limit.limit_j or 0.0) / limit.unit_j:.4g} {limit.unit}"


def _printable(text: str) -> str:
    """Return a name with an escape in place of what would not show as itself."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
