"""The sample as its README runs it: a training and a serving of what it made, and which of them takes more when."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from energyprof.run import load

pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).parents[2] / "samples/train_vs_serve"
ENERGYPROF = (sys.executable, "-m", "energyprof")
REQUESTS = 200


def ran(folder: Path, *command: str) -> str:
    """Return what a command printed that has to succeed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with both recordings."""
    folder = tmp_path_factory.mktemp("train_vs_serve")
    run = [*ENERGYPROF, "run", "--no-graph", "--source", "load_model"]
    ran(folder, *run, "-o", "train.eprof", str(SAMPLE / "train.py"), "--quick")
    ran(folder, *run, "-o", "serve.eprof", str(SAMPLE / "serve.py"), "--quick")
    return folder


def test_serving_counts_its_requests_and_training_tells_its_accuracy(folder: Path) -> None:
    training, serving = load(folder / "train.eprof").report(), load(folder / "serve.eprof").report()

    assert [(row.name, row.count) for row in serving.units] == [("request", REQUESTS)]
    assert [row.name for row in training.metrics] == ["accuracy"]
    calls = {row.stage: row.calls for row in serving.stages}
    assert {calls[f"serve/{part}"] for part in ("decode", "predict", "respond")} == {REQUESTS}


def test_projection_overtakes_when_all_requests_took_what_training_did(folder: Path) -> None:
    training, serving = load(folder / "train.eprof").report(), load(folder / "serve.eprof").report()
    load_ = ["--clients", "1000", "--requests-per-client-day", "5", "--days", "30"]

    found = json.loads(ran(folder, *ENERGYPROF, "project", "train.eprof", "serve.eprof", *load_, "--format", "json"))

    (request,) = serving.units
    assert training.measured.energy_j is not None
    assert request.per_unit is not None
    request_j = found["assumed"]["request_j"]["value"]
    assert 0 < request_j <= request.per_unit.energy_j  # as long as it runs, a start weighs little or is told apart
    assert found["overtaking_days"]["value"] == pytest.approx(training.measured.energy_j / (1000 * 5 * request_j))


def test_requests_answered_together_have_the_answers_that_they_have_alone(folder: Path) -> None:
    code = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(SAMPLE)!r})
import json, serve
net, requests = serve.load(Path("areas.pt")), serve.clients(Path("areas.json"), 40)
alone, together = serve.serve(net, requests, 1), serve.serve(net, requests, 16)
assert len(alone) == 40
for one, other in zip(map(json.loads, alone), map(json.loads, together), strict=True):
    assert one["area"] == other["area"] and abs(one["chance"] - other["chance"]) < 0.001, (one, other)
"""
    ran(folder, sys.executable, "-c", code)


def test_serving_without_a_model_says_how_to_make_one(tmp_path: Path) -> None:
    serving = [sys.executable, str(SAMPLE / "serve.py"), "--quick"]

    done = subprocess.run(serving, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (
        1,
        "areas.pt is missing; write it with: python samples/train_vs_serve/train.py\n",
    )
