"""Where programs live that are no scripts: a notebook's cells, an event loop, a test run."""

from __future__ import annotations

from typing import Any

import pytest

CELLS = """
import gc, types
from contextlib import redirect_stdout

class Notebook:
    "Runs cells as a kernel does: each compiled by itself, all in one namespace."
    def __init__(self):
        self.module = types.ModuleType("__main__")
        sys.modules["__main__"] = self.module
        sys.modules["ipykernel"] = types.ModuleType("ipykernel")
    def cell(self, source):
        *body, last = source.strip().splitlines()
        exec(compile("\\n".join(body), "<cell>", "exec"), vars(self.module))
        return eval(compile(last, "<cell>", "eval"), vars(self.module))

notebook = Notebook()
"""


def test_a_notebook_starts_in_one_cell_and_stops_in_another(programs: Any) -> None:
    outcome = programs.run(
        CELLS
        + """
notebook.cell("import energyprof, time\\nrun = energyprof.profile().start()\\nrun")
first = notebook.module.run
path = first.path
del first
tell(state=notebook.module.run._repr_html_()[:31])
notebook.cell("with energyprof.stage('cell'):\\n    time.sleep(0.1)\\nNone")
# The cell that starts is run again: the first handle is lost, the second one ends the run.
notebook.cell("run = energyprof.profile().start()\\nrun.running")
tell(same=notebook.module.run.path == path, so_far=notebook.cell("None\\n[row['stage'] for row in run.stages()]"))
shown = notebook.cell("run.stop()\\nrun")._repr_html_()
tell(name=path.name[:9], finished=repr(notebook.module.run)[:28], shown=shown.startswith("<style>"),
     escaped="<cell>" not in shown, again=notebook.cell("None\\nrun.stop() is run"),
     recorded="ENERGYPROF_RUN_DIR" in os.environ)
# A handle that is lost at once leaves the run to the next one.
notebook.cell("energyprof.profile().start()\\nNone")
gc.collect()
notebook.cell("last = energyprof.profile().start()\\nlast.stop()")
tell(left="ENERGYPROF_RUN_DIR" in os.environ, runs=len([name for name in os.listdir() if name.startswith("notebook-")]))
"""
    )

    assert outcome.facts == {
        "state": "<pre>&lt;energyprof.profile run",
        "same": True,
        "so_far": ["cell"],
        "name": "notebook-",
        "finished": "<energyprof.profile finished",
        "shown": True,
        "escaped": True,
        "again": True,
        "recorded": False,
        "left": False,
        "runs": 2,
    }


def test_repeated_runs_inside_one_event_loop(programs: Any) -> None:
    outcome = programs.run("""
import asyncio

async def background():
    while True:
        with stage("background"):
            await asyncio.sleep(0.01)

async def work():
    with stage("work"):
        await asyncio.sleep(0.05)

async def main():
    task = asyncio.create_task(background())
    for number in range(2):
        with energyprof.profile() as run:
            with stage("main"):
                await asyncio.gather(work(), work())
            live = sorted({row["stage"] for row in run.stages()})
        trace = trace_of(run)
        spans = spans_of(run)
        tell(**{f"run{number}": [live, sorted(set(spans)), spans.count("main/work"), list(trace.warnings)]})
    task.cancel()

asyncio.run(main())
""")

    stages = ["background", "main", "main/work"]
    assert outcome.facts == {"run0": [stages, stages, 2, []], "run1": [stages, stages, 2, []]}


@pytest.mark.parametrize("capture", ["fd", "sys", "no"])
def test_pytest_profiles_by_a_fixture(programs: Any, capture: str) -> None:
    programs.place.write(
        "test_energy.py",
        """
import time

import energyprof
import pytest


@pytest.fixture
def profiled(tmp_path):
    with energyprof.profile(tmp_path / "test.eprof") as run:
        yield run


@pytest.mark.parametrize("number", [1, 2])
def test_it_is_frugal(profiled, number):
    with energyprof.stage("step"):
        time.sleep(0.05)
    profiled.stop()
    (row,) = profiled.stages()
    assert (row["stage"], row["calls"]) == ("step", 1)
    assert 0 < profiled.energy_j < 1000
    assert "step" in str(profiled)


@energyprof.profile("whole.eprof")
def test_as_a_decorator():
    print("captured")


def test_that_fails(profiled):
    assert 1 == 2
""",
    )
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", f"--capture={capture}", "test_energy.py"]

    done = programs.place.call([programs.command("")[0], *words])

    programs.nothing_is_left(but=lambda name: name.startswith("pytest-of-"))
    assert done.returncode == 1, done.stdout.decode()
    assert b"1 failed, 3 passed" in done.stdout
    assert b"EnergyprofWarning" not in done.stdout + done.stderr
    assert [path.name for path in programs.place.recordings()] == ["whole.eprof"]


def test_an_unnamed_program_is_a_session(programs: Any) -> None:
    code = (
        "import energyprof\nwith energyprof.profile() as run: pass\nprint(run.path.name, len(run.report().run.command))"
    )

    done = programs.place.call([programs.command("")[0], "-c", code])

    name, words = done.stdout.decode().split()
    assert name.startswith("session-")
    assert words == "3"
