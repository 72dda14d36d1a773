"""The collector's end of the pipes, and its hold on the program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from energyprof.launch.control import LOST, Control
from energyprof.launch.root_process import RootProcess

Pipes = tuple[Control, int, int]


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    """A Control, the descriptor to write to it, and the one to read what it tells."""
    reader, to_it = os.pipe()
    from_it, writer = os.pipe()
    yield Control(reader, writer), to_it, from_it
    for descriptor in (reader, writer, from_it, to_it):
        try:
            os.close(descriptor)
        except OSError:
            continue


def test_messages_come_one_by_one_however_they_were_cut(pipes: Pipes) -> None:
    control, to_it, _ = pipes
    os.write(to_it, b'{"op": "a"}\n{"op": "b"}\n{"op"')

    first, second, third = control.wait(1.0), control.wait(1.0), control.wait(0.0)
    os.write(to_it, b': "c"}\n')

    assert (first, second, third) == ({"op": "a"}, {"op": "b"}, None)
    assert control.wait(1.0) == {"op": "c"}


def test_a_foreground_that_hangs_up_is_lost_and_telling_it_is_no_error(pipes: Pipes) -> None:
    control, to_it, from_it = pipes
    os.close(to_it)
    os.close(from_it)

    control.tell("ready")

    assert control.wait(None) == {"op": LOST}


def test_events_are_lines(pipes: Pipes) -> None:
    control, _, from_it = pipes

    control.tell("live", stage="Übung\udc80\n", power_w=None)

    line = os.read(from_it, 1000)
    assert line.endswith(b"}\n")
    assert json.loads(line) == {"event": "live", "stage": "Übung\udc80\n", "power_w": None}


@pytest.mark.parametrize("has_pidfd", [True, False])
def test_the_program_is_asked_to_end_and_waited_for(has_pidfd: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_pidfd:
        monkeypatch.delattr(os, "pidfd_open")
    code = "import time; print(flush=True); time.sleep(60)"
    # Not our child, as it is not the collector's: a parent between us reaps it.
    start = f"import subprocess, sys; program = subprocess.Popen([sys.executable, '-c', {code!r}])"
    parent = subprocess.Popen(
        [sys.executable, "-c", f"{start}; print(program.pid, flush=True); print(program.wait())"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = next(int(line) for line in parent.stdout if line.strip())

    RootProcess(pid).terminate(10.0)

    assert str(-signal.SIGTERM) in parent.communicate(timeout=10)[0].split()
    RootProcess(pid).terminate(10.0)  # gone: nothing to do, nothing to wait for
