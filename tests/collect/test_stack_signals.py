"""The rounds of signals: nobody who has shut its gate meets one that was already decided on."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from energyprof.collect.stack_signals import StackSignals


def is_locked(folder: Path) -> bool:
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(opened)
    return False


@pytest.fixture
def gates(tmp_path: Path) -> Path:
    (tmp_path / "7-1").touch()
    (tmp_path / "8-1").touch()
    return tmp_path


def test_a_round_can_be_waited_for(gates: Path) -> None:
    during: list[bool] = []
    signals = StackSignals(gates, lambda _pid: during.append(is_locked(gates)), lambda _pid: (1, 1))

    signals.tick()

    assert during == [True, True]
    assert not is_locked(gates)


def test_no_round_begins_while_somebody_shuts_its_gate(gates: Path) -> None:
    sent: list[int] = []
    signals = StackSignals(gates, sent.append, lambda _pid: (1, 1))
    shutting = os.open(gates, os.O_RDONLY)

    fcntl.flock(shutting, fcntl.LOCK_SH)
    signals.tick()
    meanwhile = list(sent)
    os.close(shutting)
    signals.tick()

    assert meanwhile == []
    assert sent == [7, 8]
