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
from energyprof.model.range import Range

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from energyprof.footprint.layer_groups import ShapedRun
    from energyprof.footprint.scaling import Prediction

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
    from energyprof.footprint.layer_groups import shaped_run
    from energyprof.footprint.scaling import predict
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
        f"  energy      {amounts.small_energy(found.energy_j)}{'' if found.has_bounds else ', bounds not known'}",
        *(
            line
            for sentence in _tests(found, len(runs))
            for line in textwrap.wrap(sentence, width, initial_indent="  ", subsequent_indent="  ")
        ),
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
    for warning in _dearer(runs, target, found.energy_j.value):
        lines += textwrap.wrap(warning, width, initial_indent="  ", subsequent_indent="  ")
    for pattern in found.not_powers:
        lines += textwrap.wrap(f"  warning: the operations of {pattern} are no power of the shape", width)
    return "".join(f"{line}\n" for line in lines)


def document(found: Prediction, runs: Sequence[ShapedRun], target: dict[str, float]) -> str:
    """Return the estimate as JSON, schema `energyprof-scaling/1`; energies of one call of the model, in joules."""
    content: dict[str, Any] = {  # JSON
        "schema": SCHEMA,
        "provenance": PROVENANCE,
        "target": target,
        "energy_j": {
            "value": found.energy_j.value,
            "low": found.energy_j.low if found.has_bounds else None,
            "high": found.energy_j.high if found.has_bounds else None,
        },
        "by_kind_j": dict(found.by_kind_j),
        "times_largest": found.factor,
        "tested": [one._asdict() for one in found.held_out],
        "repeat_spread": found.repeat_spread,
        "not_powers": found.not_powers,
        "runs": [{"name": one.name, "shape": dict(one.shape), "energy_j": one.energy_j} for one in runs],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _tests(found: Prediction, runs: int) -> Iterator[str]:
    """Yield what shapes that were left out say of the error, and what they cannot."""
    worst = found.worst
    if worst is None:
        yield f"error not known: {runs} recordings are needed for the figure itself; add larger ones to test it with"
    else:
        which = "the only test" if len(found.held_out) == 1 else f"the worst of {len(found.held_out)} tests"
        yield (
            f"tested: fitted to shapes up to {worst.fitted_to}, missed {worst.name} by {_miss(worst.miss)}, "
            f"{which}{', which gives the bounds' if found.has_bounds else ''}"
        )
        yield from _distance(found)
    if found.repeat_spread is None:
        yield "no shape was recorded twice: what differs from run to run is not known"
    else:
        added = ", which the bounds add" if found.has_bounds else ""
        yield f"recordings of one shape differ by up to {found.repeat_spread * 100:.0f} %{added}"


def _miss(miss: float) -> str:
    """Return a miss in percent; where it is large, how many times the prediction was measured, too."""
    times = f" ({1 / (1 + miss):.3g} times as much was measured)" if -1 < miss < -0.5 else ""
    return f"{miss * 100:+.0f} %{times}"


def _dearer(runs: Sequence[ShapedRun], target: dict[str, float], energy_j: float) -> Iterator[str]:
    """Yield a warning of each smaller shape that took more than the target is said to."""
    for run in runs:
        if run.energy_j > energy_j and all(run.shape[name] <= target.get(name, run.shape[name]) for name in run.shape):
            took = amounts.small_energy(Range.exactly(run.energy_j))
            yield f"warning: {run.name} took {took}, more than is told here of a shape no smaller: do not rely on it"


def _distance(found: Prediction) -> Iterator[str]:
    last = found.held_out[-1]
    yield f"the largest shape, {last.name}, from all others: {_miss(last.miss)}"
    if found.factor > found.tested_factor or not found.has_bounds:
        far = (
            f"beyond what was tested: {found.factor:.3g} times as much as the largest recording, tested up to "
            f"{found.tested_factor:.3g} times; "
        )
        yield far + ("bounds widened for that" if found.has_bounds else "too far for bounds: record larger shapes")


def _run_and_shape(text: str) -> tuple[str, dict[str, float]]:
    name, at, shape = text.rpartition("@")
    if not at:
        raise InputError(f"{text} does not say its shape; write {text}@layers=2,d_model=128")
    if not Path(name).is_file():
        raise InputError(f"no file {name}; energyprof run SCRIPT makes one")
    return name, shape_of(shape, text)
