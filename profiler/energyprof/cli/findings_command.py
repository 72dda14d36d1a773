"""`energyprof findings`: say what a run spends that it need not, and what to change."""

from __future__ import annotations

import argparse
import sys

from energyprof.cli import terminal
from energyprof.cli.footprint_options import add_footprint_options, assumptions_of
from energyprof.cli.recorded_run import add_run_argument, resolve_run
from energyprof.cli.report_command import columns

NAME = "findings"
SUMMARY = "Say what a run spends that it need not: who, on what evidence, what the change may save, and the change."
EXAMPLES = """\
examples:
  energyprof findings                           of the newest run in this folder
  energyprof findings RUN.eprof
  energyprof findings --rules                   what is looked for

Sorted by the lower bound of the saving; a hint is what often costs, and is not known to cost here.
As JSON they stand under `findings` of: energyprof report RUN --format json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_run_argument(parser)
    parser.add_argument("--rules", action="store_true", help="list the rules instead")
    add_footprint_options(parser)
    parser.add_argument("--width", type=columns, metavar="N", help="columns, 60 to 200 (default: the terminal's)")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colour (default: auto)")


def run(args: argparse.Namespace) -> int:
    """Print the findings; 0 whatever they are, or an error's own status."""
    from energyprof.run import load, rules

    if args.rules:
        for rule in rules():
            print(f"{rule.name:26} {rule.summary}")
        return 0
    recorded = load(resolve_run(args.run))
    recorded.assumptions = assumptions_of(args)
    content = recorded.render(
        "findings",
        width=terminal.width(args.width),
        color=terminal.color(args.color, sys.stdout),
        unicode=terminal.unicode(sys.stdout),
    )
    terminal.write(content, sys.stdout)
    return 0
