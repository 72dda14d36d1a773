"""`energyprof compare`: set ways to do the same thing beside each other, joules for each unit of work."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path

from energyprof.cli import terminal
from energyprof.cli.file_endings import format_asked
from energyprof.cli.report_command import columns, write_file
from energyprof.cli.swept_ways import in_order, names_in, way_of
from energyprof.cli.way_assumptions import add_way_footprint_options, assumptions_by_way
from energyprof.errors import InputError

NAME = "compare"
SUMMARY = "Compare ways to do the same thing: joules for each unit of work, and how good it came out."
EXAMPLES = """\
examples:
  energyprof compare fp32=a1.eprof fp32=a2.eprof int8=b1.eprof int8=b2.eprof
  energyprof compare sweep-train/                             all runs of an `energyprof sweep`
  energyprof compare sweep-train/ --metric accuracy -o front.svg
  energyprof compare limit=150=a.eprof limit=250=b.eprof      each run after: sudo nvidia-smi -pl 150, or 250
  energyprof compare before='old/*.eprof' after='new/*.eprof' --unit request --format json
  energyprof compare laptop=a.eprof cloud=b.eprof --region DE --region cloud=US --pue cloud=1.2 --price cloud='0.2 USD'

Runs of one NAME are repeats of one way; without a name it is that of the sweep, or of the file less a final `-run2`.
Repeat each way at least twice: the spread between its runs says which difference may be chance. A program counts its
work with energyprof.units("request") and tells how good it came out with energyprof.metric("accuracy", 0.93).

Power limits: energyprof sweep --power-limit sets them and puts them back, which takes root. Without it they can be set
by hand: nvidia-smi -q -d POWER shows limit, range and default of a GPU, sudo nvidia-smi -pl WATTS sets it. Set it,
record a run, set the next; put the first back at the end.
Two machines, such as a laptop and one in a cloud: laptop=a.eprof cloud=b.eprof. Joules stay what was measured; what is
said of where each way runs turns them into joules at the meter, CO2e and money, and these are compared, too. Where the
ways were read by different sensors, ratios carry the error of both, and what one sensor sees and another does not is
said, for then the joules are not those of like things.
"""
FORMATS = {
    "table": "variants",
    "markdown": "variants-markdown",
    "csv": "variants-csv",
    "json": "variants-json",
    "svg": "variants-svg",
}
PICTURE = "svg"
"""It has room for one metric, and none to say that there are several."""
SUFFIXES = {".txt": "table", ".md": "markdown", ".csv": "csv", ".json": "json", ".svg": "svg"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("runs", metavar="[NAME=]RUN", nargs="+", help="a .eprof file, a folder of them, or a pattern")
    add_wishes(parser)
    parser.add_argument("-f", "--format", choices=tuple(FORMATS), help="default: table; else what FILE ends in")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE; an .svg is the picture")
    add_way_footprint_options(parser)
    parser.add_argument("--width", type=columns, metavar="N", help="columns, 60 to 200 (default: the terminal's)")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colour (default: auto)")


def add_wishes(parser: argparse.ArgumentParser) -> None:
    """Add what the comparison goes by."""
    parser.add_argument("--unit", metavar="NAME", help="joules for each of these (default: the one unit that all tell)")
    parser.add_argument("--metric", metavar="NAME", help="set joules against this (default: the one that all tell)")
    parser.add_argument("--lower-is-better", action="store_true", help="of the metric: a loss, a latency")


def run(args: argparse.Namespace) -> int:
    """Print the table, or the name of the file that has it; 0, or an error's own status."""
    from energyprof.report.variants import refuse_several_metrics
    from energyprof.run import compare_ways, load, render_ways

    kind = format_asked(args.format, args.output, SUFFIXES)
    named = [one for text in args.runs for one in runs_of(text)]
    refuse_twice([path for _, path in named])
    assumed = assumptions_by_way(args, [name for name, _ in named])
    if len(named) < 2:
        raise InputError("one run is nothing to compare; name two or more, or a folder of them")
    reports = [(name, load(path).report()) for name, path in named]
    if kind == PICTURE and args.metric is None:
        refuse_several_metrics([report for _, report in reports])
    ways = compare_ways(reports, args.unit, args.metric, lower_is_better=args.lower_is_better, assumed=assumed)
    to_file = args.output is not None
    content = render_ways(
        FORMATS[kind],
        reports[0][1],
        ways,
        width=terminal.width(args.width),
        color=not to_file and terminal.color(args.color, sys.stdout),
        unicode=to_file or terminal.unicode(sys.stdout),
    )
    if to_file:
        write_file(Path(args.output), content)
        print(args.output)
    else:
        terminal.write(content, sys.stdout)
    return 0


def runs_of(text: str) -> list[tuple[str, Path]]:
    """Return the runs that a word names, each with its way's name; a file whose own name has a `=` is that file.

    A pattern names all files that it matches. A name may have a `=` itself, as those of a sweep have:
    `limit=150=a.eprof` is the file `a.eprof`.
    """
    given, path = _named(text)
    if path.is_dir():
        names = names_in(path)
        found = in_order([(given or way_of(one, names), one) for one in path.glob("*.eprof")])
        if not found:
            raise InputError(f"no .eprof file in {path}; energyprof sweep fills such a folder")
        return found
    if path.exists():
        return [(given or way_of(path, names_in(path.parent)), path)]
    for name, pattern in (("", text), (given, str(path))):
        matching = [one for one in map(Path, glob(pattern)) if one.is_file()] if has_magic(pattern) else []
        if matching:
            return in_order([(name or way_of(one, names_in(one.parent)), one) for one in matching])
    raise InputError(f"no file {path}; name a .eprof file, NAME=FILE, a folder of them, or a pattern of their names")


def _named(text: str) -> tuple[str, Path]:
    """Return the name that is given to a run, empty: none, and the run: the longest file there is behind a `=`."""
    if Path(text).exists():
        return "", Path(text)
    marks = [at for at, letter in enumerate(text) if letter == "=" and at and os.sep not in text[:at]]
    if not marks:
        return "", Path(text)
    at = next((at for at in marks if text[at + 1 :] and Path(text[at + 1 :]).exists()), marks[0])
    return text[:at], Path(text[at + 1 :])


def refuse_twice(paths: Sequence[Path]) -> None:
    """Raise InputError where one recording is named twice: it would count as a repeat of itself."""
    seen: dict[Path, Path] = {}
    for path in paths:
        known = seen.setdefault(path.resolve(), path)
        if known is not path:
            raise InputError(f"{path} is named twice, and is no repeat of itself; name each recording once")
