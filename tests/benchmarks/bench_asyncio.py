"""What lanes of coroutine tasks and work items cost the program, each compared with the same loop unmarked, in turns.

Figures are in pairs of bare `perf_counter_ns` calls, measured in the same turns: machines differ, and so does one from
minute to minute. A pair takes 75 ns on a quiet server core, where 9.3 of them are the 0.7 us that a task step may cost;
that figure is there in microseconds too.
Run by itself (`python tests/benchmarks/bench_asyncio.py`) or with the others by `make bench`.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter_ns as now_ns
from typing import Protocol

from energyprof.record import lanes
from energyprof.record.tasks import TaskLanes
from energyprof.record.work_items import WorkItems

ROUNDS = 400
TASKS = 5
STEPS = 40
ITEMS = 20
PAIRS = 1_000
"""Rounds are short and many: the quickest is one that nobody else on the machine has disturbed."""

Row = tuple[str, float, str, float]


class Marks(Protocol):
    """What can be put on and taken off."""

    def install(self) -> None: ...
    def remove(self) -> None: ...


def rows() -> list[Row]:
    """Return (what, figure, unit, upper bound) of everything measured here."""
    loop = asyncio.new_event_loop()
    try:
        steps_ns, pair_ns = _added_ns(TaskLanes(), lambda: loop.run_until_complete(_stepping()))
        step_ns = steps_ns / (TASKS * (STEPS + 1))
        made = _added(TaskLanes(), lambda: loop.run_until_complete(_making())) / (TASKS * STEPS)
    finally:
        loop.close()
    with ThreadPoolExecutor(1) as pool:
        # One worker that takes one item after the other: what both threads do adds up.
        item = _added(WorkItems(), lambda: _submit(pool)) / ITEMS
    return [
        ("asyncio task step, added", step_ns * 1e-3, "us", 0.7),
        ("asyncio task step, added", step_ns / pair_ns, "x clock pair", 9.3),
        ("asyncio task created and run once, added", made, "x clock pair", 60.0),
        ("work item of a thread pool, added", item, "x clock pair", 80.0),
    ]


async def _stepping() -> None:
    async def work() -> None:
        for _ in range(STEPS):
            await asyncio.sleep(0)

    for task in [asyncio.ensure_future(work()) for _ in range(TASKS)]:
        await task


async def _making() -> None:
    async def work() -> None:
        pass

    for task in [asyncio.ensure_future(work()) for _ in range(TASKS * STEPS)]:
        await task


def _submit(pool: ThreadPoolExecutor) -> None:
    for future in [pool.submit(int) for _ in range(ITEMS)]:
        future.result()


def _clock_pairs() -> None:
    for _ in range(PAIRS):
        now_ns()
        now_ns()


def _added_ns(marks: Marks, run: Callable[[], object]) -> tuple[float, float]:
    """Return by how much the quickest run with `marks` is slower than the quickest without, and what a pair takes."""
    run()
    bare, marked, pairs = [], [], []
    gc.disable()
    for _ in range(ROUNDS):
        pairs.append(_took_ns(_clock_pairs))
        bare.append(_took_ns(run))
        marks.install()
        try:
            marked.append(_took_ns(run))
        finally:
            marks.remove()
    gc.enable()
    return min(marked) - min(bare), min(pairs) / PAIRS


def _added(marks: Marks, run: Callable[[], object]) -> float:
    """Return the same in clock pairs."""
    added_ns, pair_ns = _added_ns(marks, run)
    return added_ns / pair_ns


def _took_ns(run: Callable[[], object]) -> int:
    begun_ns = now_ns()
    run()
    took_ns = now_ns() - begun_ns
    for lane in lanes.lanes:
        lane.buffer.clear()
    lanes.guests.clear()
    return took_ns


def main() -> int:
    """Print the table; return 1 if a bound is missed."""
    missed = 0
    for what, figure, unit, bound in rows():
        is_kept = figure <= bound
        missed += not is_kept
        print(f"{what:40} {figure:10.2f} {unit:14} <= {bound:g}{'' if is_kept else '  MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
