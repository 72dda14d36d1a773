"""Which work `energyprof run` is to do: which version of a program, and whether the run is remembered."""

from __future__ import annotations

import os

from energyprof.launch.environment import SERIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from energyprof.cli.plain_words import RunWords
    from energyprof.launch.program import Program
    from energyprof.past.fingerprint import Asked, Kind
    from energyprof.remembering import Memory

_VARIABLES = ("ENERGYPROF_REMEMBER", "ENERGYPROF_DATA")
_FILE = "pyproject.toml"


def memory_asked_for(args: argparse.Namespace | RunWords, program: Program) -> tuple[Memory | None, str]:
    """Return the memory of the run to be started, and one line to be said before it: what it repeats, or a fault.

    Raises InputError for a mistake on the command line alone.
    """
    if args.remember is False or not (args.remember or args.data or any(map(os.environ.get, _VARIABLES)) or _is_near()):
        return None, ""
    from pathlib import Path

    from energyprof.errors import InputError
    from energyprof.remembering import DataError, memory_of, wished

    try:
        wish = wished(args.remember, args.data, os.environ, Path.cwd())
        if wish is None:
            return None, ""
        series, _, varied = os.environ.get(SERIES, "").partition(" ")
        memory = memory_of(wish, _asked(args, program, varied), os.environ, series)
        return memory, memory.before()
    except DataError:
        raise
    except (InputError, OSError) as error:  # the second: the current folder has been deleted
        return None, f"this run is not remembered: {error}"


def identified(args: argparse.Namespace | RunWords, program: Program) -> dict[str, Any]:
    """Return which version of the program is to be started; raises InputError where that cannot be told."""
    from energyprof.past.program import identity_of

    return identity_of(_asked(args, program, ""), os.environ.get("PYTHONPATH", ""))


def _is_near() -> bool:
    """Return whether a pyproject.toml here or above may ask for it; only then is it read in earnest."""
    try:
        folder = os.getcwd()
    except OSError:  # it has been deleted
        return False
    while True:
        try:
            with open(os.path.join(folder, _FILE), "rb") as stream:
                content = stream.read()
        except OSError:
            content = b""
        if b"energyprof" in content:
            return b"remember" in content or b"data" in content
        above = os.path.dirname(folder)
        if above == folder:
            return False
        folder = above


def _asked(args: argparse.Namespace | RunWords, program: Program, varied: str) -> Asked:
    from energyprof.past.fingerprint import Asked

    kind: Kind
    words = list(args.words)
    if args.module is not None:
        kind, words = "module", [*args.module, *words]
    elif args.code is not None:
        kind, words = "code", [*args.code, *words]
    else:
        kind = "other" if args.any_program else "script"
        words = words[1:] if words[:1] == ["--"] else words
    return Asked(kind, tuple(words), tuple(args.flags), program.path, program.command, varied)
