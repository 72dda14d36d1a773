"""Threads are looked at aside while the main thread waits, for as long as the collector wants samples."""

from __future__ import annotations

import gc
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from energyprof.record.stacks import StackSampler


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Any]:
    """What a sampler needs of a recorder, while a second thread waits."""
    (tmp_path / "stacks").mkdir()
    over = threading.Event()
    waiting = threading.Thread(target=over.wait)
    waiting.start()
    on_fork: list[Callable[[], None]] = []
    yield SimpleNamespace(run_dir=str(tmp_path), spool_id="7-1", wake=lambda: None, on_fork=on_fork)
    over.set()
    waiting.join()


def test_nobody_is_looked_at_any_more_once_the_gate_is_gone(recorder: Any) -> None:
    sampler = StackSampler(recorder, asked_for=True)
    sampler.start()

    wanted, seen = recorder.look_aside(), len(sampler.rows)
    os.unlink(os.path.join(recorder.run_dir, "stacks", "7-1"))
    still_wanted = recorder.look_aside()
    sampler.stop()

    assert (wanted, still_wanted) == (True, False)
    assert seen == len(sampler.rows) > 1


class Held:
    """Stands for what a function of the program holds, such as an executor with its semaphores."""


def test_what_a_function_holds_is_free_when_it_returns_though_the_gate_went_meanwhile(recorder: Any) -> None:
    sampler = StackSampler(recorder, asked_for=True)
    sampler.start()

    def work() -> weakref.ref[Held]:
        held = Held()
        os.unlink(os.path.join(recorder.run_dir, "stacks", "7-1"))
        signal.raise_signal(signal.SIGURG)
        return weakref.ref(held)

    gc.disable()
    try:
        left = work()
        is_sampling = signal.getsignal(signal.SIGURG) is not signal.SIG_DFL
        still_there = left()
    finally:
        gc.enable()
        sampler.stop()

    assert not is_sampling
    assert still_there is None
