"""However a block, its program or its collector ends: the exception is the program's, the recording whole, or said."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from energyprof.capture import read_trace
from energyprof.run import load

WORKS = """
print(os.getpid(), flush=True)
run = energyprof.profile("a.eprof").start()
with stage("work"):
    time.sleep(0.3)
with stage("last"):
    {ending}
"""


def test_an_exception_goes_its_way_and_is_noted(programs: Any) -> None:
    outcome = programs.run("""
import traceback
fault = ValueError("mine")
try:
    with energyprof.profile() as run:
        with stage("work"):
            raise fault
except ValueError as error:
    frames = len(traceback.extract_tb(error.__traceback__))
    tell(same=error is fault, context=error.__context__ is None, frames=frames)
trace = trace_of(run)
tell(exit_code=trace.run.exit_code, warnings=trace.warnings, spans=spans_of(run))
with energyprof.profile("exits.eprof"), stage("work"):
    sys.exit(3)
""")

    assert outcome.facts == {
        "same": True,
        "context": True,
        "frames": 1,
        "exit_code": None,
        "warnings": ["the profiled block was left by ValueError"],
        "spans": ["work"],
    }
    assert (outcome.returncode, outcome.stderr) == (3, "")
    assert read_trace(programs.place.folder / "exits.eprof").run.exit_code == 3


def test_ctrl_c_in_a_block_ends_it_as_an_exception(programs: Any) -> None:
    words = programs.command("""
with energyprof.profile("a.eprof") as run:
    with stage("work"):
        print("ready", flush=True)
        for _ in range(6000):
            time.sleep(0.01)  # Python sleeps through a signal that comes just before: it notes it and waits first
""")
    process = programs.place.start(words)
    assert process.stdout.readline() == b"ready\n"

    os.killpg(process.pid, signal.SIGINT)

    _, stderr = process.communicate(timeout=20)
    programs.nothing_is_left()
    trace = read_trace(programs.place.folder / "a.eprof")
    assert process.returncode == -signal.SIGINT
    assert stderr.splitlines()[-1] == b"KeyboardInterrupt"
    assert trace.warnings == ("the profiled block was left by KeyboardInterrupt",)
    assert [trace.stages[index].id for index in trace.spans.stage] == ["work"]


@pytest.mark.parametrize(
    ("ending", "returncode", "said"),
    [
        ("time.sleep(0.3); os._exit(5)", 5, ()),
        ("time.sleep(0.3); os.kill(os.getpid(), 9)", -9, ()),
        ("pass", 0, ("the profile was still running when the program ended",)),
    ],
    ids=["os._exit", "SIGKILL", "end of the script"],
)
def test_a_program_that_ends_inside_leaves_a_whole_recording(
    programs: Any, ending: str, returncode: int, said: tuple[str, ...]
) -> None:
    done = programs.place.call(programs.command(WORKS.format(ending=ending)))

    programs.nothing_is_left()
    run = load(programs.place.folder / "a.eprof")
    assert (done.returncode, done.stderr) == (returncode, b"")
    assert {row.stage for row in run.report().stages} == {"work", "last"}
    assert run.trace.warnings == said
    assert run.report().measured.energy_j


def test_a_collector_that_is_killed_costs_one_warning_and_loses_nothing(programs: Any) -> None:
    words = programs.command("""
import signal
run = energyprof.profile("a.eprof").start()
with stage("before"):
    time.sleep(0.1)
tell(so_far=[row["stage"] for row in run.stages()])
(folder,) = os.listdir(os.environ["TMPDIR"])
os.kill(int(open(f"{os.environ['TMPDIR']}/{folder}/collector.pid").read()), signal.SIGKILL)
with stage("after"):
    time.sleep(0.1)
tell(stale=[row["stage"] for row in run.stages()])
run.stop()
tell(warnings=run.warnings, report=run.report().warnings)
""")

    done = programs.place.call(words)

    facts = programs.outcome(done).facts
    (folder,) = programs.place.leftovers()
    remedy = f"energyprof recover {programs.place.temporary / folder}"
    said = f"the recording is not complete: the collector ended early; complete it with: {remedy}"
    assert done.returncode == 0
    assert facts["so_far"] == facts["stale"] == ["before"]
    assert facts["warnings"] == [said]
    assert done.stderr.decode().count("EnergyprofWarning") == 1
    assert f"EnergyprofWarning: {said}\n  run.stop()" in done.stderr.decode()
    assert any(line.startswith("the recording was not finished") for line in facts["report"])
    recovered = programs.place.call(programs.place.command(*remedy.split()[1:]))
    assert recovered.returncode == 0, recovered.stderr
    programs.nothing_is_left()
    assert [stage.id for stage in read_trace(programs.place.folder / "a.eprof").stages] == ["before", "after"]


def test_a_collector_that_takes_long_to_load_is_waited_for(programs: Any) -> None:
    """A busy machine or a slow disk, played by a start-up hook: a block may end before it has loaded numpy."""
    hooks = programs.place.folder / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text("""
import sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy" and "energyprof.collector_main" in sys.modules:
            sys.meta_path.remove(self)
            time.sleep(4)
sys.meta_path.insert(0, Slow())
""")

    outcome = programs.run(
        """
with energyprof.profile() as run, stage("short"):
    pass
tell(warnings=run.warnings, spans=spans_of(run))
""",
        environment={"PYTHONPATH": str(hooks)},
    )

    assert outcome.facts == {"warnings": [], "spans": ["short"]}


def test_a_folder_that_cannot_be_written_is_a_warning_and_the_run_is_kept_elsewhere(programs: Any) -> None:
    gone = programs.place.folder / "gone"
    gone.mkdir()

    done = programs.place.call(
        programs.command("""
os.chdir("gone")
os.rmdir(os.getcwd())
with energyprof.profile(quiet=True) as quiet:
    pass
with energyprof.profile() as run:
    with stage("work"):
        time.sleep(0.01)
tell(path=str(run.path), warnings=run.warnings, quiet=quiet.warnings, spans=spans_of(run))
""")
    )

    facts = programs.outcome(done).facts
    elsewhere = str(programs.place.temporary)
    (said,) = facts["warnings"]
    assert Path(facts["path"]).parent == programs.place.temporary
    assert said.endswith(f": the run is kept in {elsewhere}")
    assert facts["quiet"] == [said]
    assert done.stderr.decode().count("EnergyprofWarning") == 1
    assert f"EnergyprofWarning: {said}\n  with energyprof.profile() as run:" in done.stderr.decode()
    assert facts["spans"] == ["work"]


def test_a_machine_that_refuses_leaves_the_program_unharmed(programs: Any) -> None:
    outcome = programs.run(
        """
import resource, warnings
warnings.simplefilter("error")
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
energyprof.profile  # loaded while there are descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
here = energyprof.profile(quiet=True)
with here as run:
    with stage("work"):
        pass
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
try:
    run.report()
except energyprof.errors.EnergyprofError as error:
    tell(report=str(error))
tell(warnings=run.warnings, path=run.path, left=sorted(name for name in os.environ if "ENERGYPROF" in name))
with here, stage("again"):
    pass
tell(spans=spans_of(here))
"""
    )

    facts = outcome.facts
    (said,) = facts["warnings"]
    assert said.startswith("nothing is profiled: ")
    assert "Too many open files" in said
    assert facts["report"] == f"there are no figures: {said}"
    assert (facts["path"], facts["left"]) == (None, [])
    assert facts["spans"] == ["again"]
    assert len(programs.place.recordings()) == 1


def test_a_warning_made_an_error_never_hides_the_blocks_own(programs: Any) -> None:
    done = programs.place.call(
        programs.command(
            """
import signal
try:
    with energyprof.profile() as run:
        (folder,) = os.listdir(os.environ["TMPDIR"])
        os.kill(int(open(f"{os.environ['TMPDIR']}/{folder}/collector.pid").read()), signal.SIGKILL)
        raise KeyError("mine")
except KeyError as error:
    tell(error=str(error), context=repr(error.__context__), warnings=len(run.warnings))
""",
            "-W",
            "error",
        )
    )

    assert programs.outcome(done).facts == {"error": "'mine'", "context": "None", "warnings": 1}


def test_a_warning_made_an_error_at_the_start_leaves_nothing_running(programs: Any) -> None:
    (programs.place.folder / "gone").mkdir()
    words = programs.command(
        """
os.chdir("gone")
os.rmdir(os.getcwd())
try:
    energyprof.profile().start()
except energyprof.errors.EnergyprofWarning as error:
    tell(said=str(error), left=[name for name in os.environ if "ENERGYPROF" in name])
""",
        "-W",
        "error",
    )

    facts = programs.outcome(programs.place.call(words)).facts

    assert "the run is kept in" in facts["said"]
    assert facts["left"] == []
    programs.until(lambda: not programs.place.members())


def test_a_frozen_program_is_not_started_once_more_as_its_own_collector(programs: Any) -> None:
    done = programs.run(
        """
import warnings
sys.frozen = True  # as PyInstaller, cx_Freeze and py2exe set it; `sys.executable` is the program then
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    with energyprof.profile() as run, stage("a"):
        tell(worked=True)
tell(said=[str(one.message) for one in said], path=run.path)
"""
    )

    assert done.facts["worked"]
    assert done.facts["path"] is None
    (line,) = done.facts["said"]
    assert line.startswith("nothing is profiled: a frozen program has no interpreter")
    assert programs.place.recordings() == []
