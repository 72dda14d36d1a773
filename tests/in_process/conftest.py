"""Programs that profile themselves, run as a user runs them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _command_line() -> ModuleType:
    """Return `tests/cli/conftest.py`: a place to work in, whose leftovers show."""
    spec = importlib.util.spec_from_file_location("cli_conftest", Path(__file__).parent.parent / "cli" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_cli = _command_line()
cache = _cli.cache
place = _cli.place

PRELUDE = """\
import json, os, sys, threading, time
import energyprof
from energyprof import stage

def tell(**facts):
    print(json.dumps(facts), flush=True)

def burn(cpu_s):
    end_s = time.thread_time() + cpu_s
    while time.thread_time() < end_s:
        pass

def trace_of(run):
    from energyprof.capture import read_trace
    return read_trace(run.path)

def spans_of(run):
    trace = trace_of(run)
    return sorted(trace.stages[index].id for index in trace.spans.stage)
"""


@dataclass
class Outcome:
    """How a program ended and what it told."""

    returncode: int
    facts: dict[str, Any]
    stderr: str


class Programs:
    """Runs Python programs with PRELUDE in front; what they `tell(name=value)` comes back as facts."""

    def __init__(self, place: Any) -> None:
        self.place = place

    def command(self, text: str, *flags: str, name: str = "job.py") -> list[str]:
        """Write the program and return its command line."""
        return [sys.executable, *flags, str(self.place.write(name, PRELUDE + text))]

    def run(self, text: str, *flags: str, **more: Any) -> Outcome:
        """Run one to its end; it must leave nothing behind, neither files nor processes."""
        done = self.place.call(self.command(text, *flags), **more)
        outcome = self.outcome(done)
        self.nothing_is_left()
        return outcome

    @staticmethod
    def outcome(done: subprocess.CompletedProcess[bytes]) -> Outcome:
        """Return what a program told."""
        facts: dict[str, Any] = {}
        for line in done.stdout.splitlines():
            facts.update(json.loads(line))
        return Outcome(done.returncode, facts, done.stderr.decode())

    def nothing_is_left(self, but: Callable[[str], bool] = lambda _name: False) -> None:
        """Wait until the last process has gone; fails if one stays, or a temporary file."""
        self.until(lambda: not self.place.members() and all(map(but, self.place.leftovers())))

    def until(self, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
        """Wait for something to come true; fails if it does not."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline_s, (self.place.members(), self.place.leftovers())
            time.sleep(0.02)


@pytest.fixture
def programs(place: Any) -> Programs:
    return Programs(place)


@pytest.fixture(scope="module")
def shared_programs(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Programs]:
    """For one program whose outcome several tests look at: to import torch takes longer than they do."""
    place = _cli.Workplace(tmp_path_factory.mktemp("shared"), cache, tmp_path_factory.mktemp("t"))
    yield Programs(place)
    place.end()
