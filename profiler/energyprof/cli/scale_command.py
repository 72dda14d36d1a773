"""`energyprof scale`: what a larger shape of a model is expected to take, from recordings of smaller ones."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energyprof.cli import terminal
from energyprof.cli.given_numbers import positive
from energyprof.cli.report_command import columns, write_file
from energyprof.errors import InputError
from energyprof.model import amounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from energyprof.footprint.scaling import Prediction, ShapedRun

NAME = "scale"
SUMMARY = "Estimate what a larger shape of a model takes from recordings of smaller shapes of the same family."
EXAMPLES = """\
examples:
  energyprof scale a.eprof@layers=2,d_model=128 b.eprof@layers=4,d_model=128 c.eprof@layers=4,d_model=256 \\
      d.eprof@layers=6,d_model=256 --scale-to layers=48,d_model=1600
  energyprof scale ... --scale-to layers=48,d_model=1600 --phase forward --format json

The words of a shape are yours; every recording says all of them. Wanted is one recording more than dimensions that
differ, and another one for the error: the largest is left out, predicted from the others, and missed by so much. Batch
and sequence are dimensions like others. The energy is that of one call of the model, in J for `energyprof project`.
"""
SCHEMA = "energyprof-scaling/1"
PROVENANCE = "estimated (model)"
PHASES = ("forward", "backward", "total")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("runs", nargs="+", metavar="RUN@SHAPE", help="recordings: small.eprof@layers=2,d_model=128")
    parser.add_argument("--scale-to", required=True, metavar="SHAPE", help="layers=48,d_model=1600")
    parser.add_argument("--phase", choices=PHASES, default="total", help="of each call (default: total)")
    parser.add_argument("-f", "--format", choices=("table", "json"), default="table", help="default: table")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of standard output")
    parser.add_argument("--width", type=columns, metavar="N", help="columns, 60 to 200 (default: the terminal's)")


def run(args: argparse.Namespace) -> int:
    """Print the estimate; 0, or an error's own status."""
    from energyprof.footprint.scaling import predict, shaped_run
    from energyprof.run import load

    target = shape_of(args.scale_to, "--scale-to")
    named = [_run_and_shape(text) for text in args.runs]
    runs = [shaped_run(name, shape, load(name).report().layers, args.phase) for name, shape in named]
    found = predict(runs, target)
    content = document(found, runs, target) if args.format == "json" else page(found, runs, target, args)
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


def page(found: Prediction, runs: Sequence[ShapedRun], target: dict[str, float], args: argparse.Namespace) -> str:
    """Return the estimate for people."""
    width = terminal.width(args.width)
    wanted = ", ".join(f"{name} {value:g}" for name, value in target.items())
    lines = [
        f"{PROVENANCE}: one call of the model with {wanted}, {args.phase}",
        "",
        f"  energy      {amounts.small_energy(found.energy_j)}",
        *textwrap.wrap(_error(found, len(runs)), width, initial_indent="  ", subsequent_indent="  "),
        "",
        "  by kind of layer",
    ]
    whole = found.energy_j.value or 1.0
    lines += [
        f"  {kind:24} {amounts.digits(part / whole * 100):>6} %"
        for kind, part in found.by_kind_j
        if part > 0.005 * whole
    ]
    lines += ["", "  from"]
    lines += [
        f"  {one.energy_j:10.4g} J  {', '.join(f'{name} {value:g}' for name, value in one.shape.items())}  {one.name}"
        for one in runs
    ]
    for pattern in found.not_powers:
        lines += textwrap.wrap(f"  warning: the operations of {pattern} are no power of the shape", width)
    return "".join(f"{line}\n" for line in lines)


def document(found: Prediction, runs: Sequence[ShapedRun], target: dict[str, float]) -> str:
    """Return the estimate as JSON, schema `energyprof-scaling/1`; energies of one call of the model, in joules."""
    content: dict[str, Any] = {  # JSON
        "schema": SCHEMA,
        "provenance": PROVENANCE,
        "target": target,
        "energy_j": {"value": found.energy_j.value, "low": found.energy_j.low, "high": found.energy_j.high},
        "by_kind_j": dict(found.by_kind_j),
        "error": {"left_out": found.left_out, "miss": found.miss},
        "not_powers": found.not_powers,
        "runs": [{"name": one.name, "shape": dict(one.shape), "energy_j": one.energy_j} for one in runs],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _error(found: Prediction, runs: int) -> str:
    if found.miss is None:
        return f"error not known: {runs} recordings are needed for the figure itself; add one to test it with"
    return (
        f"bounds: {found.left_out}, left out and predicted from the others, was missed by {found.miss * 100:+.0f} %; "
        "what lies farther away may be missed by more"
    )


def _run_and_shape(text: str) -> tuple[str, dict[str, float]]:
    name, at, shape = text.rpartition("@")
    if not at:
        raise InputError(f"{text} does not say its shape; write {text}@layers=2,d_model=128")
    if not Path(name).is_file():
        raise InputError(f"no file {name}; energyprof run SCRIPT makes one")
    return name, shape_of(shape, text)
