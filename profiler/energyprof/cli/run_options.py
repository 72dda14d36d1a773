"""The options of `energyprof run`, and what they say: which program, which power sources, which file."""

from __future__ import annotations

from energyprof.cli.run_cures import add_cures
from energyprof.discover import remember, remembered
from energyprof.errors import InputError
from energyprof.launch.file_size import DEFAULT_BYTES, size_bytes
from energyprof.launch.interpreter import Memory
from energyprof.launch.program import Program, code_program, module_program, other_program, script_program
from energyprof.model.overhead_bound import DEFAULT, MAX_OVERHEAD, bound_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from energyprof.cli.plain_words import RunWords

# argparse is imported by whoever hands us a parser: most runs need none, and it delays the program's start.

FASTEST_HZ = 1000.0
LEAST_HZ = 0.1
LONGEST_LEAD_IN_S = 3600.0
PYTHON_FLAGS = frozenset(f"-{flag}" for flag in "bBEiIOPsSuvx")
PYTHON_OPTIONS = frozenset({"-W", "-X"})
_WITH_VALUE = frozenset(
    {"--python", "--source", "--max-hz", "--lead-in", "--max-size", "--max-overhead", "-o", "--output", "-qo"}
    | {"--runs", "--cool-down", "--data", "--region", "--carbon", "--price", "--pue"}
)
FOOTPRINT = ("region", "carbon", "price", "pue")
"""Those of `assumptions.SETTINGS`, whose import would delay the program."""
_CURES_WITH_VALUE = frozenset({"--dephase", "--dephase-stage", "--repeat", "--visits"})

_WHAT = """\
SCRIPT [ARGS ...]         a Python file, a folder or zip file with __main__.py, or - for standard input
-m MODULE [ARGS ...]      a module
-c CODE [ARGS ...]        a line of code
--exec -- PROGRAM [ARGS ...]
                          any other program: device totals, and the Python children it has
Options end where the program begins; what follows is the program's own.
"""
_MEMORY = """\
Says whether this run repeats an earlier one, of when, and what that cost: the same program (its script and the modules
of its own that this imports), arguments and data, come to its end. A line for each run is kept, in the file
energyprof/history.jsonl below XDG_STATE_HOME (~/.local/state): command, time, host, versions, joules, metrics, trials,
place of the recording, digests; no content. Nothing leaves the machine; energyprof history lists, sums and forgets.
Also: ENERGYPROF_REMEMBER=1 and ENERGYPROF_DATA, or remember = true and data = "..." under [tool.energyprof] of
pyproject.toml. Not seen are what is installed, and files that the program reads: say those with --data. The content
of @FILE is read before the program starts; for large data a name is quicker.
"""
_FLAGS = """\
-b -B -E -i -I -O -OO -P -s -S -u -v -x -W ARG -X OPT
                          handed to Python as they are, before the program: energyprof run -O -X dev job.py
Behind -E, -I and -S no recorder can start: such a run has device totals and no stages. (-q is energyprof's own.)
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options; argparse hands over everything from the program's first word on untouched."""
    import argparse

    parser.usage = "energyprof run [OPTIONS] (SCRIPT | -m MODULE | -c CODE | --exec -- PROGRAM) [ARGS ...]"
    what = parser.add_argument_group("what to run", _WHAT)
    what.add_argument("-m", dest="module", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    what.add_argument("-c", dest="code", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    what.add_argument("--exec", dest="any_program", action="store_true", help=argparse.SUPPRESS)
    what.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    python = parser.add_argument_group("options of Python", _FLAGS)
    keep = _python_flag()
    for flag in sorted(PYTHON_FLAGS):
        python.add_argument(flag, dest="flags", action=keep, nargs=0, help=argparse.SUPPRESS)
    for option in sorted(PYTHON_OPTIONS):
        python.add_argument(option, dest="flags", action=keep, help=argparse.SUPPRESS)
    parser.set_defaults(flags=())
    _add_sensing(parser)
    _add_recording(parser)
    add_cures(parser)
    _add_footprint(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument("--no-flow", action="store_true", help="do not watch which stage receives whose results")
    parser.add_argument("--no-graph", action="store_true", help="draw no diagram")
    parser.add_argument("--no-live", action="store_true", help="no line with watts and joules while it runs")


def _add_sensing(parser: argparse.ArgumentParser) -> None:
    """Add what says in which Python it runs, and how power is read."""
    parser.add_argument("--python", metavar="PATH", help="the interpreter to run it with (default: energyprof's own)")
    parser.add_argument(
        "--source",
        dest="sources",
        action="append",
        default=[],
        metavar="NAME[:ARG]",
        help="a power source to use, repeatable (default: every sensor of this machine, else a model)",
    )
    parser.add_argument(
        "--max-hz", type=_rate, default=100.0, metavar="HZ", help="read sensors at most so often (default: 100)"
    )
    parser.add_argument(
        "--lead-in",
        type=_lead_in,
        default=0.0,
        metavar="S",
        help="read sensors for S seconds before the program starts, to learn the idle power (default: 0)",
    )
    parser.add_argument(
        "--shared",
        action="store_true",
        help="others use this machine: tell their part of the energy apart, by CPU time or by the GPU's processes",
    )


def _add_recording(parser: argparse.ArgumentParser) -> None:
    """Add what says where and how much is recorded."""
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="the recording (default: SCRIPT-TIME-PID.eprof in this folder)"
    )
    parser.add_argument(
        "--max-size",
        type=_size,
        default=DEFAULT_BYTES,
        metavar="SIZE",
        help="how large the recording may become, as in 500M or 2GiB (default: 1GiB; 0: any size); a long run is then "
        "stored in random bursts and counted in between",
    )
    parser.add_argument(
        "--max-overhead",
        type=_overhead,
        default=DEFAULT,
        metavar="SHARE",
        help="what recording may cost the program, as in 3%% (default) or off: layers too short to be recorded within "
        "it are folded into those that call them",
    )
    parser.add_argument(
        "--runs",
        type=_runs,
        default=1,
        metavar="N",
        help="run it N times, and tell mean and spread; with -o NAME.eprof they are NAME-run1.eprof, NAME-run2.eprof "
        "... and read nothing: standard input is empty in all of them. Ctrl-C keeps those that are done",
    )
    parser.add_argument(
        "--cool-down", type=_pause, default=3.0, metavar="S", help="with --runs: pause between runs (default: 3 s)"
    )
    _add_memory(parser)
    stacks = parser.add_mutually_exclusive_group()
    stacks.add_argument(
        "--stacks",
        dest="stacks",
        action="store_const",
        const="on",
        default="auto",
        help="find the costly functions by sampling, every 10 ms (by itself only while less than half of the time lies "
        "in stages and layers)",
    )
    stacks.add_argument("--no-stacks", dest="stacks", action="store_const", const="off", help="never sample functions")


def _add_memory(parser: argparse.ArgumentParser) -> None:
    """Add what says whether the run is kept among those that later ones are held against."""
    memory = parser.add_argument_group("what was run before", _MEMORY)
    either = memory.add_mutually_exclusive_group()
    either.add_argument("--remember", dest="remember", action="store_true", default=None, help="remember this run")
    either.add_argument(
        "--no-remember", dest="remember", action="store_false", help="do not, whatever is set elsewhere"
    )
    memory.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="NAME|@FILE",
        help="the data it is for, repeatable: a name of yours (imagenet-v2), or a file or folder whose content counts",
    )


def _add_footprint(parser: argparse.ArgumentParser) -> None:
    """Add what the report's CO2e and money go by."""
    from energyprof.cli.footprint_options import add_footprint_options

    add_footprint_options(parser)


def check_footprint(args: argparse.Namespace | RunWords) -> dict[str, str | None]:
    """Return what the flags say of carbon and cost; raises InputError for a mistake before the program is run."""
    flags = {name: getattr(args, name) for name in FOOTPRINT}
    if any(value is not None for value in flags.values()):
        from energyprof.assumptions import assumptions_said

        assumptions_said(flags)
    return flags


def _python_flag() -> type[argparse.Action]:
    import argparse

    class PythonFlag(argparse.Action):
        """Keeps an option of Python, in the order given."""

        def __call__(
            self,
            parser: argparse.ArgumentParser,  # noqa: ARG002 - argparse's signature
            namespace: argparse.Namespace,
            values: object,
            option_string: str | None = None,
        ) -> None:
            value = (values,) if isinstance(values, str) else ()
            namespace.flags = (*namespace.flags, option_string, *value)

    return PythonFlag


def parted(words: Sequence[str]) -> list[str]:
    """Return the words with `-mMODULE` and `-cCODE` in two, as Python reads them; the program's own stay alike."""
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in {"-", "--"}:
        word = words[at]
        flags = word[1:].lstrip("q")
        if not word.startswith("--") and flags[:1] in {"m", "c"}:
            quiet = ["-q"] if len(flags) < len(word) - 1 else []
            name = [flags[1:]] if flags[1:] else []
            return [*words[:at], *quiet, f"-{flags[0]}", *name, *words[at + 1 :]]
        at += 2 if word in _WITH_VALUE or word in _CURES_WITH_VALUE else 1
    return list(words)


def with_value(option: str) -> bool:
    """Return whether the next word is the option's value."""
    return option in _WITH_VALUE or option in _CURES_WITH_VALUE or option in PYTHON_OPTIONS


def chosen_program(args: argparse.Namespace | RunWords) -> Program:
    """Return the program asked for; raises InputError where there is none, or more than one."""
    ways: list[tuple[str, Callable[[], Program]]] = []
    words, kept = [*args.words], Memory(remembered, remember)
    if args.module is not None:
        module = [*args.module, *words]  # argparse parts them at a `--`
        ways.append(("-m MODULE", lambda: module_program(_some(module, "-m MODULE"), args.python, args.flags, kept)))
    if args.code is not None:
        code = [*args.code, *words]
        ways.append(("-c CODE", lambda: code_program(_some(code, "-c CODE"), args.python, args.flags, kept)))
    if not ways:
        words = words[1:] if words[:1] == ["--"] else words
        if args.any_program:
            ways.append(("--exec -- PROGRAM", lambda: other_program(_some(words, "--exec -- PROGRAM"))))
        else:
            ways.append(("SCRIPT", lambda: script_program(_some(words, "SCRIPT"), args.python, args.flags, kept)))
    elif args.any_program:
        raise InputError(f"--exec and {ways[0][0]} are two ways to name the program; leave one out")
    if args.any_program and args.python is not None:
        raise InputError("--python and --exec do not go together; name the interpreter as the program")
    if args.any_program and args.flags:
        raise InputError(f"{args.flags[0]} is Python's and --exec runs any program; put it behind the program's name")
    return ways[0][1]()


def _some(words: Sequence[str], what: str) -> Sequence[str]:
    if not words or words[0] == "":
        raise InputError(f"nothing to run: {what} is missing; try: energyprof run --help")
    return words


def _lead_in(text: str) -> float:
    from argparse import ArgumentTypeError

    try:
        lead_in_s = float(text)
    except ValueError:
        lead_in_s = -1.0
    if not 0.0 <= lead_in_s <= LONGEST_LEAD_IN_S:
        raise ArgumentTypeError(f"{text} is no lead-in; choose 0 to {LONGEST_LEAD_IN_S:g} seconds")
    return lead_in_s


def asked_overhead(args: argparse.Namespace | RunWords) -> dict[str, str]:
    """Return what the program's recorder is to be told of the bound of its cost, by variable."""
    return {} if args.max_overhead == DEFAULT else {MAX_OVERHEAD: args.max_overhead}


def _overhead(text: str) -> str:
    from argparse import ArgumentTypeError

    try:
        bound_of(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    return text


def _runs(text: str) -> int:
    from energyprof.cli.repeated_runs import count

    return count(text)


def _pause(text: str) -> float:
    from energyprof.cli.repeated_runs import pause

    return pause(text)


def _size(text: str) -> int:
    from argparse import ArgumentTypeError

    try:
        return size_bytes(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _rate(text: str) -> float:
    from argparse import ArgumentTypeError

    try:
        rate_hz = float(text)
    except ValueError:
        rate_hz = -1.0
    if not LEAST_HZ <= rate_hz <= FASTEST_HZ:
        raise ArgumentTypeError(f"{text} is no rate; choose {LEAST_HZ:g} to {FASTEST_HZ:g} Hz")
    return rate_hz
