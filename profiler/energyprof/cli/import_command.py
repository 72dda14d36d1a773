"""`energyprof import`: make a run of spans and power that other programs have recorded."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from energyprof.cli import terminal
from energyprof.cli.progress_line import ProgressLine
from energyprof.errors import InputError

NAME = "import"
SUMMARY = "Make a run of a trace and a power log that other programs have recorded; every command works on it."
EXAMPLES = """\
examples:
  energyprof import --spans spans.csv --power power.csv -o RUN.eprof
  energyprof import --chrome trace.json.gz --power nvidia-smi.csv --timezone UTC --measured
  energyprof import --chrome trace.json --power power.csv --offset -3.25 --uncertainty 0.05

spans.csv   stage,lane,device,start_ns,end_ns   a stage is a path joined with /; no device: the host
power.csv   domain,t_ns,value,unit              J, mJ, uJ count energy up; W, mW, uW are power, the mean since the row
                                                before; `# gpu:0 period=100ms window=25ms wrap=4294967296` describes one
log         nvidia-smi --query-gpu=timestamp,index,name,power.draw --format=csv -lms 20 -f nvidia-smi.csv
trace       torch.profiler's export_chrome_trace(), viztracer, or any Chrome trace; .json or .json.gz

Clocks are matched by the time of day where both files have it, else by how power follows the spans, or as --offset
says; what is not known of it widens the intervals. The run lasts from the first span to the last.
"""
_PERCENT = re.compile(r"\d+(\.\d+)?(/\d+(\.\d+)?)?$")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--spans", metavar="FILE", help="spans as CSV")
    what.add_argument("--chrome", metavar="FILE", help="a trace of torch.profiler, viztracer or Chrome")
    parser.add_argument("--power", metavar="FILE", required=True, help="power as CSV, or a log of nvidia-smi")
    parser.add_argument("-o", "--output", metavar="FILE", help="the run to write (default: the spans' name.eprof)")
    parser.add_argument("--measured", action="store_true", help="a sensor measured the power: figures may say so")
    clock = parser.add_argument_group("clocks")
    clock.add_argument("--offset", type=_seconds_ns, metavar="S", help="add S seconds to the times of the power file")
    clock.add_argument(
        "--uncertainty", type=_uncertainty_ns, default=0, metavar="S", help="how far off the clocks may be besides"
    )
    clock.add_argument(
        "--timezone", default="", metavar="ZONE", help="of nvidia-smi's time stamps: UTC, +02:00, a name"
    )
    sensor = parser.add_argument_group("the sensor, where the power file does not say")
    sensor.add_argument("--period", metavar="TIME", help="between two updates: 100ms")
    sensor.add_argument("--window", metavar="TIME", help="that a power reading averages over: 25ms")
    sensor.add_argument("--wrap", metavar="N", help="a counter starts again after N of its unit")
    sensor.add_argument("--gain-error", metavar="PART", help="error common to all readings: 0.05, or low/high")
    content = parser.add_argument_group("content")
    content.add_argument("--functions", action="store_true", help="keep a trace's Python functions as stages")
    content.add_argument(
        "--device", action="append", default=[], type=_device, metavar="SPANS=POWER",
        help="device SPANS of the spans is gpu:POWER of the power file",
    )  # fmt: skip
    content.add_argument("--idle-before", action="store_true", help="before the first span nothing ran: idle power")
    content.add_argument("--skip-bad", action="store_true", help="leave bad rows out instead of refusing the file")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")


def run(args: argparse.Namespace) -> int:
    """Import and say what was found; 0, or an error's own status."""
    from energyprof.importing import ImportRequest, import_recording
    from energyprof.model.imported import ImportWishes

    spans = Path(args.spans or args.chrome)
    said = {"period": args.period, "window": args.window, "wrap": args.wrap, "gain_error": args.gain_error}
    described = {key: value for key, value in said.items() if value is not None}
    _check(described)
    request = ImportRequest(
        spans=spans,
        importer="spans" if args.spans else "chrome",
        power=Path(args.power),
        output=Path(args.output) if args.output else Path(_stem(spans.name) + ".eprof"),
        wishes=ImportWishes(args.skip_bad, args.functions, args.timezone, described),
        offset_ns=args.offset,
        uncertainty_ns=args.uncertainty,
        measured=args.measured,
        idle_before=args.idle_before,
        devices=dict(args.device),
    )
    line = ProgressLine("importing", is_wanted=not args.quiet and terminal.is_terminal(sys.stderr))
    try:
        done = import_recording(request, line.tell)
    finally:
        line.clear()
    if not args.quiet:
        for warning in done.warnings:
            print(f"energyprof: {warning}", file=sys.stderr)
        domains = ", ".join(done.domains)
        print(f"imported {done.spans:,} spans of {done.stages:,} stages with {domains}; "
              f"see them with: energyprof report {done.path}")  # fmt: skip
    return 0


def _stem(name: str) -> str:
    for suffix in (".gz", ".json", ".csv", ".trace", ".pt"):
        name = name.removesuffix(suffix)
    return name or "imported"


def _check(described: dict[str, str]) -> None:
    """Raise InputError where a description of the sensor cannot be meant."""
    for key, text in described.items():
        option = "--" + key.replace("_", "-")
        if key in {"period", "window"} and not re.fullmatch(r"\d+(\.\d+)?(ns|us|ms|s)", text):
            raise InputError(f"{option} {text} is no time; try: {option} 100ms")
        if key == "wrap" and not (re.fullmatch(r"\d+(\.\d+)?", text) and float(text) > 0):
            raise InputError(f"--wrap {text} is no number above 0; try: --wrap 4294967296")
        if key == "gain_error" and not _PERCENT.match(text):
            raise InputError(f"--gain-error {text} is no part; try: --gain-error 0.05")


def _seconds_ns(text: str) -> int:
    """Return nanoseconds, exact to the last digit; raises ArgumentTypeError."""
    said = re.fullmatch(r"([+-]?)(\d+)(?:\.(\d{1,9}))?", text)
    if said is None:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    t_ns = int(said[2]) * 1_000_000_000 + int((said[3] or "").ljust(9, "0"))
    return -t_ns if said[1] == "-" else t_ns


def _uncertainty_ns(text: str) -> int:
    t_ns = _seconds_ns(text)
    if t_ns < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return t_ns


def _device(text: str) -> tuple[int, int]:
    said = re.fullmatch(r"(\d+)=(?:gpu:)?(\d+)", text)
    if said is None:
        raise argparse.ArgumentTypeError(f"{text} is not SPANS=POWER; try: --device 0=3")
    return int(said[1]), int(said[2])
