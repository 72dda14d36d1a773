"""Programs with a fault and twins without it, run by the real command, and what is found in them."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from energyprof.capture.reader import read_run
from energyprof.interfaces import FinishedRun
from energyprof.report.places import Places
from energyprof.run import load, rules

Profiled = Callable[..., dict[str, Any]]
HEAD = """
import sys, time
import energyprof
{lines}

def burn(seconds):
    until_s = time.process_time() + seconds
    while time.process_time() < until_s:
        pass
"""
TORCH = """
import torch
torch.set_num_threads(1)
torch.manual_seed(0)
"""


@pytest.fixture
def profiled(tmp_path: Path) -> Profiled:
    """Return what runs a program, by the model of CPU power, and returns its report as JSON has it."""
    return _profiled_in(tmp_path)


@pytest.fixture(scope="session")
def profiled_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """Return what does so with a program of torch once for all tests of a worker that hand in the same."""
    return functools.cache(lambda program: _profiled_in(tmp_path_factory.mktemp("once"))(program, torch=True))


def _profiled_in(folder: Path) -> Profiled:
    def run(
        program: str,
        *options: str,
        torch: bool = False,
        source: str = "load_model",
        environment: Mapping[str, str] = {},
    ) -> dict[str, Any]:
        number = len(list(folder.glob("*.py")))
        script, recording = folder / f"program{number}.py", folder / f"program{number}.eprof"
        script.write_text(HEAD.format(lines=TORCH if torch else "") + program)
        command = [sys.executable, "-m", "energyprof", "run", "-q", "--no-graph", "--source", source, *options]
        words = [*command, "-o", str(recording), str(script)]
        seen = {**os.environ, **environment}
        done = subprocess.run(words, capture_output=True, timeout=120, check=False, cwd=folder, env=seen)
        assert done.returncode == 0, done.stderr.decode()
        finished = load(recording)
        report: dict[str, Any] = json.loads(finished.render("json"))
        _keep_within(FinishedRun(finished.report(), lambda: finished.trace, read_run(recording).run_queue))
        return report

    return run


def _keep_within(run: FinishedRun) -> None:
    """Check of all rules that none promises more than its offenders spend, before what they say is cut to that."""
    assert run.report.measured.energy_j is not None
    places = Places(run.report)
    for rule in rules():
        for finding in rule.find(run):
            most_j = places.most_j(finding)
            assert finding.saving_j is None or most_j is None or finding.saving_j[1] <= most_j + 1e-5, finding


@pytest.fixture
def found() -> Callable[[dict[str, Any], str], list[dict[str, Any]]]:
    """Return what picks the findings of one rule."""
    return lambda report, rule: [row for row in report["findings"] if row["rule"] == rule]


@pytest.fixture
def saved_share() -> Callable[[dict[str, Any], dict[str, Any], str], float]:
    """Return what tells which part of a stage's CPU time a change has saved, all below the stage included.

    Of CPU time, which other programs on the machine disturb less than joules: those have its idle power in them.
    """

    def cpu_s(report: dict[str, Any], stage: str) -> float:
        return float(next(row["cpu_s"] for row in report["stages"] if row["stage"] == stage))

    return lambda faulty, mended, stage: 1 - cpu_s(mended, stage) / cpu_s(faulty, stage)


@pytest.fixture
def saved_j() -> Callable[[dict[str, Any], dict[str, Any], str], float]:
    """Return what tells how many joules of a stage a change has saved, all below the stage included.

    Idle power is in them, by the model of CPU power: of a stage that waits as long as before it is left.
    """

    def spent_j(report: dict[str, Any], stage: str) -> float:
        assert all(row["baseline_w"] > 0 for row in report["domains"] if row["counts"])
        return float(next(row["total_sum"]["energy_j"] for row in report["stages"] if row["stage"] == stage))

    return lambda faulty, mended, stage: spent_j(faulty, stage) - spent_j(mended, stage)


@pytest.fixture
def saved_in_turns() -> Callable[[dict[str, Any]], float]:
    """Return what tells which part of the CPU time of the stage `faulty` the stage `mended` of the same run saves."""

    def saved(report: dict[str, Any]) -> float:
        cpu_s = {row["stage"]: float(row["cpu_s"]) for row in report["stages"]}
        return 1 - cpu_s["mended"] / cpu_s["faulty"]

    return saved
