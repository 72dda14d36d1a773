"""`energyprof scale`: what a larger shape of a model is expected to take, from recordings of smaller ones."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from energyprof.cli import terminal
from energyprof.cli.file_endings import TABLES, format_asked
from energyprof.cli.given_numbers import positive
from energyprof.cli.report_command import columns, write_file
from energyprof.errors import InputError

if TYPE_CHECKING:
    from energyprof.footprint.layer_groups import ShapedRun
    from energyprof.model.report import LayerPhase, Report

NAME = "scale"
SUMMARY = "Estimate what a larger shape of a model takes from recordings of smaller shapes of the same family."
EXAMPLES = """\
examples:
  energyprof scale a.eprof@layers=2,d_model=128 b.eprof@layers=4,d_model=128 c.eprof@layers=4,d_model=256 \\
      d.eprof@layers=6,d_model=256 --scale-to layers=48,d_model=1600
  energyprof scale ... --scale-to layers=48,d_model=1600 --phase forward --format json

The words of a shape are yours; every recording says all of them. Wanted is one recording more than dimensions that
differ, and more for the error: every larger shape is predicted from the smaller ones, and the worst miss bounds the
figure. Record each shape several times, in turns (a b c a b c): what a machine's speed does from run to run counts for
as much as the fit. Batch and sequence are dimensions like others. The energy is that of one call of the model, in J for
`energyprof project`.
"""
PHASES = ("forward", "backward", "total")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("runs", nargs="+", metavar="RUN@SHAPE", help="recordings: small.eprof@layers=2,d_model=128")
    parser.add_argument("--scale-to", required=True, metavar="SHAPE", help="layers=48,d_model=1600")
    parser.add_argument("--phase", choices=PHASES, default="total", help="of each call (default: total)")
    parser.add_argument("-f", "--format", choices=("table", "json"), help="default: table, or what FILE ends in")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of standard output")
    parser.add_argument("--width", type=columns, metavar="N", help="columns, 60 to 200 (default: the terminal's)")


def run(args: argparse.Namespace) -> int:
    """Print the estimate; 0, or an error's own status."""
    from energyprof.cli import scale_page
    from energyprof.footprint.scaling import predict
    from energyprof.run import load

    kind = format_asked(args.format, args.output, TABLES)
    target = shape_of(args.scale_to, "--scale-to")
    named = [_run_and_shape(text) for text in args.runs]
    runs = [_shaped(name, shape, load(name).report(), args.phase) for name, shape in named]
    found = predict(runs, target)
    if kind == "json":
        content = scale_page.document(found, runs, target)
    else:
        content = scale_page.page(found, runs, target, args.phase, terminal.width(args.width))
    if args.output is not None:
        write_file(Path(args.output), content)
    else:
        terminal.write(content if terminal.unicode(sys.stdout) else content.replace("\u00b5", "u"), sys.stdout)
    return 0


def shape_of(text: str, origin: str) -> dict[str, float]:
    """Return the dimensions of `layers=48,d_model=1600`; raises InputError."""
    shape = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise InputError(f"{origin}: {part or text!r} is no dimension; write layers=48,d_model=1600")
        try:
            shape[name.strip()] = positive(value)
        except argparse.ArgumentTypeError as error:
            raise InputError(f"{origin}: {name}: {error}") from None
    return shape


def _shaped(name: str, shape: dict[str, float], report: Report, phase: LayerPhase) -> ShapedRun:
    """Return a recording's layers, with what its sensors or models get wrong of all of its joules alike."""
    from energyprof.footprint.layer_groups import costliest_model, shaped_run
    from energyprof.report.figure import Figures

    run = shaped_run(name, shape, report.layers, phase)
    root = costliest_model(name, report.layers).layer
    whole = Figures(report).layer(next(row for row in report.layers if (row.layer, row.phase) == (root, "total")))
    return replace(run, common_error=(whole.below, whole.above))


def _run_and_shape(text: str) -> tuple[str, dict[str, float]]:
    name, at, shape = text.rpartition("@")
    if not at:
        raise InputError(f"{text} does not say its shape; write {text}@layers=2,d_model=128")
    if not Path(name).is_file():
        raise InputError(f"no file {name}; energyprof run SCRIPT makes one")
    return name, shape_of(shape, text)
