"""Collectors that are ready: made at once, replaced by one of one's own where that fails, gone with the program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from energyprof.in_process.handle import Profile
from energyprof.in_process.session import Wish, own_environment
from energyprof.launch.detached import Detached
from energyprof.launch.ready_collectors import ReadyCollectors


@pytest.fixture
def ready() -> Iterator[ReadyCollectors]:
    made = ReadyCollectors(own_environment())
    yield made
    made.end()


def is_gone(process: Detached) -> bool:
    """Return whether it ends, which is waited for."""
    deadline_s = time.monotonic() + 20
    while process.is_alive() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return not process.is_alive()


def profiled(path: Path, ready: ReadyCollectors) -> tuple[Profile, bytes]:
    """Return a profile that has ended, and the command line of its collector."""
    run = Profile(Wish(str(path), (("load_model", ""),), ready=ready), quiet=True).start()
    assert run._session is not None
    assert run._session._collector is not None
    command = Path(f"/proc/{run._session._collector._process._pid}/cmdline").read_bytes()
    sum(range(100_000))
    return run.stop(), command


def test_each_run_has_a_recording_of_its_own(ready: ReadyCollectors, tmp_path: Path) -> None:
    found = [profiled(tmp_path / f"{name}.eprof", ready) for name in ("first", "second")]

    assert all(b"collector_forks" in command for _, command in found)
    assert all((run.energy_j or 0.0) > 0 for run, _ in found)
    assert [run.warnings for run, _ in found] == [(), ()]


def test_where_there_is_none_any_more_one_is_started(ready: ReadyCollectors, tmp_path: Path) -> None:
    os.kill(ready._process._pid, signal.SIGKILL)

    run, command = profiled(tmp_path / "run.eprof", ready)

    assert b"collector_main" in command
    assert (run.energy_j or 0.0) > 0


def test_it_ends_with_the_program_that_has_started_it(tmp_path: Path) -> None:
    code = (
        "import os\n"
        "from energyprof.in_process.session import own_environment\n"
        "from energyprof.launch.ready_collectors import ReadyCollectors\n"
        "print(ReadyCollectors(own_environment())._process._pid, flush=True)\n"
        "os._exit(0)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)

    assert is_gone(Detached(int(done.stdout)))
    assert list(tmp_path.iterdir()) == []
