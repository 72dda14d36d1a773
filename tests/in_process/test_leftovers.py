"""What a profile leaves behind in the program, and what the program can see of it meanwhile: nothing that matters."""

from __future__ import annotations

from typing import Any


def test_fifty_runs_leave_nothing_behind(programs: Any) -> None:
    """The recorder alone: a collector for each would take the test a minute."""
    outcome = programs.run("""
import asyncio, asyncio.base_events, concurrent.futures.thread, gc, threading, resource
from energyprof import bootstrap
from energyprof.record.stage import Stage
from energyprof.in_process.session import Session

def patched():
    doors = Stage.__mro__[1]
    return [threading.Thread.start, asyncio.Handle._run, asyncio.base_events.BaseEventLoop.create_task,
            concurrent.futures.thread._WorkItem.run, doors.__enter__, doors.__exit__, list(sys.meta_path),
            dict(os.environ)]

def descriptors():
    return sorted(os.listdir("/proc/self/fd"))

def threads():
    return len(os.listdir("/proc/self/task"))

def cycle(number):
    os.makedirs(f"run{number}/spool")
    os.makedirs(f"run{number}/stacks")
    bootstrap.begin(os.path.abspath(f"run{number}"), "")
    with stage("work"):
        thread = threading.Thread(target=lambda: stage("thread").__enter__())
        thread.start()
        thread.join()
        asyncio.run(asyncio.sleep(0))
    changed = patched()
    bootstrap.stop()
    os.environ.pop("ENERGYPROF_PARENT_SPOOL")
    return changed

async def held():
    with energyprof.profile("held.eprof") as run:
        with stage("in a loop"):
            await asyncio.sleep(0.02)
    return run

before = patched(), descriptors(), threads()
run = asyncio.run(held())
tell(whole=(patched(), descriptors(), threads()) == before)
changed = cycle(0)
tell(patches=[ours is not theirs for ours, theirs in zip(changed[:6], before[0])])
del changed  # it holds the finders of sys.meta_path, ours too
objects = None
for number in range(1, 51):
    cycle(number)
    if number == 10:
        gc.collect()
        objects = len(gc.get_objects())
gc.collect()
tell(same=(patched(), descriptors(), threads()) == before, grown=len(gc.get_objects()) - objects)
tell(alive=sum(isinstance(it, (bootstrap.Recording, Session)) for it in gc.get_objects()))
""")

    facts = outcome.facts
    assert facts["whole"]
    assert facts["patches"] == [True] * 6
    assert facts["same"]
    assert facts["grown"] < 100  # two a cycle would be 80
    assert facts["alive"] == 1  # the one run that `run` holds


def test_the_collector_is_no_child_and_no_open_file_of_the_program(programs: Any) -> None:
    outcome = programs.run("""
import signal
started = set(os.listdir("/proc/self/fd"))
reader, writer = os.pipe()
os.set_inheritable(writer, True)
with energyprof.profile() as run:
    try:
        tell(child=os.waitpid(-1, os.WNOHANG))
    except ChildProcessError:
        tell(child=None)
    os.close(writer)
    tell(read=os.read(reader, 1).decode())  # nobody else holds the other end
    os.close(reader)
    tell(opened=sorted(set(os.listdir("/proc/self/fd")) - started))
    os.closerange(3, 1000)
    with open("own.txt", "w") as own:
        run.report()
    with stage("after"):
        time.sleep(0.02)
tell(own=open("own.txt").read(), spans=spans_of(run), loaded=[name for name in ("numpy",) if name in sys.modules])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
with energyprof.profile() as run, stage("reaped"):
    time.sleep(0.02)
tell(reaped=spans_of(run), warnings=run.warnings)
""")

    facts = outcome.facts
    assert facts["child"] is None
    assert facts["read"] == ""
    assert facts["opened"] == []
    assert facts["own"] == ""
    assert facts["spans"] == ["after"]
    assert facts["reaped"] == ["reaped"]
    assert facts["warnings"] == []


def test_a_program_that_adopts_orphans_is_left_without_a_zombie(programs: Any) -> None:
    """As the first process of a container does, and whoever sets PR_SET_CHILD_SUBREAPER (prctl(2), number 36)."""
    outcome = programs.run("""
import ctypes
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0
for number in range(2):
    with energyprof.profile() as run, stage("work"):
        time.sleep(0.02)
    try:
        tell(child=os.waitpid(-1, os.WNOHANG))
    except ChildProcessError:
        tell(child=None)
    tell(pids=len(set(trace_of(run).cpu.pid.tolist())), spans=spans_of(run))
""")

    assert outcome.facts == {"child": None, "pids": 1, "spans": ["work"]}


def test_the_program_loads_nothing_heavy_before_it_asks_for_figures(programs: Any) -> None:
    outcome = programs.run("""
first = set(sys.modules)
energyprof.profile
with energyprof.profile() as run:
    with stage("work"):
        pass
tell(foreign=sorted({name.partition(".")[0] for name in set(sys.modules) - first} - set(sys.stdlib_module_names)))
""")

    assert set(outcome.facts["foreign"]) <= {"energyprof", "energyprof_plugins"}


def test_the_collector_reads_its_own_library_first(programs: Any) -> None:
    """A file beside the script may bear the name of any module that the program itself does not use."""
    for name in ("sqlite3", "statistics", "numpy"):
        programs.place.write(f"{name}.py", "raise RuntimeError('not me')\n")

    outcome = programs.run("""
with energyprof.profile() as run, stage("work"):
    time.sleep(0.02)
tell(warnings=run.warnings, size=os.path.getsize(run.path))
""")

    assert outcome.facts["warnings"] == []
    assert outcome.facts["size"] > 0
    assert outcome.stderr == ""
