"""`energyprof trials`: list the trials of a search, with their joules."""

from __future__ import annotations

import argparse
import math
import sys

from energyprof.cli import terminal
from energyprof.cli.recorded_run import resolve_run
from energyprof.cli.report_command import columns

NAME = "trials"
SUMMARY = "List the trials of a search: what each took and found, and how many joules it was up to a given quality."
EXAMPLES = """\
examples:
  energyprof trials                                   the newest run in this folder, best trials first
  energyprof trials grid.eprof tpe.eprof --target 0.95   which search gets there with fewer joules
  energyprof trials RUN.eprof --target 0.1 --lower-is-better --rows 100

Trials of Optuna's Study.optimize are marked by themselves; others with:
  with energyprof.trial({"lr": 1e-3}) as trial:
      trial.tell(accuracy)
As JSON they stand under `trials` of: energyprof report RUN --format json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("runs", metavar="RUN", nargs="*", help="a .eprof file (default: the newest in this folder)")
    parser.add_argument("--target", type=_figure, metavar="V", help="say which trial reached this value first")
    parser.add_argument("--lower-is-better", action="store_true", help="values are losses or errors")
    parser.add_argument("--rows", type=_rows, metavar="N", help="trials to list (default: 20)")
    parser.add_argument("--width", type=columns, metavar="N", help="columns, 60 to 200 (default: the terminal's)")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colour (default: auto)")


def run(args: argparse.Namespace) -> int:
    """Print the trials of each run; 0, or an error's own status."""
    from energyprof.run import load

    options = {"lower_is_better": "yes"} if args.lower_is_better else {}
    options |= {} if args.target is None else {"target": repr(args.target)}
    options |= {} if args.rows is None else {"rows": str(args.rows)}
    for at, name in enumerate(args.runs or [None]):
        path = resolve_run(name)
        content = load(path).render(
            "trials",
            width=terminal.width(args.width),
            color=terminal.color(args.color, sys.stdout),
            unicode=terminal.unicode(sys.stdout),
            options=options,
        )
        heading = f"{'' if at == 0 else chr(10)}{path}\n" if len(args.runs) > 1 else ""
        terminal.write(f"{heading}{content if isinstance(content, str) else ''}", sys.stdout)
    return 0


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
