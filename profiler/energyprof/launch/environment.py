"""The environment of the program: how a Python started by it, however deep, comes to record itself."""

from __future__ import annotations

import os

from energyprof.launch.numpy_settings import SETTINGS
from energyprof.model.json_text import to_json
from energyprof.model.overhead_bound import MAX_OVERHEAD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RUN_DIR = "ENERGYPROF_RUN_DIR"
PACKAGE = "ENERGYPROF_PACKAGE"
INSTRUMENTS = "ENERGYPROF_INSTRUMENTS"
STACKS = "ENERGYPROF_STACKS"
DEPHASE = "ENERGYPROF_DEPHASE"
REPEAT = "ENERGYPROF_REPEAT"
SYNC = "ENERGYPROF_SYNC"
FLOW = "ENERGYPROF_FLOW"
SERIES = "ENERGYPROF_SERIES"
"""Told to `energyprof run`, not to its program: the series of runs that it is one of, and what is varied in it."""
OWN = (SERIES, RUN_DIR, PACKAGE, INSTRUMENTS, STACKS, DEPHASE, REPEAT, SYNC, FLOW, MAX_OVERHEAD)


def program_environment(  # noqa: PLR0913, PLR0917 - all that the program is told
    inherited: Mapping[str, str],
    package: str,
    run_dir: str,
    instruments: Sequence[tuple[str, str, str, str]],
    stacks: str = "off",
    cures: Mapping[str, str] = {},
) -> dict[str, str]:
    """Return the inherited environment, with ours added: our start-up folder first on PYTHONPATH, the user's behind.

    `package` is the folder of energyprof itself; an instrument is (name, framework, "module:attribute", source file);
    `stacks` says whether functions are sampled: `on`, `auto` (while stages cover less than half of the time) or `off`;
    `cures` are the values of DEPHASE, REPEAT, SYNC, FLOW and MAX_OVERHEAD as far as they are asked for.
    """
    site = os.path.join(package, "record", "site")
    users = [entry for entry in _python_path(inherited) if entry != site]
    return {
        **{name: value for name, value in inherited.items() if name not in OWN},
        # An empty PYTHONPATH is the same as none; a trailing separator would add the current folder.
        "PYTHONPATH": os.pathsep.join([site, *users]),
        RUN_DIR: run_dir,
        PACKAGE: package,
        INSTRUMENTS: to_json(instruments).decode(),
        STACKS: stacks,
        **cures,
    }


def collector_environment(inherited: Mapping[str, str], package: str) -> dict[str, str]:
    """Return the inherited environment without ours: the collector of a profiled energyprof does not record itself.

    Its numpy is settled, unless the user has said something else.
    """
    environment = {**SETTINGS, **{name: value for name, value in inherited.items() if name not in OWN}}
    site = os.path.join(package, "record", "site")
    users = _python_path(inherited)
    if site in users:
        environment["PYTHONPATH"] = os.pathsep.join(entry for entry in users if entry != site)
    return environment


def _python_path(environment: Mapping[str, str]) -> list[str]:
    value = environment.get("PYTHONPATH", "")
    return value.split(os.pathsep) if value else []
