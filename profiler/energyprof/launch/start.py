"""Start the program. All that is imported before it is imported here, for it delays the program's first line."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # as in `arrivals`
import os
import time
from collections import namedtuple

from energyprof.errors import InputError
from energyprof.launch.arrivals import Arrivals, open_arrivals
from energyprof.launch.environment import program_environment
from energyprof.launch.program import Program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_RESTORED = tuple(getattr(signal, name) for name in ("SIGPIPE", "SIGXFZ", "SIGXFSZ") if hasattr(signal, name))
"""Python ignores these in itself; a program inherits what is ignored, so they are set back for it."""


# Importing typing for its NamedTuple would delay the program's start by 6 ms.
class Started(namedtuple("Started", "program pid start_ns start_unix_ns arrivals package")):  # noqa: PYI024
    """A program that runs, and the signals that are held back from now on, for it to be told."""

    program: Program
    pid: int
    start_ns: int
    """CLOCK_MONOTONIC just before the start."""
    start_unix_ns: int
    arrivals: Arrivals
    package: str
    """Folder of energyprof itself."""


def start(
    program: Program,
    run_dir: str,
    instruments: Sequence[tuple[str, str, str, str]],
    stacks: str = "off",
    cures: Mapping[str, str] = {},
) -> Started:
    """Start the program with recording prepared; raises InputError, signals as before, if the system refuses.

    `stacks` says whether functions are sampled and `cures` what helps to tell stages apart: `program_environment`.
    """
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = program_environment(os.environ, package, run_dir, instruments, stacks, cures)
    arrivals = open_arrivals()
    start_unix_ns, start_ns = time.time_ns(), time.monotonic_ns()
    try:
        pid = start_program(program, environment, arrivals.mask_for_program)
    except InputError:
        arrivals.close()
        raise
    return Started(program, pid, start_ns, start_unix_ns, arrivals, package)


def start_program(program: Program, environment: Mapping[str, str], mask: set[int]) -> int:
    """Start the program as the shell would have and return its pid; raises InputError if the system refuses.

    It keeps our standard streams, terminal, folder, umask and process group.
    """
    try:
        return os.posix_spawn(program.path, program.argv, environment, setsigmask=mask, setsigdef=_RESTORED)
    except OSError as error:
        raise InputError(f"cannot start {program.path}: {error.strerror}; check that it runs without us") from error
