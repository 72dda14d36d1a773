"""The sample as its README runs it: real digits, real training, one report in which every stage is found."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from energyprof.run import load

pytestmark = pytest.mark.slow

PIPELINE = Path(__file__).parents[2] / "samples/digits/pipeline.py"
BATCHES = 3 * 23  # three epochs of 1437 images, 64 at a time
STAGES = {
    "load": 1,
    "preprocess": 1,
    "preprocess/upscale": 1,
    "preprocess/normalise": 1,
    "preprocess/split": 1,
    "train": 1,
    "train/build": 1,
    "train/epoch": 3,
    "train/epoch/augment": BATCHES,
    "train/epoch/forward": BATCHES,
    "train/epoch/backward": BATCHES,
    "train/epoch/optimizer": BATCHES,
    "evaluate": 1,
    "serve": 1,
    "serve/decode": 100,
    "serve/predict": 100,
    "serve/respond": 100,
}
PHASES = {
    "train/epoch/forward/loss": BATCHES,
    "train/epoch/backward/Adam.zero_grad": BATCHES,
    "train/epoch/optimizer/Adam.step": BATCHES,
    "evaluate/evaluation": 1,
    "serve/predict/evaluation": 100,
}
"""Found without a mark, inside the sample's own stages."""
LAYERS = ("conv1", "conv2", "pool", "hidden", "classes")
FEEDS = {
    ("load", "preprocess"),
    ("preprocess", "train"),
    ("preprocess", "evaluate"),
    ("train", "evaluate"),
    ("load", "serve"),
    ("train", "serve"),
}


@dataclass(frozen=True)
class Profiled:
    """One quick run of the sample under `energyprof run`."""

    stdout: str
    report: dict[str, Any]
    folder: Path


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> Profiled:
    folder = tmp_path_factory.mktemp("digits")
    run = [
        sys.executable,
        "-m",
        "energyprof",
        "run",
        "--source",
        "load_model",
        "-o",
        "digits.eprof",
        str(PIPELINE),
        "--quick",
    ]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    report = load(folder / "digits.eprof").render("json")
    return Profiled(done.stdout, json.loads(report), folder)


def test_program_prints_what_it_prints_without_a_profiler(profiled: Profiled) -> None:
    bare = subprocess.run(
        [sys.executable, str(PIPELINE), "--quick"], capture_output=True, text=True, timeout=120, check=True
    )

    assert profiled.stdout == bare.stdout
    assert "accuracy" in bare.stdout


def test_every_stage_is_found_with_its_calls(profiled: Profiled) -> None:
    rows = [row for row in profiled.report["stages"] if "module_class" not in row["facts"]]
    found = {row["stage"]: row["calls"] for row in rows}

    assert found == STAGES | PHASES


def test_every_layer_is_found_below_the_stage_that_calls_it(profiled: Profiled) -> None:
    calls = {"train/epoch/forward": BATCHES, "evaluate/evaluation": 1, "serve/predict/evaluation": 100}
    pooled = {layer: 2 if layer == "pool" else 1 for layer in LAYERS}
    wanted = {f"{stage}/DigitNet": count for stage, count in calls.items()}
    wanted |= {
        f"{stage}/DigitNet.{layer}": times * count for stage, count in calls.items() for layer, times in pooled.items()
    }

    found = {row["stage"]: row["calls"] for row in profiled.report["stages"] if row["kind"] == "module"}

    assert found == wanted


def test_every_layer_has_its_part_of_the_backward_pass(profiled: Profiled) -> None:
    rows = {row["layer"]: row for row in profiled.report["layers"] if row["phase"] == "backward"}

    assert set(rows) == {"DigitNet", *(f"DigitNet.{layer}" for layer in LAYERS)}
    assert rows["DigitNet.conv2"]["calls"] == BATCHES


def test_declared_data_flow_is_drawn(profiled: Profiled) -> None:
    feeds = {(edge["source"], edge["target"]) for edge in profiled.report["edges"] if edge["kind"] == "feeds"}

    assert feeds == FEEDS


def test_every_figure_is_labelled_as_the_models(profiled: Profiled) -> None:
    figures = [row for stage in profiled.report["stages"] for row in stage["self"] + stage["total"]]

    assert {row["provenance"] for row in figures} == {"estimated (model)"}
    assert {row["provenance"] for row in profiled.report["domains"]} == {"estimated (model)"}


def test_ledger_closes_to_the_microjoule_and_is_spent_in_stages(profiled: Profiled) -> None:
    (line,) = profiled.report["ledger"]

    parts = ("stages_j", "idle_j", "outside_j", "others_j", "unattributed_j")
    assert round(1e6 * (line["measured_j"] - sum(line[part] for part in parts))) == 0
    self_j = sum(row["energy_j"] for stage in profiled.report["stages"] for row in stage["self"])
    assert self_j == pytest.approx(line["stages_j"], abs=1e-6)
    assert line["stages_j"] > 0


def test_training_costs_more_than_serving_and_stands_first(profiled: Profiled) -> None:
    totals = {row["stage"]: sum(cell["energy_j"] for cell in row["total"]) for row in profiled.report["stages"]}
    top = {row["stage"] for row in profiled.report["stages"] if row["parent"] is None}

    assert max(top, key=totals.__getitem__) == "train"
    assert totals["train"] > totals["serve"] > totals["serve/respond"] > 0


def test_diagram_lies_beside_the_run(profiled: Profiled) -> None:
    assert sorted(path.name for path in profiled.folder.iterdir()) == ["digits.eprof", "digits.png", "digits.svg"]
