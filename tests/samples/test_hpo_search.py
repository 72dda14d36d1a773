"""The sample as its README runs it: a grid and TPE over fine-tunings, each trial with its joules and its end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from energyprof.run import load

pytestmark = pytest.mark.slow

PIPELINE = Path(__file__).parents[2] / "samples/hpo_search/pipeline.py"
TRIALS = 3


def searched(folder: Path, *arguments: str) -> tuple[str, dict[str, Any]]:
    """Return what a quick search printed and its report."""
    run = [sys.executable, "-m", "energyprof", "run", "--no-graph", "--source", "load_model", "-o", "search.eprof"]
    done = subprocess.run(
        [*run, str(PIPELINE), "--quick", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(load(folder / "search.eprof").render("json"))


def test_grid_tries_each_point_once_and_each_trial_has_its_joules(tmp_path: Path) -> None:
    printed, report = searched(tmp_path, "--search", "grid")

    rows = report["trials"]["rows"]
    assert printed.startswith(f"search: {TRIALS} trials, accuracy ")
    assert [row["number"] for row in rows] == list(range(TRIALS))
    assert len({row["params"] for row in rows}) == TRIALS
    assert report["trials"]["repeated"]["count"] == 0
    assert all(row["total_sum"]["energy_j"] > 0 for row in rows)
    assert {row["stage"] for row in rows} == {f"search/trial {number}" for number in range(TRIALS)}
    assert [row["name"] for row in report["metrics"]] == ["accuracy"]


CODE = f"""
import json, runpy, torch
import optuna
sample = runpy.run_path({str(PIPELINE)!r})
optuna.logging.set_verbosity(optuna.logging.CRITICAL)
ends, calls = iter(["lost", 0.5, "hopeless"]), []
def prepare(model, rate, layers):
    calls.append((rate, layers))
    return None, None
def train(*_):
    pass
def evaluate(*_):
    end = next(ends)
    if end == "lost":
        raise FloatingPointError
    if end == "hopeless":
        raise optuna.TrialPruned
    return end
tried = sample["objective"](None, None, None, 1, True)
tried.__globals__.update(prepare=prepare, train=train, evaluate=evaluate)
study = optuna.create_study(direction="maximize")
for rate in (1e-2, 1e-4, 1e-3) * 2:
    study.enqueue_trial({{"rate": rate, "batch": 4, "layers": 1}})
study.optimize(tried, n_trials=6, catch=(FloatingPointError,))
print(json.dumps([calls, [(trial.state.name, trial.value) for trial in study.trials]]))
"""


def test_a_remembered_trial_ends_as_before_without_being_trained_again() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
    calls, trials = json.loads(done.stdout)
    assert calls == [[1e-2, 1], [1e-4, 1], [1e-3, 1]]
    assert trials == [["FAIL", None], ["COMPLETE", 0.5], ["PRUNED", None]] * 2


def test_missing_package_is_named_with_the_extra_that_has_it() -> None:
    code = f"import sys, runpy; sys.modules['optuna'] = None; runpy.run_path({str(PIPELINE)!r})"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (
        1,
        "optuna is missing; try: pip install 'energyprof[sample-hpo-search]'\n",
    )
