"""Collectors that behave as they are told to; `Collector` starts this module as `stand_ins`, the file says how."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main() -> None:
    """Read the configuration and follow its `behaviour`."""
    config = json.loads(sys.stdin.readline())
    Path(config["output"]).write_text(json.dumps({**config, "group": os.getpgrp() == os.getpid()}))
    BEHAVIOURS[config["command"][-1]]()


def tell(event: str, **details: object) -> None:
    print(json.dumps({"event": event, **details}), flush=True)


def good() -> None:
    print("a start-up hook prints this", flush=True)
    tell("ready", lead_out_s=0.0)
    tell("live", elapsed_s=0.1, power_w=5.0, energy_j=0.5, stage="a")
    end = json.loads(sys.stdin.readline())
    tell("done", path="x", warnings=[f"{end['op']} {end['exit_code']} {end['cpu_ns']}"])
    time.sleep(60)


def hang() -> None:
    tell("ready", lead_out_s=1.2)
    time.sleep(60)


def slow() -> None:
    tell("ready", lead_out_s=0.0)
    sys.stdin.readline()
    for _ in range(6):
        time.sleep(0.5)
        tell("working")
    tell("done", path="x", warnings=[])


def die() -> None:
    print("first line\nRuntimeError: boom", file=sys.stderr)


def refuse() -> None:
    tell("failed", message="the disk is full")


BEHAVIOURS = {"good": good, "hang": hang, "slow": slow, "die": die, "refuse": refuse}
