"""Loops that ask queues, futures and locks again and again, beside one that gets something whenever it asks."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import queue, threading
from concurrent.futures import Future

def receive(items):
    while True:
        {receive}
        if item is None:
            return

def wait(future):
    {wait}

def enter(lock):
    {enter}

def drain(items):
    total = 0
    while True:
        try:
            item = items.get_nowait()
        except queue.Empty:
            continue
        if item is None:
            return total
        total += item

def take(items, stopped):
    total = 0
    while not stopped.is_set():
        try:
            item = items.get_nowait()
        except queue.Empty:
            pass
        else:
            total += item
            if not items.qsize():
                stopped.set()
    return total

items, future, lock, full = queue.Queue(), Future(), threading.Lock(), queue.Queue()
with energyprof.stage("receive"):
    threading.Timer(1.0, items.put, (None,)).start()
    receive(items)
with energyprof.stage("wait"):
    threading.Timer(1.0, future.set_result, (None,)).start()
    wait(future)
lock.acquire()
with energyprof.stage("enter"):
    threading.Timer(1.0, lock.release).start()
    enter(lock)
for number in [*range(400_000), None]:
    full.put(number)
with energyprof.stage("drain"):
    drain(full)
simple = queue.SimpleQueue()
for number in range(3_000_000):
    simple.put(1)
with energyprof.stage("take"):
    take(simple, threading.Event())
"""
POLLING = PROGRAM.format(
    receive="try:\n            item = items.get_nowait()\n        except queue.Empty:\n            continue",
    wait="while not future.done():\n        pass",
    enter="while not lock.acquire(blocking=False):\n        pass",
)
WOKEN = PROGRAM.format(receive="item = items.get()", wait="future.result()", enter="lock.acquire()")


def test_polling_queues_futures_and_locks_is_found_and_its_saving_comes_true(
    profiled: Any, found: Any, saved_j: Any
) -> None:
    faulty, mended = profiled(POLLING, "--stacks"), profiled(WOKEN, "--stacks")

    by_stage = {finding["offenders"][0]: finding for finding in found(faulty, "busy_waiting")}
    assert set(by_stage) == {"receive", "wait", "enter"}
    for stage, finding in by_stage.items():
        assert finding["fault"] == f"{stage} waits by asking again and again"
        least_j, most_j = finding["saving_j"]
        margin_j = 0.2 * finding["now_j"]
        assert 0 < least_j <= most_j
        assert least_j - margin_j < saved_j(faulty, mended, stage) < most_j + margin_j
    assert found(mended, "busy_waiting") == []
