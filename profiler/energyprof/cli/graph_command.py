"""`energyprof graph`: draw the hotspot diagram of a recorded run."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from energyprof.cli.recorded_run import add_run_argument, resolve_run
from energyprof.cli.report_command import write_file
from energyprof.errors import InputError

NAME = "graph"
SUMMARY = "Draw the hotspot diagram of a recorded run: the pipeline down the spine, the costliest nodes hottest."
EXAMPLES = """\
examples:
  energyprof graph                          the newest run in this folder, as RUN.svg beside it
  energyprof graph RUN.eprof -o hot.png     as a picture
  energyprof graph RUN.eprof -o hot.dot     as Graphviz source
"""
FORMATS = ("svg", "png", "dot")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_run_argument(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="FILE.svg, FILE.png or FILE.dot (default: RUN.svg)")


def run(args: argparse.Namespace) -> int:
    """Draw the diagram and say where it is; 0, or an error's own status."""
    path = resolve_run(args.run)
    output = Path(args.output) if args.output else default_output(path)
    suffix = output.suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise InputError(f"cannot tell the format of {output}; end it in .svg, .png or .dot")
    print(draw(path, output, suffix))
    return 0


def default_output(run_path: Path) -> Path:
    """Return RUN.svg beside the run, or in the temporary folder where that place cannot be written."""
    beside = run_path.with_suffix(".svg")
    if os.access(beside.parent, os.W_OK):
        return beside
    return Path(tempfile.gettempdir()) / beside.name


def draw(path: Path, output: Path, suffix: str) -> str:
    """Write the diagram and return the line that says so; without a renderer the Graphviz source is written instead."""
    from energyprof.run import load

    recorded = load(path)
    try:
        write_file(output, recorded.render(suffix))
    except LookupError as missing:
        source = output.with_suffix(".dot")
        write_file(source, recorded.render("dot"))
        return f"{source} (not drawn: {missing}; draw it with: dot -T{suffix} {source} -o {output})"
    return str(output)
