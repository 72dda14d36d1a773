"""What is known of a run from its start: the command, the moment, and the machine."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from energyprof.launch.processor import cpu_model
from energyprof.launch.run_notes import program_of
from energyprof.model.program import ProgramFacts
from energyprof.model.trace import RunFacts


def run_facts(config: Mapping[str, Any], version: str, now_ns: int) -> RunFacts:
    """Return the facts of the run that `config` (the collector's) describes, last seen at `now_ns`, end unknown."""
    versions = {"energyprof": version, "python": platform.python_version(), "platform": platform.platform()}
    model = cpu_model()
    return RunFacts(
        command=tuple(config["command"]),
        start_unix_ns=int(config["start_unix_ns"]),
        start_ns=int(config["start_ns"]),
        end_ns=now_ns,
        exit_code=None,
        host=socket.gethostname(),
        cpu_count=os.cpu_count() or 1,
        shared=bool(config.get("shared")),
        lead_in_s=float(config.get("lead_in_s", 0.0)),
        versions={**versions, "cpu": model} if model else versions,
    )


def at_its_end(facts: RunFacts, ending: Mapping[str, Any], run_dir: str) -> RunFacts:
    """Return the facts of a run that has ended so (t_ns, exit_code), with those of its program."""
    known = with_program(facts, run_dir)
    return replace(known, end_ns=int(ending["t_ns"]), exit_code=ending["exit_code"])


def with_program(facts: RunFacts, run_dir: str) -> RunFacts:
    """Return the facts of a run with what was written down of its program; as they are where nothing was."""
    noted = program_of(run_dir) or {}
    versions = {str(name): str(version) for name, version in noted.get("versions", {}).items()}
    program = None
    if noted.get("files"):
        files = tuple((str(name), str(digest)) for name, digest in noted["files"])
        program = ProgramFacts(files, noted["scope"], noted.get("commit", ""), noted.get("is_committed"))
    return replace(facts, versions={**facts.versions, **versions}, program=program)
