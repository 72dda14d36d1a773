"""`energyprof trials`: list the trials of a search, with their joules."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from energyprof.cli import terminal
from energyprof.cli.footprint_options import add_footprint_options, assumptions_of
from energyprof.cli.recorded_run import resolve_run
from energyprof.cli.report_command import columns
from energyprof.cli.trials_page import searches_of, summary
from energyprof.model.natural_order import natural_key

NAME = "trials"
SUMMARY = "List the trials of a search: what each took and found, and how many joules it was up to a given quality."
EXAMPLES = """\
examples:
  energyprof trials                                   the newest run in this folder, best trials first
  energyprof trials grid.eprof tpe.eprof --target 0.95   which search gets there with fewer joules
  energyprof trials searches/                         every run in a folder, and all searches beside each other
  energyprof trials RUN.eprof --target 0.1 --lower-is-better --rows 100

Trials of Optuna's Study.optimize are marked by themselves; others with:
  with energyprof.trial({"lr": 1e-3}) as trial:
      trial.tell(accuracy)
A program with several searches says which with energyprof.trial(params, study="grid"); studies are summed apart.
As JSON they stand under `trials` of: energyprof report RUN --format json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "runs", metavar="RUN", nargs="*", help="a .eprof file, or a folder of them (default: the newest in this folder)"
    )
    parser.add_argument("--target", type=_figure, metavar="V", help="say which trial reached this value first")
    parser.add_argument("--lower-is-better", action="store_true", help="values are losses or errors")
    parser.add_argument("--rows", type=_rows, metavar="N", help="trials to list (default: 20)")
    add_footprint_options(parser)
    parser.add_argument("--width", type=columns, metavar="N", help="columns, 60 to 200 (default: the terminal's)")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colour (default: auto)")


def run(args: argparse.Namespace) -> int:
    """Print the trials of each run; 0, or an error's own status."""
    from energyprof.run import load

    options = {"lower_is_better": "yes"} if args.lower_is_better else {}
    options |= {} if args.target is None else {"target": repr(args.target)}
    options |= {} if args.rows is None else {"rows": str(args.rows)}
    assumptions = assumptions_of(args)
    paths = [path for name in args.runs or [None] for path in _runs_of(name)]
    width, searches = terminal.width(args.width), []
    for at, path in enumerate(paths):
        run = load(path)
        run.assumptions = assumptions
        searches.append((path.stem, run.report().trials))
        content = run.render(
            "trials",
            width=width,
            color=terminal.color(args.color, sys.stdout),
            unicode=terminal.unicode(sys.stdout),
            options=options,
        )
        heading = f"{'' if at == 0 else chr(10)}{path}\n" if len(paths) > 1 else ""
        terminal.write(f"{heading}{content if isinstance(content, str) else ''}", sys.stdout)
    several = searches_of(searches)
    if len(several) > 1:
        beside = summary(several, args.target, width, lower_is_better=args.lower_is_better)
        terminal.write("\n" + (beside if terminal.unicode(sys.stdout) else beside.replace("\u00b5", "u")), sys.stdout)
    return 0


def _runs_of(name: str | None) -> list[Path]:
    """Return the runs that a word names: a folder's are in the order of their names."""
    folder = Path(name or "")
    if name is not None and folder.is_dir():
        found = sorted(folder.glob("*.eprof"), key=lambda path: natural_key(path.name))
        if found:
            return found
    return [resolve_run(name)]


def _figure(text: str) -> float:
    try:
        figure = float(text)
    except ValueError:
        figure = math.nan
    if not math.isfinite(figure):
        raise argparse.ArgumentTypeError(f"{text} is no number")
    return figure


def _rows(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of rows; 1 or more")
    return int(text)
