"""`%load_ext energyprof`: `%%energyprof` profiles a cell of a notebook and shows the report as its output."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import Any

from energyprof.errors import EnergyprofError, InputError
from energyprof.in_process.handle import Profile, profile

USAGE = "%%energyprof [-o FILE] [-s NAME] [--source NAME]... [-q]"


class _Words(argparse.ArgumentParser):
    """Read a magic's line; what is wrong becomes our error and no exit of the kernel."""

    def error(self, message: str) -> Any:  # argparse says that it never returns
        raise InputError(f"{message}; use {USAGE}")


def load_ipython_extension(shell: Any) -> None:  # an InteractiveShell: IPython is no dependency of ours
    """Make `%%energyprof` known to a shell."""

    def energyprof(line: str, cell: str) -> Profile | None:
        """Profile this cell: %%energyprof [-o FILE] [-s NAME] [--source NAME]... [-q]

        -o FILE keeps the recording there (default: a new file in the current folder), -s NAME binds the profile to that
        variable, for NAME.report(), NAME.stages() and NAME.layers(); -q shows nothing.
        """
        try:
            words = _words(line)
            run = profile(words.output, sources=tuple(words.source), quiet=True).start()
        except EnergyprofError as error:
            _said(str(error))
            return None
        try:
            result = shell.run_cell(cell)
        finally:
            run.stop()
        if words.store:
            shell.user_ns[words.store] = run
        for remark in run.warnings:
            _said(remark)
        result.raise_error()  # so that "run all" stops here, as it does at any cell that fails
        return None if words.quiet else run

    shell.register_magic_function(energyprof, "cell", "energyprof")


def _words(line: str) -> argparse.Namespace:
    parser = _Words(prog="%%energyprof", add_help=False, allow_abbrev=False)
    parser.add_argument("-o", "--output")
    parser.add_argument("-s", "--store", metavar="NAME")
    parser.add_argument("--source", action="append", default=[])
    parser.add_argument("-q", "--quiet", action="store_true")
    try:
        words = parser.parse_args(shlex.split(line))
    except ValueError as error:
        raise InputError(f"{error}; use {USAGE}") from error
    if words.store is not None and not words.store.isidentifier():
        raise InputError(f"{words.store!r} is no name of a variable; use {USAGE}")
    return words


def _said(text: str) -> None:
    sys.stderr.write(f"energyprof: {text}\n")
