"""`energyprof sweep`: run a program in several ways, in turns, and compare them."""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from energyprof.assumptions import SETTINGS
from energyprof.cli.compare_command import add_wishes
from energyprof.cli.footprint_options import add_footprint_options, assumptions_of
from energyprof.cli.repeated_runs import COOL_DOWN_S, Wishes, count, new_series, pause, print_table, record
from energyprof.cli.swept_ways import file_name, write_names
from energyprof.errors import InputError
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
  energyprof compare sweep-serve/                             the table once more

Every way is run once before any is run again, each time in another order, so that a machine that warms up or slows down
decides nothing. What was recorded stays in the folder; --resume goes on where a sweep was stopped.
"""
_WITH_VALUE = frozenset(
    {"--set", "--env", "--repeats", "--cool-down", "--seed", "-o", "--output", "--unit", "--metric", "-f", "--format"}
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


@dataclass(frozen=True, slots=True)
class Way:
    """One combination of values."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]


def run(args: argparse.Namespace) -> int:
    """Run all, print the table; 1 if a run failed, 130 if it was interrupted, 0 or an error's own status else."""
    assumptions = assumptions_of(args)
    ways = ways_of(args.set, args.env, args.command)
    folder = Path(args.output or f"sweep-{_script_of(args.command)}")
    plan = [
        (way, folder / f"{file_name(way.name)}-run{number}.eprof")
        for number, way in planned(ways, args.repeats, args.seed)
    ]
    _prepare(folder, plan, args.resume)
    failed: list[str] = []
    took_s: list[float] = []
    status, series = 0, new_series()
    try:
        missing = [(at, way, path) for at, (way, path) in enumerate(plan, 1) if not path.exists()]
        for at, way, path in missing:
            if not args.quiet:
                left = time_left(took_s, len(missing))
                print(f"energyprof: {at}/{len(plan)} {_visible(way.name)} -> {path}{left}", file=sys.stderr, flush=True)
            start_s = time.monotonic()
            time.sleep(args.cool_down)
            varied = ",".join(f"{name}={value}" for name, value in way.environment.items())
            code = record(
                way.command,
                path,
                {**way.environment, SERIES: f"{series} {varied}"},
                keeps_stdout=args.format == "table",
            )
            if code:
                failed.append(f"{_visible(way.name)} ended with status {code}")
            took_s.append(time.monotonic() - start_s)
            if code and not path.exists():  # it could not even be started, and neither will the others be
                status = code
                break
    except KeyboardInterrupt:
        status = 130
        print(f"energyprof: interrupted; go on with --resume -o {in_shell(str(folder))}", file=sys.stderr)
    for line in failed:
        print(f"energyprof: {line}", file=sys.stderr)
    done = [(way.name, path) for way in ways for other, path in plan if other is way and path.exists()]
    if len(done) > 1:
        print_table(done, Wishes(args.unit, args.metric, args.lower_is_better, assumptions, args.format), sys.stdout)
    return status or (1 if failed else 0)


def ways_of(
    settings: Sequence[tuple[str, Sequence[str]]],
    variables: Sequence[tuple[str, Sequence[str]]],
    command: Sequence[str],
) -> list[Way]:
    """Return all combinations; a setting replaces `{name}` in the arguments, else it is added as `--name value`."""
    words = list(command[1:]) if command[:1] == ["--"] else list(command)
    if not words or words == ["-m"]:
        raise InputError("no script to run; try: energyprof sweep --set batch=1,4 serve.py")
    if not settings and not variables:
        raise InputError("nothing is varied; say what is, with --set batch=1,4,16 or --env OMP_NUM_THREADS=1,2")
    names = [name for name, _ in (*settings, *variables)]
    if len(set(names)) < len(names):
        raise InputError("a name is varied twice; give all of its values at once: --set batch=1,4,16")
    ways = []
    for values in itertools.product(*(values for _, values in (*settings, *variables))):
        chosen = dict(zip(names, values, strict=True))
        own = {name: chosen[name] for name, _ in settings}
        ways.append(
            Way(
                name=",".join(f"{name}={value}" for name, value in chosen.items()),
                command=tuple(_filled(words, own)),
                environment={name: chosen[name] for name, _ in variables},
            )
        )
    return ways


def _filled(words: Sequence[str], values: Mapping[str, str]) -> list[str]:
    text = list(words)
    for name, value in values.items():
        place = f"{{{name}}}"
        if any(place in word for word in text[1:]):
            text = [text[0], *(word.replace(place, value) for word in text[1:])]
        else:
            text += [f"-{name}" if len(name) == 1 else f"--{name}", value]
    return text


def time_left(took_s: Sequence[float], runs: int) -> str:
    """Return how long the rest of `runs` takes if it goes on as so far, pauses included; nothing before the first."""
    if not took_s:
        return ""
    left_s = (runs - len(took_s)) * sum(took_s) / len(took_s)
    return f" (about {left_s:.0f} s left)" if left_s < 90 else f" (about {left_s / 60:.0f} min left)"


def planned(ways: Sequence[Way], repeats: int, seed: int) -> list[tuple[int, Way]]:
    """Return the number of the repeat and the way of every run: each way once in every round, in another order."""
    chance = random.Random(seed)
    return [(number, way) for number in range(1, repeats + 1) for way in chance.sample(list(ways), len(ways))]


def _prepare(folder: Path, plan: Sequence[tuple[Way, Path]], is_resumed: bool) -> None:
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
    try:
        write_names(folder, {file_name(way.name): way.name for way, _ in plan})
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}); choose another place with -o") from error


def _visible(name: str) -> str:
    """Return a way's name on one line, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in name)


def _script_of(command: Sequence[str]) -> str:
    words = [word for word in command if word != "--"]
    if words[:1] == ["-m"]:
        return file_name(words[1]) if len(words) > 1 else "module"
    return file_name(Path(words[0]).stem) if words else "program"


def _values(text: str) -> tuple[str, tuple[str, ...]]:
    name, mark, values = text.partition("=")
    found = tuple(dict.fromkeys(values.split(",")))
    if not mark or not name or not values:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=A,B,...; try: batch=1,4,16")
    return name, found
