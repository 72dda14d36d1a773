"""`energyprof run`: run a program as it is, and show where its joules went."""

from __future__ import annotations

import os
import sys
import time
from collections import namedtuple

from energyprof import discover
from energyprof.cli.plain_words import RunWords, plain_words
from energyprof.cli.run_cures import asked_cures
from energyprof.cli.run_memory import identified, memory_asked_for
from energyprof.cli.run_options import add_options, asked_overhead, check_footprint, chosen_program, parted
from energyprof.cli.run_ranks import stem_of_rank
from energyprof.errors import InputError
from energyprof.launch.beside_ranks import refuse_beside_others
from energyprof.launch.environment import FLOW
from energyprof.launch.numpy_settings import settle_numpy
from energyprof.launch.output_file import claim_default, claim_named
from energyprof.launch.run_folder import make_run_folder, remove_run_folder
from energyprof.launch.start import Started, start
from energyprof.sources import check_sources, parsed_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from energyprof.cli.live_line import LiveLine
    from energyprof.launch.session import LeadIn, Outcome
    from energyprof.remembering import Memory

# Everything else is imported once the program runs: before that, each import delays it.

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
  energyprof run -m torch.distributed.run --nproc-per-node 2 train.py     all ranks of a host
  energyprof run --source replay:power.csv job.py   power from a file; `energyprof doctor` lists the sources
  energyprof run --dephase 20ms train.py            tell stages apart that are in step with the sensor
  energyprof run --repeat 50ms train.py             tell layers apart that are shorter than the sensor's period
  energyprof run --runs 5 job.py                    five times, with a pause between: mean and spread
  energyprof run --data @train.csv train.py         say whether the same was run before, and what it cost
  energyprof run --max-overhead off train.py        record every layer, whatever that costs
  energyprof run -q -o job.eprof job.py             choose the file, print nothing but errors

The report goes to standard error, the recording (.eprof) and the diagram (.svg, .png) into this folder.
exit status: the program's own, 128 + N in a shell where signal N ended it; 2 if it could not be started.
"""

HINT = "; what follows the script is the program's own"

HEAD_START_S = 0.04
"""The program starts up alone first: on two busy cores a third starting process costs it 20 ms (measured)."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_options(parser)


def part(words: list[str]) -> list[str]:
    """Return the words as argparse wants them."""
    return parted(words)


def plain(words: list[str]) -> RunWords | None:
    """Return what the words say where that takes no argparse."""
    return plain_words(words)


def run(args: argparse.Namespace | RunWords) -> int:
    """Run the program to its end, show the report, and end as the program did, if need be by the same signal."""
    refuse_beside_others(os.environ)
    program = chosen_program(args)
    footprint = check_footprint(args)
    if args.runs > 1 and not isinstance(args, RunWords):
        from energyprof.cli.repeated_runs import run_repeatedly
        from energyprof.launch.ending import end_like

        return end_like(run_repeatedly(args, args.asked, program.stem))
    cures = {**asked_cures(args), **asked_overhead(args)}
    sources = tuple(parsed_source(text) for text in args.sources)
    check_sources(sources)
    memory, said = memory_asked_for(args, program)
    if said and (memory is None or not args.quiet):
        print(f"energyprof: {said}", file=sys.stderr, flush=True)
    output = (
        claim_named(args.output) if args.output is not None else claim_default(stem_of_rank(program.stem, os.environ))
    )
    run_dir = ""
    lead_in: LeadIn | None = None
    try:
        run_dir = make_run_folder()
        if args.lead_in:
            lead_in = _lead_in(args, _Places(run_dir, output.path, output.remark), sources)
            _begin(lead_in)
            lead_in.wait(args.lead_in, _live_line(args))
        told = {**cures, FLOW: "off"} if args.no_flow else cures
        started = start(program, run_dir, discover.instrument_specs(), args.stacks, told)
    except BaseException:  # nothing runs: leave nothing behind
        if lead_in is not None:
            lead_in.cancel()
        if os.path.exists(output.path):
            os.unlink(output.path)
        if run_dir:
            remove_run_folder(run_dir)
        raise
    return _see_to_its_end(
        args, started, _Places(run_dir, output.path, output.remark), sources, lead_in, memory, footprint
    )


# Importing typing for its NamedTuple would delay the program's start by 6 ms.
class _Places(namedtuple("_Places", "run_dir output remark")):  # noqa: PYI024
    run_dir: str
    output: str
    remark: str


def _see_to_its_end(  # noqa: PLR0913, PLR0917 - what the run was begun with
    args: argparse.Namespace | RunWords,
    started: Started,
    places: _Places,
    sources: tuple[tuple[str, str], ...],
    lead_in: LeadIn | None,
    memory: Memory | None,
    footprint: dict[str, str | None],
) -> int:
    time.sleep(HEAD_START_S)
    settle_numpy()
    from energyprof.cli.run_report import Wishes, preloads, show_report
    from energyprof.launch.ending import end_like
    from energyprof.launch.session import Settings, follow

    line = _live_line(args)
    wanted = (sources, args.max_hz, line.is_wanted, args.stacks)
    settings = Settings(
        places.run_dir,
        places.output,
        *wanted,
        is_shared=args.shared,
        max_size=args.max_size,
        max_overhead=args.max_overhead,
        identify=lambda: identified(args, started.program),
    )
    wishes = Wishes(args.quiet, not args.no_graph, memory, footprint)
    outcome = follow(started, settings, line, preloads(wishes), lead_in)
    started.arrivals.close()
    _clear_away(outcome, places, line)
    if places.remark:  # with -q too: who does not find the recording where it should be must know where it is
        line.say(places.remark)
    if _holds_something(places.output):
        fault = show_report(places.output, wishes)
        if fault:
            line.say(fault)
    return end_like(outcome.ending.exit_code)


def _lead_in(args: argparse.Namespace | RunWords, places: _Places, sources: tuple[tuple[str, str], ...]) -> LeadIn:
    from energyprof.launch.session import LeadIn, Settings

    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return LeadIn(Settings(places.run_dir, places.output, sources, args.max_hz), package)


def _begin(lead_in: LeadIn) -> None:
    try:
        lead_in.begin()
    except OSError as error:
        raise InputError(f"the collector cannot be started: {error.strerror}; free processes or memory") from error


def _live_line(args: argparse.Namespace | RunWords) -> LiveLine:
    from energyprof.cli import terminal
    from energyprof.cli.live_line import LiveLine

    return LiveLine(sys.stderr, not (args.quiet or args.no_live) and terminal.is_terminal(sys.stderr))


def _clear_away(outcome: Outcome, places: _Places, line: LiveLine) -> None:
    """Remove what the run needed and nobody needs any more; what failed is kept and said."""
    failure = outcome.result.failure
    if not failure:
        remove_run_folder(places.run_dir)
        return
    if not _holds_something(places.output) and os.path.exists(places.output):
        os.unlink(places.output)
    why = "" if line.has_said(failure) else f": {failure}"
    line.say(f"the recording is not complete{why}; complete it with: energyprof recover {places.run_dir}")


def _holds_something(path: str) -> bool:
    try:
        return os.path.getsize(path) > 0
    except OSError:
        return False
