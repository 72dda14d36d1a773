"""The sample as its README runs it: a BERT of Hugging Face, unmodified, fine-tuned and seen layer by layer."""

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

PIPELINE = Path(__file__).parents[2] / "samples/transformer_training/pipeline.py"
STEPS = 2
BERT = "BertForSequenceClassification"
STAGES = {
    "read": 1,
    "load": 1,
    "tokenize": 1,
    "train": 1,
    "train/build": 1,
    "train/epoch": 1,
    "train/epoch/forward": STEPS,
    "train/epoch/backward": STEPS,
    "train/epoch/optimizer": STEPS,
    "evaluate": 1,
}


@dataclass(frozen=True)
class Profiled:
    """One quick run of the sample under `energyprof run`."""

    stdout: str
    stderr: str
    report: dict[str, Any]


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> Profiled:
    folder = tmp_path_factory.mktemp("transformer")
    run = [
        sys.executable,
        "-m",
        "energyprof",
        "run",
        "--no-graph",
        "--source",
        "load_model",
        "-o",
        "bert.eprof",
        str(PIPELINE),
        "--quick",
    ]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    report = load(folder / "bert.eprof").render("json")
    return Profiled(done.stdout, done.stderr, json.loads(report))


def test_program_runs_offline_and_says_how_right_the_model_is(profiled: Profiled) -> None:
    assert profiled.stdout.startswith("transformer: accuracy ")
    assert profiled.stdout.endswith(" on 8 docstrings it had not seen, 4 areas\n")


def test_every_marked_stage_is_found_with_its_calls(profiled: Profiled) -> None:
    calls = {row["stage"]: row["calls"] for row in profiled.report["stages"] if row["kind"] != "module"}

    assert {stage: calls.get(stage) for stage in STAGES} == STAGES


def test_layers_have_their_names_below_the_stage_that_calls_them(profiled: Profiled) -> None:
    found = {row["stage"]: row["calls"] for row in profiled.report["stages"] if row["kind"] == "module"}

    layers = ("", ".classifier", ".bert.embeddings.word_embeddings", ".bert.pooler.dense")
    layers += tuple(f".bert.encoder.layer.{number}.attention.self.query" for number in range(6))
    layers += tuple(f".bert.encoder.layer.{number}.output.LayerNorm" for number in range(6))
    assert {layer: found.get(f"train/epoch/forward/{BERT}{layer}") for layer in layers} == dict.fromkeys(layers, STEPS)
    assert {layer: found.get(f"evaluate/evaluation/{BERT}{layer}") for layer in layers} == dict.fromkeys(layers, 1)


def test_layer_table_counts_the_weights_of_a_bert_of_six_layers(profiled: Profiled) -> None:
    counted = {row["parameters"] for row in profiled.report["layers"] if row["layer"] == BERT}

    hidden, inner, words, places, kinds, areas = 384, 1536, 30522, 512, 2, 4
    layer = 4 * (hidden * hidden + hidden) + hidden * inner + inner + inner * hidden + hidden + 4 * hidden
    embeddings = (words + places + kinds + 2) * hidden
    heads = hidden * hidden + hidden + areas * hidden + areas
    assert counted == {embeddings + 6 * layer + heads}


def test_word_embeddings_have_a_backward_pass_for_each_step(profiled: Profiled) -> None:
    words = f"{BERT}.bert.embeddings.word_embeddings"

    calls = {row["phase"]: row["calls"] for row in profiled.report["layers"] if row["layer"] == words}

    assert calls == {"forward": STEPS + 1, "backward": STEPS, "total": STEPS + 1}


def test_training_feeds_the_evaluation(profiled: Profiled) -> None:
    feeds = {(edge["source"], edge["target"]) for edge in profiled.report["edges"] if edge["kind"] == "feeds"}

    assert feeds == {
        ("read", "tokenize"),
        ("load", "tokenize"),
        ("load", "train"),
        ("load", "evaluate"),
        ("tokenize", "train"),
        ("tokenize", "evaluate"),
        ("train", "evaluate"),
    }
