"""The options that change the run so that stages can be told apart: `--dephase`, `--repeat` and `--sync`."""

from __future__ import annotations

from energyprof.errors import InputError
from energyprof.launch.environment import DEPHASE, REPEAT, SYNC
from energyprof.model.json_text import to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from energyprof.cli.plain_words import RunWords

VISITS = 10
"""With visits of half a sensor's period and more, ten of each layer tell them apart (simulated: 0.1-0.5 % error)."""
LONGEST_NS = 10_000_000_000
SHORTEST_VISIT_NS = 1_000_000
MOST_VISITS = 10_000
_UNIT_NS = {"us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_BLIND = frozenset("EIS")
"""Flags of Python behind which no recorder can start."""

_WHAT = """\
Stages much shorter than the sensor's period look to it as one. Ways to tell them apart; all change the run:
--dephase   for loops in step with the sensor: sleep a random while before each iteration, that is each time an
            outermost stage begins again, or where the program says: for x in energyprof.iterations(xs)
--repeat    for layers and functions of any length: when the program is done, call each innermost torch layer, and
            each function marked @stage("name", repeatable=True), again and again on inputs kept from the run. Their
            energy is then "inferred (repeat mode)". Takes about DURATION x VISITS for each; Ctrl-C ends it early,
            and nothing else. Copies of inputs take up to 256 MiB. Not repeated, and listed: what has effects, a
            state or hooks, generators, coroutines, inputs that are no tensors. energyprof.repeat() says where to do
            it instead of at the end.
--sync      for work on a GPU where the host's times shall show it: wait for the device at the end of each stage and
            layer. Slow; energy needs it not, for a GPU's work is dated by the GPU.
"""


def add_cures(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    cures = parser.add_argument_group("to tell short stages apart", _WHAT)
    cures.add_argument(
        "--dephase",
        type=_range_ns,
        metavar="[A..]B",
        help="random delays of A (default: 0) to B between iterations, as in 20ms or 5ms..40ms",
    )
    cures.add_argument(
        "--dephase-stage",
        type=_pattern,
        metavar="REGEX",
        help="delay stages whose name matches, instead of the outermost ones",
    )
    cures.add_argument(
        "--repeat", type=_visit_ns, metavar="DURATION", help="repeat layers, each time for so long, as in 50ms"
    )
    cures.add_argument("--visits", type=_visits, metavar="N", help=f"repeat each so many times (default: {VISITS})")
    cures.add_argument("--sync", action="store_true", help="wait for the GPU at the end of each stage and torch layer")


def asked_cures(args: argparse.Namespace | RunWords) -> dict[str, str]:
    """Return what the program's recorder is to be told, by variable; raises InputError where it cannot be told."""
    asked = [option for option, value in (("--dephase", args.dephase), ("--repeat", args.repeat)) if value is not None]
    asked += ["--sync"] if args.sync else []
    for option, needed, given in (
        ("--dephase-stage REGEX", "--dephase", args.dephase is None and args.dephase_stage is not None),
        ("--visits N", "--repeat", args.repeat is None and args.visits is not None),
    ):
        if given:
            raise InputError(f"{option} says more about {needed}, which is missing; add {needed} DURATION")
    if not asked:
        return {}
    if args.any_program:
        raise InputError(f"{asked[0]} works inside a Python program and --exec runs any program; leave --exec out")
    blind = next((flag for flag in args.flags if len(flag) == 2 and flag[1] in _BLIND), None)
    if blind is not None:
        raise InputError(f"{asked[0]} works inside the program, where no recorder starts behind {blind}; leave it out")
    told = {}
    if args.dephase is not None:
        low_ns, high_ns = args.dephase
        told[DEPHASE] = to_json({"low_ns": low_ns, "high_ns": high_ns, "stage": args.dephase_stage or ""}).decode()
    if args.repeat is not None:
        told[REPEAT] = to_json({"visit_ns": args.repeat, "rounds": args.visits or VISITS}).decode()
    if args.sync:
        told[SYNC] = "1"
    return told


def _range_ns(text: str) -> tuple[int, int]:
    from argparse import ArgumentTypeError

    first, dots, last = text.rpartition("..")
    high_ns, unit = _duration_ns(last, "")
    low_ns = _duration_ns(first, unit)[0] if dots else 0
    if low_ns is None or high_ns is None or not low_ns <= high_ns <= LONGEST_NS or not high_ns:
        raise ArgumentTypeError(f"{text} is no range of delays; write 20ms, or 5..40ms (at most 10s)")
    return low_ns, high_ns


def _visit_ns(text: str) -> int:
    from argparse import ArgumentTypeError

    visit_ns, _ = _duration_ns(text, "")
    if visit_ns is None or not SHORTEST_VISIT_NS <= visit_ns <= LONGEST_NS:
        raise ArgumentTypeError(f"{text} is no duration to repeat for; write 50ms (1ms to 10s)")
    return visit_ns


def _duration_ns(text: str, unit: str) -> tuple[int | None, str]:
    """Return the duration and its unit; `unit` serves where none is written. None: it is no duration."""
    import re  # here, for it would delay the start of every program

    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(us|ms|s)?", text.strip())
    if match is None:
        return None, unit
    amount, written = float(match[1]), match[2] or unit
    if not written:
        return (0, unit) if amount == 0 else (None, unit)
    return round(amount * _UNIT_NS[written]), written


def _visits(text: str) -> int:
    from argparse import ArgumentTypeError

    if not text.isdecimal() or not 2 <= int(text) <= MOST_VISITS:
        raise ArgumentTypeError(f"{text} is no number of visits; choose 2 to {MOST_VISITS:,}")
    return int(text)


def _pattern(text: str) -> str:
    import re
    from argparse import ArgumentTypeError

    try:
        re.compile(text)
    except re.error as error:
        raise ArgumentTypeError(f"{text} is no regular expression: {error}") from None
    return text
