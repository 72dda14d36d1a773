"""`energyprof trials`: list the trials of a search, with their joules."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energyprof.cli import terminal
from energyprof.cli.file_endings import format_asked
from energyprof.cli.footprint_options import add_footprint_options, assumptions_of
from energyprof.cli.part_document import ENDINGS, add_format_options, as_text, part_document
from energyprof.cli.recorded_run import resolve_run
from energyprof.cli.report_command import columns, write_file
from energyprof.cli.trials_page import searches_of, summary
from energyprof.model.natural_order import natural_key

if TYPE_CHECKING:
    from energyprof.run import Run

NAME = "trials"
SUMMARY = "List the trials of a search: what each took and found, and how many joules it was up to a given quality."
EXAMPLES = """\
examples:
  energyprof trials                                   the newest run in this folder, best trials first
  energyprof trials grid.eprof tpe.eprof --target 0.95   which search gets there with fewer joules
  energyprof trials searches/                         every run in a folder, and all searches beside each other
  energyprof trials RUN.eprof --target 0.1 --lower-is-better --rows 100

Trials of Optuna's Study.optimize are marked by themselves, those of ask and tell and of other searches with:
  with energyprof.trial({"lr": 1e-3}) as trial:   # lower_is_better=True for losses
      trial.tell(accuracy)
A program with several searches says which with energyprof.trial(params, study="grid"); studies are summed apart.
As JSON all trials are told, whatever --rows says.
"""
SCHEMA = "energyprof-trials/1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "runs", metavar="RUN", nargs="*", help="a .eprof file, or a folder of them (default: the newest in this folder)"
    )
    parser.add_argument("--target", type=_figure, metavar="V", help="say which trial reached this value first")
    better = parser.add_mutually_exclusive_group()
    better.add_argument(
        "--lower-is-better",
        action="store_true",
        default=None,
        help="values are losses or errors (default: as the search told: Optuna's direction, lower_is_better=True)",
    )
    better.add_argument(
        "--higher-is-better", action="store_false", dest="lower_is_better", default=None, help="they are not"
    )
    parser.add_argument("--rows", type=_rows, metavar="N", help="trials to list (default: 20)")
    add_format_options(parser)
    add_footprint_options(parser)
    parser.add_argument("--width", type=columns, metavar="N", help="columns, 60 to 200 (default: the terminal's)")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colour (default: auto)")


def run(args: argparse.Namespace) -> int:
    """Print the trials of each run; 0, or an error's own status."""
    from energyprof.run import load

    lower = args.lower_is_better
    options = {} if lower is None else {"lower_is_better": "yes" if lower else "no"}
    options |= {} if args.target is None else {"target": repr(args.target)}
    options |= {} if args.rows is None else {"rows": str(args.rows)}
    assumptions, to_file = assumptions_of(args), args.output is not None
    paths = [path for name in args.runs or [None] for path in _runs_of(name)]
    runs = [(path, load(path)) for path in paths]
    for _, one in runs:
        one.assumptions = assumptions
    if format_asked(args.format, args.output, ENDINGS) == "json":
        text = as_text(SCHEMA, {"runs": [part_document(one, path, "trials") for path, one in runs]})
    else:
        look = {
            "width": terminal.width(args.width),
            "color": not to_file and terminal.color(args.color, sys.stdout),
            "unicode": to_file or terminal.unicode(sys.stdout),
        }
        text = _pages(runs, args, {**look, "options": options})
    if to_file:
        write_file(Path(args.output), text)
    else:
        terminal.write(text, sys.stdout)
    return 0


def _pages(runs: list[tuple[Path, Run]], args: argparse.Namespace, context: dict[str, Any]) -> str:
    """Return the trials of each run below each other, and all searches beside each other where there are several."""
    shown = [(f"{path}\n" if len(runs) > 1 else "") + str(one.render("trials", **context)) for path, one in runs]
    several = searches_of([(path.stem, one.report().trials) for path, one in runs])
    if len(several) > 1:
        beside = summary(several, args.target, context["width"], lower_is_better=args.lower_is_better)
        shown.append(beside if context["unicode"] else beside.replace("\u00b5", "u"))
    return "\n".join(shown)


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
