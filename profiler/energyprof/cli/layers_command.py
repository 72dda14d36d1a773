"""`energyprof layers`: list the layers of the models that a run called, with their joules."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from energyprof.cli import terminal
from energyprof.cli.footprint_options import add_footprint_options, assumptions_of
from energyprof.cli.recorded_run import add_run_argument, resolve_run
from energyprof.cli.report_command import columns, write_file
from energyprof.errors import InputError
from energyprof.model.shell import in_shell

NAME = "layers"
SUMMARY = "List the layers (torch modules) of the models that a run called: joules, interval, calls, power, operations."
EXAMPLES = """\
examples:
  energyprof layers                               the newest run in this folder, in the order of the model
  energyprof layers RUN.eprof --top 10            the costliest ten
  energyprof layers RUN.eprof --phase backward    what the backward pass cost in each
  energyprof layers RUN.eprof --phase decode      what a generation's tokens cost in each
  energyprof layers RUN.eprof --depth 2           down to the blocks, with what stands below them
  energyprof layers RUN.eprof --format csv -o layers.csv
"""
FORMATS = {"table": "layers", "json": "layers-json", "csv": "layers-csv", "html": "layers-html"}
PHASES = ("forward", "prefill", "decode", "backward", "recompute", "total")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_run_argument(parser)
    parser.add_argument("--phase", choices=PHASES, default="total", help="one phase only (default: total, all of them)")
    parser.add_argument("--depth", type=_whole, metavar="N", help="layers down to N below their model, 0: models only")
    parser.add_argument("--top", type=_positive, metavar="N", help="the N costliest only")
    parser.add_argument("-f", "--format", choices=tuple(FORMATS), default="table", help="default: table")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of standard output")
    add_footprint_options(parser)
    parser.add_argument("--width", type=columns, metavar="N", help="columns, 60 to 200 (default: the terminal's)")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colour (default: auto)")


def run(args: argparse.Namespace) -> int:
    """Print the layers; 0, or an error's own status."""
    from energyprof.run import load

    path = resolve_run(args.run)
    options = {"run": str(path), "phase": args.phase}
    options |= {name: str(value) for name in ("depth", "top") if (value := getattr(args, name)) is not None}
    to_file = args.output is not None
    recorded = load(path)
    recorded.assumptions = assumptions_of(args)
    if not recorded.report().layers:
        raise InputError(
            f"{path} has no layers: no torch module was called while it was recorded; "
            f"for its stages: energyprof report {in_shell(str(path))}"
        )
    content = recorded.render(
        FORMATS[args.format],
        width=terminal.width(args.width),
        color=not to_file and terminal.color(args.color, sys.stdout),
        unicode=to_file or terminal.unicode(sys.stdout),
        options=options,
    )
    if to_file:
        write_file(Path(args.output), content)
    else:
        terminal.write(content, sys.stdout)
    return 0


def _whole(text: str) -> int:
    """Return a whole number; raises ArgumentTypeError for what is none."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text} is no whole number")
    return int(text)


def _positive(text: str) -> int:
    number = _whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError("0 layers are none; ask for 1 or more")
    return number
