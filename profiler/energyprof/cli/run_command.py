"""`energyprof run`: run a program as it is, and show where its joules went."""

from __future__ import annotations

import argparse
import os
import sys

from energyprof.cli import terminal
from energyprof.cli.live_line import LiveLine
from energyprof.cli.run_options import add_options, chosen_program
from energyprof.cli.run_report import Wishes, preload, show_report
from energyprof.launch.arrivals import Arrivals, open_arrivals
from energyprof.launch.collector import Result
from energyprof.launch.ending import end_like
from energyprof.launch.output_file import Output, claim_default, claim_named
from energyprof.launch.program import Program
from energyprof.launch.run_folder import make_run_folder, remove_run_folder
from energyprof.launch.session import Outcome, Settings, run_session
from energyprof.sources import check_sources, parsed_source

NAME = "run"
SUMMARY = "Run a program as it is, record its stages and its power, and show where the joules went."
EXAMPLES = """\
examples:
  energyprof run pipeline.py --epochs 3             a script with its own arguments
  energyprof run -m package.train --epochs 3        a module
  energyprof run -c 'import work; work.main()'      a line of code
  energyprof run --python venv/bin/python job.py    in another Python environment (3.10 or newer)
  energyprof run -O -X dev pipeline.py              with options of Python
  energyprof run --exec -- ./simulate --fast        any other program
  energyprof run --source replay:power.csv job.py   power from a file; `energyprof doctor` lists the sources
  energyprof run -q -o job.eprof job.py             choose the file, print nothing but errors

The report goes to standard error, the recording (.eprof) and the diagram (.svg, .png) into this folder.
exit status: the program's own, 128 + N in a shell where signal N ended it; 2 if it could not be started.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run the program to its end, show the report, and end as the program did, if need be by the same signal."""
    program = chosen_program(args)
    sources = tuple(parsed_source(text) for text in args.sources)
    check_sources(sources)
    output = claim_named(args.output) if args.output is not None else claim_default(program.stem)
    is_live = not (args.quiet or args.no_live) and terminal.is_terminal(sys.stderr)
    line = LiveLine(sys.stderr, is_live)
    outcome, remark = _record(args, program, sources, output, line)
    if remark:
        line.say(remark)
    if output.remark and not args.quiet:
        line.say(output.remark)
    if _holds_something(output.path):
        fault = show_report(output.path, Wishes(args.quiet, not args.no_graph))
        if fault:
            line.say(fault)
    return end_like(outcome.ending.exit_code)


def _record(
    args: argparse.Namespace,
    program: Program,
    sources: tuple[tuple[str, str], ...],
    output: Output,
    line: LiveLine,
) -> tuple[Outcome, str]:
    """Run program and collector; return how both ended, and what there is to say about the recording."""
    arrivals: Arrivals | None = None
    run_dir = ""
    try:
        run_dir = make_run_folder()
        arrivals = open_arrivals()
        settings = Settings(
            package=os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
            run_dir=run_dir,
            output=output.path,
            sources=sources,
            instruments=_instruments(),
            max_hz=args.max_hz,
            is_live=line.is_wanted,
            stacks=args.stacks,
        )
        outcome = run_session(program, settings, arrivals, line, preload)
    except BaseException:  # nothing has been started: leave nothing behind
        os.unlink(output.path)
        if run_dir:
            remove_run_folder(run_dir)
        raise
    finally:
        if arrivals is not None:
            arrivals.close()
    return outcome, _clear_away(outcome.result, run_dir, output)


def _clear_away(result: Result, run_dir: str, output: Output) -> str:
    """Remove what the run needed and nobody needs any more; what failed is kept and said."""
    if not result.failure:
        remove_run_folder(run_dir)
        return ""
    if not _holds_something(output.path) and os.path.exists(output.path):
        os.unlink(output.path)
    return f"the recording is not complete: {result.failure}; complete it with: energyprof recover {run_dir}"


def _holds_something(path: str) -> bool:
    try:
        return os.path.getsize(path) > 0
    except OSError:
        return False


def _instruments() -> tuple[tuple[str, str, str, str], ...]:
    from energyprof import discover

    return discover.instrument_specs()
