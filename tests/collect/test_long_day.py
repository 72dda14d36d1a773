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

LIMIT = 256 << 10
STEPS = 392
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


class LongDay:
    """A day that has gone by: what we held in its second half, the sizes of its file, and the file."""

    def __init__(self, bench: ModuleType, folder: Path) -> None:
        self.simulated = bench.Day(folder, LIMIT)
        self.held: list[int] = []
        self.sizes: list[int] = []
        for step in range(STEPS):
            if step == 2 * QUARTER:  # tracing costs most of the time, and what is compared comes later
                tracemalloc.start()
            self.simulated.step()
            self.sizes.append(self.simulated.writer.path.stat().st_size)
            if tracemalloc.is_tracing() and step % LOOK_EVERY == 0:
                self.held.append(held_by_us())
        tracemalloc.stop()
        self.path = self.simulated.finish()


@pytest.fixture(scope="module")
def day(bench: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> LongDay:
    return LongDay(bench, tmp_path_factory.mktemp("day"))


def test_a_long_day_keeps_memory_flat_the_file_small_and_every_count(bench: ModuleType, day: LongDay) -> None:
    # What waits for the disk, and what is thinned once it is too much, comes and goes: the most of a quarter counts.
    half = len(day.held) // 2
    third, fourth = max(day.held[:half]), max(day.held[half:])
    assert fourth < 1.1 * third
    assert max(*day.sizes, day.path.stat().st_size) <= LIMIT
    trace = read_trace(day.path)
    found = attribute(trace)
    calls: Counter[str] = Counter()
    for row, stage in enumerate(trace.stages):
        calls[stage.name] += int(found.times.calls[row])
    tasks = STEPS * bench.TASKS_PER_STEP
    # A task, a thread and a child process per step, all of them in the stage `task`. Of children beyond the limit
    # those are at the root whose parent told of them after they had ended.
    assert calls == {"serve": STEPS, "task": tasks + 2 * STEPS, "read": tasks * bench.SPANS_PER_TASK}
    assert trace.recorder.spans == day.simulated.spans
    assert found.domains[0].ledger.difference_j() == pytest.approx(0, abs=1e-6)
    assert len(trace.lanes) < 4 * LIMIT // 4096


def test_a_small_bound_holds_when_there_are_no_more_bursts(day: LongDay) -> None:
    assert max(*day.sizes, day.path.stat().st_size) <= LIMIT
