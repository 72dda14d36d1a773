"""`energyprof sweep`: run a program in several ways, in turns, and compare them."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from energyprof.assumptions import SETTINGS
from energyprof.cli.compare_command import add_wishes
from energyprof.cli.footprint_options import add_footprint_options, assumptions_of
from energyprof.cli.held_limits import HeldLimits, limit_wish
from energyprof.cli.repeated_runs import COOL_DOWN_S, Wishes, count, new_series, pause, print_table, record
from energyprof.cli.sweep_checks import UntoldError, check_start, places_left, refuse_untold
from energyprof.cli.sweep_plan import Way, counted, is_done, listed, mark_of, planned, time_left, visible, ways_of
from energyprof.cli.swept_ways import file_name, program_in, write_names
from energyprof.cli.termination import Terminated, raised_signals
from energyprof.errors import InputError, SourceError
from energyprof.launch.environment import SERIES
from energyprof.model.shell import in_shell

NAME = "sweep"
SUMMARY = "Run a program in several ways, repeated in turns with a pause between, and compare their joules."
EXAMPLES = """\
examples:
  energyprof sweep --set batch=1,4,16 serve.py                runs: serve.py --batch 1, --batch 4, --batch 16
  energyprof sweep --set n=8,64 serve.py --size={n} --fast    {n} says where it goes
  energyprof sweep --env OMP_NUM_THREADS=1,2 train.py         by environment
  energyprof sweep --set bits=8,32 --repeats 5 --metric accuracy train.py
  sudo energyprof sweep --power-limit 150,200,250 train.py    each GPU held at so many watts
  energyprof compare sweep-serve/                             the table once more

Every way is run once before any is run again, each time in another order, so that a machine that warms up or slows down
decides nothing. What was recorded stays in the folder; --resume goes on where a sweep was stopped.

A power limit is the machine's, for all who use it. Nothing but --power-limit touches one; it is put back as it was
found when the sweep ends, also by Ctrl-C or a signal. GPUs are limited through NVML, Intel processors through
/sys/class/powercap: cpu=15,28 holds all packages at 15 and at 28 W, their short-term limit too where it is higher.
"""
_WITH_VALUE = frozenset(
    {
        "--set",
        "--env",
        "--power-limit",
        "--repeats",
        "--cool-down",
        "--seed",
        "-o",
        "--output",
        "--unit",
        "--metric",
        "-f",
        "--format",
    }
    | {f"--{name}" for name in SETTINGS}
)


def part(words: list[str]) -> list[str]:
    """Return the words with a `--` before `-m MODULE`, as argparse wants them."""
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in {"--", "-m", "-c"}:
        at += 2 if words[at] in _WITH_VALUE else 1
    return [*words[:at], "--", *words[at:]] if words[at : at + 1] in (["-m"], ["-c"]) else words


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--set", metavar="NAME=A,B,...", action="append", default=[], type=_values, help="values of an argument"
    )
    parser.add_argument(
        "--env", metavar="NAME=A,B,...", action="append", default=[], type=_values, help="values of a variable"
    )
    parser.add_argument(
        "--power-limit",
        metavar="[DEVICE=]W,W,...",
        type=limit_wish,
        help="watts to hold devices at (needs root): gpu, gpu:0, cpu; else the GPUs, or without one the processors",
    )
    parser.add_argument("--repeats", type=count, default=3, metavar="N", help="runs of each way (default: 3)")
    parser.add_argument(
        "--cool-down",
        type=pause,
        default=COOL_DOWN_S,
        metavar="S",
        help=f"pause before a run (default: {COOL_DOWN_S:g} s)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the order of runs (default: 0)")
    parser.add_argument("-o", "--output", metavar="FOLDER", help="default: sweep-SCRIPT in this folder")
    parser.add_argument("--resume", action="store_true", help="keep what the folder has, and run what is missing")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be run, in which order, and run nothing"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but the table and errors")
    parser.add_argument(
        "-f",
        "--format",
        choices=("table", "json", "svg"),
        default="table",
        help="default: table; else programs write to standard error",
    )
    add_wishes(parser)
    add_footprint_options(parser)
    parser.add_argument(
        "command", metavar="SCRIPT", nargs=argparse.REMAINDER, help="a script (or -m MODULE) and arguments"
    )


def run(args: argparse.Namespace) -> int:
    """Run all, print the table; 1 if a run failed, 130 if it was interrupted, 0 or an error's own status else."""
    assumptions, wish = assumptions_of(args), args.power_limit
    ways = ways_of(args.set, args.env, args.command, wish.limits_w if wish else ())
    check_start(ways)
    for line in places_left([name for name, _ in args.set], args.command):
        print(f"energyprof: {line}", file=sys.stderr)
    folder = Path(args.output or f"sweep-{_script_of(args.command)}")
    plan = [
        (way, folder / f"{file_name(way.name)}-run{number}.eprof")
        for number, way in planned(ways, args.repeats, args.seed)
    ]
    failed: list[str] = []
    try:
        with raised_signals(), HeldLimits(wish) if wish else nullcontext() as limits:
            said = [counted(plan, folder, args.cool_down)]
            if limits:
                said.append(f"power limit of {limits.said()}; put back at the end")
            if args.dry_run:
                print("\n".join([*said, *listed(plan)]))
                return 0
            _prepare(folder, plan, args.resume, args.command)
            if not args.quiet:
                print(*(f"energyprof: {line}" for line in said), sep="\n", file=sys.stderr, flush=True)
            status = _record_missing(plan, args, limits, failed)
    except KeyboardInterrupt as stop:
        status = 128 + (stop.number if isinstance(stop, Terminated) else signal.SIGINT)
        print(f"energyprof: interrupted; {_kept(plan, args.asked)}", file=sys.stderr)
    except UntoldError as error:
        print(f"energyprof: {error}; {_kept(plan, args.asked)}", file=sys.stderr)
        return error.exit_code
    except SourceError as error:  # of a power limit; what was done before it is as good as ever
        if not any(is_done(path) for _, path in plan):
            raise
        status = error.exit_code
        print(f"energyprof: {error}", file=sys.stderr)
    for line in failed:
        print(f"energyprof: {line}", file=sys.stderr)
    done = [(way.name, path) for way in ways for other, path in plan if other is way and is_done(path)]
    if len(done) > 1:
        print_table(done, Wishes(args.unit, args.metric, args.lower_is_better, assumptions, args.format), sys.stdout)
    return status or (1 if failed else 0)


def _record_missing(
    plan: Sequence[tuple[Way, Path]], args: argparse.Namespace, limits: HeldLimits | None, failed: list[str]
) -> int:
    """Record the runs that are not there, and add to `failed` a line for each that did; a status if none can start."""
    took_s: list[float] = []
    series = new_series()
    missing = [(at, way, path) for at, (way, path) in enumerate(plan, 1) if not is_done(path)]
    first_round = plan[: len({way.name for way, _ in plan})]
    is_asked = False
    for at, way, path in missing:
        if at > len(first_round) and not is_asked:
            refuse_untold([done for _, done in first_round if is_done(done)], args.metric, args.unit)
            is_asked = True
        if not args.quiet:
            left = time_left(took_s, len(missing))
            print(f"energyprof: {at}/{len(plan)} {visible(way.name)} -> {path}{left}", file=sys.stderr, flush=True)
        start_s = time.monotonic()
        if limits and way.limit_w is not None:
            limits.hold(way.limit_w)
        time.sleep(args.cool_down)
        environment = {**way.environment, SERIES: f"{series} {way.varied}"}
        with _marked(path):
            code = record(way.command, path, environment, keeps_stdout=args.format == "table")
        if code:
            failed.append(f"{visible(way.name)} ended with status {code}")
        took_s.append(time.monotonic() - start_s)
        if code and not path.exists():  # it could not even be started, and neither will the others be
            return code
    return 0


@contextmanager
def _marked(path: Path) -> Iterator[None]:
    """Have a recording marked as one that is not done; what of it was cut off before gives way."""
    path.unlink(missing_ok=True)
    mark_of(path).touch()
    try:
        yield
    finally:
        mark_of(path).unlink(missing_ok=True)


def _kept(plan: Sequence[tuple[Way, Path]], asked: Sequence[str]) -> str:
    there = sum(is_done(path) for _, path in plan)
    words = asked if "--resume" in asked else ["--resume", *asked]
    kept = f"{there} of {len(plan)} runs {'is' if there == 1 else 'are'} done and kept"
    return f"{kept}; go on with: energyprof sweep {' '.join(map(in_shell, words))}"


def _prepare(folder: Path, plan: Sequence[tuple[Way, Path]], is_resumed: bool, command: Sequence[str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}); choose another place with -o") from error
    there = sorted(folder.glob("*.eprof"))
    if there and not is_resumed:
        raise InputError(
            f"{folder} has {len(there)} runs already; keep them and run what is missing with --resume, or choose "
            "another place with -o"
        )
    swept = program_in(folder)
    if there and swept not in ([], list(command)):
        raise InputError(
            f"the runs in {folder} are of {' '.join(map(in_shell, swept))}, and would be compared with those of "
            "another program; choose another place with -o"
        )
    try:
        write_names(folder, {file_name(way.name): way.name for way, _ in plan}, command)
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}); choose another place with -o") from error


def _script_of(command: Sequence[str]) -> str:
    words = [word for word in command if word != "--"]
    if words[:1] == ["-m"]:
        return file_name(words[1]) if len(words) > 1 else "module"
    return file_name(Path(words[0]).stem) if words else "program"


def _values(text: str) -> tuple[str, tuple[str, ...]]:
    name, mark, values = text.partition("=")
    found = tuple(values.split(","))
    if not mark or not name or not values:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=A,B,...; try: batch=1,4,16")
    twice = next((value for value in found if found.count(value) > 1), None)
    if twice is not None:
        raise argparse.ArgumentTypeError(f"{text} has {twice!r} twice; name each value once, and repeat with --repeats")
    return name, found
