"""`energyprof doctor`: what can be measured on this machine, what cannot, and what to do about it."""

from __future__ import annotations

import argparse
import json
import sys

from energyprof.errors import InputError

NAME = "doctor"
SUMMARY = "Say which power sources this machine has, which one a run would use, and what to mend."
EXAMPLES = """\
examples:
  energyprof doctor                   a table for people
  energyprof doctor --json            the same for programs
  energyprof doctor --probe           find out how fast the sensors are, and keep that for later runs
  energyprof doctor --probe --load    also how late they show a load and over which time they average (25 s)
  energyprof doctor --probe nvml:counter+instant
                                      of one source, two channels of which are compared with each other

JSON (schema energyprof-doctor/1; keys may be added): `machine`, `sources` with `name`, `measures`, `rank`, `available`,
`reason`, `left_out`, `used`, `domains`, `choices` (who reads which domain, and why), `has_sensor`, `cache`, `renderer`,
`formats`; with --probe also `probed` and `remarks`. Times are in seconds.

exit status: 0 if a power sensor can be read here, 1 if figures would come from a model, 2 for wrong arguments.
"""
_SECONDS = (1.0, 600.0)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--width", type=int, metavar="COLUMNS", help="60 to 200 (default: as wide as the terminal)")
    parser.add_argument("--probe", action="store_true", help="measure update period, quantum and cost of each sensor")
    parser.add_argument(
        "--load", action="store_true", help="with --probe: put a load on, to find lag and averaging window as well"
    )
    parser.add_argument("--duration", type=float, metavar="S", help="seconds to probe each kind of sensor, 1 to 600")
    parser.add_argument(
        "sources", nargs="*", metavar="SOURCE", help="with --probe: NAME[:ARG] to probe (default: every sensor)"
    )


def run(args: argparse.Namespace) -> int:
    """Print the findings; 0 if a measured source exists, else 1."""
    _check(args)
    from energyprof.cli import terminal
    from energyprof.cli.doctor_findings import findings, probe_findings
    from energyprof.cli.doctor_page import page

    probed = probe_findings(args.sources, args.duration, args.load, _progress) if args.probe else {}
    found = {**findings(), **probed}
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        terminal.write(page(found, terminal.width(args.width), terminal.unicode(sys.stdout)), sys.stdout)
    return 0 if found["has_sensor"] else 1


def _check(args: argparse.Namespace) -> None:
    if (args.load or args.sources or args.duration is not None) and not args.probe:
        raise InputError("--load, --duration and sources are for probing; add --probe")
    if args.duration is not None and not _SECONDS[0] <= args.duration <= _SECONDS[1]:
        raise InputError(f"--duration {args.duration:g} is not possible; choose {_SECONDS[0]:g} to {_SECONDS[1]:g} s")


def _progress(what: str, part: float) -> None:
    """Show how far the probe is, where somebody looks; the line is gone at the end."""
    from energyprof.cli.terminal import is_terminal

    if is_terminal(sys.stderr):
        text = "" if part >= 1 else f"{what} {part:4.0%}"
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
