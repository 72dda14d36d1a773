"""`energyprof calibrate`: fit the power model of this machine to a meter."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from energyprof.errors import InputError

if TYPE_CHECKING:
    from energyprof.calibration import Calibrated, LoadRecord

NAME = "calibrate"
SUMMARY = "Fit the power model of this machine to a meter, or to a better sensor, by a load of about a minute."
EXAMPLES = """\
examples:
  energyprof calibrate --meter-csv plug.csv               run the load, then fit what the plug has logged meanwhile
  energyprof calibrate --fit-only --meter-csv plug.csv    fit a log that was exported after the load
  energyprof calibrate --against rapl                     fit a sensor of this machine, to go on without it
  energyprof calibrate --against battery --duration 180   the battery, which needs more time

The load: nothing, one CPU, all CPUs, and memory traffic, a quarter of the time each. End other programs first, and let
the meter log at least once a second. The model is kept for this CPU in the user's cache folder; runs without a sensor
use it, and say `load_model (fitted on DATE against METER)`. Its figures stay estimates, with the error found here.

FILE has a header and one row for each reading: a time (epoch seconds or milliseconds, ISO 8601, or t_ns) and W, or
energy in J, Wh or kWh that counts up. Columns are found by their names: time, timestamp, power, watts, power_w, kWh...
"""
SHORTEST_S, LONGEST_S = 8.0, 3600.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--meter-csv", metavar="FILE", help="the log of a power meter or smart plug for the whole machine"
    )
    what.add_argument("--against", metavar="SOURCE[:ARG]", help="a power sensor of this machine")
    parser.add_argument(
        "--meter-error", type=_percent, default=0.0, metavar="PERCENT", help="the meter's own error, from its manual"
    )
    parser.add_argument("--fit-only", action="store_true", help="use the load of last time; with --meter-csv")
    parser.add_argument(
        "--duration", type=_duration, default=60.0, metavar="S", help="length of the load in seconds (default: 60)"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")


def run(args: argparse.Namespace) -> int:
    """Calibrate and print what was found; 0, or an error's own status."""
    if args.fit_only and not args.meter_csv:
        raise InputError("--fit-only needs the meter's log; try: energyprof calibrate --fit-only --meter-csv FILE")
    done = _against_source(args) if args.against else _against_meter(args)
    if not args.quiet:
        _print(done, has_meter_error=bool(args.against or args.meter_error))
    return 0


def _against_meter(args: argparse.Namespace) -> Calibrated:
    from energyprof import calibration

    path = Path(args.meter_csv)
    if args.fit_only:
        record = calibration.kept_load()
    else:
        record = _load(args)
        calibration.keep_load(record)
    fit = calibration.fit_log(path, record)
    return calibration.keep(fit, record, path.name, (args.meter_error / 100,) * 2, _day())


def _against_source(args: argparse.Namespace) -> Calibrated:
    from energyprof import calibration
    from energyprof.sources import parsed_source

    name, argument = parsed_source(args.against)
    reference = calibration.open_reference(name, argument)
    try:
        record = _load(args, reference.poll)
        windows = reference.windows(record.phases[-1][2])
    finally:
        reference.close()
    fit = calibration.fit_windows(windows, record)
    return calibration.keep(fit, record, args.against, reference.error(), _day())


def _load(args: argparse.Namespace, poll: object = None) -> LoadRecord:
    from energyprof import calibration

    def show(load: str, part: float) -> None:
        if not args.quiet and sys.stderr.isatty():
            print(f"\rcalibrating: {load:<9} {part:4.0%}", end="", file=sys.stderr, flush=True)

    machine = calibration.ThisMachine()
    try:
        return calibration.run_load(
            machine, args.duration, calibration.this_cpu(), show, poll if callable(poll) else lambda: None
        )
    finally:
        if not args.quiet and sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _print(done: Calibrated, *, has_meter_error: bool) -> None:
    power, fit = done.power, done.fit
    print(f"{power.cpu}, {power.threads} threads, {fit.windows} readings of {power.meter}")
    for load, (measured_w, fitted_w) in fit.by_phase.items():
        off = fitted_w / measured_w - 1
        print(f"  {load:<9} {measured_w:8.1f} W measured  {fitted_w:8.1f} W by the model  {off:+.1%}")
    low, high = power.gain_error
    print(f"idle {power.idle_w:.1f} W, {power.cpu_w:.2f} J for each second of CPU time, error -{low:.1%}/+{high:.1%}")
    if not has_meter_error:
        print("the error of the meter itself is not known, and not part of it; state it with --meter-error PERCENT")
    print(f"kept in {done.path}; runs without a sensor use it")


def _day() -> str:
    from datetime import date

    return date.today().isoformat()


def _duration(text: str) -> float:
    try:
        duration_s = float(text)
    except ValueError:
        duration_s = 0.0
    if not SHORTEST_S <= duration_s <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text} is no duration; choose {SHORTEST_S:g} to {LONGEST_S:g} seconds")
    return duration_s


def _percent(text: str) -> float:
    try:
        percent = float(text.rstrip("%"))
    except ValueError:
        percent = -1.0
    if not 0 <= percent < 100:
        raise argparse.ArgumentTypeError(f"{text} is no error in percent; choose 0 to 100")
    return percent
