"""`energyprof findings`: say what a run spends that it need not, and what to change."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from energyprof.cli import terminal
from energyprof.cli.file_endings import format_asked
from energyprof.cli.footprint_options import add_footprint_options, assumptions_of
from energyprof.cli.part_document import ENDINGS, add_format_options, as_text, part_document
from energyprof.cli.recorded_run import add_run_argument, resolve_run
from energyprof.cli.report_command import columns, write_file

NAME = "findings"
SUMMARY = "Say what a run spends that it need not: who, on what evidence, what the change may save, and the change."
EXAMPLES = """\
examples:
  energyprof findings                           of the newest run in this folder
  energyprof findings RUN.eprof
  energyprof findings RUN.eprof -o findings.json
  energyprof findings --rules                   what is looked for

Sorted by the lower bound of the saving; a hint is what often costs, and is not known to cost here.
Savings do not add up where findings share joules: each says which of its own are those of one before it.
"""
SCHEMA = "energyprof-findings/1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_run_argument(parser)
    parser.add_argument("--rules", action="store_true", help="list the rules instead")
    add_format_options(parser)
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
    path = resolve_run(args.run)
    recorded = load(path)
    recorded.assumptions = assumptions_of(args)
    to_file = args.output is not None
    if format_asked(args.format, args.output, ENDINGS) == "json":
        content: str | bytes = as_text(SCHEMA, part_document(recorded, path, "findings"))
    else:
        content = recorded.render(
            "findings",
            width=terminal.width(args.width),
            color=not to_file and terminal.color(args.color, sys.stdout),
            unicode=to_file or terminal.unicode(sys.stdout),
        )
    if to_file:
        write_file(Path(args.output), content)
    else:
        terminal.write(content, sys.stdout)
    return 0
