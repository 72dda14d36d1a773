"""The collector's memory and file on a day of tasks, threads and children that are born and die, simulated at speed."""

from __future__ import annotations

import gc
import importlib.util
import sys
import tracemalloc
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from energyprof.attribute.fit import attribute
from energyprof.capture.reader import read_trace

pytestmark = pytest.mark.slow

LIMIT = 512 << 10
STEPS = 520
QUARTER = STEPS // 4
LOOK_EVERY = 10
"""Steps from one look at the memory to the next."""


def held_by_us() -> int:
    """Return the bytes that our own code has allocated and not let go."""
    gc.collect()
    ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/energyprof/*")])
    return sum(trace.size for trace in ours.traces)


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "bench_long_run.py"
    spec = importlib.util.spec_from_file_location("bench_long_run", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_long_day_keeps_memory_flat_the_file_small_and_every_count(bench: ModuleType, tmp_path: Path) -> None:
    day = bench.Day(tmp_path, LIMIT)
    traced, sizes = [], []

    for step in range(STEPS):
        if step == 2 * QUARTER:  # tracing costs most of the time, and what is compared comes later
            tracemalloc.start()
        day.step()
        sizes.append(day.writer.path.stat().st_size)
        if tracemalloc.is_tracing() and step % LOOK_EVERY == 0:
            traced.append(held_by_us())
    tracemalloc.stop()
    path = day.finish()

    # What waits for the disk, and what is thinned once it is too much, comes and goes: the most of a quarter counts.
    half = len(traced) // 2
    third, fourth = max(traced[:half]), max(traced[half:])
    assert fourth < 1.1 * third
    assert max(*sizes, path.stat().st_size) <= LIMIT
    trace = read_trace(path)
    found = attribute(trace)
    calls: Counter[str] = Counter()
    for row, stage in enumerate(trace.stages):
        calls[stage.name] += int(found.times.calls[row])
    tasks = STEPS * bench.TASKS_PER_STEP
    # A task, a thread and a child process per step, all of them in the stage `task`. Of children beyond the limit
    # those are at the root whose parent told of them after they had ended.
    assert calls == {"serve": STEPS, "task": tasks + 2 * STEPS, "read": tasks * bench.SPANS_PER_TASK}
    assert trace.recorder.spans == day.spans
    assert found.domains[0].ledger.difference_j() == pytest.approx(0, abs=1e-6)
    assert len(trace.lanes) < 4 * LIMIT // 4096


def test_a_small_bound_holds_when_there_are_no_more_bursts(bench: ModuleType, tmp_path: Path) -> None:
    limit = 256 << 10
    day = bench.Day(tmp_path, limit)

    sizes = []
    for _ in range(390):
        day.step()
        sizes.append(day.writer.path.stat().st_size)

    assert max(*sizes, day.finish().stat().st_size) <= limit
