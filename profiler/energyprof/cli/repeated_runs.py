"""Run a program several times, with a pause before each, and set what the runs took beside each other."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from energyprof.cli import terminal
from energyprof.cli.footprint_options import assumptions_of
from energyprof.cli.termination import Terminated
from energyprof.errors import InputError
from energyprof.launch.environment import SERIES
from energyprof.model.footprint_rows import Assumptions
from energyprof.model.shell import in_shell

if TYPE_CHECKING:
    from energyprof.model.report import Report

COOL_DOWN_S = 3.0
_OWN = frozenset({"--runs", "--cool-down", "--output"})


STDERR = 2
"""The descriptor."""


class Wishes(NamedTuple):
    """What a comparison goes by."""

    unit: str | None = None
    metric: str | None = None
    lower_is_better: bool = False
    assumptions: Assumptions = Assumptions()
    """What turns its joules into CO2e and money."""
    format: str = "table"


def run_repeatedly(args: argparse.Namespace, words: Sequence[str], stem: str) -> int:
    """Record `args.runs` runs of what the words of `energyprof run` say, and print their mean and spread.

    Returns the first status of the program that is not 0; 130 where it was interrupted.
    """
    named = Path(args.output) if args.output else _default_place() / f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}.eprof"
    suffix = named.suffix or ".eprof"
    paths = [named.with_name(f"{named.stem}-run{number}{suffix}") for number in range(1, args.runs + 1)]
    there = next((path for path in paths if path.exists()), None)
    if there is not None:
        raise InputError(f"{there} exists already and is never overwritten; choose another name with -o, or remove it")
    own = without(words, _OWN)
    assumptions = assumptions_of(args)
    status, way, series = 0, named.stem, new_series()
    try:
        for at, path in enumerate(paths, 1):
            pause_s = args.cool_down if at > 1 else 0.0
            if not args.quiet:
                cooling = f", after {pause_s:g} s to cool down" if pause_s else ""
                print(f"energyprof: run {at}/{len(paths)} -> {path}{cooling}", file=sys.stderr, flush=True)
            time.sleep(pause_s)
            code = record(own, path, {SERIES: series})
            status = status or code
            if code and not args.quiet:
                print(f"energyprof: run {at}/{len(paths)} ended with status {code}", file=sys.stderr, flush=True)
            if code and not path.exists():
                break
    except KeyboardInterrupt:
        kept = sum(path.exists() for path in paths)
        print(f"energyprof: interrupted; {_kept(kept, len(paths))}", file=sys.stderr)
        status = 130
    done = [(way, path) for path in paths if path.exists()]
    if done and not args.quiet:
        print_table(done, Wishes(assumptions=assumptions), sys.stderr)
        print(f"energyprof: one of them: energyprof report {in_shell(str(done[-1][1]))}", file=sys.stderr)
    return status


def _kept(kept: int, wanted: int) -> str:
    if not kept:
        return f"none of {wanted} runs was done"
    what = "is done and kept; what follows is of it" if kept == 1 else "are done and kept; what follows is of them"
    return f"{kept} of {wanted} runs {what} only"


def new_series() -> str:
    """Return a name for runs that repeat each other on purpose: none of them counts as a repetition of another."""
    return os.urandom(4).hex()


def record(
    words: Sequence[str], path: Path, environment: Mapping[str, str] | None = None, *, keeps_stdout: bool = True
) -> int:
    """Record one run of the words of `energyprof run` and return its status; its output is the program's own.

    Where standard output is for somebody else, what the program writes there goes to standard error.
    """
    command = [sys.executable, "-m", "energyprof", "run", "-q", "--no-graph", "-o", str(path), *words]
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=None if keeps_stdout else STDERR,
    )
    try:
        return process.wait()
    except KeyboardInterrupt as stop:  # it has it from the terminal too; a part of a run is none to be compared
        if isinstance(stop, Terminated):
            process.terminate()
        process.wait()
        path.unlink(missing_ok=True)
        raise


def print_table(done: Sequence[tuple[str, Path]], wishes: Wishes, out: TextIO) -> None:
    """Print what `energyprof compare` prints of these runs, each with the name of its way."""
    from energyprof.cli.compare_command import FORMATS, PICTURE
    from energyprof.report.variants import refuse_several_metrics
    from energyprof.run import compare_ways, load, render_ways

    reports = [(name, load(path).report()) for name, path in done]
    told = {"lower_is_better": wishes.lower_is_better, "assumed": {name: wishes.assumptions for name, _ in done}}
    try:
        if wishes.format == PICTURE and wishes.metric is None:
            refuse_several_metrics([report for _, report in reports])
        ways = compare_ways(reports, wishes.unit, wishes.metric, **told)
    except InputError as error:  # the runs are there: a table by joules alone is better than none
        again = f"energyprof compare {in_shell(str(done[0][1].parent))}"
        print(f"energyprof: {error}; the runs are kept, and compared anew by: {again}", file=sys.stderr)
        ways = compare_ways(reports, _one_unit([report for _, report in reports]), "", **told)
    content = render_ways(
        FORMATS[wishes.format],
        reports[0][1],
        ways,
        width=terminal.width(),
        color=terminal.color("auto", out),
        unicode=terminal.unicode(out),
    )
    terminal.write(content, out)


def _one_unit(reports: Sequence[Report]) -> str:
    """Return the one unit of work that every run tells; empty, whole runs are compared: there is none, or several."""
    common = set.intersection(*({row.name for row in report.units} for report in reports))
    return common.pop() if len(common) == 1 else ""


def without(words: Sequence[str], options: frozenset[str]) -> list[str]:
    """Return the words without these options and their values, as far as options go; the program's own stay."""
    from energyprof.cli.run_options import with_value

    kept: list[str] = []
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in {"-", "--", "-m", "-c"}:
        quiet, is_output, attached = _short_output(words[at])
        if is_output:
            kept += ["-q"] if quiet else []
            at += 1 if attached else 2
            continue
        width = 2 if with_value(words[at]) else 1
        if words[at].partition("=")[0] not in options:
            kept += words[at : at + width]
        at += width
    return [*kept, *words[at:]]


def _short_output(word: str) -> tuple[bool, bool, bool]:
    """Tell of `-o`, `-oFILE`, `-qo FILE`: whether it is quiet, whether it names the output, whether FILE is in it."""
    flags = word[1:].lstrip("q")
    is_output = not word.startswith("--") and flags.startswith("o")
    return word.startswith("-q"), is_output, is_output and len(flags) > 1


def _default_place() -> Path:
    return Path() if os.access(".", os.W_OK) else Path(tempfile.gettempdir())


def count(text: str) -> int:
    """Return a number of runs; raises ArgumentTypeError for what is none."""
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of runs; 1 or more")
    return int(text)


def pause(text: str) -> float:
    """Return a pause in seconds; raises ArgumentTypeError for what is none."""
    try:
        pause_s = float(text)
    except ValueError:
        pause_s = -1.0
    if not 0 <= pause_s <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is no pause in seconds; 0 to 86400")
    return pause_s
