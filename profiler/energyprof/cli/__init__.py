"""The command line: finds the command, prints errors in one line, gives the exit status. Only cli prints or exits.

argparse, because importing a richer parser costs most of what a profiled program may start later; the usual words of
`run` are read even without it. Each command is a file of its own, imported only when it is asked for.
"""

from __future__ import annotations

import errno
import os
import sys

from energyprof.cli.standard_streams import fill_closed_streams
from energyprof.errors import INTERNAL, USAGE, EnergyprofError
from energyprof.launch.numpy_settings import settle_numpy

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

COMMANDS = {
    "run": ("energyprof.cli.run_command", "run a program and show where its joules go"),
    "report": ("energyprof.cli.report_command", "print the report of a recorded run, in any format"),
    "view": ("energyprof.cli.view_command", "show a recorded run in the browser"),
    "graph": ("energyprof.cli.graph_command", "draw the hotspot diagram of a recorded run"),
    "layers": ("energyprof.cli.layers_command", "list the layers of the models that a run called, with their joules"),
    "compare": ("energyprof.cli.compare_command", "compare ways to do the same thing, joules for each unit of work"),
    "sweep": ("energyprof.cli.sweep_command", "run a program in several ways, in turns, and compare them"),
    "diff": ("energyprof.cli.diff_command", "say what costs more or less than before, and what of it is chance"),
    "check": ("energyprof.cli.check_command", "hold a run to a budget of joules, for CI"),
    "trials": ("energyprof.cli.trials_command", "list the trials of a search: joules of each, and up to a quality"),
    "history": ("energyprof.cli.history_command", "list the runs that were remembered, and what repeating cost"),
    "findings": ("energyprof.cli.findings_command", "say what a run spends that it need not, and what to change"),
    "import": ("energyprof.cli.import_command", "make a run of a trace and a power log of other programs"),
    "merge": ("energyprof.cli.merge_command", "join the recordings that several hosts made at the same time"),
    "recover": ("energyprof.cli.recover_command", "finish a run whose collector was killed"),
    "doctor": ("energyprof.cli.doctor_command", "say which power sources this machine has, and what to mend"),
    "estimate": (
        "energyprof.cli.estimate_command",
        "estimate what a training takes from a description of it",
    ),
    "project": ("energyprof.cli.project_command", "project when serving a model overtakes training it"),
    "scale": ("energyprof.cli.scale_command", "estimate a larger shape of a model from recordings of smaller ones"),
    "carbon": ("energyprof.cli.carbon_command", "list or renew the carbon intensities that --region looks up"),
    "calibrate": ("energyprof.cli.calibrate_command", "fit the power model of this machine to a meter"),
}
"""Module and summary of each command."""

_EXAMPLES = """\
examples:
  energyprof run pipeline.py --epochs 3     profile a script with its own arguments
  energyprof run -m package.module          profile a module
  energyprof report                         the newest run in this folder once more
  energyprof view                           the same in the browser
  energyprof graph RUN.eprof -o hot.png     its hotspot diagram
  energyprof layers --top 10                the costliest layers of its models
  energyprof sweep --set batch=1,4 S.py     run S.py in two ways, in turns, and compare them
  energyprof import --chrome T --power P    a trace and a power log that you have
  energyprof diff OLD.eprof NEW.eprof       what costs more or less, and what is chance
  energyprof check RUN.eprof --budget F     fail where the budget of joules is exceeded
  energyprof merge A.eprof B.eprof          the recordings of two hosts as one
  energyprof recover FOLDER                 finish a run that was cut off
  energyprof estimate --hardware A100-SXM --count 8 --hours 24
                                            a training that has not been run
  energyprof project train.eprof 3.2J --clients 1M --requests-per-client-day 2 --days 365
                                            when serving overtakes training
  energyprof doctor                         what can be measured here
  energyprof calibrate --meter-csv F        let a smart plug teach the model of this machine

`energyprof COMMAND --help` explains each command. In code: `with energyprof.stage("name"):` marks a stage.
"""


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""What a write says of a place that takes no more; faults of files that we name have their own words."""


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0, the program's own, 2 for wrong input, 70 for a fault of ours."""
    arguments = sys.argv[1:] if argv is None else argv
    fill_closed_streams()
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()  # at exit it would be too late to say in our own words that it cannot be
        return status
    except EnergyprofError as error:
        _say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except BrokenPipeError:
        # The reader of our output has gone: no message, and nothing for the interpreter to flush at exit.
        _drop_stdout()
        return 141
    except Exception as error:  # our own fault: one line for the user, everything for whoever asks
        if isinstance(error, OSError) and error.filename is None and error.errno in _FULL:
            _drop_stdout()
            _say(f"the output cannot be written ({error.strerror}); free space there or send it elsewhere")
            return USAGE
        if os.environ.get("ENERGYPROF_DEBUG"):
            raise
        _say(
            f"internal error: {type(error).__name__}: {error}; please report it with the output of "
            f"the same command under ENERGYPROF_DEBUG=1"
        )
        return INTERNAL


def _dispatch(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    if name in COMMANDS:
        return _run_command(name, arguments[1:])
    import argparse

    parser = argparse.ArgumentParser(
        prog="energyprof",
        usage="energyprof COMMAND [OPTIONS] ...",
        description="Find the stages, layers and functions of a pipeline that spend the joules.",
        epilog=_EXAMPLES,
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_argument_group("commands")
    for command, (_, summary) in COMMANDS.items():
        commands.add_argument(command, nargs="?", help=summary)
    if not arguments:
        parser.print_help(sys.stderr)
        return USAGE
    if name == "--version":
        from energyprof import __version__

        print(f"energyprof {__version__}")
        return 0
    if name in {"-h", "--help", "help"}:
        parser.print_help()
        return 0
    known = ", ".join(COMMANDS)
    hint = f"; to profile it: energyprof run {name}" if os.path.exists(name) else ""
    raise EnergyprofError(f"no command {name!r}; there are {known}{hint}")


def _run_command(name: str, arguments: list[str]) -> int:
    if name != "run":
        settle_numpy()
    module = __import__(COMMANDS[name][0], fromlist=["_"])
    words = getattr(module, "part", list)(arguments)
    plain = getattr(module, "plain", None)
    args = None if plain is None else plain(words)
    if args is None:
        args = _parser(name, module).parse_args(words)
        args.asked = words
    status: int = module.run(args)
    return status


def _parser(name: str, module: Any) -> argparse.ArgumentParser:  # any of the command modules
    from energyprof.cli.one_line_parser import OneLineParser

    parser = OneLineParser(
        prog=f"energyprof {name}",
        description=module.SUMMARY,
        epilog=module.EXAMPLES,
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    parser.hint = getattr(module, "HINT", "")
    module.configure(parser)
    return parser


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Lay out the help as wide as the terminal; left to itself argparse imports shutil for that, help or no help."""
    import argparse

    try:
        columns = os.get_terminal_size(1).columns
    except OSError:
        columns = 100
    return argparse.RawDescriptionHelpFormatter(prog, width=max(60, min(columns, 120)) - 2)


def _drop_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: str) -> None:
    line = " ".join(message.split())
    try:
        print(f"energyprof: {line}", file=sys.stderr)
    except OSError:
        return  # nobody is left to tell
