"""Coroutine tasks under the real command: whose stage is whose, and who is billed for the time of the loop."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from energyprof.model.report import Report, StageRow
from energyprof.run import load

EVERYTHING = """\
import asyncio, contextlib, sys, threading
from energyprof import stage

@stage
async def fetch(number):
    with stage(f"read {number}"):
        for _ in range(3):
            await asyncio.sleep(0.001 * (number % 3))
    return number

@stage
async def pages(count):
    for number in range(count):
        await asyncio.sleep(0.001)
        yield number

async def failing():
    with stage("fails"):
        await asyncio.sleep(0.001)
        raise ValueError("no")

async def endless():
    with stage("endless"):
        await asyncio.sleep(60)

async def at_once():
    with stage("eager"):
        await asyncio.sleep(0.001)

async def crowd():
    with stage("crowd"):
        print(sum(await asyncio.gather(*(fetch(number) for number in range(20)))))

async def stream():
    async for number in pages(3):
        with stage("use"):
            await asyncio.sleep(0.001)

async def main():
    with stage("all"):
        await crowd()
        await asyncio.gather(stream(), stream())
        print(repr((await asyncio.gather(failing(), return_exceptions=True))[0]))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(endless(), 0.01)
        with stage("pool"):
            await asyncio.gather(*(asyncio.to_thread(stage("blocking")(sum), [number]) for number in range(2)))
        if sys.version_info >= (3, 11):
            async with asyncio.TaskGroup() as group:
                group.create_task(stage("grouped")(fetch)(0))
                group.create_task(stage("grouped")(fetch)(1), name="second")
    if sys.version_info >= (3, 12):
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        with stage("eagerly"):
            await asyncio.gather(at_once(), at_once())
            with stage("after"):
                pass

async def elsewhere():
    await asyncio.gather(*(fetch(number) for number in range(3)))

asyncio.run(main(), debug=len(sys.argv) > 1)
with stage("threads"):
    threads = [threading.Thread(target=lambda: asyncio.run(elsewhere())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
with stage("loop"):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(fetch(7))
    loop.close()
"""
FETCHED = {f"all/crowd/fetch/read {number}": 1 for number in range(20)}
CALLS = {
    "all": 1,
    "all/crowd": 1,
    "all/crowd/fetch": 20,
    **FETCHED,
    "all/pages": 2,
    "all/use": 6,
    "all/fails": 1,
    "all/endless": 1,
    "all/pool": 1,
    "all/pool/blocking": 2,
    "threads": 1,
    "threads/fetch": 6,
    **{f"threads/fetch/read {number}": 2 for number in range(3)},
    "loop": 1,
    "loop/fetch": 1,
    "loop/fetch/read 7": 1,
}
GROUPED = {
    "all/grouped": 2,
    "all/grouped/fetch": 2,
    "all/grouped/fetch/read 0": 1,
    "all/grouped/fetch/read 1": 1,
}
EAGER = {"eagerly": 1, "eagerly/eager": 2, "eagerly/after": 1}
SLEEPERS = """\
import asyncio, time
from energyprof import stage

async def sleeper():
    with stage("sleep"):
        await asyncio.sleep(1)

async def burner():
    with stage("burn"):
        end = time.perf_counter() + 1
        while time.perf_counter() < end:
            sum(range(20_000))
            await asyncio.sleep(0)

async def plain():
    for _ in range(300):
        sum(range(20_000))
        await asyncio.sleep(0)

async def main():
    await asyncio.gather(*(sleeper() for _ in range(50)), burner())
    with stage("all"):
        await asyncio.gather(plain(), plain())

asyncio.run(main())
"""


def report_of(place: Any) -> Report:
    (path,) = place.recordings()
    return load(path).report()


def rows_of(place: Any) -> dict[str, StageRow]:
    return {str(row.stage): row for row in report_of(place).stages}


def said_of_stages(report: Any) -> list[str]:
    """Return what is amiss with stages; that recording took a tenth of a run so short, or more, is not."""
    said = [line for line in report.warnings if "stages" in line or "spans" in line]
    return [line for line in said if not line.startswith("recording ")]


def expected_calls() -> dict[str, int]:
    grouped = GROUPED if sys.version_info >= (3, 11) else {}
    return {**CALLS, **grouped, **(EAGER if sys.version_info >= (3, 12) else {})}


@pytest.mark.parametrize("words", [[], ["in debug mode"]], ids=["plain", "debug"])
def test_every_stage_stands_where_its_task_was_created(place: Any, words: list[str]) -> None:
    place.write("job.py", EVERYTHING)

    bare = place.call([sys.executable, "job.py", *words])
    ours = place.run("-q", "--no-graph", "job.py", *words)

    assert (ours.stdout, ours.stderr, ours.returncode) == (bare.stdout, bare.stderr, 0)
    report = report_of(place)
    assert {str(row.stage): row.calls for row in report.stages} == expected_calls()
    # Two more items and the end, twice.
    assert {str(row.stage): row.resumes for row in report.stages if row.resumes} == {"all/pages": 6}
    assert said_of_stages(report) == []


def test_who_awaits_is_billed_nothing_and_who_runs_without_a_stage_bills_its_creators(place: Any) -> None:
    place.write("job.py", SLEEPERS)

    done = place.run("-q", "--no-graph", "job.py")

    rows = rows_of(place)
    energy = {name: row.self_sum.energy_j for name, row in rows.items()}
    assert (done.stderr, done.returncode) == (b"", 0)
    assert rows["sleep"].calls == 50
    assert rows["sleep"].self_wall_s < 0.1
    assert energy["sleep"] < 0.05 * energy["burn"]
    assert energy["all"] > 0.1 * energy["burn"]
    assert energy["all"] / rows["all"].wall_s > 0.3 * energy["burn"] / rows["burn"].wall_s


NESTED = """\
import asyncio, sys
from energyprof import stage

ran = []
original = asyncio.Handle._run
def counting(self):
    ran.append(1)
    return original(self)
asyncio.Handle._run = counting

def run_inside(loop, coroutine):
    # What makes loops nest: take another turn of the loop from within a step.
    outer = asyncio.tasks.current_task(loop)
    asyncio.tasks._leave_task(loop, outer)
    try:
        task = loop.create_task(coroutine)
        while not task.done():
            loop._run_once()
    finally:
        asyncio.tasks._enter_task(loop, outer)

async def inner():
    with stage("inner"):
        await asyncio.sleep(0.001)

async def main():
    with stage("outer"):
        run_inside(asyncio.get_running_loop(), inner())
        with stage("after"):
            await asyncio.sleep(0)

asyncio.run(main())
print(len(ran) > 3, asyncio.Handle._run is counting)
"""


def test_a_loop_within_a_step_and_somebody_elses_patch_are_followed(place: Any) -> None:
    place.write("job.py", NESTED)

    done = place.run("-q", "--no-graph", "job.py")

    calls = {name: row.calls for name, row in rows_of(place).items()}
    assert (done.stdout, done.stderr, done.returncode) == (b"True True\n", b"", 0)
    assert calls == {"outer": 1, "outer/inner": 1, "outer/after": 1}


FACTORIES = """\
import asyncio, sys, traceback
from energyprof import stage

class Mine(asyncio.Task):
    pass

async def work():
    with stage("work"):
        await asyncio.sleep(0.001)
    return type(asyncio.current_task()).__name__

async def main():
    asyncio.get_running_loop().set_task_factory(lambda loop, coroutine, **more: Mine(coroutine, loop=loop, **more))
    with stage("made"):
        print(await asyncio.create_task(work(), name="one"))
    with stage("by hand"):
        print(await asyncio.Task(work(), loop=asyncio.get_running_loop()))
    task = asyncio.create_task(work(), name="named")
    print(task.get_name(), task.get_coro().__name__, [frame.name for frame in task._source_traceback or ()][-2:])
    await task
    try:
        asyncio.get_running_loop().create_task(work, nonsense=1)
    except TypeError:
        if sys.version_info >= (3, 11):  # 3.10 has no way to take a frame out
            print(traceback.format_exc().count("\\n"))

asyncio.run(main(), debug=True)
asyncio.run(asyncio.sleep(0))
async def leave():
    sys.exit(7)
asyncio.run(leave())
"""


def test_factories_names_and_tracebacks_are_the_programs_own(place: Any) -> None:
    place.write("job.py", FACTORIES)

    bare = place.call([sys.executable, "job.py"])
    ours = place.run("-q", "--no-graph", "job.py")

    assert (ours.stdout, ours.stderr, ours.returncode) == (bare.stdout, bare.stderr, 7)
    assert rows_of(place)["made/work"].calls == 1


UVLOOP = """\
import asyncio

class Handle(asyncio.Handle):
    # As in uvloop, where nothing of asyncio runs a handle.
    def _run(self):
        self._context.run(self._callback, *self._args)

class Loop(asyncio.SelectorEventLoop):
    def call_soon(self, callback, *args, context=None):
        handle = Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle
"""
ON_UVLOOP = """\
import asyncio, sys, time, traceback, uvloop
from energyprof import stage

async def sleeper():
    with stage("sleep"):
        await asyncio.sleep(0.3)

async def burner():
    with stage("burn"):
        end = time.perf_counter() + 0.3
        while time.perf_counter() < end:
            sum(range(20_000))
            await asyncio.sleep(0)
        return 5

async def failing():
    with stage("fails"):
        await asyncio.sleep(0)
        raise ValueError("no")

async def main():
    with stage("all"):
        print(await asyncio.gather(burner(), *(sleeper() for _ in range(5))))
        try:
            await asyncio.create_task(failing(), name="failing")
        except ValueError:
            print(len(traceback.extract_tb(sys.exc_info()[2])))
        task = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        task.cancel()
        print(await asyncio.gather(task, return_exceptions=True), task.get_coro().__name__)

loop = uvloop.Loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(main())
loop.close()
"""


def test_tasks_of_a_loop_in_c_are_lanes_by_their_coroutines(place: Any) -> None:
    place.write("uvloop.py", UVLOOP)
    place.write("job.py", ON_UVLOOP)

    bare = place.call([sys.executable, "job.py"])
    ours = place.run("-q", "--no-graph", "job.py")

    rows = rows_of(place)
    assert (ours.stdout, ours.stderr, ours.returncode) == (bare.stdout, bare.stderr, 0)
    assert {name: row.calls for name, row in rows.items()} == {
        "all": 1,
        "all/burn": 1,
        "all/sleep": 5,
        "all/fails": 1,
    }
    assert rows["all/sleep"].self_wall_s < 0.1 < rows["all/burn"].self_wall_s


WITHIN = """\
import asyncio
import energyprof
from energyprof import stage

before = asyncio.Handle._run, asyncio.BaseEventLoop.create_task

async def work():
    with stage("work"):
        await asyncio.sleep(0.001)

async def main():
    with energyprof.profile(output="job.eprof"):
        with stage("outer"):
            await asyncio.gather(work(), work())
        with stage("second"):
            await asyncio.sleep(0.001)
    with stage("after"):
        await work()

asyncio.run(main())
print((asyncio.Handle._run, asyncio.BaseEventLoop.create_task) == before)
"""


def test_profiling_may_begin_and_end_within_a_coroutine(place: Any) -> None:
    place.write("job.py", WITHIN)

    done = place.call([sys.executable, "job.py"])

    report = report_of(place)
    assert (done.stdout, done.returncode) == (b"True\n", 0)
    assert {str(row.stage): row.calls for row in report.stages} == {"outer": 1, "outer/work": 2, "second": 1}
    assert said_of_stages(report) == []
