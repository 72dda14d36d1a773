"""What is known of a run from its start: the command, the moment, and the machine."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Mapping
from typing import Any

from energyprof.launch.processor import cpu_model
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
