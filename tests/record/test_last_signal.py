"""Waiting for the collector's round to end: as long as it lasts, and no longer than is bearable."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from energyprof.record.last_signal import await_last_signal


def test_a_round_that_goes_on_is_waited_for_until_it_ends(tmp_path: Path) -> None:
    going_on = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(going_on, fcntl.LOCK_EX)
    waiting = threading.Thread(target=await_last_signal, args=(str(tmp_path),))

    waiting.start()
    waiting.join(0.05)
    has_waited = waiting.is_alive()
    os.close(going_on)
    waiting.join(20)

    assert has_waited
    assert not waiting.is_alive()


def test_a_round_that_never_ends_is_given_up(tmp_path: Path) -> None:
    stopped = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(stopped, fcntl.LOCK_EX)

    await_last_signal(str(tmp_path))

    other = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(BlockingIOError):  # the round goes on
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.close(other)
    os.close(stopped)


def test_a_run_that_is_over_is_not_waited_for(tmp_path: Path) -> None:
    await_last_signal(str(tmp_path / "gone"))

    assert list(tmp_path.iterdir()) == []
