"""A notebook in a real kernel: one profile over several cells, figures shown, a cell interrupted, nobody left."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from energyprof.run import load

# Runs the notebook as Jupyter does and prints what each cell put out; a file `interrupt` stops the cell that made it.
JUPYTER = """\
import asyncio, contextlib, json, os, sys
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

async def interrupt_when_asked(client):
    while not os.path.exists("interrupt"):
        await asyncio.sleep(.02)
    await client.km.interrupt_kernel()

async def main():
    with open(sys.argv[1]) as file:
        cells = [nbformat.v4.new_code_cell(source) for source in json.load(file)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True)
    watching = asyncio.create_task(interrupt_when_asked(client))
    with contextlib.suppress(DeadKernelError):
        await client.async_execute()
    watching.cancel()
    print(json.dumps([[shown(output) for output in cell.outputs] for cell in cells]))

def shown(output):
    if output.output_type == "error":
        return output.ename
    if output.output_type == "stream":
        return output.text
    return output.data.get("text/html", output.data["text/plain"])

asyncio.run(main())
"""
STARTED = 'import energyprof, time\nrun = energyprof.profile("notebook.eprof").start()\nrun'
ENDLESS = 'with energyprof.stage("endless"):\n    open("interrupt", "w").close()\n    time.sleep(60)'


def run_notebook(programs: Any, *cells: str) -> list[list[str]]:
    """Return what each cell of the notebook showed; its kernel must leave nobody behind."""
    place = programs.place
    place.write("cells.json", json.dumps(cells))
    names = ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")
    folders = {name: str(place.folder / name.lower()) for name in names}
    done: subprocess.CompletedProcess[bytes] = place.call(
        [sys.executable, str(place.write("jupyter.py", JUPYTER)), "cells.json"], environment=folders
    )
    assert done.returncode == 0, done.stderr.decode()
    programs.nothing_is_left()
    outputs: list[list[str]] = json.loads(done.stdout.splitlines()[-1])
    return outputs


def test_a_profile_over_several_cells_shows_its_figures_and_survives_an_interrupted_one(programs: Any) -> None:
    outputs = run_notebook(
        programs,
        STARTED,
        'import asyncio\nwith energyprof.stage("slow"):\n    await asyncio.sleep(0.2)',
        "print([(row.stage, row.calls) for row in run.report().stages], run.running)",
        ENDLESS,
        'with energyprof.stage("after"):\n    sum(range(10**6))',
        "run.stop()",
        "print(run.energy_j > 0, [row['stage'] for row in run.stages()])",
    )

    assert outputs[0][0].startswith("<pre>&lt;energyprof.profile running, ")
    assert outputs[1:3] == [[], ["[('slow', 1)] True\n"]]
    assert outputs[3:5] == [["KeyboardInterrupt"], []]
    (table,) = outputs[5]
    assert table.startswith("<style>")
    assert all(stage in table for stage in ("slow", "endless", "after"))
    assert outputs[6][0].startswith("True [")
    report = load(programs.place.folder / "notebook.eprof").report()
    assert {row.stage: row.calls for row in report.stages} == {"slow": 1, "endless": 1, "after": 1}
    assert not any("not finished" in line for line in report.warnings)


def test_a_kernel_that_is_shut_down_inside_a_profile_leaves_a_finished_recording(programs: Any) -> None:
    outputs = run_notebook(programs, STARTED, 'with energyprof.stage("cell"):\n    time.sleep(0.1)')

    assert outputs[1] == []
    report = load(programs.place.folder / "notebook.eprof").report()
    assert {row.stage: row.calls for row in report.stages} == {"cell": 1}
    assert not any("not finished" in line for line in report.warnings)


def test_a_kernel_that_is_killed_inside_a_profile_leaves_its_spans_and_nobody(programs: Any) -> None:
    outputs = run_notebook(
        programs,
        STARTED,
        'with energyprof.stage("cell"):\n    time.sleep(0.1)\ntime.sleep(0.4)',
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    )

    assert outputs[1] == []
    report = load(programs.place.folder / "notebook.eprof").report()
    assert {row.stage: row.calls for row in report.stages} == {"cell": 1}


def test_a_hook_over_several_cells_shows_a_table_of_its_model(programs: Any) -> None:
    outputs = run_notebook(
        programs,
        "import energyprof, torch\nnet = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU())\n"
        "hook = energyprof.torch_hook(net, name='<b>bert')\nhook",
        "for _ in range(20):\n    net(torch.ones(4, 8))",
        "hook.report()",
        "hook = energyprof.torch_hook(net)",  # the cell is run again: the first handle is gone
        "net(torch.ones(4, 8))\nprint(hook.report(depth=0))",
        "hook.remove()\nhook.report()",
        "print([row['calls'] for row in hook.layers()], hook.running)",
    )

    assert outputs[0][0].startswith("<energyprof.torch_hook '<b>bert' running, ")
    assert outputs[1] == outputs[3] == []
    for (shown,) in (outputs[2], outputs[5]):
        assert shown.startswith("<style>")
        assert "<b>3 layers of &lt;b&gt;bert, all phases</b>" in shown
        assert shown.count("<tr>") == 4
    assert "layer (with those below)" in outputs[4][0]
    assert outputs[6] == ["[21, 21, 21] False\n"]
    (recording,) = programs.place.folder.glob("*.eprof")
    assert [row["layer"] for row in load(recording).layers()] == ["<b>bert", "<b>bert.0", "<b>bert.1"]


def test_a_magic_profiles_a_cell_and_shows_what_it_took(programs: Any) -> None:
    outputs = run_notebook(
        programs,
        "%load_ext energyprof\nimport energyprof",
        '%%energyprof -o cell.eprof -s took\nwith energyprof.stage("inside <b>"):\n    made = sum(range(10**6))\n42',
        "print(made > 0, took.running, [row['stage'] for row in took.stages()])",
        "%%energyprof --nonsense\nmade = 0",
        "print(made > 0)",
        'energyprof.load("cell.eprof")',
        "took.report()",
    )

    value, table = outputs[1]
    assert value == "42"
    assert table.startswith("<style>")
    assert "inside &lt;b&gt;" in table
    assert "<code>energyprof view cell.eprof</code>" in table
    assert outputs[2] == ["True False ['inside <b>']\n"]
    assert outputs[3][0].startswith("UsageError: energyprof: there is no option --nonsense; use %%energyprof [-o FILE]")
    assert outputs[4] == ["True\n"]
    assert outputs[5] == [table]
    assert outputs[6] == [table.replace(TELLS_OF_ALL, "")]


TELLS_OF_ALL = '<p class="dim">all of it: <code>energyprof view cell.eprof</code></p>\n'


def test_a_profiled_cell_fails_awaits_and_is_interrupted_as_any_other(programs: Any) -> None:
    outputs = run_notebook(
        programs,
        "%load_ext energyprof\nimport asyncio, energyprof, time",
        "%%energyprof -q -o failed.eprof\nraise KeyError('own')",
        "%%energyprof -q -o awaited.eprof\nwith energyprof.stage('slow'):\n    "
        "await asyncio.sleep(0.1)\nawait asyncio.sleep(0, 7)",
        "%%energyprof -q -o handed.eprof\n%%capture caught\nprint('hello')",
        "print(caught.stdout.strip())",
        "%%energyprof -q -o empty.eprof\nget_ipython().run_cell('')\nget_ipython().run_cell('x = 1')\nlate = x",
        "x = %energyprof -q -o 'a line.eprof' 6 * 7\nprint(x)",
        f"%%energyprof -q -o stopped.eprof\n{ENDLESS}",
        "%reload_ext energyprof",
        "%%energyprof -q -o again.eprof -s again\npass",
        "print(again.running)",
    )

    assert [output for output in outputs[1] if not output.startswith("energyprof: ")] == ["KeyError"]
    assert "recorded until the error: energyprof report" in outputs[1][1]
    assert outputs[2] == ["7"]
    assert outputs[4] == ["hello\n"]
    assert outputs[6] == ["42\n"]
    assert outputs[7][0] == "KeyboardInterrupt"
    assert outputs[10] == ["False\n"]
    names = ("failed", "awaited", "handed", "empty", "a line", "stopped", "again")
    reports = {name: load(programs.place.folder / f"{name}.eprof").report() for name in names}
    assert [row.stage for row in reports["awaited"].stages] == ["slow"]
    assert [row.stage for row in reports["stopped"].stages] == ["endless"]
    assert any("left by KeyError" in line for line in reports["failed"].warnings)


def test_a_cell_shows_one_line_while_it_runs_which_is_gone_at_the_end(programs: Any) -> None:
    outputs = run_notebook(
        programs,
        "%load_ext energyprof\nimport time",
        "seen = []\nfrom IPython.display import DisplayHandle\nupdate = DisplayHandle.update\n"
        "def watched(self, content, **more):\n    seen.append(content)\n    return update(self, content, **more)\n"
        "DisplayHandle.update = watched",
        "%%energyprof\nuntil_s = time.monotonic() + 60\n"
        "while not seen and time.monotonic() < until_s:\n    time.sleep(0.05)",
        "print(seen[0]['text/plain'])",
    )

    line, table = outputs[2]
    assert line == ""
    assert table.startswith("<style>")
    assert outputs[3][0].startswith("energyprof 0:0")
