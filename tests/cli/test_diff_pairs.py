"""`energyprof diff` on pairs of real recordings that are not alike: what is refused, what is warned of, and why.

Sensors are real readers of hardware that is not there: a powercap tree, the stand-in for the driver of NVIDIA.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nvml_run import run_pipeline
from nvml_world import Gpu
from sysfs_tree import SysfsTree

from energyprof.capture.schema import named_crc

SCRIPT = """\
import sys, time
import energyprof
with energyprof.stage("work"):
    time.sleep(0.3)
    energyprof.units("request", int(sys.argv[1]))
"""
CHANGED = SCRIPT.replace("0.3", "0.4")
ON_A_GPU = """\
import time
import energyprof
with energyprof.stage("work"):
    time.sleep(1.2)
"""
Call = Callable[..., Any]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, workplace_class: Any) -> Path:
    """Return a folder with a recording by the model, one of a changed program, and one by a processor's counter."""
    place = workplace_class(*map(tmp_path_factory.mktemp, ("pairs", "cache", "t")))
    machine = place.folder / "machine"
    SysfsTree.cpu(machine)
    counter = SysfsTree.zone(machine, "intel-rapl:0", "package-0", f"{0:020}")
    runs: tuple[tuple[str, str, str, dict[str, str]], ...] = (
        ("model", SCRIPT, "10", {}),
        ("changed", CHANGED, "25", {}),
        ("package", SCRIPT, "10", {"ENERGYPROF_SYSROOT": str(machine)}),
    )
    with counting(counter):
        for name, script, argument, environment in runs:
            place.write("job.py", script)
            lead_in = ("--lead-in", "0.1") if environment else ()  # a counter is read before so short a program begins
            words = ("-q", "--no-graph", *lead_in, "-o", f"{name}.eprof", "job.py", argument)
            done = place.run(*words, environment=environment)
            assert done.returncode == 0, done.stderr
    return Path(place.folder)


@contextlib.contextmanager
def counting(counter: Path) -> Iterator[None]:
    """Have a counter of microjoules go on as that of hardware does, at 20 W."""
    ended, start_ns = threading.Event(), time.monotonic_ns()

    def count() -> None:
        descriptor = os.open(counter, os.O_WRONLY)
        while not ended.wait(0.001):
            os.pwrite(descriptor, b"%020d\n" % ((time.monotonic_ns() - start_ns) // 50), 0)
        os.close(descriptor)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def pair(recorded: Path, place: Any, command_here: Any) -> Call:
    for path in recorded.glob("*.eprof"):
        shutil.copy(path, place.folder)

    def pair(before: str, after: str) -> dict[str, Any]:
        done = command_here("diff", f"{before}.eprof", f"{after}.eprof", "--format", "json")
        assert (done.returncode, done.stderr) == (0, b"")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return pair


def recorded_elsewhere(path: Path, **facts: Any) -> None:
    """Make a recording one that was made where some facts are other ones; versions are added to those there are."""
    with sqlite3.connect(path) as database:
        (content,) = database.execute("SELECT value FROM fact WHERE name = 'run'").fetchone()
        run = json.loads(content)
        run.update({**facts, "versions": {**run["versions"], **facts.get("versions", {})}})
        value = json.dumps(run, separators=(",", ":")).encode()
        row = (named_crc("run", 0, value), value)
        database.execute("UPDATE fact SET crc = ?, value = ? WHERE name = 'run'", row)
    database.close()


def said(found: dict[str, Any], where: str) -> str:
    return "\n".join(found[where])


def test_a_sensor_and_a_model_cannot_be_compared(pair: Call) -> None:
    found = pair("model", "package")

    assert found["comparable"] is False
    assert "the power sensors differ (cpu by load_model" in said(found, "obstacles")
    assert "cpu:0:package by rapl (powercap intel-rapl:0)" in said(found, "obstacles")
    assert "joules are known in different ways (estimated (model); measured)" in said(found, "obstacles")
    assert found["measured_j"]["verdict"] == "not tested"


@pytest.mark.slow
def test_a_gpu_and_a_processor_cannot_be_compared(pair: Call, place: Any) -> None:
    run_pipeline(place.folder / "on a GPU", [Gpu()], program=ON_A_GPU)
    shutil.copy(place.folder / "on a GPU" / "run.eprof", place.folder / "gpu.eprof")

    found = pair("gpu", "package")

    assert "gpu:0 by nvml" in said(found, "obstacles")
    assert "cpu:0:package by rapl" in said(found, "obstacles")
    assert found["comparable"] is False


@pytest.mark.parametrize(
    ("facts", "where", "words"),
    [
        ({"host": "elsewhere", "versions": {"cpu": "Xeon Gold 6338"}}, "obstacles", "the hosts differ ("),
        ({"versions": {"cpu": "Xeon Gold 6338"}}, "obstacles", "Xeon Gold 6338): record all on one machine"),
        ({"versions": {"energyprof": "0.0.9"}}, "obstacles", "the versions of energyprof differ (0.1.0; 0.0.9)"),
        ({"versions": {"torch": "1.0", "python": "3.9.1"}}, "cautions", "torch 2.13.0+cpu and 1.0"),
        ({"versions": {"torch": "1.0", "python": "3.9.1"}}, "cautions", "and 3.9.1"),
        ({"exit_code": 1}, "cautions", "1 of 2 runs ended with an error"),
    ],
)
def test_other_machines_and_versions_are_named(
    pair: Call, place: Any, facts: dict[str, Any], where: str, words: str
) -> None:
    shutil.copy(place.folder / "model.eprof", place.folder / "other.eprof")
    recorded_elsewhere(place.folder / "other.eprof", **facts)

    found = pair("model", "other")

    assert words in said(found, where)


def test_another_version_of_the_program_and_another_workload_are_stated_and_compared(pair: Call) -> None:
    found = pair("model", "changed")

    assert found["program_changed"] == ["the program changed (it differs: job.py)"]
    assert found["arguments_changed"] == "the program was told otherwise (10 only before and 25 only after)"
    assert "request: 10 and 25 a run" in said(found, "cautions")
    assert "program" not in said(found, "obstacles").replace("other programs", "")


def test_check_and_compare_say_that_the_program_changed_too(pair: Call, place: Any, command_here: Any) -> None:
    place.write("budget.toml", "[total]\nmax_increase = '900 %'\n")

    check = command_here("check", "changed.eprof", "--budget", "budget.toml", "--baseline", "model.eprof")
    compare = command_here("compare", "model.eprof", "changed.eprof")
    pages = [command_here("diff", "model.eprof", "changed.eprof", "--format", name) for name in ("table", "markdown")]

    assert b"the program changed since the baseline (it differs: job.py)" in check.stdout
    assert b"the program was told otherwise (10 only before and 25 only after)" in b" ".join(check.stdout.split())
    assert b"the program changed between these runs (it differs: job.py)" in compare.stdout
    for page in pages:
        assert b"The program was told otherwise (10 only before and 25 only after)" in page.stdout


def test_check_names_the_baselines_that_it_leaves_out(pair: Call, place: Any, command_here: Any) -> None:
    place.write("budget.toml", "[total]\nmax_increase = '900 %'\n")
    for name in ("failed", "whole"):
        shutil.copy(place.folder / "model.eprof", place.folder / f"{name}.eprof")
    recorded_elsewhere(place.folder / "failed.eprof", exit_code=2)

    words = ("check", "model.eprof", "--budget", "budget.toml", "--baseline", "failed.eprof", "whole.eprof")
    text, document = command_here(*words), command_here(*words, "--format", "json")

    assert b"against whole.eprof\n" in text.stdout
    assert b"left out of the baseline: failed.eprof, it ended with status 2" in text.stdout
    assert json.loads(document.stdout)["left_out"] == [{"run": "failed.eprof", "reason": "it ended with status 2"}]
