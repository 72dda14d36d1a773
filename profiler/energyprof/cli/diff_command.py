"""`energyprof diff`: say what costs more or less than before, and what of it is chance."""

from __future__ import annotations

import argparse
import sys
from glob import glob, has_magic
from pathlib import Path

from energyprof.cli import terminal
from energyprof.cli.file_endings import format_asked
from energyprof.cli.footprint_options import add_footprint_options, assumptions_of
from energyprof.cli.recorded_run import resolve_run
from energyprof.cli.report_command import columns, write_file
from energyprof.errors import InputError
from energyprof.model.shell import in_shell

NAME = "diff"
SUMMARY = (
    "Say what each stage and layer costs more or less than before: joules, joules a call, time, and what is chance."
)
EXAMPLES = """\
examples:
  energyprof diff OLD.eprof NEW.eprof                            two runs
  energyprof diff old-1.eprof old-2.eprof --to new-1.eprof new-2.eprof    several of each: their spread counts
  energyprof diff old-1.eprof,old-2.eprof new-1.eprof,new-2.eprof         the same
  energyprof diff OLD.eprof NEW.eprof --format markdown -o comment.md     for a pull request
  energyprof diff OLD.eprof NEW.eprof --format json

A change is called `more` or `less` where its 95 % interval leaves out 0, corrected for the number of rows tested. Runs
read by other sensors, on other machines or of other programs are not tested, and the reason is said. As a picture:
energyprof graph NEW.eprof --diff OLD.eprof
"""
FORMATS = {"table": "diff", "json": "diff-json", "markdown": "diff-markdown"}
SUFFIXES = {".txt": "table", ".json": "json", ".md": "markdown"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("runs", metavar="RUN", nargs="+", help="before and after; with --to, all of before")
    parser.add_argument("--to", metavar="RUN", nargs="+", help="the runs after")
    parser.add_argument("--top", type=_positive, default=20, metavar="N", help="rows of each table (default: 20)")
    parser.add_argument("-f", "--format", choices=tuple(FORMATS), help="default: table, or what FILE ends in")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of standard output")
    add_footprint_options(parser)
    parser.add_argument("--width", type=columns, metavar="N", help="columns, 60 to 200 (default: the terminal's)")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colour (default: auto)")


def run(args: argparse.Namespace) -> int:
    """Print the difference; 0, or an error's own status."""
    from energyprof.run import difference_between, load, render_difference

    kind = format_asked(args.format, args.output, SUFFIXES)
    assumptions = assumptions_of(args)
    before, after = ([load(path).report() for path in side] for side in sides_of(args.runs, args.to))
    to_file = args.output is not None
    content = render_difference(
        FORMATS[kind],
        after[0],
        difference_between(before, after),
        width=terminal.width(args.width),
        color=not to_file and terminal.color(args.color, sys.stdout),
        unicode=to_file or terminal.unicode(sys.stdout),
        assumptions=assumptions,
        options={"top": str(args.top)},
    )
    if to_file:
        write_file(Path(args.output), content)
    else:
        terminal.write(content, sys.stdout)
    return 0


def sides_of(runs: list[str], to: list[str] | None) -> tuple[list[Path], list[Path]]:
    """Return the runs before and after; raises InputError where it is not plain which is which, or one is both."""
    if to is None:
        if len(runs) != 2:
            raise InputError(
                f"{len(runs)} runs; name two, or several of each: energyprof diff A1 A2 --to B1 B2 (or A1,A2 B1,B2)"
            )
        runs, to = [runs[0]], [runs[1]]
    before, after = ([path for word in words for path in paths_of(word)] for words in (runs, to))
    common = {path.resolve() for path in before} & {path.resolve() for path in after}
    if common:
        raise InputError(f"{min(common)} is on both sides; name another run to compare it with")
    for side in (before, after):
        if len({path.resolve() for path in side}) < len(side):
            raise InputError("a run is named twice on one side; its spread would look smaller than it is")
    return before, after


def paths_of(word: str) -> list[Path]:
    """Return the runs that a word names: one, several with commas between unless a file is called so, or a folder's.

    A pattern that no shell has expanded is, as in a workflow's quotes. Raises InputError where it names none.
    """
    names = [word] if Path(word).exists() else [name for name in word.split(",") if name]
    return [path for name in names or [word] for path in _named(name)]


def _named(name: str) -> list[Path]:
    if Path(name).is_dir():
        found = sorted(Path(name).glob("*.eprof"))
        if not found:
            raise InputError(f"no .eprof file in {name}; energyprof run -o {in_shell(f'{name}/run.eprof')} makes one")
        return found
    if Path(name).exists() or not has_magic(name):
        return [resolve_run(name)]
    matching = sorted(map(Path, glob(name)))
    if not matching:
        raise InputError(f"no file matches {name}; record the runs first, or see whether they were brought here")
    return [resolve_run(str(path)) for path in matching]


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text} is no number of rows")
    return int(text)
